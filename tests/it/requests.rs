//! Requests that are sent twice, changes that are made at once.

use crate::{
    build::{
        create_pool, department, events, get_pool, group, mask, pool, push_users, staffed, try_create_pool,
        update_pool, user,
    },
    harness::{ACME, Client, Refused},
};
use futures::future::join_all;
use prost::Message;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, Pool, Tenant},
};
use tonic::Code;

/// Every mutation, sent twice under one request id: the same bytes, and one effect. With another payload: refused.
#[tokio::test]
async fn every_mutation_is_done_once() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    let goner = create_pool(&admin, pool("Goner")).await;
    macro_rules! twice {
        ($service:ident.$method:ident, $request:expr, |$other:ident| $change:expr) => {{
            let name = stringify!($method);
            let request = {
                let mut request = $request;
                request.request_id = format!("r-{name}");
                request
            };
            let first = admin
                .$service()
                .$method(request.clone())
                .await
                .unwrap()
                .into_inner()
                .encode_to_vec();
            let written = events(&admin, "", "").await;
            server.clock.advance(chrono::TimeDelta::days(6));
            let second = admin
                .$service()
                .$method(request.clone())
                .await
                .unwrap()
                .into_inner()
                .encode_to_vec();
            assert_eq!(second, first, "{name}");
            let mut $other = request;
            $change;
            let reused = admin.$service().$method($other).await;
            reused.refused(Code::FailedPrecondition, Reason::RequestIdReused);
            assert_eq!(events(&admin, "", "").await, written, "{name}");
        }};
    }
    let renamed = Tenant {
        display_name: "Acme!".into(),
        ..Tenant::default()
    };
    let update = proto::UpdateTenantRequest {
        tenant: Some(renamed),
        update_mask: mask(&["display_name"]),
        ..Default::default()
    };
    twice!(tenants.update_tenant, update, |r| r.tenant = Some(Tenant {
        display_name: "?".into(),
        ..Tenant::default()
    }));
    let push = proto::BatchUpsertDepartmentsRequest {
        departments: vec![department("d", "")],
        ..Default::default()
    };
    twice!(directory.batch_upsert_departments, push, |r| r
        .departments
        .push(department("e", "")));
    let push = proto::BatchUpsertGroupsRequest {
        groups: vec![group("g")],
        ..Default::default()
    };
    twice!(directory.batch_upsert_groups, push, |r| r.groups[0].display_name =
        "G".into());
    let push = proto::BatchUpsertUsersRequest {
        users: vec![user("dan")],
        ..Default::default()
    };
    twice!(directory.batch_upsert_users, push, |r| r.users[0].active = false);
    let leave = proto::DeactivateUserRequest {
        user_id: "dan".into(),
        ..Default::default()
    };
    twice!(directory.deactivate_user, leave, |r| r.user_id = "cid".into());
    let create = proto::CreatePoolRequest {
        pool: Some(pool("South")),
        ..Default::default()
    };
    twice!(pools.create_pool, create, |r| r.pool.as_mut().unwrap().claim_limit =
        Some(0));
    let limited = Pool {
        claim_limit: Some(3),
        ..made.clone()
    };
    let update = proto::UpdatePoolRequest {
        pool: Some(limited),
        update_mask: mask(&["claim_limit"]),
        ..Default::default()
    };
    twice!(pools.update_pool, update, |r| r.update_mask = mask(&["*"]));
    let disable = proto::DisablePoolRequest {
        pool_id: made.id.clone(),
        ..Default::default()
    };
    twice!(pools.disable_pool, disable, |r| r.etag = "1".into());
    let enable = proto::EnablePoolRequest {
        pool_id: made.id.clone(),
        ..Default::default()
    };
    twice!(pools.enable_pool, enable, |r| r.pool_id.clone_from(&goner.id));
    let delete = proto::DeletePoolRequest {
        pool_id: goner.id.clone(),
        ..Default::default()
    };
    twice!(pools.delete_pool, delete, |r| r.pool_id.clone_from(&made.id));
    server.stop().await;
}

