//! Objects: each side is what the latest event says, in whatever order the events come.

use super::*;
use crate::domain::activity::{
    Kind,
    rules::{ActivityRules, RuleConfig, Standing},
};
use crate::domain::configured::Configured;
use chrono::{TimeDelta, TimeZone};
use proptest::prelude::*;

fn at(minute: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap() + TimeDelta::minutes(minute)
}

fn event(id: u32, kind: &str, minute: i64) -> Activity {
    Activity {
        event_id: EventId::parse(&format!("e{id}")).unwrap(),
        account: AccountId(uuid::Uuid::nil()),
        kind: Kind::parse(kind).unwrap(),
        object_id: ObjectId::parse("o").ok(),
        occur_time: at(minute),
        actor: None,
        summary: String::new(),
        contract_end: None,
        described: Described::default(),
        payload_hash: [0; 32],
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn rules(close: &str) -> ActivityRules {
    let config = RuleConfig {
        close_kinds: vec![close.into()],
        ..RuleConfig::default()
    };
    let row = Configured::new(ActivityRules::ROW, config, DateTime::UNIX_EPOCH);
    ActivityRules::compile(Some(row), Vec::new())
}

fn fold<'a>(rules: &ActivityRules, events: impl IntoIterator<Item = &'a Activity>) -> BusinessObject {
    // One object, whatever kinds are made up for it.
    let key = ObjectKey {
        object_type: "thing".into(),
        object_id: ObjectId::parse("o").unwrap(),
    };
    let mut object = BusinessObject::new(key, AccountId(uuid::Uuid::nil()));
    for activity in events {
        object.merge(activity, rules.counted(&activity.kind, Standing::Nobody));
    }
    object
}

/// R027: the first deal makes a won account, a second one a repeatedly won account, and none an open one.
#[test]
fn deals_are_counted_by_object() {
    let mut deals = Deals::default();
    assert_eq!(deals.status(), DealStatus::Open);
    deals.add(true, at(5));
    deals.add(false, at(9));
    assert_eq!((deals.status(), deals.last_won_time), (DealStatus::Won, Some(at(5))));
    deals.add(true, at(3));
    assert_eq!(
        (deals.status(), deals.last_won_time),
        (DealStatus::RepeatedlyWon, Some(at(5)))
    );
}

/// X12: contracts end when their latest news says so; a termination ends one at once, and news without an end say nothing.
#[test]
fn contracts_end_as_their_latest_news_say() {
    let rules = ActivityRules::default();
    let told = |id, kind: &str, minute, end: Option<i64>| Activity {
        contract_end: end.map(at),
        ..event(id, kind, minute)
    };
    let created = told(1, "contract.created", 1, Some(100));
    let renewed = told(2, "contract.renewed", 5, Some(50));
    let earlier = told(3, "contract.terminated", 3, None);
    let terminated = told(4, "contract.terminated", 7, None);
    let (endless, noted) = (
        told(5, "contract.created", 9, None),
        told(6, "contract.noted", 9, Some(1)),
    );
    let end = |events: &[&Activity]| fold(&rules, events.iter().copied()).contract_end.map(|told| told.value);
    assert_eq!(end(&[&created]), Some(at(100)));
    assert_eq!(end(&[&created, &renewed]), Some(at(50)), "the latest, not the longest");
    assert_eq!(
        end(&[&created, &renewed, &earlier]),
        Some(at(50)),
        "it was renewed after that"
    );
    assert_eq!(end(&[&created, &renewed, &earlier, &terminated]), Some(at(7)));
    assert_eq!(
        end(&[&terminated, &endless, &noted]),
        Some(at(7)),
        "these say nothing of the end"
    );
    assert_eq!(end(&[&endless, &noted]), None);
}

/// R175, R176: where a contract closes a deal, its renewal tells when it ends and takes no deal back; its termination does
/// both.
#[test]
fn a_contract_has_a_deal_and_an_end() {
    let rules = rules("contract.activated");
    let told = |id, kind: &str, minute, end: Option<i64>| Activity {
        contract_end: end.map(at),
        ..event(id, kind, minute)
    };
    let activated = told(1, "contract.activated", 1, Some(100));
    let renewed = told(2, "contract.renewed", 5, Some(200));
    let terminated = told(3, "contract.terminated", 9, None);
    let object = fold(&rules, [&renewed, &activated]);
    assert_eq!(
        (object.is_closed(), object.contract_end.map(|told| told.value)),
        (true, Some(at(200)))
    );
    let object = fold(&rules, [&terminated, &renewed, &activated]);
    assert_eq!(
        (object.is_closed(), object.contract_end.map(|told| told.value)),
        (false, Some(at(9)))
    );
}

/// R176: what the latest event leaves out is not so any more, and an earlier one that comes late changes nothing.
#[test]
fn the_latest_event_says_how_an_object_is() {
    let rules = ActivityRules::default();
    let created = Activity {
        described: Described {
            amount: Money::parse("10", "EUR").ok(),
            owner: Some(user("bob")),
            visible_to: vec![user("ann")],
            locked: true,
            in_workflow: true,
        },
        ..event(1, "payment.received", 1)
    };
    let reversed = event(2, "payment.reversed", 2);
    let mut object = fold(&rules, [&created]);
    let told = object.snapshot.clone().unwrap().value;
    assert_eq!(
        (told.action.as_str(), told.amount, told.locked),
        ("received", Money::parse("10", "EUR").ok(), true)
    );
    assert_eq!(object.viewers, Some(vec![user("ann")]));
    let touched = object.merge(&reversed, Meaning::default());
    assert_eq!(
        touched,
        Touched {
            any: true,
            deals: false
        }
    );
    let told = object.snapshot.clone().unwrap().value;
    assert_eq!(
        (told.action.as_str(), told.amount, told.owner, told.locked),
        ("reversed", None, None, false)
    );
    assert_eq!(object.viewers, Some(vec![]));
    assert_eq!(object.merge(&created, Meaning::default()), Touched::default());
}

/// D39: deals are counted again by the present rules, from what was told of each object; objects that nothing is told of any
/// more are open, and once is enough.
#[test]
fn deals_are_counted_again() {
    let source = CallerId::parse("crm").unwrap();
    let key = |id: &str| ObjectKey {
        object_type: "opportunity".into(),
        object_id: ObjectId::parse(id).unwrap(),
    };
    let account = AccountId(uuid::Uuid::nil());
    let mark = |minute, id: &str| Mark {
        time: at(minute),
        event_id: EventId::parse(id).unwrap(),
    };
    let closed = |key: ObjectKey| BusinessObject {
        closed: Some(Told {
            value: true,
            mark: mark(1, "a"),
        }),
        ..BusinessObject::new(key, account)
    };
    let mut objects: BTreeMap<_, _> = ["same", "gone"]
        .map(|id| ((source.clone(), key(id)), closed(key(id))))
        .into();
    let told = vec![
        (source.clone(), key("same"), account, mark(1, "a"), Deal::Closed),
        (source.clone(), key("new"), account, mark(5, "c"), Deal::Closed),
        (source.clone(), key("back"), account, mark(7, "e"), Deal::Reversed),
        (source.clone(), key("back"), account, mark(6, "d"), Deal::Closed),
    ];
    let changed = recount(&mut objects, &told);
    let ids: Vec<_> = changed.iter().map(|(_, key)| key.object_id.as_str()).collect();
    assert_eq!(ids, ["back", "gone", "new"]);
    let state = |id: &str| {
        objects[&(source.clone(), key(id))]
            .closed
            .as_ref()
            .map(|told| told.value)
    };
    assert_eq!(
        [state("same"), state("gone"), state("new"), state("back")],
        [Some(true), None, Some(true), Some(false)]
    );
    assert!(recount(&mut objects, &told).is_empty());
}

fn activities() -> impl Strategy<Value = Vec<Activity>> {
    let kinds = [
        "opportunity.won",
        "opportunity.reopened",
        "contract.created",
        "contract.activated",
        "contract.renewed",
        "contract.terminated",
        "payment.received",
    ];
    proptest::collection::btree_map(0_u32..40, (0..kinds.len(), 0_i64..6, 0_i64..200, 0_i64..4), 1..14).prop_map(
        move |events| {
            let event = |(id, (kind, minute, end, amount)): (u32, (usize, i64, i64, i64))| Activity {
                contract_end: (end % 3 > 0).then(|| at(end)),
                described: Described {
                    amount: (amount > 0).then(|| Money::parse(&amount.to_string(), "EUR").unwrap()),
                    owner: (end % 2 == 0).then(|| user(&format!("u{amount}"))),
                    visible_to: (0..amount).map(|n| user(&format!("v{n}"))).collect(),
                    locked: amount == 1,
                    in_workflow: end % 5 == 0,
                },
                ..event(id, kinds[kind], minute)
            };
            events.into_iter().map(event).collect()
        },
    )
}

proptest! {
    /// P4, R176: how an object ends does not depend on the order in which its events come, nor on how often they do, whichever
    /// kind closes deals; and it is what the latest event of each side says.
    #[test]
    fn the_latest_event_wins_in_any_order(
        (events, shuffled) in activities().prop_flat_map(|events| {
            let twice: Vec<_> = events.iter().chain(&events).cloned().collect();
            (Just(events), Just(twice).prop_shuffle())
        }),
        close in 0_usize..3,
    ) {
        let rules = rules(["opportunity.won", "contract.created", "contract.activated"][close]);
        let object = fold(&rules, &shuffled);
        prop_assert_eq!(&object, &fold(&rules, &events));
        let meaning = |activity: &Activity| rules.meaning(&activity.kind);
        let latest = |fits: &dyn Fn(&&Activity) -> bool| events.iter().filter(fits).max_by_key(|a| Mark::of(a));
        let deal = latest(&|a| meaning(a).deal.is_some());
        prop_assert_eq!(object.is_closed(), deal.is_some_and(|a| meaning(a).closes()));
        let end = latest(&|a| contract_end(a, meaning(a)).is_some());
        let end = end.and_then(|a| contract_end(a, meaning(a)));
        prop_assert_eq!(object.contract_end.map(|told| told.value), end);
        let last = latest(&|_| true).unwrap();
        prop_assert_eq!(object.viewers, Some(last.described.visible_to.clone()));
        prop_assert_eq!(object.snapshot.unwrap().value.amount, last.described.amount);
    }
}

/// R060: whose an object is was said last by a handover, until something happens after it; everything else is as the latest
/// event says.
#[test]
fn a_handover_holds_against_what_happened_before_it() {
    let owned = |minute: i64, owner: &str, locked: bool| {
        let mut activity = event(u32::try_from(minute).unwrap(), "opportunity.stage_changed", minute);
        activity.described.owner = UserId::parse(owner).ok();
        activity.described.locked = locked;
        activity
    };
    let key = owned(1, "bob", false).object().unwrap();
    let mut object = BusinessObject::new(key, owned(1, "bob", false).account);
    object.merge(&owned(1, "bob", false), Meaning::default());
    object.handed_time = Some(at(5));
    let own = |object: &mut BusinessObject, owner: &str| {
        object.snapshot.as_mut().unwrap().value.owner = UserId::parse(owner).ok();
    };
    own(&mut object, "cid");
    let told = |object: &BusinessObject| {
        let snapshot = &object.snapshot.as_ref().unwrap().value;
        (snapshot.owner.as_ref().unwrap().to_string(), snapshot.locked)
    };
    for (minute, owner, locked, expected) in [
        (3, "dan", true, ("cid", true)),
        (5, "dan", false, ("cid", false)),
        (4, "eve", true, ("cid", false)),
        (6, "eve", true, ("eve", true)),
    ] {
        object.merge(&owned(minute, owner, locked), Meaning::default());
        assert_eq!(told(&object), (expected.0.to_owned(), expected.1), "{minute}");
    }
}
