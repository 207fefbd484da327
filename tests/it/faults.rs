//! The data layer under faults: cancelled work, deadlocks, lost connections, silence. On a MySQL-family server all
//! through the proxy; on SQLite what makes sense without a network.
//!
//! Units of work run here without the shield that every call has, so that they can be dropped in mid-statement: even
//! then nothing that was acknowledged may be lost, and no connection may leak.

use crate::{
    harness::{on_a_server, pool_size},
    rig::{LONG, Rig, add, rests, serves_in_parallel, update},
};
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;
use tidepool::domain::refusal::Reason;
use tokio::{
    sync::Barrier,
    time::{Instant, timeout},
};

/// A begin that is cut off leaves an open transaction on a connection that looks idle; the next write that the server
/// acknowledges on it would vanish.
#[tokio::test]
async fn cancelled_units_swallow_no_later_write() {
    let mut rig = Rig::start(1).await;
    let points = if let Some(proxy) = &rig.proxy {
        proxy.delay(Duration::from_millis(3));
        60
    } else {
        30
    };
    // One connection, so that whoever comes next gets the very one that was left.
    rig.reopen(|options| options.max_connections = 1).await;
    for point in 0..points {
        let cut_off = Duration::from_millis(point) / if rig.proxy.is_some() { 1 } else { 10 };
        // Whether this one is committed is open.
        drop(timeout(cut_off, rig.add(1, LONG)).await);
        if rig.proxy.is_some() {
            // Outside a transaction: each acknowledged statement is committed.
            let unit = rig.db.unit("autocommit", Instant::now() + LONG);
            let reader = unit.reader().await.unwrap();
            add(&reader, 2).await.unwrap();
            drop(reader);
            // Seen by others at once, or it sits in a transaction that somebody left open.
            assert_eq!(
                rig.value(2).await,
                i64::try_from(point).unwrap() + 1,
                "an acknowledged statement was lost"
            );
        }
        drop(timeout(cut_off, rig.add(1, LONG)).await);
        rig.add(3, LONG).await.unwrap();
    }
    let acknowledged = i64::try_from(points).unwrap();
    assert_eq!(rig.value(3).await, acknowledged, "acknowledged units were lost");
    assert!((0..=2 * acknowledged).contains(&rig.value(1).await));
    rig.stop().await;
}

/// A statement that is cut off while it is being prepared leaves answers in the connection that nobody expects.
#[tokio::test]
async fn statements_cut_off_in_mid_prepare_leak_no_connection() {
    let rig = Rig::start(pool_size()).await;
    let step = if let Some(proxy) = &rig.proxy {
        proxy.delay(Duration::from_millis(3));
        Duration::from_millis(1)
    } else {
        Duration::from_micros(50)
    };
    for point in 0..60_u32 {
        let unit = rig.db.unit("cut off", Instant::now() + LONG);
        let work = unit.tx(async |tx| {
            for part in 0..3 {
                // A text that no connection has prepared before.
                let sql =
                    format!("UPDATE probe SET value = value + 1 WHERE id = ? AND {point} >= {part} /* {point} */");
                update(tx, &sql, 1).await?;
            }
            Ok(())
        });
        drop(timeout(step * point, work).await);
    }
    serves_in_parallel(&rig.db).await;
    rests(&rig.db).await;
    rig.add(3, LONG).await.unwrap();
    assert_eq!(rig.value(3).await, 1);
    rig.stop().await;
}

/// A network that swallows packets: units end in time, nothing is half done, and after it heals all connections serve.
#[tokio::test]
async fn silence_ends_units_in_time_and_all_connections_come_back() {
    if !on_a_server(
        "silence_ends_units_in_time_and_all_connections_come_back",
        "there is no network",
    ) {
        return;
    }
    let mut rig = Rig::start(pool_size()).await;
    rig.reopen(|options| {
        options.attempt_timeout = Duration::from_secs(1);
        options.acquire_timeout = Duration::from_secs(1);
    })
    .await;
    let width = rig.db.slots().max;
    let silent = Barrier::new(width as usize);
    let began = Instant::now();
    let units = (0..width).map(|_| {
        let (rig, silent) = (&rig, &silent);
        async move {
            let unit = rig.db.unit("silenced", Instant::now() + Duration::from_millis(1500));
            let done = unit.retry(|| {
                unit.tx(async |tx| {
                    tx.query_one_raw(Statement::from_string(tx.get_database_backend(), "SELECT 1"))
                        .await?;
                    if silent.wait().await.is_leader() {
                        rig.proxy().swallow();
                    }
                    silent.wait().await;
                    add(tx, 1).await
                })
            });
            unit.error(done.await.unwrap_err()).reason()
        }
    });
    for reason in futures::future::join_all(units).await {
        // COMMIT was never sent: the outcome is not unknown.
        assert_eq!(reason, Reason::DatabaseUnavailable);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    rig.proxy().heal();
    serves_in_parallel(&rig.db).await;
    rests(&rig.db).await;
    // What the units had sent reached the server when the network healed, but no COMMIT followed.
    assert_eq!(rig.value(1).await, 0);
    rig.stop().await;
}

/// After a restart of the server, or a fail-over, every pooled connection is dead: the first unit finds out for all.
#[tokio::test]
async fn dead_connections_cost_no_call() {
    if !on_a_server("dead_connections_cost_no_call", "there is no network") {
        return;
    }
    let mut rig = Rig::start(1).await;
    // More than a unit has attempts.
    rig.reopen(|options| options.max_connections = 20).await;
    serves_in_parallel(&rig.db).await;
    rests(&rig.db).await;
    for round in 1..=3 {
        rig.proxy().cut();
        rig.add(1, LONG).await.unwrap();
        assert_eq!(rig.value(1).await, round);
        serves_in_parallel(&rig.db).await;
        rests(&rig.db).await;
    }
    rig.stop().await;
}
