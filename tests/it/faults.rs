//! The data layer under faults: cancelled work, deadlocks, lost connections, silence. On a MySQL-family server all
//! through the proxy; on SQLite what makes sense without a network.
//!
//! Units of work run here without the shield that every call has, so that they can be dropped in mid-statement: even
//! then nothing that was acknowledged may be lost, and no connection may leak.

use crate::{
    harness::{on_a_server, pool_size},
    rig::{LONG, ROWS, Rig, add, rests, serves_in_parallel, update},
};
use sea_orm::{ConnectionTrait, Statement};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tidepool::{
    domain::refusal::Reason,
    store::{Abort, Tx},
};
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

/// Whatever the body makes of an error: nothing goes on after it, nothing is committed.
#[tokio::test]
async fn nothing_goes_on_after_an_error() {
    let rig = Rig::start(2).await;
    let unit = rig.db.unit("swallows", Instant::now() + LONG);
    let swallow = || {
        unit.tx(async |tx| {
            add(tx, 1).await?;
            let taken = tx.execute_unprepared(ROWS).await;
            assert!(taken.is_err());
            assert!(add(tx, 2).await.is_err(), "a statement after an error");
            assert!(
                tx.query_one_raw(Statement::from_string(tx.get_database_backend(), "SELECT 1"))
                    .await
                    .is_err()
            );
            Ok(())
        })
    };
    let done = unit.retry(swallow).await;
    assert!(matches!(done, Err(Abort::Db(_))), "{done:?}");

    // A statement that is not waited for is an error as well.
    let unit = rig.db.unit("abandons", Instant::now() + LONG);
    let done = unit.tx(async |tx| {
        add(tx, 1).await?;
        // SQLite may have answered before anybody could look away.
        while futures::future::poll_immediate(Box::pin(add(tx, 1))).await.is_some() {}
        assert!(add(tx, 2).await.is_err(), "a statement after an abandoned one");
        Ok(())
    });
    let done = done.await;
    assert!(matches!(done, Err(Abort::Db(_))), "{done:?}");
    rests(&rig.db).await;
    assert_eq!((rig.value(1).await, rig.value(2).await), (0, 0));
    rig.add(3, LONG).await.unwrap();
    assert_eq!(rig.value(3).await, 1);
    rig.stop().await;
}

/// The server rolls a deadlock's victim back as a whole: so the whole unit runs again, even if its body looks away.
#[tokio::test]
async fn a_deadlock_is_rolled_back_and_run_again_as_a_whole() {
    if !on_a_server(
        "a_deadlock_is_rolled_back_and_run_again_as_a_whole",
        "SQLite has one writer",
    ) {
        return;
    }
    let rig = Rig::start(2).await;
    let together = Barrier::new(2);
    let runs = AtomicU32::new(0);
    let cross = |first: i64, second: i64| {
        let (rig, together, runs) = (&rig, &together, &runs);
        async move {
            let unit = rig.db.unit("cross", Instant::now() + LONG);
            let mut again = false;
            let meet: &AtomicU32 = runs;
            unit.retry(|| {
                let meets = !std::mem::replace(&mut again, true);
                unit.tx(async move |tx: &Tx| {
                    meet.fetch_add(1, Ordering::SeqCst);
                    add(tx, first).await?;
                    if meets {
                        together.wait().await;
                    }
                    // The victim looks away and goes on.
                    drop(add(tx, second).await);
                    drop(add(tx, 3).await);
                    Ok(())
                })
            })
            .await
        }
    };
    let (one, other) = tokio::join!(cross(1, 2), cross(2, 1));
    one.unwrap();
    other.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one victim, run twice");
    assert_eq!((rig.value(1).await, rig.value(2).await, rig.value(3).await), (2, 2, 2));
    rig.stop().await;
}

/// A lock wait timeout rolls back only the statement: a commit would leave half the work.
#[tokio::test]
async fn a_lock_wait_timeout_leaves_nothing_half_written() {
    if !on_a_server(
        "a_lock_wait_timeout_leaves_nothing_half_written",
        "SQLite has no row locks",
    ) {
        return;
    }
    let rig = Rig::start(2).await;
    let holder = rig.db.unit("holder", Instant::now() + LONG);
    let held = Arc::new(Barrier::new(2));
    let holding = holder.tx(async |tx| {
        add(tx, 2).await?;
        held.wait().await;
        held.wait().await;
        Err::<(), _>(Abort::Busy)
    });
    let runs = AtomicU32::new(0);
    let waiting = async {
        held.wait().await;
        let unit = rig.db.unit("waits", Instant::now() + LONG);
        let body = || {
            unit.tx(async |tx| {
                add(tx, 1).await?;
                if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                    // The body looks away; had it been believed, the first half would be committed now.
                    assert!(add(tx, 2).await.is_err());
                    held.wait().await;
                    return Ok(());
                }
                add(tx, 2).await
            })
        };
        unit.retry(body).await.unwrap();
    };
    let (holding, ()) = tokio::join!(holding, waiting);
    assert!(matches!(holding, Err(Abort::Busy)));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!((rig.value(1).await, rig.value(2).await), (1, 1));
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

/// Two transactions that found the table gone while the server was being looked after do not hide behind each other.
#[tokio::test]
async fn a_final_error_is_not_run_again() {
    let rig = Rig::start(1).await;
    let unit = rig.db.unit("wrong", Instant::now() + LONG);
    let mut runs = 0;
    let done = unit.retry(|| {
        runs += 1;
        unit.tx(async |tx| Ok(tx.execute_unprepared("UPDATE no_such_table SET value = 1").await?))
    });
    let done = done.await.map(|_| ());
    assert_eq!(unit.error(done.unwrap_err()).reason(), Reason::Internal);
    assert_eq!(runs, 1);
    rig.stop().await;
}
