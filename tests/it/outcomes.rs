//! What callers are told when the database, the network or they themselves go away half-way, through the real port.

use crate::{
    harness::{Client, Refused, Server, external_server, on_a_server},
    proxy::{COMMIT, Fault, Proxy},
    rig::serves_in_parallel,
};
use std::{collections::BTreeMap, time::Duration};
use tidepool::{
    config::Config,
    domain::refusal::Reason,
    lifecycle::READINESS,
    rpc::proto::{
        BatchUpsertUsersRequest, CreatePoolRequest, CreatePoolResponse, ListPoolsRequest, Pool, UpdatePoolRequest, User,
    },
};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

/// A server whose database is behind a proxy; `None` on SQLite.
async fn behind_a_proxy(test: &str, change: impl FnOnce(&mut Config)) -> Option<(Server, Proxy)> {
    if !on_a_server(test, "there is no network between server and database") {
        return None;
    }
    let proxy = Proxy::start(&external_server().unwrap()).await;
    let through = proxy.clone();
    let server = Server::start_with(|config| {
        config.database.url = through.url(&config.database.url);
        change(config);
    });
    let server = server.await;
    add_ann(&server.admin()).await;
    Some((server, proxy))
}

/// Pools need an administrator.
pub(crate) async fn add_ann(admin: &Client) {
    let request = BatchUpsertUsersRequest {
        users: vec![User {
            id: "ann".into(),
            display_name: "Ann".into(),
            active: true,
            ..User::default()
        }],
        ..BatchUpsertUsersRequest::default()
    };
    admin.directory().batch_upsert_users(request).await.unwrap();
}

pub(crate) fn pool(name: &str, request_id: &str) -> CreatePoolRequest {
    CreatePoolRequest {
        pool: Some(Pool {
            display_name: name.into(),
            administrators: vec!["ann".into()],
            ..Pool::default()
        }),
        request_id: request_id.into(),
    }
}

async fn create(server: &Server, request: CreatePoolRequest) -> Result<CreatePoolResponse, Status> {
    create_as(&server.admin(), request).await
}

pub(crate) async fn create_as(admin: &Client, request: CreatePoolRequest) -> Result<CreatePoolResponse, Status> {
    Ok(admin.pools().create_pool(request).await?.into_inner())
}

/// How many pools there are of each name.
async fn pools(server: &Server) -> BTreeMap<String, usize> {
    pools_of(&server.admin()).await
}

pub(crate) async fn pools_of(admin: &Client) -> BTreeMap<String, usize> {
    let request = ListPoolsRequest {
        page_size: 500,
        ..ListPoolsRequest::default()
    };
    let listed = admin.pools().list_pools(request).await.unwrap().into_inner();
    let mut names = BTreeMap::new();
    for pool in listed.pools {
        *names.entry(pool.display_name).or_default() += 1;
    }
    names
}

/// With a request id the server finds out what became of the commit, and answers as if nothing had happened.
#[tokio::test]
async fn a_lost_commit_is_found_again_by_its_request_id() {
    let Some((server, proxy)) = behind_a_proxy("a_lost_commit_is_found_again_by_its_request_id", |_| {}).await else {
        return;
    };
    for (name, fault) in [("before", Fault::CutRequest), ("after", Fault::CutAnswer)] {
        proxy.trap(COMMIT, fault);
        let made = create(&server, pool(name, name)).await.unwrap();
        assert!(proxy.sprung());
        assert_eq!(pools(&server).await[name], 1);
        assert_eq!(
            create(&server, pool(name, name)).await.unwrap(),
            made,
            "the same answer for the same request"
        );
        assert_eq!(pools(&server).await[name], 1);
    }
    server.stop().await;
}

/// Without one the caller is told that nobody knows.
#[tokio::test]
async fn a_lost_commit_without_a_request_id_is_an_unknown_outcome() {
    let test = "a_lost_commit_without_a_request_id_is_an_unknown_outcome";
    let Some((server, proxy)) = behind_a_proxy(test, |_| {}).await else {
        return;
    };
    for (name, fault) in [("before", Fault::CutRequest), ("after", Fault::CutAnswer)] {
        proxy.trap(COMMIT, fault);
        create(&server, pool(name, ""))
            .await
            .refused(Code::Unavailable, Reason::OutcomeUnknown);
    }
    let names = pools(&server).await;
    assert_eq!((names.get("before"), names.get("after")), (None, Some(&1)));
    server.stop().await;
}

