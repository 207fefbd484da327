//! Everything that happened with an account in one list.

mod sight;

use crate::{
    activities,
    harness::{Client, Refused},
    moves::Wish,
    sweeping::follow_up,
    world::{World, claim, give_back, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Pool, RelatedAccess, TimelineEntry, timeline_entry::Entry},
};
use tonic::Code;

fn request(account: &str, kinds: &[&str]) -> proto::ListTimelineRequest {
    proto::ListTimelineRequest {
        account_id: account.into(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        ..Default::default()
    }
}

/// An activity that is about no object.
fn told(event: &str, account: &str, kind: &str, at: DateTime<Utc>) -> proto::Activity {
    proto::Activity {
        object_id: String::new(),
        ..activities::told(event, account, kind, at)
    }
}

fn kind(entry: &TimelineEntry) -> &str {
    match entry.entry.as_ref().unwrap() {
        Entry::Activity(activity) => &activity.kind,
        Entry::AccountEvent(event) => &event.kind,
    }
}

/// What names the entry: the event's id, or the version.
fn name(entry: &TimelineEntry) -> String {
    match entry.entry.as_ref().unwrap() {
        Entry::Activity(activity) => activity.event_id.clone(),
        Entry::AccountEvent(event) => event.version.to_string(),
    }
}

async fn all(client: &Client, account: &str, kinds: &[&str], page_size: i32) -> Vec<TimelineEntry> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListTimelineRequest {
            page_size,
            page_token,
            ..request(account, kinds)
        };
        let page = client.history().list_timeline(request).await.unwrap().into_inner();
        assert!(page.entries.len() <= usize::try_from(page_size).unwrap());
        found.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

async fn kinds_of(client: &Client, account: &str, kinds: &[&str]) -> Vec<String> {
    all(client, account, kinds, 100)
        .await
        .iter()
        .map(|entry| kind(entry).to_owned())
        .collect()
}

/// R171, R178, R198: activities, changes of the owner, and reminders in one list, newest first, all of them or of some kinds.
#[tokio::test]
async fn everything_is_in_one_list() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let rule = proto::ReclaimRule {
        reminders: vec![proto::AdvanceReminder {
            days_before: 3,
            recipients: vec![proto::ReminderRecipient::Owner.into()],
        }],
        ..follow_up(&pool, 10)
    };
    world.rule(rule).await;
    let id = world.lying("Acme", &pool).await;
    let hour = || world.server.clock.advance(TimeDelta::hours(1));
    hour();
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    hour();
    let called = told("e1", &id, "call.made", world.server.clock.now());
    world.tell("crm", vec![called]).await;
    hour();
    // It happened before the call, and is known after it.
    let before = world.server.clock.now() - TimeDelta::minutes(90);
    world
        .tell("crm", vec![told("e0", &id, "expense.created", before)])
        .await;
    world.server.clock.advance(TimeDelta::days(8));
    world.sweep().await;
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap();

    let root = world.user("root");
    assert_eq!(
        kinds_of(&root, &id, &[]).await,
        [
            "account.returned",
            "account.reminded",
            "call.made",
            "expense.created",
            "account.claimed",
            "account.created"
        ]
    );
    for (kinds, expected) in [
        (&["call."][..], &["call.made"][..]),
        (&["call.made", "account.claimed"], &["call.made", "account.claimed"]),
        (&["call"], &[]),
        (&["account.reminded"], &["account.reminded"]),
        (
            &["account."],
            &[
                "account.returned",
                "account.reminded",
                "account.claimed",
                "account.created",
            ],
        ),
        (&["calls."], &[]),
        (&["account.claim"], &[]),
    ] {
        if kinds == ["call"] {
            let wrong = root.history().list_timeline(request(&id, kinds)).await.violations();
            assert!(wrong[0].starts_with("kinds[0]: "), "{wrong:?}");
            continue;
        }
        assert_eq!(kinds_of(&root, &id, kinds).await, expected, "{kinds:?}");
    }
    let entries = all(&root, &id, &["account.reminded", "call.made"], 10).await;
    let Some(Entry::AccountEvent(reminded)) = &entries[0].entry else {
        panic!("{entries:?}")
    };
    assert_eq!(entries[0].time, reminded.event_time);
    let reminder = reminded.effects.as_ref().unwrap().reminder.as_ref().unwrap();
    assert_eq!(reminder.recipients, ["bob"]);
    let Some(Entry::Activity(called)) = &entries[1].entry else {
        panic!("{entries:?}")
    };
    assert_eq!((called.occur_time, called.source.as_str()), (entries[1].time, "crm"));
    world.stop().await;
}

