//! Whoever sends dies, is overtaken, or is one of several: nothing is lost, and in the good case nothing is sent twice.

use super::*;
use crate::{
    harness::{run_sql, say},
    process::{Process, run},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tidepool::{
    app::{App, sweep::Stopped},
    lifecycle,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

impl World {
    /// The flows of another server on the same database.
    async fn other_sender(&self) -> Arc<App> {
        let clock = self.server.clock.clone();
        let db = lifecycle::open(&self.server.config, &clock).await.unwrap();
        let mut app = App::start(db, clock).await.unwrap();
        app.webhooks.configure(&self.server.config.webhooks).unwrap();
        Arc::new(app)
    }
}

/// All that happened, each account's in order but for what came again.
fn assert_whole(came: &[Received], events: usize) {
    let all: BTreeSet<_> = came.iter().map(Received::id).collect();
    assert_eq!(all.len(), events);
    let mut reached: HashMap<String, i64> = HashMap::new();
    for (account, version) in came.iter().map(Received::of) {
        let last = reached.entry(account).or_default();
        assert!(version <= *last + 1, "{version} after {last}");
        *last = version.max(*last);
    }
}

/// Two servers, each of which would: every event comes once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_send_everything_once() {
    let world = world().await;
    let ids = world.accounts(40).await;
    let receiver = Receiver::start().await;
    let hook = world.hook(&receiver).await;
    let stop = CancellationToken::new();
    let apps = [world.server.running.app.clone(), world.other_sender().await];
    let sending = apps.map(|app| tokio::spawn(worker::webhook::run(app, SENDS, stop.clone())));
    world.relay().await;
    for id in &ids[..20] {
        world.to_and_fro(id, 1).await;
        world.relay().await;
    }
    let all = async {
        while world.progress(&hook).await.1.position < 80 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, all).await.expect("not everything is sent");
    stop.cancel();
    for sent in sending {
        sent.await.unwrap();
    }
    let came = receiver.came();
    assert_eq!(came.len(), 80);
    assert_whole(&came, 80);
    world.stop().await;
}

/// While a turn is under way its webhook is told to begin again: what the turn did is not written, and all comes again.
#[tokio::test]
async fn a_turn_that_was_overtaken_writes_nothing() {
    let world = world().await;
    world.accounts(3).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| receiver::Answer::Nothing);
    let hook = world.hook(&receiver).await;
    world.relay().await;
    let app = world.server.running.app.clone();
    let posting = tokio::spawn(async move { worker::webhook::once(&app, SENDS).await.unwrap() });
    receiver.wait_for(1).await;
    receiver.answer(|_| receiver::OK);
    let request = proto::ReplayEventsRequest {
        webhook_id: hook.clone(),
        ..Default::default()
    };
    world.server.admin().webhooks().replay_events(request).await.unwrap();
    receiver.go_on();
    assert_eq!(posting.await.unwrap(), delivered(6));
    assert_whole(&receiver.came(), 3);
    assert_eq!(world.progress(&hook).await.1.position, 3);
    world.stop().await;
}

/// P10: a sender that was paused until another one took over writes nothing more.
#[tokio::test]
async fn a_paused_sender_writes_nothing() {
    let world = world().await;
    world.accounts(3).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| receiver::Answer::Nothing);
    let hook = world.hook(&receiver).await;
    world.relay().await;
    let app = world.server.running.app.clone();
    let paused = tokio::spawn(async move { worker::webhook::once(&app, SENDS).await });
    receiver.wait_for(1).await;
    // What it would be told when it goes on is that this is no event for it.
    receiver.answer(|_| receiver::OK);
    let url = world.server.config.database.url.expose_secret();
    run_sql(url, "UPDATE lease SET expire_time = 0".to_owned()).await;
    let other = world.other_sender().await;
    assert_eq!(worker::webhook::once(&other, SENDS).await.unwrap(), delivered(3));
    receiver.answer(|_| receiver::status(500));
    receiver.go_on();
    let stopped = paused.await.unwrap();
    assert!(matches!(stopped, Err(Stopped::LeaseLost)), "{stopped:?}");
    let (_, progress) = world.progress(&hook).await;
    assert_eq!((progress.position, progress.waiting, progress.failures), (3, 0, 0));
    world.stop().await;
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    row.await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// P11: processes that send are killed in the middle of it, again and again; the next one goes on, and the last one
/// finishes. Nothing of a secret is in what they say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing() {
    const ACCOUNTS: usize = 50;
    const EVENTS: usize = 5 * ACCOUNTS;
    let world = world().await;
    for id in world.accounts(ACCOUNTS).await {
        world.to_and_fro(&id, 2).await;
    }
    world.relay().await;
    let receiver = Receiver::start().await;
    let (_, secret) = world.hook_with(&receiver, EventFilter::default()).await;
    let url = world.server.config.database.url.clone();
    let storage = world.server.stop_serving().await;
    let settings = [
        ("TIDEPOOL__DATABASE__URL", url.expose_secret()),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__SWEEP__ENABLED", "false"),
        ("TIDEPOOL__JOBS__ENABLED", "false"),
        ("TIDEPOOL__EVENTS__ENABLED", "false"),
        ("TIDEPOOL__WEBHOOKS__ALLOWED_HOSTS", "[\"127.0.0.1:*\"]"),
        ("TIDEPOOL__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("TIDEPOOL__WEBHOOKS__INTERVAL_MS", "10"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
        ("TIDEPOOL__LOG__FILTER", "debug"),
    ];
    let db = Database::connect(url.expose_secret()).await.unwrap();
    let position = "SELECT position FROM webhook_progress";
    let (mut killed, mut said) = (0, String::new());
    loop {
        let left = EVENTS - usize::try_from(number(&db, position).await).unwrap();
        let before = receiver.came().len();
        let mut process = Process::serve(&settings).await;
        // A turn and a half, so that each process leaves something done and something half done.
        let enough = left.min(75);
        timeout(SOON, receiver.wait_for(before + enough))
            .await
            .expect("no progress");
        if left > 75 {
            process.kill();
            killed += 1;
            db.execute_unprepared("UPDATE lease SET expire_time = 0").await.unwrap();
            continue;
        }
        let done = async {
            while number(&db, position).await < i64::try_from(EVENTS).unwrap() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, done).await.expect("it does not finish");
        let (status, told) = process.stop().await;
        assert!(status.success(), "{told}");
        said.push_str(&told);
        break;
    }
    assert!(killed >= 2, "{killed}");
    let came = receiver.came();
    say(&format!(
        "{killed} processes were killed while they sent {} of {EVENTS}",
        came.len()
    ));
    assert_whole(&came, EVENTS);
    assert!(came.iter().all(|it| it.signed_by(&secret) == [true]));
    let key = secret.strip_prefix("whsec_").unwrap();
    assert!(!said.contains(key) && !said.contains("account.claimed"), "{said}");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM lease WHERE expire_time > 0").await, 0);
    db.close().await.unwrap();
    let verified = run(&settings, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
    storage.remove().await;
}
