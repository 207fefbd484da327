//! Which objects follow an account to its new owner.

use super::{Object, listed, object};
use crate::{
    harness::Refused,
    world::{World, assign, claim, give_back, open_pool},
};
use std::collections::BTreeMap;
use tidepool::{
    domain::{
        refusal::Reason,
        related::handover::{PER_ACCOUNT, PER_CALL},
    },
    rpc::proto::{
        self, ChangeAccountOwnerRequest, RelatedObjectType, RelatedObjectVisibility,
        bulk_change_account_owners_request::Item,
    },
};
use tonic::Code;

const ALL: [RelatedObjectType; 4] = [
    RelatedObjectType::Contact,
    RelatedObjectType::Opportunity,
    RelatedObjectType::SalesOrder,
    RelatedObjectType::Contract,
];

fn numbers(types: &[RelatedObjectType]) -> Vec<i32> {
    types.iter().map(|which| (*which).into()).collect()
}

pub(super) fn change(account: &str, to: &str, types: &[RelatedObjectType]) -> ChangeAccountOwnerRequest {
    ChangeAccountOwnerRequest {
        account_id: account.into(),
        new_owner: to.into(),
        related_types: numbers(types),
        ..Default::default()
    }
}

impl World {
    pub(super) async fn owners(&self, account: &str) -> BTreeMap<String, String> {
        let objects = listed(&self.user("root"), account, "", 500).await;
        objects
            .into_iter()
            .map(|object| (object.object_id, object.owner))
            .collect()
    }

    /// What the account's last event says of objects: `type id old new`.
    async fn followed(&self, account: &str) -> Vec<String> {
        let request = proto::ListAccountEventsRequest {
            account_id: account.into(),
            page_size: 1,
            ..Default::default()
        };
        let answer = self.user("root").history().list_account_events(request).await.unwrap();
        let event = answer.into_inner().account_events.remove(0);
        let told = event.effects.unwrap().related_owner_changes.into_iter();
        told.map(|change| {
            assert_eq!(change.source, "erp");
            format!("{} {} {}", change.object_id, change.old, change.new)
        })
        .collect()
    }
}

/// R060, R061: of each type what the old owner still cares for, and nothing that is locked or in a workflow; the event says
/// which.
#[tokio::test]
async fn what_the_old_owner_cares_for_follows() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    let bobs = |object_type: &'static str, action: &'static str| {
        object(object_type, &format!("{object_type}-{action}"), action, 1, "bob")
    };
    let follow = [
        ("contact", "created"),
        ("opportunity", "created"),
        ("opportunity", "stage_changed"),
        ("sales_order", "confirmed"),
        ("sales_order", "shipped"),
        ("sales_order", "received"),
        ("sales_order", "rejected"),
        ("sales_order", "withdrawn"),
        ("contract", "activated"),
    ];
    let stay = [
        ("contact", "canceled"),
        ("opportunity", "won"),
        ("opportunity", "lost"),
        ("sales_order", "created"),
        ("sales_order", "canceled"),
        ("contract", "terminated"),
        ("payment", "received"),
    ];
    let mut all: Vec<_> = follow
        .iter()
        .chain(&stay)
        .map(|(kind, action)| bobs(kind, action))
        .collect();
    let dans = object("opportunity", "dans", "created", 1, "dan");
    let locked = Object {
        locked: true,
        ..object("opportunity", "locked", "created", 1, "bob")
    };
    let busy = Object {
        in_workflow: true,
        ..object("sales_order", "busy", "confirmed", 1, "bob")
    };
    all.extend([dans, locked, busy]);
    world.tell_objects(&id, &all).await;
    world
        .user("bob")
        .circulation()
        .change_account_owner(change(&id, "cid", &ALL))
        .await
        .unwrap();
    let owners = world.owners(&id).await;
    for (kind, action) in follow {
        assert_eq!(owners[&format!("{kind}-{action}")], "cid", "{kind} {action}");
    }
    for (kind, action) in stay {
        assert_eq!(owners[&format!("{kind}-{action}")], "bob", "{kind} {action}");
    }
    assert_eq!(
        (&*owners["dans"], &*owners["locked"], &*owners["busy"]),
        ("dan", "bob", "bob")
    );
    let mut told = world.followed(&id).await;
    told.sort();
    let mut expected: Vec<_> = follow
        .iter()
        .map(|(kind, action)| format!("{kind}-{action} bob cid"))
        .collect();
    expected.sort();
    assert_eq!(told, expected);
    // Only the types that are named, beside contacts.
    let types = [RelatedObjectType::Contract];
    world
        .user("root")
        .circulation()
        .change_account_owner(change(&id, "dan", &types))
        .await
        .unwrap();
    assert_eq!(
        world.followed(&id).await,
        ["contact-created cid dan", "contract-activated cid dan"]
    );
    world.stop().await;
}