/// R098, R170, R171, D25: before the claim each half is shown as the pool says; where it shows neither, the list is refused.
#[tokio::test]
async fn before_the_claim_the_pool_decides() {
    let world = World::start().await;
    for (history, related) in [(true, true), (true, false), (false, true), (false, false)] {
        let access = if related {
            RelatedAccess::View
        } else {
            RelatedAccess::None
        };
        let pool = Pool {
            unclaimed_history_visible: Some(history),
            unclaimed_related_access: access.into(),
            hidden_fields: vec!["phone".into()],
            ..open_pool(&format!("{history} {related}"))
        };
        let pool = world.pool(pool).await;
        let id = world.lying(&format!("Acme {history} {related}"), &pool).await;
        let update = proto::UpdateAccountRequest {
            account: Some(proto::Account {
                id: id.clone(),
                phone: "1".into(),
                grade: "A".into(),
                ..Default::default()
            }),
            update_mask: crate::build::mask(&["phone", "grade"]),
            ..Default::default()
        };
        world.user("root").accounts().update_account(update).await.unwrap();
        let event = format!("e-{history}-{related}");
        world.server.clock.advance(TimeDelta::seconds(1));
        let called = told(&event, &id, "call.made", world.server.clock.now());
        world.tell("crm", vec![called]).await;
        let bob = world.user("bob");
        let mut expected = Vec::new();
        if related {
            expected.push("call.made");
        }
        if history {
            expected.extend(["account.updated", "account.created"]);
        }
        if expected.is_empty() {
            let refused = bob.history().list_timeline(request(&id, &[])).await;
            refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
        } else {
            assert_eq!(kinds_of(&bob, &id, &[]).await, expected, "{history} {related}");
        }
        if history {
            // D24: hidden fields are hidden here too.
            for (user, fields) in [("bob", &["grade"][..]), ("ann", &["grade", "phone"])] {
                let updated = all(&world.user(user), &id, &["account.updated"], 1).await;
                let Some(Entry::AccountEvent(updated)) = &updated[0].entry else {
                    panic!("{updated:?}")
                };
                let mut told = updated.effects.clone().unwrap().fields;
                told.sort();
                assert_eq!(told, fields, "{user}");
            }
        }
        bob.circulation().claim_account(claim(&id)).await.unwrap();
        assert_eq!(kinds_of(&bob, &id, &[]).await.len(), 4);
        let refused = world.user("cid").history().list_timeline(request(&id, &[])).await;
        refused.refused(Code::NotFound, Reason::NotFound);
    }
    world.stop().await;
}

/// D42: what an activity says of its object is for those who see the object; of others not even which one it is.
#[tokio::test]
async fn what_is_told_of_objects_is_for_those_who_see_them() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let order = proto::Activity {
        object_id: "s1".into(),
        object_owner: "dan".into(),
        amount: Some(proto::Money {
            amount: "5".into(),
            currency: "EUR".into(),
        }),
        ..told("e1", &id, "sales_order.created", world.server.clock.now())
    };
    world.tell("erp", vec![order]).await;
    let shown = async |user: &str| {
        let entries = all(&world.user(user), &id, &["sales_order."], 5).await;
        let Some(Entry::Activity(order)) = entries[0].entry.clone() else {
            panic!("{entries:?}")
        };
        assert_eq!(order.object_id == "s1", order.amount.is_some());
        order.amount.is_some()
    };
    assert_eq!(
        (shown("root").await, shown("bob").await, shown("ann").await),
        (true, false, false)
    );
    world
        .related_settings(proto::RelatedObjectVisibility::AccountReaders, true)
        .await;
    assert!(shown("bob").await);
    world.stop().await;
}

/// Of a deleted account its own past is left for CRM admins, as it is in the list of events.
#[tokio::test]
async fn of_a_deleted_account_its_past_is_left() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let root = world.user("root");
    for wish in [Wish::Cancel, Wish::Delete] {
        world.play("root", &id, wish).await;
    }
    assert_eq!(
        kinds_of(&root, &id, &[]).await,
        ["account.deleted", "account.canceled", "account.created"]
    );
    let refused = world.user("bob").history().list_timeline(request(&id, &[])).await;
    refused.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// Whatever the size of pages, they hold everything once, in one order; what comes in between is in its place, and moves
