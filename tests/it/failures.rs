//! The unit of work when the server fails a statement: what is rolled back, what is run again, and where. Some errors are
//! made by the real thing, the others are told to the server by number.

use crate::{
    harness::on_a_server,
    rig::{LONG, ROWS, Rig, add, rests},
};
use sea_orm::{ConnectionTrait, Statement};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tidepool::{
    domain::refusal::Reason,
    store::{Abort, Tx, dialect::Engine},
};
use tokio::{sync::Barrier, time::Instant};

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

/// What would fail in the same way again is not tried again.
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

/// Fails with this error of the server.
async fn fail(tx: &Tx, number: u16) -> Result<(), Abort> {
    let signal = format!("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'as told'");
    tx.execute_unprepared(&signal).await?;
    Ok(())
}

/// A replica that was the primary before a fail-over says so; nobody goes on talking to it.
#[tokio::test]
async fn a_server_that_became_read_only_is_left() {
    if !on_a_server("a_server_that_became_read_only_is_left", "there is no other server") {
        return;
    }
    for number in [1290, 1836, 1047] {
        let rig = Rig::start(1).await;
        let unit = rig.db.unit("moves", Instant::now() + LONG);
        let mut runs = 0;
        let connections = std::sync::Mutex::new(Vec::new());
        let body = || {
            runs += 1;
            let fails = runs == 1;
            let connections = &connections;
            unit.tx(async move |tx: &Tx| {
                let select = "SELECT CAST(CONNECTION_ID() AS SIGNED)";
                let row = tx
                    .query_one_raw(Statement::from_string(tx.get_database_backend(), select))
                    .await?;
                let connection: i64 = row.unwrap().try_get_by_index(0)?;
                connections.lock().unwrap().push(connection);
                if fails {
                    fail(tx, number).await?;
                }
                add(tx, 1).await
            })
        };
        unit.retry(body).await.unwrap();
        let connections = connections.into_inner().unwrap();
        assert!(
            connections.len() == 2 && connections[0] != connections[1],
            "{number}: {connections:?}"
        );
        assert_eq!(rig.value(1).await, 1);
        rig.stop().await;
    }
}

/// What the real server's errors lead to, by number.
#[tokio::test]
async fn errors_of_the_server_are_told_apart_by_number() {
    if !on_a_server(
        "errors_of_the_server_are_told_apart_by_number",
        "the numbers are MySQL's",
    ) {
        return;
    }
    let rig = Rig::start(1).await;
    let runs = async |number: u16| {
        let unit = rig.db.unit("fails", Instant::now() + LONG);
        let mut runs = 0;
        let body = || {
            runs += 1;
            let fails = runs == 1;
            unit.tx(async move |tx: &Tx| if fails { fail(tx, number).await } else { Ok(()) })
        };
        let done = unit.retry(body).await;
        (runs, done.map_err(|abort| unit.error(abort).reason()))
    };
    for number in [1213, 1205, 1020, 3572, 3101, 9007, 1047, 1290, 1836, 1053, 1040, 1461] {
        assert_eq!(runs(number).await, (2, Ok(())), "{number}");
    }
    for number in [1062, 1064, 1146, 1406, 3819] {
        assert_eq!(runs(number).await, (1, Err(Reason::Internal)), "{number}");
    }
    rig.stop().await;
}

/// A database may end a transaction by itself, as SQLite does when the disk is full. What is acknowledged afterwards is
/// committed all the same, and what is not is not.
#[tokio::test]
async fn transactions_that_end_by_themselves_take_no_other_with_them() {
    let rig = Rig::start(1).await;
    let unit = rig.db.unit("ends by itself", Instant::now() + LONG);
    let end = match rig.db.engine() {
        Engine::Sqlite => "INSERT OR ROLLBACK INTO probe (id, value) VALUES (1, 0)",
        Engine::MySql => "INSERT INTO probe (id, value) VALUES (1, 0)",
    };
    for round in 1..=3 {
        let ended = unit.tx(async |tx| {
            add(tx, 1).await?;
            Ok(tx.execute_unprepared(end).await.map(drop)?)
        });
        assert!(matches!(ended.await, Err(Abort::Db(_))), "{round}");
        let refused = unit.tx(async |tx| {
            add(tx, 2).await?;
            Err::<(), _>(Abort::Busy)
        });
        assert!(matches!(refused.await, Err(Abort::Busy)), "{round}");
        rig.add(3, LONG).await.unwrap();
        let values = (rig.value(1).await, rig.value(2).await, rig.value(3).await);
        assert_eq!(values, (0, 0, round));
    }
    rests(&rig.db).await;
    rig.stop().await;
}
