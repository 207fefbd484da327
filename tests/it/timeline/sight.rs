//! Who reads in timelines what of business objects: whoever sees the object as it is now, by the same rule as in lists. Of
//! others and of what members of a pool may not know nothing is left.

use super::{all, kind, kinds_of, request};
use crate::{
    activities,
    harness::{Client, Refused},
    related::seen,
    world::{World, claim, open_pool},
};
use chrono::TimeDelta;
use std::collections::BTreeSet;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Activity, Pool, RelatedAccess, TeamAccess, timeline_entry::Entry},
};
use tonic::Code;

/// What is told of a contract of somebody's.
fn contract(world: &World, account: &str, event: &str, action: &str, owner: &str, visible_to: &[&str]) -> Activity {
    let now = world.server.clock.now();
    Activity {
        object_id: "c1".into(),
        object_owner: owner.into(),
        visible_to: visible_to.iter().map(|user| (*user).to_owned()).collect(),
        summary: format!("{action} for three months"),
        contract_end_time: activities::time(now + TimeDelta::days(90)),
        amount: Some(proto::Money {
            amount: "5".into(),
            currency: "EUR".into(),
        }),
        object_locked: true,
        object_in_workflow: true,
        actor: "dan".into(),
        ..activities::told(event, account, &format!("contract.{action}"), now)
    }
}

/// The activities of the account as the user reads them in its timeline, the latest first.
async fn read(client: &Client, account: &str) -> Vec<Activity> {
    let entries = all(client, account, &["contract.", "sales_order.", "call."], 3).await;
    let activity = |entry: proto::TimelineEntry| match entry.entry {
        Some(Entry::Activity(activity)) => activity,
        other => panic!("{other:?}"),
    };
    let entries: Vec<_> = entries.into_iter().map(activity).collect();
    // The list of activities is the same.
    let list = proto::ListActivitiesRequest {
        account_id: account.into(),
        page_size: 100,
        ..Default::default()
    };
    let listed = client.activities().list_activities(list).await.unwrap().into_inner();
    assert_eq!(listed.activities, entries);
    entries
}

/// What is left of an activity for those who do not see its object.
fn bare(activity: &Activity) -> Activity {
    Activity {
        source: activity.source.clone(),
        event_id: activity.event_id.clone(),
        account_id: activity.account_id.clone(),
        kind: activity.kind.clone(),
        occur_time: activity.occur_time,
        record_time: activity.record_time,
        actor: activity.actor.clone(),
        late: activity.late,
        ..Activity::default()
    }
}

/// D42, R075: whose the object is now decides, not whose it was when something was told; nothing of a hidden one is left.
#[tokio::test]
async fn what_an_object_is_now_decides() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    for reader in ["cid", "dan"] {
        world.join_team(&id, reader, TeamAccess::Read).await;
    }
    let told = [
        ("e1", "created", "bob", &["cid"][..]),
        ("e2", "activated", "dan", &[]),
        ("e3", "renewed", "", &["bob"]),
        ("e4", "renewed", "", &[]),
        ("e5", "renewed", "cid", &["dan"]),
    ];
    // Who sees the contract after each; root sees all.
    let seers = [
        &["ann", "bob", "cid"][..],
        &["dan"],
        &["bob"],
        &[],
        &["ann", "cid", "dan"],
    ];
    for (at, ((event, action, owner, visible_to), seers)) in told.into_iter().zip(seers).enumerate() {
        world.server.clock.advance(TimeDelta::minutes(1));
        let told = contract(&world, &id, event, action, owner, visible_to);
        assert_eq!(
            world.tell("erp", vec![told]).await,
            [Ok(proto::RecordOutcome::Recorded)]
        );
        let whole = read(&world.user("root"), &id).await;
        assert_eq!(whole.len(), at + 1);
        assert!(
            whole
                .iter()
                .all(|activity| activity.object_id == "c1" && activity.amount.is_some())
        );
        let bare: Vec<_> = whole.iter().map(bare).collect();
        for user in ["ann", "bob", "cid", "dan"] {
            let sees = seers.contains(&user);
            let expected = if sees { &whole } else { &bare };
            assert_eq!(read(&world.user(user), &id).await, *expected, "{user} after {event}");
            assert_eq!(
                seen(&world, user, &id).await.len(),
                usize::from(sees),
                "{user} after {event}"
            );
        }
    }
    world
        .related_settings(proto::RelatedObjectVisibility::AccountReaders, true)
        .await;
    let whole = read(&world.user("root"), &id).await;
    assert_eq!(read(&world.user("bob"), &id).await, whole);
    world.stop().await;
}

/// D42, R060: with the account its objects change hands, and so does what was told of them before.
#[tokio::test]
async fn what_follows_an_account_is_read_by_its_new_owner() {
    let world = World::start().await;
    let id = world.create("Acme", "", "dan").await.id;
    let order = Activity {
        object_id: "s1".into(),
        object_owner: "dan".into(),
        summary: "500 pieces".into(),
        ..activities::told("e1", &id, "sales_order.confirmed", world.server.clock.now())
    };
    world.tell("erp", vec![order]).await;
    world.server.clock.advance(TimeDelta::minutes(1));
    let request = proto::ChangeAccountOwnerRequest {
        account_id: id.clone(),
        new_owner: "cid".into(),
        related_types: vec![proto::RelatedObjectType::SalesOrder.into()],
        ..Default::default()
    };
    let moved = world.user("root").circulation().change_account_owner(request).await;
    moved.unwrap();
    assert_eq!(read(&world.user("cid"), &id).await[0].summary, "500 pieces");
    assert_eq!(read(&world.user("ann"), &id).await[0].object_id, "s1");
    world.join_team(&id, "dan", TeamAccess::Read).await;
    assert_eq!(read(&world.user("dan"), &id).await[0].summary, "");
    world.stop().await;
}

