//! What people know of an account changes: who may, where, and what stays.

use super::{named, update};
use crate::{
    harness::Refused,
    sweeping::follow_up,
    world::{World, claim, open_pool},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Account, TeamAccess},
};
use tonic::Code;

fn phone(phone: &str) -> Account {
    Account {
        phone: phone.into(),
        ..Account::default()
    }
}

/// R017, R044, R056, D20: the owner, his supervisor, writing team members and their supervisors, CRM admins.
#[tokio::test]
async fn editing_is_for_those_who_work_on_it() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.create("Acme", &pool, "dan").await.id;
    // ann administers the pool and reads the account; bob and cid do not know of it but that it is there.
    for user in ["ann", "bob"] {
        let refused = world
            .user(user)
            .accounts()
            .update_account(update(&id, phone("1"), &["phone"]))
            .await;
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let own = world.create("Outside", "", "dan").await.id;
    let refused = world
        .user("bob")
        .accounts()
        .update_account(update(&own, phone("1"), &["phone"]))
        .await;
    refused.refused(Code::NotFound, Reason::NotFound);

    // A reader in the team reads, and so does his supervisor; a writer and his supervisor write.
    world.join_team(&own, "bob", TeamAccess::Read).await;
    for user in ["bob", "ann"] {
        world.user(user).gets(&own).await.unwrap();
        let refused = world
            .user(user)
            .accounts()
            .update_account(update(&own, phone("1"), &["phone"]))
            .await;
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    world.join_team(&own, "cid", TeamAccess::ReadWrite).await;
    for (at, user) in ["dan", "cid", "ann", "root"].into_iter().enumerate() {
        let number = at.to_string();
        let updated = world.user(user).updates(&own, phone(&number), &["phone"]).await;
        assert_eq!(updated.phone, number);
        assert_eq!(world.user(user).gets(&own).await.unwrap(), updated);
    }
    // The owner's supervisor.
    let bobs = world.create("Of bob", "", "bob").await.id;
    world.user("ann").updates(&bobs, phone("2"), &["phone"]).await;
    world.stop().await;
}

/// R017, D20: nobody but a CRM admin edits what waits for an owner or is canceled.
#[tokio::test]
async fn what_nobody_owns_is_edited_by_crm_admins() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.join_team(&id, "bob", TeamAccess::ReadWrite).await;
    let refused = world
        .user("bob")
        .accounts()
        .update_account(update(&id, phone("1"), &["phone"]))
        .await;
    let details = refused.refused(Code::FailedPrecondition, Reason::InvalidStatus);
    let said = &details.error_info().unwrap().metadata;
    assert_eq!(
        (said["current"].as_str(), said["allowed"].as_str()),
        ("UNASSIGNED", "UNACTIVATED, REPORTING, ASSIGNED")
    );
    world.user("root").updates(&id, phone("1"), &["phone"]).await;

    world.cancel(&id).await;
    let refused = world
        .user("bob")
        .accounts()
        .update_account(update(&id, phone("2"), &["phone"]))
        .await;
    refused.refused(Code::NotFound, Reason::NotFound);
    assert_eq!(world.user("root").updates(&id, phone("2"), &["phone"]).await.phone, "2");
    world.stop().await;
}

