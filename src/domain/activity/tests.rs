//! Kinds, deals and objects of activities: tables, and the property that order does not matter.

use super::*;
use chrono::TimeZone;
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
        payload_hash: [0; 32],
    }
}

#[test]
fn kinds_are_object_and_action() {
    assert_eq!(
        Kind::parse("sales_order.created").map(|kind| kind.object().to_owned()),
        Ok("sales_order".into())
    );
    for wrong in [
        "",
        ".",
        "a.",
        ".b",
        "a",
        "a.b.c",
        "A.b",
        "a.b c",
        "1a.b",
        &format!("a.{}", "b".repeat(63)),
    ] {
        assert_eq!(Kind::parse(wrong), Err(KindError), "{wrong:?}");
    }
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

#[test]
fn a_future_date_does_not_protect_for_ever() {
    assert_eq!(check_time(at(5), at(0)), Ok(()));
    assert_eq!(
        check_time(at(5) + TimeDelta::microseconds(1), at(0)),
        Err(MAX_AHEAD + TimeDelta::microseconds(1))
    );
}

/// X12: contracts end when their latest news says so; a termination ends one at once, and news without an end say nothing.
#[test]
fn contracts_end_as_their_latest_news_say() {
    let told = |id, kind: &str, minute, end: Option<i64>| Activity {
        contract_end: end.map(at),
        ..event(id, kind, minute)
    };
    assert!(!told(1, "contract.created", 1, None).tells_state());
    assert!(!told(1, "contract.noted", 1, None).tells_state());
    let mut contract = BusinessObject::first(
        &told(1, "contract.created", 1, Some(100)),
        &ObjectId::parse("o").unwrap(),
    );
    assert_eq!((contract.closed, contract.end_time), (false, Some(at(100))));
    contract.merge(&told(2, "contract.renewed", 5, Some(50)));
    assert_eq!(contract.end_time, Some(at(50)), "the latest, not the longest");
    contract.merge(&told(3, "contract.terminated", 3, None));
    assert_eq!(contract.end_time, Some(at(50)), "it was renewed after that");
    contract.merge(&told(4, "contract.terminated", 7, None));
    assert_eq!(contract.end_time, Some(at(7)));
}

proptest! {
    /// The state of an object does not depend on the order in which its events come, nor on how often they do.
    #[test]
    fn the_latest_event_wins_in_any_order(
        events in proptest::collection::vec(0_u32..20, 1..12)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let kinds = ["opportunity.won", "opportunity.reopened", "opportunity.deleted"];
        let fold = |events: &[u32]| {
            let mut object: Option<BusinessObject> = None;
            for id in events {
                // One event id has one payload.
                let activity = event(*id, kinds[*id as usize % 3], i64::from(*id) % 4);
                match &mut object {
                    None => object = Some(BusinessObject::first(&activity, activity.object_id.as_ref().unwrap())),
                    Some(object) => object.merge(&activity),
                }
            }
            object
        };
        let (a, b) = events;
        prop_assert_eq!(fold(&a), fold(&b));
    }

    /// X12: when a contract ends does not depend on the order in which its news come, nor on how often they do.
    #[test]
    fn contracts_do_not_depend_on_order(
        events in proptest::collection::vec((0_u32..30, 0_i64..200), 1..12).prop_map(|mut events| {
            // One event id, one payload.
            events.sort_unstable();
            events.dedup_by_key(|(id, _)| *id);
            events
        }).prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let kinds = ["contract.created", "contract.renewed", "contract.terminated", "contract.activated"];
        let fold = |events: &[(u32, i64)]| {
            let mut contract: Option<BusinessObject> = None;
            for (id, end) in events.iter().chain(events) {
                let activity = Activity {
                    contract_end: Some(at(*end)),
                    ..event(*id, kinds[*id as usize % 4], i64::from(*id / 3))
                };
                match &mut contract {
                    Some(contract) => contract.merge(&activity),
                    None => contract = Some(BusinessObject::first(&activity, &ObjectId::parse("o").unwrap())),
                }
            }
            contract
        };
        prop_assert_eq!(fold(&events.0), fold(&events.1));
    }
}
