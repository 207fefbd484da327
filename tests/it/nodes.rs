//! Several servers, each with a node of one cluster of its own: what holds between servers on one database must hold between
//! these. The nodes do not see each other's locks; who loses learns it at COMMIT, or by the next statement.
//!
//! The same races run between two servers in other files, at two nodes if there are some; here are all nodes, and what only a
//! cluster can get wrong.

mod lost;

use crate::{
    activities::told,
    harness::{Replica, Storage, at_node, nodes, say, start},
    races::{
        have_ten_days, overdue, race_to_change_a_rule, race_to_claim, race_to_claim_back, race_to_delete,
        race_to_sweep, race_to_the_limit, reason, storm_of_copies, to_be_claimed,
    },
    rig::{LONG, ROWS, add},
    site::Site,
    sweeps::breaker::race_to_take_what_is_allowed,
    world::{World, open_pool},
};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidepool::{
    app::App,
    clock::Clock,
    config::Config,
    domain::refusal::Reason,
    lifecycle,
    rpc::proto::{self, ListEventsRequest, RecordOutcome},
    store::{Db, Options, migrate},
    worker,
};
use tokio::{task::JoinSet, time::Instant};

/// A server at each node; the first one is the world's.
struct Cluster {
    world: World,
    others: Vec<Replica>,
    site: Site,
}

impl Cluster {
    /// Nothing, and a word about it, if the suite does not run on a cluster that it may write to everywhere.
    async fn start(test: &str) -> Option<Self> {
        if nodes().is_empty() {
            say(&format!(
                "NOT RUN: {test}: TIDEPOOL_TEST_DATABASE_URLS names no cluster"
            ));
            return None;
        }
        let world = World::start().await;
        let mut others = Vec::new();
        for node in 1..nodes().len() {
            others.push(world.server.replica_at(node).await);
        }
        let mut channels = vec![world.server.channel()];
        channels.extend(others.iter().map(|other| other.channel.clone()));
        let site = Site::new(channels);
        Some(Self { world, others, site })
    }

    /// The flows at a node.
    fn app(&self, node: usize) -> &Arc<App> {
        match node {
            0 => &self.world.server.running.app,
            other => &self.others[other - 1].running.as_ref().unwrap().app,
        }
    }

    fn count(&self) -> usize {
        1 + self.others.len()
    }

    async fn stop(self) {
        for other in self.others {
            other.stop().await;
        }
        self.world.stop().await;
    }
}

/// W5, L24: of 64 who claim one account at once, over all nodes, exactly one gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_claimant_wins_over_all_nodes() {
    let Some(cluster) = Cluster::start("one_claimant_wins_over_all_nodes").await else {
        return;
    };
    race_to_claim(&cluster.site, 20).await;
    cluster.stop().await;
}

/// L23, W6, W11: whoever claims at all nodes at once does not pass a limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_over_all_nodes() {
    let Some(cluster) = Cluster::start("limits_hold_over_all_nodes").await else {
        return;
    };
    race_to_the_limit(&cluster.site, "").await;
    cluster.stop().await;
}

/// R128: whoever returns an account at one node does not get it back at another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cool_down_holds_over_all_nodes() {
    let Some(cluster) = Cluster::start("a_cool_down_holds_over_all_nodes").await else {
        return;
    };
    race_to_claim_back(&cluster.site, 20).await;
    cluster.stop().await;
}

/// X14: sweeps at two nodes take no more than a breaker allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_holds_over_all_nodes() {
    let Some(cluster) = Cluster::start("a_breaker_holds_over_all_nodes").await else {
        return;
    };
    race_to_take_what_is_allowed(&cluster.world, [cluster.app(0), cluster.app(1)]).await;
    cluster.stop().await;
}

/// A request that comes to all nodes at once is done once; a pool does not go while accounts come in elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_done_once_over_all_nodes() {
    let Some(cluster) = Cluster::start("requests_are_done_once_over_all_nodes").await else {
        return;
    };
    storm_of_copies(&cluster.site).await;
    race_to_delete(&cluster.site).await;
    cluster.stop().await;
}

/// A rule that changes at one node while accounts are claimed at others: no deadline of the old rule is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_change_over_all_nodes() {
    let Some(cluster) = Cluster::start("rules_change_over_all_nodes").await else {
        return;
    };
    let (ids, rule) = to_be_claimed(&cluster.site).await;
    race_to_change_a_rule(&cluster.site, &ids, rule).await;
    cluster.world.sweep().await;
    cluster.world.server.clock.advance(TimeDelta::seconds(61));
    cluster.world.sweep().await;
    cluster.world.sweep().await;
    have_ten_days(&cluster.site, &ids).await;
    cluster.stop().await;
}