/// A request id belongs to one caller of one tenant, and to one method and actor.
#[tokio::test]
async fn a_request_id_belongs_to_its_caller() {
    let server = staffed().await;
    server.create_tenant("other").await;
    let console = server.admin();
    let north = try_create_pool(&console, pool("North"), "r1").await.unwrap();
    let setup = server.caller(ACME, "setup", &[Scope::Admin]);
    assert_ne!(try_create_pool(&setup, pool("South"), "r1").await.unwrap().id, north.id);
    let elsewhere = server.caller("other", "console", &[Scope::Admin]);
    push_users(&elsewhere, vec![user("ann"), user("bob")]).await;
    assert_ne!(
        try_create_pool(&elsewhere, pool("North"), "r1").await.unwrap().id,
        north.id
    );

    let disable = proto::DisablePoolRequest {
        pool_id: north.id.clone(),
        request_id: "r1".into(),
        ..Default::default()
    };
    let other_method = console.pools().disable_pool(disable).await;
    other_method.refused(Code::FailedPrecondition, Reason::RequestIdReused);
    // Also when the two messages are the same bytes.
    let enable = proto::EnablePoolRequest {
        pool_id: north.id.clone(),
        request_id: "r0".into(),
        ..Default::default()
    };
    console.pools().enable_pool(enable).await.unwrap();
    let disable = proto::DisablePoolRequest {
        pool_id: north.id.clone(),
        request_id: "r0".into(),
        ..Default::default()
    };
    let same_bytes = console.pools().disable_pool(disable).await;
    same_bytes.refused(Code::FailedPrecondition, Reason::RequestIdReused);
    let for_root = Client {
        actor: "root".into(),
        ..console.clone()
    };
    let other_actor = try_create_pool(&for_root, pool("North"), "r1").await;
    other_actor.refused(Code::FailedPrecondition, Reason::RequestIdReused);
    // A refused request leaves its id free: nothing was done under it.
    try_create_pool(&console, pool("North"), "r2")
        .await
        .refused(Code::AlreadyExists, Reason::AlreadyExists);
    try_create_pool(&console, pool("West"), "r2").await.unwrap();
    // The first answer stands, even when what it made is gone.
    crate::build::delete_pool(&console, &north.id).await.unwrap();
    assert_eq!(try_create_pool(&console, pool("North"), "r1").await.unwrap(), north);
    get_pool(&console, &north.id)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn a_request_id_has_a_form() {
    let server = staffed().await;
    let admin = server.admin();
    let long = "r".repeat(129);
    for (id, said) in [
        ("a b", "request_id: must be printable ASCII without blanks"),
        ("z\u{f6}o", "request_id: must be printable ASCII without blanks"),
        (long.as_str(), "request_id: must be at most 128 bytes long"),
    ] {
        assert_eq!(try_create_pool(&admin, pool("North"), id).await.violations(), [said]);
    }
    try_create_pool(&admin, pool("North"), &long[1..]).await.unwrap();
    server.stop().await;
}

/// The same request thirty-two times at once, at two servers where the engine allows it: one effect, one answer.
#[tokio::test]
async fn a_storm_of_duplicates_answers_the_same() {
    let server = staffed().await;
    let replica = server.replica().await;
    let here = server.admin();
    let there = Client {
        channel: replica.channel.clone(),
        ..here.clone()
    };
    let clients: Vec<_> = (0..32).map(|at| if at % 2 == 0 { &here } else { &there }).collect();

    let answers = join_all(
        clients
            .iter()
            .map(|client| try_create_pool(client, pool("North"), "storm")),
    )
    .await;
    let made = answers[0].as_ref().unwrap();
    assert!(
        answers.iter().all(|answer| answer.as_ref().unwrap() == made),
        "{answers:?}"
    );
    assert_eq!(events(&here, "pool", "").await.len(), 1);

    // What changes nothing raises no revision, so only the request row tells the duplicates apart.
    let answers = join_all(clients.iter().map(async |client| {
        let enable = proto::EnablePoolRequest {
            pool_id: made.id.clone(),
            request_id: "storm-2".into(),
            ..Default::default()
        };
        client
            .pools()
            .enable_pool(enable)
            .await
            .map(|answer| answer.into_inner().pool.unwrap())
    }))
    .await;
    assert!(
        answers.iter().all(|answer| answer.as_ref().unwrap() == made),
        "{answers:?}"
    );
    replica.stop().await;
    server.stop().await;
}

/// Changes of one pool at once land one after the other: none is lost.
#[tokio::test]
async fn concurrent_updates_all_land() {
    let server = staffed().await;
    let replica = server.replica().await;
    let here = server.admin();
    let there = Client {
        channel: replica.channel.clone(),
        ..here.clone()
    };
    for round in 0..5 {
        let made = create_pool(&here, pool(&format!("Pool {round}"))).await;
        let change = |pool: Pool| Pool {
            id: made.id.clone(),
            ..pool
        };
        let limited = change(Pool {
            claim_limit: Some(7),
            ..Pool::default()
        });
        let cooled = change(Pool {
            cooldown_days: Some(9),
            ..Pool::default()
        });
        let (a, b) = tokio::join!(
            update_pool(&here, limited, &["claim_limit"]),
            update_pool(&there, cooled, &["cooldown_days"]),
        );
        assert_ne!(a.unwrap().etag, b.unwrap().etag);
        let both = get_pool(&here, &made.id).await.unwrap();
        assert_eq!((both.claim_limit, both.cooldown_days), (Some(7), Some(9)));
    }
    // Many at one server take turns: all of them get theirs, however many there are.
    let made = join_all((0..40).map(|at| {
        let here = &here;
        async move { try_create_pool(here, pool(&format!("One of many {at}")), "").await }
    }))
    .await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    replica.stop().await;
    server.stop().await;
}

/// Of several changes with the etag that all of them read, exactly one wins.
#[tokio::test]
async fn of_concurrent_updates_with_one_etag_one_wins() {
    let server = staffed().await;
    let replica = server.replica().await;
    let here = server.admin();
    let there = Client {
        channel: replica.channel.clone(),
        ..here.clone()
    };
    let made = create_pool(&here, pool("North")).await;
    let updates = (1..=8).map(|limit| {
        let client = if limit % 2 == 0 { &here } else { &there };
        update_pool(
            client,
            Pool {
                claim_limit: Some(limit),
                ..made.clone()
            },
            &["claim_limit"],
        )
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(updates).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    assert_eq!(get_pool(&here, &made.id).await.unwrap(), *won[0].as_ref().unwrap());
    for answer in lost {
        answer.refused(Code::Aborted, Reason::EtagMismatch);
    }
    assert_eq!(events(&here, "pool", &made.id).await.len(), 2);
    replica.stop().await;
    server.stop().await;
}