/// R018: names change only where the tenant lets them; a CRM admin overrides that, and the history tells.
#[tokio::test]
async fn the_name_is_locked_unless_the_tenant_opens_it() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    for user in ["bob", "ann", "root"] {
        let refused = world
            .user(user)
            .accounts()
            .update_account(update(&id, named("Acme 2"), &["name"]))
            .await;
        refused.refused(Code::FailedPrecondition, Reason::NameChangeForbidden);
    }
    let overriding = |name: &str| proto::UpdateAccountRequest {
        override_name_lock: true,
        ..update(&id, named(name), &["name"])
    };
    let refused = world.user("bob").accounts().update_account(overriding("Acme 2")).await;
    refused.refused(Code::FailedPrecondition, Reason::NameChangeForbidden);
    // The name as it is changes nothing, so it is no change of the name.
    let same = update(
        &id,
        Account {
            phone: "1".into(),
            ..named("Acme")
        },
        &["name", "phone"],
    );
    world.user("bob").accounts().update_account(same).await.unwrap();
    assert_eq!(world.history(&id).await.1, r#"{"fields":["phone"]}"#);

    world
        .user("root")
        .accounts()
        .update_account(overriding("Acme 2"))
        .await
        .unwrap();
    assert_eq!(
        world.history(&id).await.1,
        r#"{"fields":["name"],"name_lock_overridden":true}"#
    );
    world.names_are_open().await;
    world.user("bob").updates(&id, named("Acme 3"), &["name"]).await;
    // Nothing was locked any more, so nothing was overridden.
    world
        .user("root")
        .accounts()
        .update_account(overriding("Acme 4"))
        .await
        .unwrap();
    assert_eq!(world.history(&id).await.1, r#"{"fields":["name"]}"#);
    world.stop().await;
}

/// What is derived, or changed by moves alone, is refused by name; so is everything wrong with the values, all at once.
#[tokio::test]
async fn only_what_people_know_can_be_updated() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let derived = [
        "ownership",
        "owner",
        "status",
        "pool_id",
        "deals",
        "last_follow_up_time",
        "remaining_retention",
        "creator",
        "hidden_fields",
        "id",
        "etag",
        "nope",
    ];
    for path in derived {
        let refused = world
            .user("bob")
            .accounts()
            .update_account(update(&id, named("Acme"), &["phone", path]))
            .await;
        let details = refused.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert!(violation.description.contains(&format!("{path:?}")), "{violation:?}");
    }
    let wrong = Account {
        phone: " 1".into(),
        email: "x".repeat(256),
        grade: "\u{7}".into(),
        tags: vec!["a".into(), "a".into()],
        location: Some(proto::Location {
            latitude: f64::NAN,
            longitude: 181.0,
        }),
        ..named("")
    };
    let refused = world
        .user("bob")
        .accounts()
        .update_account(update(&id, wrong.clone(), &["*"]))
        .await;
    let fields: Vec<_> = refused
        .violations()
        .iter()
        .map(|line| line.split(": ").next().unwrap().to_owned())
        .collect();
    let expected = [
        "name",
        "grade",
        "phone",
        "email",
        "location.latitude",
        "location.longitude",
        "tags[1]",
    ];
    assert_eq!(fields, expected.map(|field| format!("account.{field}")));
    // What the mask does not name does not matter.
    let remark = Account {
        remark: "ok".into(),
        ..wrong
    };
    assert_eq!(world.user("bob").updates(&id, remark, &["remark"]).await.remark, "ok");
    let refused = world
        .user("bob")
        .accounts()
        .update_account(update(&id, named("Acme"), &[]))
        .await;
    assert_eq!(
        refused.violations(),
        ["update_mask: must name the fields to change, or be *"]
    );
    world.stop().await;
}

/// An update of everything replaces everything that can be edited; an update that changes nothing writes nothing.
#[tokio::test]
async fn an_update_writes_what_it_changes_and_tells_only_names() {
    let world = World::start().await;
    let made = world.create("Acme", "", "bob").await;
    let bob = world.user("bob");
    let all = Account {
        kind: proto::AccountKind::Person.into(),
        grade: "A".into(),
        industry: "education".into(),
        external_id: "x-1".into(),
        tags: vec!["vip".into(), "hot".into()],
        ..named("Acme")
    };
    let updated = bob.updates(&made.id, all.clone(), &["*"]).await;
    assert_eq!((updated.phone.as_str(), updated.external_id.as_str()), ("", "x-1"));
    assert_eq!(updated.tags, ["hot", "vip"]);
    assert_eq!(updated.ownership.as_ref().unwrap().etag, "2");
    let told = r#"{"fields":["external_id","grade","industry","kind","phone","tags"]}"#;
    assert_eq!(world.history(&made.id).await, (2, told.to_owned()));

    world.server.clock.advance(chrono::TimeDelta::days(1));
    let before = world.server.db().statements();
    assert_eq!(bob.updates(&made.id, all.clone(), &["*"]).await, updated);
    assert_eq!(world.server.db().statements() - before, 3);
    assert_eq!(world.history(&made.id).await.0, 2);

    // Revisions, account and request in one; tags, fields; account, event. No more for a rename but the twins.
    let before = world.server.db().statements();
    bob.updates(&made.id, phone("1"), &["phone"]).await;
    assert_eq!(world.server.db().statements() - before, 5);
    world.stop().await;
}