/// W21, W22: sweeps at two nodes, and follow-ups at all: every account is taken once or saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeps_of_two_nodes_take_each_account_once() {
    let Some(cluster) = Cluster::start("sweeps_of_two_nodes_take_each_account_once").await else {
        return;
    };
    let pool = overdue(&cluster.world, 80).await;
    cluster.world.server.clock.advance(TimeDelta::days(7));
    let turn = AtomicUsize::new(0);
    let sweep = async || {
        let node = turn.fetch_add(1, Ordering::SeqCst) % cluster.count();
        let swept = worker::sweep::once(cluster.app(node), TimeDelta::zero()).await;
        swept.unwrap().reclaimed
    };
    race_to_sweep(&cluster.site, &pool, cluster.world.server.clock.now(), sweep).await;
    cluster.stop().await;
}

/// P4: the same activities told at all nodes at once count once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activities_count_once_over_all_nodes() {
    const TOLD: usize = 30;
    let Some(cluster) = Cluster::start("activities_count_once_over_all_nodes").await else {
        return;
    };
    let (site, nodes) = (&cluster.site, cluster.count());
    let pool = site.pool(open_pool("North")).await;
    let id = site.lying("Acme", &pool).await;
    let now = cluster.world.server.clock.now();
    let mut calls = JoinSet::new();
    for at in 0..TOLD * nodes {
        let won = proto::Activity {
            object_id: format!("o{}", at / nodes % 10),
            ..told(&format!("e{}", at / nodes), &id, "opportunity.won", now)
        };
        let request = proto::RecordActivitiesRequest {
            activities: vec![won],
            ..Default::default()
        };
        let mut client = site.source_at(at, "erp").activities();
        calls.spawn(async move {
            loop {
                match client.record_activities(request.clone()).await {
                    Ok(answer) => return answer.into_inner().results[0].outcome(),
                    Err(status) => assert_eq!(reason(&status), Reason::Contention.as_str(), "{status:?}"),
                }
            }
        });
    }
    let outcomes = calls.join_all().await;
    let recorded = outcomes.iter().filter(|outcome| **outcome == RecordOutcome::Recorded);
    assert_eq!((recorded.count(), outcomes.len()), (TOLD, TOLD * nodes));
    assert_eq!(site.account(&id).await.deals.unwrap().won_count, 10);
    cluster.stop().await;
}

/// X11, P11: relays at all nodes while everybody writes everywhere. Whoever follows the stream at another node meets every
/// position, and each account's versions in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_of_all_nodes_leave_no_hole() {
    const ACCOUNTS: usize = 90;
    let Some(cluster) = Cluster::start("relays_of_all_nodes_leave_no_hole").await else {
        return;
    };
    let site = &cluster.site;
    let pool = site.pool(open_pool("North")).await;
    let ids = site.many_lying("Acme", &pool, ACCOUNTS).await;
    let mut claims = JoinSet::new();
    for (at, id) in ids.iter().enumerate() {
        let (site, id) = (site.clone(), id.clone());
        claims.spawn(async move { site.claim(at, ["bob", "cid", "dan"][at % 3], &id).await.unwrap() });
    }
    let follower = site.admin_at(cluster.count() - 1);
    let follow = async {
        let (mut after_position, mut versions) = (0, HashMap::new());
        while after_position < 2 * i64::try_from(ACCOUNTS).unwrap() {
            let request = ListEventsRequest {
                after_position,
                page_size: 20,
                filter: None,
            };
            let page = follower.events().list_events(request).await.unwrap().into_inner();
            for event in page.events {
                after_position += 1;
                assert_eq!(event.position, after_position);
                let version = event.account_event.unwrap().version;
                let before = versions.insert(event.account_id, version).unwrap_or(0);
                assert_eq!(version, before + 1);
            }
        }
    };
    let relay = async {
        while !claims.is_empty() {
            for node in 0..cluster.count() {
                worker::relay::once(cluster.app(node)).await.unwrap();
            }
            while claims.try_join_next().is_some() {}
        }
        for node in 0..cluster.count() {
            worker::relay::once(cluster.app(node)).await.unwrap();
        }
    };
    let both = async { tokio::join!(relay, follow) };
    tokio::time::timeout(Duration::from_mins(1), both).await.unwrap();
    cluster.stop().await;
}