/// nothing else.
#[tokio::test]
async fn pages_hold_everything_once() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let mut rng = StdRng::seed_from_u64(7);
    let begin = world.server.clock.now();
    let mut expected: Vec<(DateTime<Utc>, i32, String)> = vec![(begin, 1, "1".into())];
    let mut version = 1;
    for at in 0..40 {
        world.server.clock.advance(TimeDelta::seconds(rng.random_range(0..3)));
        let now = world.server.clock.now();
        if rng.random() {
            let to = if version % 2 == 0 { "bob" } else { "cid" };
            let request = proto::ChangeAccountOwnerRequest {
                account_id: id.clone(),
                new_owner: to.into(),
                ..Default::default()
            };
            world
                .user("root")
                .circulation()
                .change_account_owner(request)
                .await
                .unwrap();
            version += 1;
            expected.push((now, 1, version.to_string()));
        } else {
            // Many of the same instant as a change or as each other.
            let when = now - TimeDelta::seconds(rng.random_range(0..4));
            let event = format!("e{at:02}");
            world.tell("crm", vec![told(&event, &id, "call.made", when)]).await;
            expected.push((when, 0, event));
        }
    }
    // Versions sort as numbers.
    expected.sort_by(|a, b| {
        let number = |text: &str| text.parse::<i64>().unwrap_or(0);
        (b.0, b.1, number(&b.2), &b.2).cmp(&(a.0, a.1, number(&a.2), &a.2))
    });
    let names: Vec<_> = expected.into_iter().map(|entry| entry.2).collect();
    let root = world.user("root");
    for size in [1, 2, 3, 7, 100] {
        let found: Vec<_> = all(&root, &id, &[], size).await.iter().map(name).collect();
        assert_eq!(found, names, "{size}");
    }
    let of = |page_token: String, page_size: i32| proto::ListTimelineRequest {
        page_size,
        page_token,
        ..request(&id, &[])
    };
    let first = root
        .history()
        .list_timeline(of(String::new(), 5))
        .await
        .unwrap()
        .into_inner();
    // Newer than the page and older than all of it.
    let late = told("late", &id, "call.made", begin - TimeDelta::days(1));
    let new = told("new", &id, "call.made", world.server.clock.now());
    world.tell("crm", vec![late, new]).await;
    let rest = root
        .history()
        .list_timeline(of(first.next_page_token.clone(), 100))
        .await
        .unwrap()
        .into_inner();
    let found: Vec<_> = rest.entries.iter().map(name).collect();
    assert_eq!(found, [&names[5..], &["late".to_owned()]].concat());
    // A token is good for its own list.
    let other = proto::ListTimelineRequest {
        page_token: first.next_page_token,
        ..request(&id, &["account."])
    };
    let refused = root.history().list_timeline(other).await;
    refused.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    world.stop().await;
}

/// Two reads beside that of the account, and for a supervisor that of its team; one where only activities are wanted.
#[tokio::test]
async fn a_page_is_two_reads() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    for at in 0..20 {
        let called = told(&format!("e{at}"), &id, "call.made", world.server.clock.now());
        world.tell("crm", vec![called]).await;
    }
    for (user, kinds, budget) in [("bob", &[][..], 3), ("ann", &[], 4), ("bob", &["call."], 2)] {
        let client = world.user(user);
        all(&client, &id, kinds, 100).await;
        for page_size in [1, 100] {
            let before = world.server.db().statements();
            let request = proto::ListTimelineRequest {
                page_size,
                ..request(&id, kinds)
            };
            client.history().list_timeline(request).await.unwrap();
            assert_eq!(world.server.db().statements() - before, budget, "{user} {kinds:?}");
        }
    }
    let many: Vec<_> = (0..21).map(|at| format!("a{at}.b")).collect();
    let request = proto::ListTimelineRequest {
        kinds: [many, vec!["a0.b".into(), "A.".into()]].concat(),
        ..request(&id, &[])
    };
    let wrong = world.user("bob").history().list_timeline(request).await.violations();
    assert!(wrong.iter().any(|said| said.starts_with("kinds: ")), "{wrong:?}");
    world.stop().await;
}