/// The etag holds an update back; a repeated request answers as the first did; concurrent ones both count.
#[tokio::test]
async fn etags_and_request_ids_hold() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let bob = world.user("bob");
    let stale = proto::UpdateAccountRequest {
        etag: "7".into(),
        ..update(&id, phone("1"), &["phone"])
    };
    bob.accounts()
        .update_account(stale)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    let request = proto::UpdateAccountRequest {
        etag: "1".into(),
        request_id: "once".into(),
        ..update(&id, phone("1"), &["phone"])
    };
    let first = bob
        .accounts()
        .update_account(request.clone())
        .await
        .unwrap()
        .into_inner();
    bob.updates(&id, phone("2"), &["phone"]).await;
    let again = bob
        .accounts()
        .update_account(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    let other = proto::UpdateAccountRequest {
        account: Some(Account {
            id: id.clone(),
            ..phone("3")
        }),
        ..request
    };
    bob.accounts()
        .update_account(other)
        .await
        .refused(Code::FailedPrecondition, Reason::RequestIdReused);

    let edits = (0..8).map(|at| {
        let (bob, id) = (bob.clone(), id.clone());
        let account = Account {
            remark: at.to_string(),
            ..Account::default()
        };
        tokio::spawn(async move { bob.updates(&id, account, &["remark"]).await })
    });
    let mut etags = Vec::new();
    for edit in edits.collect::<Vec<_>>() {
        etags.push(edit.await.unwrap().ownership.unwrap().etag);
    }
    etags.sort();
    assert_eq!(etags, ["10", "11", "4", "5", "6", "7", "8", "9"]);
    world.stop().await;
}

/// R033: a rename onto a taken name, or a taken external id, is refused as a creation would be; the own one is free.
#[tokio::test]
async fn an_update_makes_no_duplicates() {
    let world = World::start().await;
    world.names_are_open().await;
    let other = world.create("Other", "", "bob").await;
    let id = world.create("Acme", "", "bob").await.id;
    let bob = world.user("bob");
    bob.updates(
        &other.id,
        Account {
            external_id: "x-1".into(),
            ..Account::default()
        },
        &["external_id"],
    )
    .await;
    let both = Account {
        external_id: "x-1".into(),
        ..named("ＯＴＨＥＲ")
    };
    let refused = bob
        .accounts()
        .update_account(update(&id, both, &["name", "external_id"]))
        .await;
    let details = refused.refused(Code::AlreadyExists, Reason::DuplicateExact);
    assert_eq!(details.error_info().unwrap().metadata["account_id"], other.id);
    let types: Vec<_> = details
        .precondition_failure()
        .unwrap()
        .violations
        .iter()
        .map(|v| v.r#type.clone())
        .collect();
    assert_eq!(types, ["DUPLICATE_EXACT", "EXTERNAL_ID_TAKEN"]);
    // Its own name spelled otherwise is its own.
    assert_eq!(bob.updates(&id, named("ACME"), &["name"]).await.name, "ACME");
    // What it gives up is free.
    bob.updates(&id, named("Third"), &["name"]).await;
    world.create("Acme", "", "cid").await;
    world.stop().await;
}

/// R169: what was hidden before the claim is the new owner's to read and to edit.
#[tokio::test]
async fn the_owner_edits_what_was_hidden() {
    let world = World::start().await;
    let pool = proto::Pool {
        hidden_fields: vec!["phone".into()],
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    let id = world.lying("Acme", &pool).await;
    assert_eq!(world.user("bob").gets(&id).await.unwrap().phone, "");
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    assert_eq!(world.user("bob").gets(&id).await.unwrap().phone, "138-0000");
    let updated = world.user("bob").updates(&id, phone("139"), &["phone"]).await;
    assert_eq!((updated.phone.as_str(), updated.hidden_fields.len()), ("139", 0));
    world.stop().await;
}

/// R148: an edit puts the deadline where the rules of now have it, with notice where that comes nearer.
#[tokio::test]
async fn an_edit_brings_the_deadline_up_to_date() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    assert_eq!(world.ownership(&id).await.reclaim_time, None);
    world.rule(follow_up(&pool, 30)).await;
    let updated = world.user("bob").updates(&id, phone("1"), &["phone"]).await;
    let deadline = updated.ownership.unwrap().reclaim_time.unwrap();
    let expected = crate::harness::start() + chrono::TimeDelta::days(30);
    assert_eq!(deadline.seconds, expected.timestamp());
    assert_eq!(world.ownership(&id).await.reclaim_time, Some(deadline));
    world.stop().await;
}