/// D23: contacts follow by themselves: when the account is handed over, and to whoever claims it or gets it after it waited;
/// unless the tenant does not let them.
#[tokio::test]
async fn contacts_follow_where_the_tenant_lets_them() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let all = [
        object("contact", "ada", "created", 0, "bob"),
        object("contact", "joe", "updated", 0, "dan"),
        object("opportunity", "deal", "created", 1, "bob"),
    ];
    world.tell_objects(&id, &all).await;
    let owners = async || {
        let owners = world.owners(&id).await;
        ["ada", "joe", "deal"].map(|id| owners[id].clone()).join(" ")
    };
    let hand_over = async |to: &str| {
        let moved = world
            .user("root")
            .circulation()
            .change_account_owner(change(&id, to, &[]))
            .await;
        moved.unwrap();
    };
    hand_over("cid").await;
    assert_eq!(owners().await, "cid dan bob");
    // While the account waits they stay with whoever had it.
    world
        .user("cid")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap();
    assert_eq!(
        (owners().await, world.followed(&id).await),
        ("cid dan bob".into(), vec![])
    );
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    assert_eq!(owners().await, "bob dan bob");
    assert_eq!(world.followed(&id).await, ["ada cid bob"]);
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap();
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "cid"))
        .await
        .unwrap();
    assert_eq!(owners().await, "cid dan bob");
    // What was asked for follows from the last owner too.
    world
        .user("cid")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap();
    world.related_settings(RelatedObjectVisibility::OwnersOnly, false).await;
    world.user("dan").circulation().claim_account(claim(&id)).await.unwrap();
    assert_eq!(
        (owners().await, world.followed(&id).await),
        ("cid dan bob".into(), vec![])
    );
    world.stop().await;
}

/// A job gives accounts out as calls do.
#[tokio::test]
async fn contacts_follow_where_a_job_assigns() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    world
        .tell_objects(&id, &[object("contact", "ada", "created", 0, "bob")])
        .await;
    let start = proto::StartAssignMatchingRequest {
        selection: Some(proto::AccountSelection {
            pool_id: pool,
            account_ids: vec![id.clone()],
            filter: None,
        }),
        assignees: vec!["cid".into(), "bob".into()],
        ..Default::default()
    };
    world.server.admin().jobs().start_assign_matching(start).await.unwrap();
    tidepool::worker::jobs::once(&world.server.running.app).await.unwrap();
    assert_eq!(world.ownership(&id).await.owner, "cid");
    assert_eq!(world.followed(&id).await, ["ada bob cid"]);
    world.stop().await;
}

