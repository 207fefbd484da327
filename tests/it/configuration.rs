//! Pools: created, read, changed, taken out of use, deleted.

use crate::harness::{Refused, Server};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Pool, PoolMembers, PoolState, User},
};
use tonic::Code;

fn user(id: &str) -> User {
    User {
        id: id.into(),
        display_name: id.to_uppercase(),
        active: true,
        ..User::default()
    }
}

async fn push(server: &Server, users: Vec<User>) {
    let request = proto::BatchUpsertUsersRequest {
        users,
        ..Default::default()
    };
    server.admin().directory().batch_upsert_users(request).await.unwrap();
}

fn north() -> Pool {
    Pool {
        display_name: "North".into(),
        administrators: vec!["ann".into()],
        members: Some(PoolMembers {
            users: vec!["bob".into()],
            ..PoolMembers::default()
        }),
        claim_limit: Some(5),
        ..Pool::default()
    }
}

async fn create(server: &Server, pool: Pool) -> Pool {
    let request = proto::CreatePoolRequest {
        pool: Some(pool),
        ..Default::default()
    };
    server
        .admin()
        .pools()
        .create_pool(request)
        .await
        .unwrap()
        .into_inner()
        .pool
        .unwrap()
}

/// R081, R083, R092, R099: a pool with a name, admins and a claim limit is created, read, changed.
#[tokio::test]
async fn a_pool_is_created_read_and_changed() {
    let server = Server::start().await;
    push(&server, vec![user("ann"), user("bob"), user("cid")]).await;
    let made = create(&server, north()).await;
    assert_eq!(
        (made.display_name.as_str(), made.state(), made.claim_limit),
        ("North", PoolState::Active, Some(5))
    );

    let get = || proto::GetPoolRequest {
        pool_id: made.id.clone(),
    };
    let read = server
        .user("bob")
        .pools()
        .get_pool(get())
        .await
        .unwrap()
        .into_inner()
        .pool
        .unwrap();
    assert_eq!(read, made);
    // Who is neither member nor admin does not learn that it exists.
    server
        .user("cid")
        .pools()
        .get_pool(get())
        .await
        .refused(Code::NotFound, Reason::NotFound);

    let update = |mask: &str, etag: &str| proto::UpdatePoolRequest {
        pool: Some(Pool {
            id: made.id.clone(),
            etag: etag.into(),
            claim_limit: None,
            ..Pool::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![mask.into()],
        }),
        request_id: String::new(),
    };
    let changed = server
        .admin()
        .pools()
        .update_pool(update("claim_limit", &made.etag))
        .await
        .unwrap()
        .into_inner();
    let changed = changed.pool.unwrap();
    assert_eq!((changed.claim_limit, changed.display_name.as_str()), (None, "North"));
    assert_ne!(changed.etag, made.etag);
    let stale = server
        .admin()
        .pools()
        .update_pool(update("claim_limit", &made.etag))
        .await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    let by_member = server.user("bob").pools().update_pool(update("claim_limit", "")).await;
    by_member.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let unknown = server.admin().pools().update_pool(update("colour", "")).await;
    unknown.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_pool_is_refused_with_everything_that_is_wrong() {
    let server = Server::start().await;
    let pool = Pool {
        administrators: vec!["nobody".into()],
        hidden_fields: vec!["name".into()],
        claim_limit: Some(10_000),
        return_reasons: vec!["lost".into()],
        ..Pool::default()
    };
    let request = proto::CreatePoolRequest {
        pool: Some(pool),
        ..Default::default()
    };
    let said = server.admin().pools().create_pool(request).await.violations();
    for field in [
        "display_name",
        "administrators[0]",
        "hidden_fields[0]",
        "claim_limit",
        "return_reasons[0]",
    ] {
        assert!(
            said.iter().any(|line| line.starts_with(&format!("{field}: "))),
            "{field}: {said:?}"
        );
    }
    server.stop().await;
}
