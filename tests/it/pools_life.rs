//! What happens to a pool in its life, and who may do it: guarded by etags, disabled, enabled, counted, deleted.

use crate::{
    build::{create_pool, delete_pool, events, get_pool, pool, staffed, try_create_pool, update_pool},
    harness::{ACME, Refused},
};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, Pool, PoolState},
};
use tonic::Code;

#[tokio::test]
async fn an_etag_guards_what_was_read() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    let (id, etag) = (made.id.clone(), made.etag.clone());
    update_pool(
        &admin,
        Pool {
            claim_limit: Some(1),
            ..made.clone()
        },
        &["claim_limit"],
    )
    .await
    .unwrap();

    let update = update_pool(
        &admin,
        Pool {
            claim_limit: Some(2),
            ..made.clone()
        },
        &["claim_limit"],
    )
    .await;
    update.refused(Code::Aborted, Reason::EtagMismatch);
    let (pool_id, etag) = (|| id.clone(), || etag.clone());
    let request_id = String::new;
    let enable = proto::EnablePoolRequest {
        pool_id: pool_id(),
        etag: etag(),
        request_id: request_id(),
    };
    admin
        .pools()
        .enable_pool(enable)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    let disable = proto::DisablePoolRequest {
        pool_id: pool_id(),
        etag: etag(),
        request_id: request_id(),
    };
    admin
        .pools()
        .disable_pool(disable)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    let delete = proto::DeletePoolRequest {
        pool_id: pool_id(),
        etag: etag(),
        request_id: request_id(),
    };
    admin
        .pools()
        .delete_pool(delete)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    // Without an etag the caller says that he does not mind.
    let last = update_pool(
        &admin,
        Pool {
            etag: String::new(),
            claim_limit: Some(3),
            ..made
        },
        &["claim_limit"],
    )
    .await;
    let last = last.unwrap();
    // A change that changes nothing leaves the etag and writes no event.
    assert_eq!(update_pool(&admin, last.clone(), &["*"]).await.unwrap(), last);
    assert_eq!(events(&admin, "pool", &id).await.len(), 3);
    server.stop().await;
}

/// A pool is taken out of use and into use again, as often as one likes; only what changes is written.
#[tokio::test]
async fn a_pool_is_disabled_and_enabled() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    let disable = || proto::DisablePoolRequest {
        pool_id: made.id.clone(),
        ..Default::default()
    };
    let enable = || proto::EnablePoolRequest {
        pool_id: made.id.clone(),
        ..Default::default()
    };
    let same = admin
        .pools()
        .enable_pool(enable())
        .await
        .unwrap()
        .into_inner()
        .pool
        .unwrap();
    assert_eq!(same, made);
    let off = admin
        .pools()
        .disable_pool(disable())
        .await
        .unwrap()
        .into_inner()
        .pool
        .unwrap();
    assert_eq!(off.state(), PoolState::Disabled);
    assert_ne!(off.etag, made.etag);
    let again = admin
        .pools()
        .disable_pool(disable())
        .await
        .unwrap()
        .into_inner()
        .pool
        .unwrap();
    assert_eq!((&again, &get_pool(&admin, &made.id).await.unwrap()), (&off, &off));
    // A disabled pool can be configured, and is still seen.
    update_pool(
        &admin,
        Pool {
            claim_limit: Some(1),
            ..off
        },
        &["claim_limit"],
    )
    .await
    .unwrap();
    assert_eq!(
        get_pool(&server.user("bob"), &made.id).await.unwrap().state(),
        PoolState::Disabled
    );
    let on = admin
        .pools()
        .enable_pool(enable())
        .await
        .unwrap()
        .into_inner()
        .pool
        .unwrap();
    assert_eq!((on.state(), on.claim_limit), (PoolState::Active, Some(1)));
    let actions: Vec<_> = events(&admin, "pool", &made.id)
        .await
        .into_iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(actions, ["enabled", "updated", "disabled", "created"]);
    server.stop().await;
}

/// R100 as far as an empty pool goes: it is deleted for good, and then there is none.
#[tokio::test]
async fn an_empty_pool_is_deleted() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    delete_pool(&admin, &made.id).await.unwrap();
    get_pool(&admin, &made.id)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    delete_pool(&admin, &made.id)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let update = update_pool(
        &admin,
        Pool {
            claim_limit: Some(1),
            ..made.clone()
        },
        &["claim_limit"],
    )
    .await;
    update.refused(Code::NotFound, Reason::NotFound);
    let enable = proto::EnablePoolRequest {
        pool_id: made.id.clone(),
        ..Default::default()
    };
    admin
        .pools()
        .enable_pool(enable)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let disable = proto::DisablePoolRequest {
        pool_id: made.id.clone(),
        ..Default::default()
    };
    admin
        .pools()
        .disable_pool(disable)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let count = proto::GetPoolCountersRequest { pool_id: made.id };
    admin
        .pools()
        .get_pool_counters(count)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    server.stop().await;
}

/// Pool config and deletion are for CRM admins; a pool's admin reads and counts, its member reads, others see nothing.
#[tokio::test]
async fn only_crm_admins_configure_pools() {
    let server = staffed().await;
    let made = create_pool(&server.caller(ACME, "setup", &[Scope::Config]), pool("North")).await;
    let changed = || Pool {
        claim_limit: Some(1),
        etag: String::new(),
        ..made.clone()
    };
    let pool_id = || made.id.clone();
    let count = || proto::GetPoolCountersRequest { pool_id: pool_id() };
    for (name, code, reason) in [
        ("ann", Code::PermissionDenied, Reason::NotAuthorized),
        ("bob", Code::PermissionDenied, Reason::NotAuthorized),
        // To him there is no such pool.
        ("cid", Code::NotFound, Reason::NotFound),
    ] {
        let client = server.user(name);
        try_create_pool(&client, pool("Mine"), "")
            .await
            .refused(Code::PermissionDenied, Reason::NotAuthorized);
        update_pool(&client, changed(), &["claim_limit"])
            .await
            .refused(code, reason);
        let enable = proto::EnablePoolRequest {
            pool_id: pool_id(),
            ..Default::default()
        };
        client.pools().enable_pool(enable).await.refused(code, reason);
        let disable = proto::DisablePoolRequest {
            pool_id: pool_id(),
            ..Default::default()
        };
        client.pools().disable_pool(disable).await.refused(code, reason);
        delete_pool(&client, &made.id).await.refused(code, reason);
        match name {
            "ann" => drop(client.pools().get_pool_counters(count()).await.unwrap()),
            _ => drop(client.pools().get_pool_counters(count()).await.refused(code, reason)),
        }
    }
    let root = server.user("root");
    update_pool(&root, changed(), &["claim_limit"]).await.unwrap();
    let counters = root
        .pools()
        .get_pool_counters(count())
        .await
        .unwrap()
        .into_inner()
        .counters
        .unwrap();
    assert_eq!((counters.unclaimed, counters.owned, counters.due_soon), (0, 0, 0));
    delete_pool(&root, &made.id).await.unwrap();
    server.stop().await;
}