/// What is too much is refused with how many there are, and what stands in the way of the move itself is told first; a
/// move that asked for nothing is in nobody's way.
#[tokio::test]
async fn no_more_follow_than_may() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let more: Vec<_> = (0..=PER_ACCOUNT)
        .map(|at| object("contact", &format!("c{at}"), "created", 0, "bob"))
        .collect();
    world.tell_objects(&id, &more).await;
    let contacts = [RelatedObjectType::Contact];
    let root = world.user("root");
    let refused = root
        .circulation()
        .change_account_owner(change(&id, "cid", &contacts))
        .await;
    let details = refused.refused(Code::ResourceExhausted, Reason::RelatedObjectLimitReached);
    let facts = &details.error_info().unwrap().metadata;
    assert_eq!((&*facts["limit"], &*facts["used"]), ("200", "201"));
    let refused = root
        .circulation()
        .change_account_owner(change(&id, "eve", &contacts))
        .await;
    refused.refused(Code::FailedPrecondition, Reason::AssigneeInactive);
    let look = ChangeAccountOwnerRequest {
        validate_only: true,
        ..change(&id, "cid", &contacts)
    };
    let looked = root
        .circulation()
        .change_account_owner(look)
        .await
        .unwrap()
        .into_inner();
    let reasons: Vec<_> = looked
        .admission
        .unwrap()
        .refusals
        .iter()
        .map(proto::Refusal::reason)
        .collect();
    assert_eq!(reasons, [proto::ErrorReason::RelatedObjectLimitReached]);
    assert_eq!(world.ownership(&id).await.owner, "bob");
    // Nobody asked for them: they stay, and the account goes.
    root.circulation()
        .change_account_owner(change(&id, "cid", &[]))
        .await
        .unwrap();
    assert_eq!(world.ownership(&id).await.owner, "cid");
    assert!(world.owners(&id).await.values().all(|owner| owner == "bob"));
    world.stop().await;
}

/// Bulk: item by item, within a number of statements that does not depend on how many objects follow.
#[tokio::test]
async fn in_bulk_objects_follow_item_by_item() {
    let world = World::start().await;
    let ids = world.site().many("Acme", "", "bob", 12).await;
    let mut spent = Vec::new();
    for (round, each) in [(0, 1), (1, 20)] {
        let (from, to) = if round == 0 { ("bob", "cid") } else { ("cid", "dan") };
        for (at, id) in ids.iter().enumerate() {
            let owner = if round == 0 { "bob" } else { "cid" };
            let some: Vec<_> = (0..each)
                .map(|number| object("opportunity", &format!("{round}-{at}-{number}"), "created", 1, owner))
                .collect();
            world.tell_objects(id, &some).await;
        }
        let item = |id: &String| Item {
            account_id: id.clone(),
            new_owner: to.into(),
            related_types: numbers(&[RelatedObjectType::Opportunity]),
            ..Default::default()
        };
        let request = proto::BulkChangeAccountOwnersRequest {
            items: ids.iter().map(item).collect(),
            ..Default::default()
        };
        let root = world.user("root");
        // The first call loads the snapshot.
        world.ownership(&ids[0]).await;
        let before = world.server.db().statements();
        let answer = root
            .circulation()
            .bulk_change_account_owners(request)
            .await
            .unwrap()
            .into_inner();
        spent.push(world.server.db().statements() - before);
        assert!(answer.applied && answer.results.iter().all(|result| result.ownership.is_some()));
        for id in &ids {
            assert!(world.owners(id).await.values().all(|owner| owner == to), "{from} {to}");
        }
    }
    // Accounts, guard rows, how many, which; accounts, guard row, ended and begun tenures, objects, teams, events.
    assert_eq!(spent, [11, 11]);
    world.stop().await;
}

/// A call has its bound: the accounts beyond it are refused one by one, and can be sent again.
#[tokio::test]
async fn a_call_has_a_bound() {
    let world = World::start().await;
    let count = PER_CALL / PER_ACCOUNT + 1;
    let ids = world.site().many("Acme", "", "bob", count).await;
    for (at, id) in ids.iter().enumerate() {
        // Told at once: one by one it would take long.
        world
            .tell_many_objects(id, &format!("a{at}"), "opportunity", "bob", PER_ACCOUNT)
            .await;
    }
    let items = ids.iter().map(|id| Item {
        account_id: id.clone(),
        new_owner: "cid".into(),
        related_types: numbers(&ALL),
        ..Default::default()
    });
    let request = proto::BulkChangeAccountOwnersRequest {
        items: items.collect(),
        ..Default::default()
    };
    let root = world.user("root");
    let answer = root
        .circulation()
        .bulk_change_account_owners(request.clone())
        .await
        .unwrap()
        .into_inner();
    let moved: Vec<_> = answer.results.iter().map(|result| result.ownership.is_some()).collect();
    assert_eq!(moved.iter().filter(|moved| **moved).count(), count - 1);
    assert!(!moved[count - 1]);
    let answer = root
        .circulation()
        .bulk_change_account_owners(request)
        .await
        .unwrap()
        .into_inner();
    assert!(answer.results[count - 1].ownership.is_some());
    assert_eq!(world.followed(&ids[count - 1]).await.len(), PER_ACCOUNT);
    world.stop().await;
}