/// What is about no object is for everybody who reads the account; a source's object is not another source's.
#[tokio::test]
async fn what_is_about_no_object_is_for_all() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let now = world.server.clock.now();
    let called = Activity {
        summary: "they want more".into(),
        ..super::told("e1", &id, "call.made", now)
    };
    let order = |event: &str, owner: &str| Activity {
        object_id: "s1".into(),
        object_owner: owner.into(),
        ..activities::told(event, &id, "sales_order.created", now)
    };
    world.tell("erp", vec![called, order("e2", "dan")]).await;
    world.tell("shop", vec![order("e3", "bob")]).await;
    let mut told: Vec<_> = read(&world.user("bob"), &id)
        .await
        .into_iter()
        .map(|activity| (activity.event_id, activity.object_id, activity.summary))
        .collect();
    told.sort();
    let row = |event: &str, object: &str, summary: &str| (event.to_owned(), object.to_owned(), summary.to_owned());
    assert_eq!(
        told,
        [row("e1", "", "they want more"), row("e2", "", ""), row("e3", "s1", "")]
    );
    world.stop().await;
}

/// R098, R170, R187: where members of a pool see no activities of its unclaimed accounts, its history does not tell them that
/// there were some; page by page nothing else is missing.
#[tokio::test]
async fn members_do_not_learn_that_there_were_activities() {
    let world = World::start().await;
    let (mut whole, mut left) = (BTreeSet::new(), BTreeSet::new());
    for access in [RelatedAccess::View, RelatedAccess::None] {
        let pool = Pool {
            unclaimed_related_access: access.into(),
            ..open_pool(&format!("{access:?}"))
        };
        let pool = world.pool(pool).await;
        let id = world.lying(&format!("Acme {access:?}"), &pool).await;
        world.user("dan").circulation().claim_account(claim(&id)).await.unwrap();
        for (at, action) in ["created", "won", "reopened"].into_iter().enumerate() {
            world.server.clock.advance(TimeDelta::minutes(1));
            let now = world.server.clock.now();
            let told = activities::told(&format!("{access:?}-{at}"), &id, &format!("opportunity.{action}"), now);
            world.tell("crm", vec![told]).await;
        }
        world.server.clock.advance(TimeDelta::minutes(1));
        let back = crate::world::give_back(&id);
        world.user("dan").circulation().return_account(back).await.unwrap();

        let ours = ["account.created", "account.claimed", "account.returned"];
        for (user, member) in [("root", false), ("ann", false), ("bob", true)] {
            let client = world.user(user);
            let hides = member && access == RelatedAccess::None;
            for size in [1, 2, 100] {
                let entries = all(&client, &id, &["account."], size).await;
                let kinds: Vec<_> = entries.iter().map(kind).filter(|kind| !ours.contains(kind)).collect();
                assert_eq!(kinds.len(), if hides { 0 } else { 3 }, "{user} {access:?}: {kinds:?}");
                assert_eq!(entries.len(), ours.len() + kinds.len());
                let listed = events(&client, &id, size).await;
                assert_eq!(listed.len(), entries.len(), "{user} {access:?}");
            }
            let asked = kinds_of(&client, &id, &["account.activity_recorded"]).await;
            assert_eq!(asked.is_empty(), hides, "{user} {access:?}");
            let into = if hides { &mut left } else { &mut whole };
            into.extend(kinds_of(&client, &id, &[]).await);
        }
        let list = proto::ListActivitiesRequest {
            account_id: id.clone(),
            ..Default::default()
        };
        let listed = world.user("bob").activities().list_activities(list).await;
        if access == RelatedAccess::None {
            listed.refused(Code::PermissionDenied, Reason::NotAuthorized);
        } else {
            assert_eq!(listed.unwrap().into_inner().activities.len(), 3);
        }
        // Whoever claims it reads everything.
        world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
        let kinds = kinds_of(&world.user("bob"), &id, &[]).await;
        assert!(
            kinds.iter().any(|kind| kind == "account.activity_recorded"),
            "{kinds:?}"
        );
        let page = world.user("bob").history().list_timeline(request(&id, &[])).await;
        assert_eq!(page.unwrap().into_inner().entries.len(), 10);
    }
    let gone: Vec<_> = whole.difference(&left).map(String::as_str).collect();
    assert_eq!(
        gone,
        [
            "account.activity_recorded",
            "opportunity.created",
            "opportunity.reopened",
            "opportunity.won"
        ]
    );
    world.stop().await;
}

/// All events of the account, page by page.
async fn events(client: &Client, account: &str, page_size: i32) -> Vec<proto::AccountEvent> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListAccountEventsRequest {
            account_id: account.into(),
            page_size,
            page_token,
        };
        let page = client
            .history()
            .list_account_events(request)
            .await
            .unwrap()
            .into_inner();
        found.extend(page.account_events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}
