//! The relay: positions without holes, in the order of versions, whoever writes and however many relay.

use super::{assert_whole, kind};
use crate::{
    build::push_users,
    explain::explain,
    harness::external_server,
    races::{overdue, reason},
    site::Site,
    storm::seed,
    world::{World, give_back, open_pool, user},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{ConnectionTrait, Database, Statement};
use secrecy::ExposeSecret;
use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tidepool::{
    app::{App, events::Turns, sweep::Stopped},
    domain::refusal::Reason,
    store::lease::{self, Lease},
    worker,
};
use tokio::{
    task::{JoinSet, yield_now},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// A batch of the relay.
const BATCH: usize = 512;

/// The relay's lease.
pub(super) async fn lease(app: &App) -> Lease {
    let unit = app.db.unit("lease", Instant::now() + Duration::from_secs(10));
    let engine = app.db.engine();
    let taken =
        unit.retry(|| unit.tx(async |tx| Ok(lease::take(tx, engine, "relay", "test", Duration::from_mins(1)).await?)));
    taken.await.unwrap().expect("somebody has it")
}

/// X11: every change is there once, with whose the account is afterwards, and nothing is given a place twice.
#[tokio::test]
async fn every_change_gets_one_place() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let site = world.site();
    let ids = world.many_lying("Acme", &pool, 5).await;
    for id in &ids[..3] {
        site.claim(0, "bob", id).await.unwrap();
    }
    site.give_back("bob", &ids[0]).await;
    assert!(world.stream().await.is_empty());
    assert_eq!(world.relay().await, 9);
    assert_eq!(world.relay().await, 0);
    let stream = world.stream().await;
    assert_eq!(stream.len(), 9);
    assert_whole(&stream, 1);
    for id in &ids {
        let ownership = world.ownership(id).await;
        let last = stream.iter().rfind(|event| event.account_id == *id).unwrap();
        assert_eq!(
            (
                &last.owner,
                &last.pool_id,
                &last.account_event.as_ref().unwrap().version.to_string()
            ),
            (&ownership.owner, &ownership.pool_id, &ownership.etag)
        );
    }
    let told: Vec<_> = stream
        .iter()
        .filter(|event| event.account_id == ids[0])
        .map(kind)
        .collect();
    assert_eq!(told, ["account.created", "account.claimed", "account.returned"]);
    // A later change comes later.
    site.claim(0, "cid", &ids[0]).await.unwrap();
    assert_eq!(world.relay().await, 1);
    let stream = world.stream().await;
    assert_eq!(
        (stream[9].account_id.as_str(), stream[9].owner.as_str()),
        (ids[0].as_str(), "cid")
    );
    world.stop().await;
}

/// What is asked of a server, again for as long as it has too much to do.
async fn patiently<T, F: Future<Output = Result<T, Status>>>(ask: impl Fn() -> F) -> T {
    loop {
        match ask().await {
            Err(status) if reason(&status) == Reason::ServerBusy.as_str() => yield_now().await,
            answer => return answer.unwrap(),
        }
    }
}

/// P11: two servers write, both relay, one after the other holds the lease: one sequence without holes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_two_servers_make_one_sequence() {
    const ACCOUNTS: usize = 24;
    const MOVES: usize = 12;
    let world = World::start().await;
    let replica = world.server.replica().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, ACCOUNTS).await;
    // Each for himself: what one user gains is decided after each other.
    let users = (0..ACCOUNTS).map(|at| user(&format!("user-{at}")));
    push_users(&world.server.admin(), users.collect()).await;
    let site = Site::new(vec![world.server.channel(), replica.channel.clone()]);
    let stop = CancellationToken::new();
    let mut relays = JoinSet::new();
    for app in [world.server.running.app.clone(), world.other_app(None).await] {
        relays.spawn(worker::relay::run(app, Duration::from_millis(10), stop.clone()));
    }
    let seed = seed();
    let mut writers = JoinSet::new();
    for (at, id) in ids.iter().cloned().enumerate() {
        let (site, who) = (site.clone(), format!("user-{at}"));
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(at as u64));
        writers.spawn(async move {
            for _ in 0..MOVES {
                let server = random.random_range(0..2);
                patiently(|| site.claim(server, &who, &id)).await;
                let other = site.user_at(1 - server, &who);
                patiently(|| {
                    let (mut circulation, back) = (other.circulation(), give_back(&id));
                    async move { circulation.return_account(back).await }
                })
                .await;
            }
        });
    }
    writers.join_all().await;
    stop.cancel();
    relays.join_all().await;
    // What the last round has not seen.
    world.relay().await;
    let stream = world.stream().await;
    assert_eq!(stream.len(), ACCOUNTS * (1 + 2 * MOVES));
    assert_whole(&stream, 1);
    replica.stop().await;
    world.stop().await;
}

/// Two that both believe to hold the lease: what one has placed the other does not place again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_at_once_place_nothing_twice() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let (one, two) = (world.server.running.app.clone(), world.other_app(None).await);
    let lease = lease(&one).await;
    let mut expected = 0;
    for round in 0..10 {
        world.many_lying(&format!("Round {round}"), &pool, 60).await;
        expected += 60;
        let (mut first, mut second) = (Turns::default(), Turns::default());
        let (a, b) = tokio::join!(
            one.relay(&lease, &mut first, || true),
            two.relay(&lease, &mut second, || true)
        );
        assert_eq!(a.unwrap() + b.unwrap(), 60);
    }
    let stream = world.stream().await;
    assert_eq!(stream.len(), expected);
    assert_whole(&stream, 1);
    world.stop().await;
}