/// What asks for what there is not is refused by its place.
#[tokio::test]
async fn types_are_named_once_each() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let wrong = ChangeAccountOwnerRequest {
        related_types: vec![1, 0, 1, 77],
        ..change(&id, "cid", &[])
    };
    let said = world
        .user("bob")
        .circulation()
        .change_account_owner(wrong)
        .await
        .violations();
    let fields: Vec<_> = said.iter().map(|said| said.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["related_types[1]", "related_types[3]", "related_types[1]"]);
    let items = vec![Item {
        account_id: id.clone(),
        new_owner: "cid".into(),
        related_types: vec![9],
        ..Default::default()
    }];
    let request = proto::BulkChangeAccountOwnersRequest {
        items,
        ..Default::default()
    };
    let said = world
        .user("bob")
        .circulation()
        .bulk_change_account_owners(request)
        .await
        .violations();
    assert!(said[0].starts_with("items[0].related_types[0]: "), "{said:?}");
    // The same request again answers the same; another choice is another request.
    let once = ChangeAccountOwnerRequest {
        request_id: "once".into(),
        ..change(&id, "cid", &[RelatedObjectType::Contract])
    };
    world
        .user("bob")
        .circulation()
        .change_account_owner(once.clone())
        .await
        .unwrap();
    world
        .user("bob")
        .circulation()
        .change_account_owner(once.clone())
        .await
        .unwrap();
    let other = ChangeAccountOwnerRequest {
        related_types: vec![],
        ..once
    };
    let refused = world.user("bob").circulation().change_account_owner(other).await;
    refused.refused(Code::FailedPrecondition, Reason::RequestIdReused);
    world.stop().await;
}

/// D42: who reads the account but sees none of the objects does not learn from its history which of them changed owner.
#[tokio::test]
async fn history_tells_of_objects_only_to_those_who_see_them() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    let deal = object("opportunity", "deal", "created", 1, "bob");
    world.tell_objects(&id, &[deal]).await;
    let request = proto::PutTeamMemberRequest {
        account_id: id.clone(),
        team_member: Some(proto::TeamMember {
            user_id: "dan".into(),
            role: proto::TeamRole::JointFollowUp.into(),
            access: proto::TeamAccess::Read.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    world.user("bob").teams().put_team_member(request).await.unwrap();
    let bob = world.user("bob");
    let request = change(&id, "cid", &ALL);
    bob.circulation().change_account_owner(request).await.unwrap();
    for (user, seen) in [("root", 1), ("ann", 1), ("cid", 1), ("dan", 0)] {
        let request = proto::ListAccountEventsRequest {
            account_id: id.clone(),
            ..Default::default()
        };
        let listed = world.user(user).history().list_account_events(request).await.unwrap();
        let events = listed.into_inner().account_events;
        let told = |event: &proto::AccountEvent| event.effects.as_ref().map_or(0, |e| e.related_owner_changes.len());
        assert_eq!(events.iter().map(told).sum::<usize>(), seen, "{user}");
        let request = proto::ListTimelineRequest {
            account_id: id.clone(),
            ..Default::default()
        };
        let listed = world.user(user).history().list_timeline(request).await.unwrap();
        let told = |entry: &proto::TimelineEntry| match &entry.entry {
            Some(proto::timeline_entry::Entry::AccountEvent(event)) => told(event),
            _ => 0,
        };
        let entries = listed.into_inner().entries;
        assert_eq!(entries.iter().map(told).sum::<usize>(), seen, "{user}");
    }
    world.stop().await;
}