/// What a server answered, the server of any other node knows: only if reads wait until the node has what was committed before
/// (`wsrep_sync_wait`, `group_replication_consistency`), which is what such a cluster has to be told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_seen_at_every_node() {
    let Some(cluster) = Cluster::start("answers_are_seen_at_every_node").await else {
        return;
    };
    let pool = cluster.site.pool(open_pool("North")).await;
    for round in 0..60 {
        let id = cluster.site.lying(&format!("Acme {round}"), &pool).await;
        let claimed = cluster.site.claim(round, "bob", &id).await.unwrap();
        for node in 0..cluster.count() {
            let request = proto::GetAccountRequest { account_id: id.clone() };
            let client = cluster.site.admin_at(node);
            let seen = client.accounts().get_account(request).await.unwrap().into_inner();
            assert_eq!(seen.account.unwrap().ownership.as_ref(), Some(&claimed), "at {node}");
        }
    }
    cluster.stop().await;
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    row.await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// The same database through a node.
async fn open(url: &SecretString, node: usize) -> Db {
    let options = Options {
        url: at_node(url, node),
        max_connections: 4,
        acquire_timeout: Duration::from_secs(10),
        attempt_timeout: Duration::from_secs(30),
    };
    Db::open(options).await.unwrap()
}

/// No lock is seen at another node: who loses is told so at COMMIT, or by a statement before it, in the words of a conflict. Nothing
/// of his is written, and it is done when it is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_against_another_node_is_told_so() {
    if nodes().is_empty() {
        say("NOT RUN: who_loses_against_another_node_is_told_so: TIDEPOOL_TEST_DATABASE_URLS names no cluster");
        return;
    }
    let (storage, url) = Storage::create().await;
    let url = SecretString::from(url);
    let direct = Database::connect(url.expose_secret()).await.unwrap();
    for sql in [
        "CREATE TABLE probe (id INTEGER PRIMARY KEY, value BIGINT NOT NULL)",
        ROWS,
    ] {
        direct.execute_unprepared(sql).await.unwrap();
    }
    // A node prepares statements without waiting for what it has not got yet; this one it runs, so it waits.
    let other = Database::connect(at_node(&url, 1).expose_secret()).await.unwrap();
    other.execute_unprepared("SELECT value FROM probe").await.unwrap();
    other.close().await.unwrap();
    let (here, there) = (open(&url, 0).await, open(&url, 1).await);
    let adds = async |db: &Db| {
        let unit = db.unit("add", Instant::now() + LONG);
        unit.retry(|| unit.tx(async |tx| add(tx, 1).await)).await
    };
    for round in 1..=10 {
        let unit = here.unit("loser", Instant::now() + LONG);
        let lost = unit
            .tx(async |tx| {
                add(tx, 1).await?;
                adds(&there).await
            })
            .await
            .unwrap_err();
        assert_eq!(lost.name(), "conflict", "{lost:?}");
        let value = number(&direct, "SELECT value FROM probe WHERE id = 1").await;
        assert_eq!(value, round, "what was lost is not there");
    }
    let mut all = JoinSet::new();
    for at in 0..40 {
        let db = [&here, &there][at % 2].clone();
        all.spawn(async move {
            let unit = db.unit("add", Instant::now() + LONG);
            while let Err(abort) = unit.retry(|| unit.tx(async |tx| add(tx, 1).await)).await {
                assert_eq!(abort.name(), "conflict", "{abort:?}");
            }
        });
    }
    all.join_all().await;
    let value = number(&direct, "SELECT value FROM probe WHERE id = 1").await;
    assert_eq!(value, 50);
    for db in [here, there] {
        db.close().await;
    }
    direct.close().await.unwrap();
    storage.remove().await;
}

/// Migrators at all nodes at once: every step is written down once, and a server starts at each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrators_of_all_nodes_take_turns() {
    if nodes().is_empty() {
        say("NOT RUN: migrators_of_all_nodes_take_turns: TIDEPOOL_TEST_DATABASE_URLS names no cluster");
        return;
    }
    let (storage, url) = Storage::create().await;
    let url = SecretString::from(url);
    let clock = Clock::manual(start());
    let mut migrators = JoinSet::new();
    for node in 0..nodes().len() {
        let db = open(&url, node).await;
        let clock = clock.clone();
        migrators.spawn(async move {
            let done = migrate::up(&db, &clock).await.unwrap();
            assert_eq!(migrate::check(&db).await.unwrap(), Ok(()));
            db.close().await;
            done.len()
        });
    }
    let done: usize = migrators.join_all().await.into_iter().sum();
    let direct = Database::connect(url.expose_secret()).await.unwrap();
    let steps = number(&direct, "SELECT CAST(COUNT(*) AS SIGNED) FROM schema_step").await;
    assert_eq!(done, usize::try_from(steps).unwrap());
    for node in 0..nodes().len() {
        let mut config = Config::default();
        config.database.url = at_node(&url, node);
        let db = lifecycle::open(&config, &clock).await.unwrap();
        db.close().await;
    }
    direct.close().await.unwrap();
    storage.remove().await;
}