/// What was unknown stays unknown when the attempts to find out fail: nobody says "nothing was changed".
#[tokio::test]
async fn an_unknown_outcome_is_not_forgotten() {
    let test = "an_unknown_outcome_is_not_forgotten";
    let quick = |config: &mut Config| {
        config.database.attempt_timeout_ms = 500;
        config.database.acquire_timeout_ms = 500;
    };
    let Some((server, proxy)) = behind_a_proxy(test, quick).await else {
        return;
    };
    proxy.trap(COMMIT, Fault::Swallow);
    let mut request = Request::new(pool("silent", "once"));
    // Far more than an attempt takes.
    request.set_timeout(Duration::from_secs(6));
    let said = server.admin().pools().create_pool(request).await;
    said.refused(Code::Unavailable, Reason::OutcomeUnknown);
    proxy.heal();
    let made = create(&server, pool("silent", "once")).await.unwrap();
    assert_eq!(create(&server, pool("silent", "once")).await.unwrap(), made);
    assert_eq!(pools(&server).await["silent"], 1);
    server.stop().await;
}

/// The same request many times at once, one that changes nothing included: one answer.
#[tokio::test]
async fn a_storm_of_one_request_gets_one_answer() {
    let server = Server::start().await;
    add_ann(&server.admin()).await;
    let storm = |request: CreatePoolRequest| {
        let calls = (0..16).map(|_| create(&server, request.clone())).collect::<Vec<_>>();
        futures::future::join_all(calls)
    };
    let answers: Vec<_> = storm(pool("north", "storm"))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(pools(&server).await["north"], 1);

    for round in 0..5 {
        let unchanged = UpdatePoolRequest {
            pool: answers[0].pool.clone(),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["display_name".into()],
            }),
            request_id: format!("unchanged-{round}"),
        };
        let calls = (0..16).map(|_| {
            let (mut pools, request) = (server.admin().pools(), unchanged.clone());
            async move { pools.update_pool(request).await.unwrap().into_inner() }
        });
        for answer in futures::future::join_all(calls).await {
            assert_eq!(answer.pool, answers[0].pool);
        }
    }
    server.stop().await;
}

/// While the database is silent the server says that it is not ready, alive all the while, and that it is again.
#[tokio::test]
async fn readiness_follows_the_database() {
    let quick = |config: &mut Config| {
        config.database.attempt_timeout_ms = 1000;
        config.database.acquire_timeout_ms = 1000;
    };
    let Some((server, proxy)) = behind_a_proxy("readiness_follows_the_database", quick).await else {
        return;
    };
    let status = async |service: &str| {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        HealthClient::new(server.channel())
            .check(request)
            .await
            .unwrap()
            .into_inner()
            .status()
    };
    let becomes = async |wanted: ServingStatus| {
        let began = Instant::now();
        while status(READINESS).await != wanted {
            assert!(began.elapsed() < Duration::from_secs(40), "never {wanted:?}");
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(status("").await, wanted);
        assert_eq!(status("liveness").await, ServingStatus::Serving);
    };
    becomes(ServingStatus::Serving).await;
    proxy.swallow();
    // With calls that keep every connection busy waiting, as in life.
    let clients: Vec<_> = (0..32)
        .map(|number| {
            let mut pools = server.admin().pools();
            tokio::spawn(async move { while pools.create_pool(pool(&format!("busy-{number}"), "")).await.is_err() {} })
        })
        .collect();
    becomes(ServingStatus::NotServing).await;
    proxy.heal();
    becomes(ServingStatus::Serving).await;
    for client in clients {
        drop(timeout(Duration::from_secs(30), client).await.unwrap());
    }
    serves_in_parallel(server.db()).await;
    server.stop().await;
}
