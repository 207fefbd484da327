//! The database falls silent under calls that share a unit of work: all of them are told so, and nobody tries it for himself
//! against a database that does not answer.

use super::*;
use crate::{
    harness::{Server, external_server, on_a_server},
    hold::until,
    outcomes::add_ann,
    proxy::{COMMIT, Fault, Proxy, Which},
    races::reason as reason_of,
    rig::serves_in_parallel,
};
use chrono::TimeDelta;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use secrecy::ExposeSecret;
use std::{collections::BTreeSet, time::Duration};
use tidepool::app::ingest::lanes;
use tokio::task::JoinSet;

const CALLS: usize = 16;

/// Somebody else's transaction, past the proxy, that keeps some accounts from being written.
async fn hold(world: &World, ids: &[String]) -> DatabaseConnection {
    let through = world.server.config.database.url.expose_secret();
    let (server, name) = (external_server().unwrap(), through.rsplit('/').next().unwrap());
    let mut options = ConnectOptions::new(format!("{}/{name}", server.trim_end_matches('/')));
    options.max_connections(1);
    let db = Database::connect(options).await.unwrap();
    let ids: Vec<_> = ids.iter().map(|id| format!("x'{}'", id.replace('-', ""))).collect();
    let lock = format!(
        "SELECT version FROM account WHERE tenant = 1 AND id IN ({}) FOR UPDATE",
        ids.join(", ")
    );
    for statement in ["START TRANSACTION", &lock] {
        db.execute_unprepared(statement).await.unwrap();
    }
    db
}

/// Sixteen calls of one unit that ends so; what they are told.
async fn told_of(world: &World, proxy: &Proxy, ids: &[String], name: &str, trap: Which) -> BTreeSet<String> {
    // What happened at the same time as before would change no account, and wait for none.
    world.server.clock.advance(TimeDelta::minutes(1));
    let now = world.server.clock.now();
    let app = &world.server.running.app;
    let (before, within) = (hold(world, &ids[..2]).await, hold(world, &ids[2..]).await);
    let (mut gates, mut calls) = (JoinSet::new(), JoinSet::new());
    let lanes = lanes(world.server.db().slots().max);
    for (at, id) in ids.iter().enumerate().take(lanes) {
        let (source, gate) = (world.source("erp"), follow_up(&format!("gate-{name}-{at}"), id, now));
        gates.spawn(async move { tell(&source, of(vec![gate])).await });
        until(|| app.lanes.running() > at).await;
    }
    for at in 0..CALLS {
        let (source, told) = (
            world.source("erp"),
            follow_up(&format!("group-{name}-{at}"), &ids[2], now),
        );
        let mut request = tonic::Request::new(of(vec![told]));
        // Far more than all attempts take.
        request.set_timeout(Duration::from_secs(30));
        calls.spawn(async move { source.activities().record_activities(request).await });
    }
    until(|| app.lanes.waiting() >= CALLS).await;
    before.execute_unprepared("ROLLBACK").await.unwrap();
    for gate in gates.join_all().await {
        assert_eq!(gate.unwrap(), [RECORDED]);
    }
    // They are at work together by now, and wait for the account.
    proxy.trap_at(trap, Fault::Swallow);
    within.execute_unprepared("ROLLBACK").await.unwrap();
    let told = calls.join_all().await;
    assert!(proxy.sprung());
    proxy.heal();
    for db in [before, within] {
        db.close().await.unwrap();
    }
    told.into_iter().map(|answer| reason_of(&answer.unwrap_err())).collect()
}

/// One unit fails for all of its calls, and what nobody knows is told as that; told again, everything is there once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_is_told_to_all() {
    let test = "a_silent_database_is_told_to_all";
    if !on_a_server(test, "there is no network between server and database") {
        return;
    }
    let proxy = Proxy::start(&external_server().unwrap()).await;
    let through = proxy.clone();
    let server = Server::start_with(|config| {
        config.database.url = through.url(&config.database.url);
        config.database.attempt_timeout_ms = 1000;
        config.database.acquire_timeout_ms = 1000;
    });
    let world = World { server: server.await };
    add_ann(&world.server.admin()).await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 3).await;
    let now = world.server.clock.now();
    // Brings the snapshot up to date.
    let warm = of(vec![follow_up("warm", &ids[0], now)]);
    tell(&world.source("erp"), warm).await.unwrap();
    for (name, trap, expected) in [
        ("write", Which::Containing(b"group-write", 1), "DATABASE_UNAVAILABLE"),
        ("commit", Which::Containing(COMMIT, 1), "OUTCOME_UNKNOWN"),
    ] {
        let told = told_of(&world, &proxy, &ids, name, trap).await;
        assert_eq!(told, BTreeSet::from([expected.to_owned()]), "{name}");
        serves_in_parallel(world.server.db()).await;
        let now = world.server.clock.now();
        for at in 0..CALLS {
            let again = of(vec![follow_up(&format!("group-{name}-{at}"), &ids[2], now)]);
            let came = tell(&world.source("erp"), again).await.unwrap();
            assert!([[RECORDED], [DUPLICATE]].contains(&[came[0].clone()]), "{came:?}");
        }
        let of_group = format!("activity WHERE event_id LIKE 'group-{name}-%'");
        assert_eq!(world.rows(&of_group).await, i64::try_from(CALLS).unwrap());
    }
    world.stop().await;
}