/// P10: a relay that was paused until another one took over writes nothing more.
#[tokio::test]
async fn a_paused_relay_writes_nothing() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.lying("Acme", &pool).await;
    let (one, two) = (world.server.running.app.clone(), world.other_app(None).await);
    let paused = lease(&one).await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    crate::harness::run_sql(&url, "UPDATE lease SET expire_time = 0".to_owned()).await;
    let holds = lease(&two).await;
    let stopped = one.relay(&paused, &mut Turns::default(), || true).await;
    assert!(matches!(stopped, Err(Stopped::LeaseLost)), "{stopped:?}");
    assert!(world.stream().await.is_empty());
    assert_eq!(two.relay(&holds, &mut Turns::default(), || true).await.unwrap(), 1);
    world.stop().await;
}

/// One batch, whatever more waits.
async fn one_batch(app: &App, lease: &Lease, turns: &mut Turns) -> usize {
    let asked = AtomicUsize::new(0);
    let once = || asked.fetch_add(1, Ordering::SeqCst) == 0;
    app.relay(lease, turns, once).await.unwrap()
}

/// Some accounts change faster than the relay is: the others have their turn all the same.
#[tokio::test]
async fn nobody_waits_for_those_who_are_busy() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let mut ids = world.many_lying("Acme", &pool, BATCH + 50).await;
    ids.sort();
    let app = &world.server.running.app;
    let (lease, mut turns) = (lease(app).await, Turns::default());
    assert_eq!(one_batch(app, &lease, &mut turns).await, BATCH);
    let claims = |ids: &[String]| tidepool::rpc::proto::BulkClaimAccountsRequest {
        items: ids
            .iter()
            .map(|id| tidepool::rpc::proto::bulk_claim_accounts_request::Item {
                account_id: id.clone(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    for chunk in ids[..BATCH].chunks(250) {
        let mut circulation = world.user("bob").circulation();
        circulation.bulk_claim_accounts(claims(chunk)).await.unwrap();
    }
    assert_eq!(one_batch(app, &lease, &mut turns).await, BATCH);
    let stream = world.stream().await;
    let created: HashSet<_> = stream.iter().map(|event| event.account_id.as_str()).collect();
    assert_eq!(created.len(), BATCH + 50, "some have not had a turn");
    assert_eq!(app.relay(&lease, &mut turns, || true).await.unwrap(), 50);
    assert_whole(&world.stream().await, 1);
    world.stop().await;
}

/// The budget of a round: 1 look, and 5 for a batch, of however many events.
#[tokio::test]
async fn a_round_has_a_budget() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.lying("First", &pool).await;
    let app = &world.server.running.app;
    let (lease, mut turns) = (lease(app).await, Turns::default());
    app.relay(&lease, &mut turns, || true).await.unwrap();
    for (count, statements) in [(0, 1), (1, 6), (300, 6)] {
        world.many_lying(&format!("Of {count}"), &pool, count).await;
        let before = app.db.statements();
        assert_eq!(app.relay(&lease, &mut turns, || true).await.unwrap(), count);
        assert_eq!(app.db.statements() - before, statements, "{count} events");
    }
    world.stop().await;
}

/// Several changes of an account in one batch, and changes of many accounts that a sweep makes at once.
#[tokio::test]
async fn a_sweep_is_told_in_order() {
    let world = World::start().await;
    let swept = overdue(&world, 30).await;
    assert!(world.relay().await > 0);
    let before = world.stream().await.len();
    world.server.clock.advance(chrono::TimeDelta::days(400));
    assert_eq!(world.sweep().await.reclaimed, 30);
    world.relay().await;
    let stream = world.stream().await;
    assert_whole(&stream, 1);
    let lost: Vec<_> = stream[before..]
        .iter()
        .filter(|event| kind(event) == "account.reclaimed")
        .collect();
    assert_eq!(lost.len(), 30);
    assert!(
        lost.iter()
            .all(|event| event.owner.is_empty() && event.pool_id == swept)
    );
    world.stop().await;
}

/// What waits is found by the index, in its order, whatever else there is.
#[tokio::test]
async fn what_waits_is_found_by_the_index() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, 400).await;
    world.relay().await;
    world.many_lying("Late", &pool, 20).await;
    let db = Database::connect(world.server.config.database.url.expose_secret())
        .await
        .unwrap();
    let server = external_server().is_some();
    let by = if server {
        db.execute_unprepared("ANALYZE TABLE account_event").await.unwrap();
        "e FORCE INDEX (account_event_position)"
    } else {
        "e INDEXED BY account_event_position"
    };
    let first = "x'00000000000000000000000000000000'";
    let reads = [
        format!(
            "SELECT e.account_id, e.version, e.event_time FROM account_event {by} WHERE e.tenant = 1 \
             AND e.position IS NULL AND e.account_id > {first} ORDER BY e.account_id, e.version LIMIT 512"
        ),
        format!(
            "SELECT t.id FROM tenant t WHERE (SELECT e.version FROM account_event {by} \
             WHERE e.tenant = t.id AND e.position IS NULL LIMIT 1) IS NOT NULL"
        ),
        "SELECT position, effects FROM account_event WHERE tenant = 1 AND position > 400 AND position <= 410 \
         ORDER BY position LIMIT 256"
            .to_owned(),
    ];
    for sql in reads {
        let statement = Statement::from_string(db.get_database_backend(), sql.clone());
        let told = explain(&db, statement, &["key", "Extra"]).await;
        let told = told.join("; ");
        assert!(told.contains("account_event_position"), "{sql}: {told}");
        assert!(
            !told.contains("filesort") && !told.contains("TEMP B-TREE"),
            "{sql}: {told}"
        );
    }
    db.close().await.unwrap();
    world.stop().await;
}
