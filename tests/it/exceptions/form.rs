//! What holds for all exceptions: dry runs, request ids, etags, wrong requests, other tenants, what is left of a deleted
//! account.

use super::{Ask, Query, Stage};
use crate::{
    harness::{Client, Refused},
    moves::{Wish, reason},
    world::user,
};
use chrono::TimeDelta;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, User},
};
use tonic::Code;

/// A repeated request has one effect and one answer; another one under its id is refused; a dry run leaves no trace.
#[tokio::test]
async fn requests_are_done_once() {
    let stage = Stage::set().await;
    let ann = stage.world.user("ann");
    let id = stage.claimed("Acme", "bob").await;
    let query = Query {
        request_id: "the-one".into(),
        ..Query::of(&id)
    };
    let dry = Query {
        dry: true,
        ..query.clone()
    };
    assert!(dry.send(&ann, Ask::Extend(5)).await.unwrap().1.unwrap().admitted);
    let first = query.send(&ann, Ask::Extend(5)).await.unwrap();
    stage.ask("ann", &id, Ask::Extend(1)).await.unwrap();
    assert_eq!(query.send(&ann, Ask::Extend(5)).await.unwrap(), first);
    assert_eq!(first.0.unwrap().extended_days, 5);
    for ask in [Ask::Extend(6), Ask::Lock(None)] {
        query
            .send(&ann, ask)
            .await
            .refused(Code::FailedPrecondition, Reason::RequestIdReused);
    }
    assert_eq!(
        stage.kinds(&id).await,
        ["created", "claimed", "retention_extended", "retention_extended"]
    );
    stage.stop().await;
}

/// Every exception is made of the state that was seen, if one is named.
#[tokio::test]
async fn etags_hold() {
    let stage = Stage::set().await;
    let root = stage.world.user("root");
    let until = stage.now() + TimeDelta::days(1);
    let id = stage.claimed("Acme", "bob").await;
    for ask in [
        Ask::Extend(1),
        Ask::Lock(None),
        Ask::Unlock,
        Ask::Embargo(until),
        Ask::Clear,
    ] {
        let etag = stage.world.ownership(&id).await.etag;
        let stale = Query {
            etag: "1".into(),
            ..Query::of(&id)
        };
        stale
            .send(&root, ask)
            .await
            .refused(Code::Aborted, Reason::EtagMismatch);
        let query = Query { etag, ..Query::of(&id) };
        query.send(&root, ask).await.unwrap();
    }
    stage.stop().await;
}

/// Everything that is wrong with a request is told at once.
#[tokio::test]
async fn wrong_requests_are_told_all() {
    let stage = Stage::set().await;
    let mut client = stage.world.user("root").exceptions();
    let extend = proto::ExtendRetentionRequest {
        account_id: "x".into(),
        etag: "y".into(),
        days: 10_000,
        reason: " ".into(),
        ..Default::default()
    };
    assert_eq!(
        client.extend_retention(extend).await.violations(),
        [
            "account_id: must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057",
            "etag: must be an etag that was read before",
            "days: must be between 1 and 9999",
            "reason: must not begin or end with white space",
        ]
    );
    let id = stage.claimed("Acme", "bob").await;
    for days in [0, -1] {
        let request = proto::ExtendRetentionRequest {
            account_id: id.clone(),
            days,
            ..Default::default()
        };
        assert_eq!(
            client.extend_retention(request).await.violations(),
            ["days: must be between 1 and 9999", "reason: must not be empty"]
        );
    }
    let request = proto::SetEmbargoRequest {
        account_id: id.clone(),
        ..Default::default()
    };
    assert_eq!(
        client.set_embargo(request).await.violations(),
        ["until: must be set", "reason: must not be empty"]
    );
    let request = proto::LockAccountRequest {
        account_id: id,
        expire_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        note: "x".repeat(1001),
        ..Default::default()
    };
    assert_eq!(
        client.lock_account(request).await.violations(),
        [
            "expire_time: must be a time between the years 1 and 9999",
            "note: must be at most 1000 characters long"
        ]
    );
    stage.stop().await;
}

/// Accounts, leaves and pauses of another tenant do not exist.
#[tokio::test]
async fn other_tenants_are_not_reached() {
    let stage = Stage::set().await;
    let server = &stage.world.server;
    let id = stage.reclaimed("Acme").await;
    let follow_up = crate::activities::told("e1", &id, "sales_record.created", stage.now() - TimeDelta::hours(1));
    stage.world.tell("crm", vec![follow_up]).await;
    let pause = proto::CreateRetentionPauseRequest {
        retention_pause: Some(proto::RetentionPause::default()),
        ..Default::default()
    };
    let pause = server
        .admin()
        .exceptions()
        .create_retention_pause(pause)
        .await
        .unwrap()
        .into_inner();
    let before = stage.world.account(&id).await;

    server.create_tenant("other").await;
    let admin = server.caller("other", "console", &[Scope::Admin]);
    let root = User {
        roles: vec!["crm-admin".into()],
        ..user("root")
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![root, user("bob")],
        ..Default::default()
    };
    admin.directory().batch_upsert_users(request).await.unwrap();
    let root = Client {
        actor: "root".into(),
        ..server.caller("other", "crm", &[Scope::ActAs])
    };
    let until = stage.now() + TimeDelta::days(1);
    for ask in [
        Ask::Undo,
        Ask::Extend(1),
        Ask::Lock(None),
        Ask::Unlock,
        Ask::Embargo(until),
        Ask::Clear,
    ] {
        for dry in [true, false] {
            let query = Query { dry, ..Query::of(&id) };
            query.send(&root, ask).await.refused(Code::NotFound, Reason::NotFound);
        }
    }
    let mut client = root.exceptions();
    let disputes = client
        .list_disputed_reclaims(proto::ListDisputedReclaimsRequest::default())
        .await
        .unwrap();
    assert_eq!(disputes.into_inner().disputed_reclaims, []);
    let ours = proto::ListDisputedReclaimsRequest {
        pool_id: stage.home.clone(),
        ..Default::default()
    };
    client
        .list_disputed_reclaims(ours)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let pauses = client
        .list_retention_pauses(proto::ListRetentionPausesRequest::default())
        .await
        .unwrap();
    assert_eq!(pauses.into_inner().retention_pauses, []);
    let end = proto::EndRetentionPauseRequest {
        retention_pause_id: pause.retention_pause.unwrap().id,
        ..Default::default()
    };
    client
        .end_retention_pause(end)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    assert_eq!(stage.world.account(&id).await, before);
    stage.stop().await;
}

/// What was written about a deleted account goes with it; what was done stays.
#[tokio::test]
async fn notes_go_with_the_account() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let (id, kept) = (stage.claimed("Acme", "bob").await, stage.claimed("Kept", "bob").await);
    for account in [&id, &kept] {
        stage.ask("ann", account, Ask::Extend(5)).await.unwrap();
    }
    world.play("root", &id, Wish::Cancel).await;
    assert_eq!(world.events(&id).await[2].note, "because");
    world.play("root", &id, Wish::Delete).await;
    let events = world.events(&id).await;
    assert_eq!(
        (events[2].note.as_str(), events[2].effects.as_ref().unwrap().days),
        ("", 5)
    );
    assert_eq!(world.events(&kept).await[2].note, "because");
    // Nothing can be excepted any more.
    let gone = Query::of(&id)
        .send(&world.user("root"), Ask::Lock(None))
        .await
        .unwrap_err();
    assert_eq!(reason(&gone), "NOT_FOUND");
    stage.stop().await;
}
