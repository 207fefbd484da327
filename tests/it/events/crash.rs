//! The relay dies: before each of its statements, before and after COMMIT, or at any moment. The next one goes on; no
//! position is missing, none is given twice.

use super::{SOON, assert_whole};
use crate::{
    harness::{external_server, on_a_server, run_sql, say},
    process::{Process, run},
    proxy::{COMMIT, Fault, Proxy, Which},
    world::{World, open_pool},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::ExposeSecret;
use std::time::Duration;
use tidepool::worker;
use tokio::time::{sleep, timeout};

/// More points than a round has.
const POINTS: usize = 40;

/// Changes something, and lets a relay die at this point of placing it; says whether it came to that.
async fn dies_at(world: &World, id: &str, which: Which, fault: Fault) -> bool {
    let site = world.site();
    site.claim(0, "bob", id).await.unwrap();
    site.give_back("bob", id).await;
    let proxy = Proxy::start(&external_server().unwrap()).await;
    let app = world.other_app(Some(&proxy)).await;
    proxy.trap_at(which, fault);
    let mut relay = tokio::spawn(async move { worker::relay::once(&app).await });
    let died = tokio::select! {
        biased;
        () = proxy.silent() => true,
        relayed = &mut relay => {
            assert_eq!(relayed.unwrap().unwrap(), 2);
            false
        }
    };
    relay.abort();
    proxy.cut();
    // Its time is over.
    let url = world.server.config.database.url.expose_secret();
    run_sql(url, "UPDATE lease SET expire_time = 0".to_owned()).await;
    world.relay().await;
    let stream = world.stream().await;
    assert_whole(&stream, 1);
    assert_eq!(
        stream
            .last()
            .unwrap()
            .account_event
            .as_ref()
            .unwrap()
            .version
            .to_string(),
        world.ownership(id).await.etag
    );
    died
}

/// P11: the relay dies at every point there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_dies_between_statements_leaves_no_hole() {
    let why = "its statements pass no proxy; see a_killed_process_leaves_no_hole";
    if !on_a_server("a relay that dies between statements", why) {
        return;
    }
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.relay().await;
    for point in 1.. {
        assert!(point < POINTS, "a round without an end");
        if !dies_at(&world, &id, Which::Statement(point), Fault::EndBefore).await {
            // Lease, look, batch, release.
            assert!(point > 10, "a round has {point} statements");
            say(&format!("the relay died at {} points", point - 1));
            break;
        }
    }
    for commit in 1..=2 {
        let which = Which::Containing(COMMIT, commit);
        assert!(dies_at(&world, &id, which, Fault::EndAfter).await, "commit {commit}");
    }
    world.stop().await;
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    row.await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// P11: processes that relay are killed at any moment; the last one finishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_no_hole() {
    const EVENTS: i64 = 6000;
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, usize::try_from(EVENTS).unwrap()).await;
    let url = world.server.config.database.url.clone();
    let storage = world.server.stop_serving().await;
    let settings = [
        ("TIDEPOOL__DATABASE__URL", url.expose_secret()),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__SWEEP__ENABLED", "false"),
        ("TIDEPOOL__JOBS__ENABLED", "false"),
        ("TIDEPOOL__EVENTS__RELAY_INTERVAL_MS", "10"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
    ];
    let db = Database::connect(url.expose_secret()).await.unwrap();
    let last = "SELECT COALESCE(MAX(last_position), 0) FROM event_stream";
    let mut killed = 0;
    loop {
        let before = number(&db, last).await;
        let mut process = Process::serve(&settings).await;
        let goes_on = async {
            while number(&db, last).await == before && before < EVENTS {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(SOON, goes_on).await.expect("no progress");
        if number(&db, last).await == EVENTS {
            let (status, said) = process.stop().await;
            assert!(status.success(), "{said}");
            break;
        }
        process.kill();
        killed += 1;
        db.execute_unprepared("UPDATE lease SET expire_time = 0").await.unwrap();
    }
    say(&format!("{killed} processes were killed while they relayed"));
    let held = "SELECT COUNT(DISTINCT position) FROM account_event WHERE position BETWEEN 1 AND 6000";
    assert_eq!(number(&db, held).await, EVENTS);
    // It let go of its lease, and verify finds nothing.
    assert_eq!(number(&db, "SELECT COUNT(*) FROM lease WHERE expire_time > 0").await, 0);
    db.close().await.unwrap();
    let verified = run(&settings, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
    storage.remove().await;
}
