//! Nodes of a Galera cluster that are killed while a service works, and come back: what was acknowledged is at every node, once,
//! nothing is half done, the stream has no hole. All replicas use one node at a time, as docs/engines.md advises; it may be
//! another node that is lost, or the very one.

use crate::{
    activities::time,
    harness::{Server, Storage, nodes, say},
    private_server::{ask, script},
    process::{Process, run},
    processes::{
        Deployed,
        errands::{Errand, Stock, all_were_done_once, may_be_repeated},
        followed::SETTINGS,
        outside::{LONG, Outside},
        settings, stop_all,
    },
    proxy::Proxy,
    site::Site,
    world::{World, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, Database, Statement};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

/// Accounts of which something is told all the time, each by a service of its own.
const ACCOUNTS: usize = 4;
/// Errands at most; a little more than there are.
const ERRANDS: usize = 1500;
/// How soon those that are left serve: they wait for five seconds before they believe that a node is gone.
const SOON: Duration = Duration::from_secs(25);

/// Three nodes of the test's own; they end with it.
struct Galera {
    folder: TempDir,
    urls: Vec<String>,
}

impl Galera {
    /// Nothing, and a word about it, where the suite does not run on a cluster of this kind.
    async fn start(test: &str) -> Option<Self> {
        let size =
            "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_cluster_size'";
        let is_one = match nodes().first() {
            Some(node) => ask(node, size).await.is_some_and(|size| size != "0"),
            None => false,
        };
        if !is_one {
            say(&format!("NOT RUN: {test}: the suite does not run on a Galera cluster"));
            return None;
        }
        let folder = match std::env::var_os("TIDEPOOL_TEST_FOLDER") {
            Some(fast) => TempDir::new_in(fast).unwrap(),
            None => TempDir::new().unwrap(),
        };
        let mut cluster = Self { folder, urls: vec![] };
        let at = cluster.at();
        let arguments = ["start".as_ref(), at.as_os_str(), "--wsrep-sync-wait=1".as_ref()];
        let started = script("galera.sh", &arguments).await;
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let urls = String::from_utf8(started.stdout).unwrap();
        cluster.urls = urls.lines().map(str::to_owned).collect();
        assert_eq!(cluster.urls.len(), 3, "{urls}");
        Some(cluster)
    }

    fn at(&self) -> PathBuf {
        self.folder.path().join("cluster")
    }

    /// Ends a node as a power failure would, or brings it back on what it left: `kill`, `rejoin`.
    async fn tell(&self, what: &str, node: usize) {
        let (at, number) = (self.at(), (node + 1).to_string());
        let told = script("galera.sh", &[what.as_ref(), at.as_os_str(), number.as_ref()]).await;
        assert!(
            told.status.success(),
            "{what} {node}: {}",
            String::from_utf8_lossy(&told.stderr)
        );
    }

    /// The same database at a node.
    fn url(&self, deployed: &Deployed, node: usize) -> SecretString {
        let url = deployed.url.expose_secret();
        url.replacen(&self.urls[0], &self.urls[node], 1).into()
    }

    /// What is stored, table by table, as a node has it.
    async fn sums(&self, deployed: &Deployed, node: usize) -> HashMap<String, Option<i64>> {
        let db = Database::connect(self.url(deployed, node).expose_secret())
            .await
            .unwrap();
        let rows = async |sql: String| {
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
                .await;
            rows.unwrap()
        };
        let mut sums = HashMap::new();
        for table in rows("SHOW TABLES".into()).await {
            let table: String = table.try_get_by_index(0).unwrap();
            let sum = &rows(format!("CHECKSUM TABLE `{table}`")).await[0];
            sums.insert(table, sum.try_get_by_index(1).unwrap());
        }
        db.close().await.unwrap();
        sums
    }
}

impl Drop for Galera {
    fn drop(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/galera.sh");
        let mut stop = Command::new("bash");
        stop.args([script.as_os_str(), OsStr::new("stop"), self.at().as_os_str()]);
        drop(stop.status());
    }
}

/// Somebody who does one errand after the other, wherever it is served, and asks until there is an answer.
struct Errands {
    site: Arc<Mutex<Site>>,
    enough: Arc<AtomicBool>,
    done: JoinHandle<(Stock, Vec<(Errand, String)>)>,
}

impl Errands {
    fn start(mut stock: Stock, process: &Process) -> Self {
        let site = Arc::new(Mutex::new(Site::new(vec![process.channel()])));
        let enough = Arc::new(AtomicBool::new(false));
        let (at, until) = (site.clone(), enough.clone());
        let done = tokio::spawn(async move {
            let mut done = Vec::new();
            while !until.load(Ordering::Relaxed) && done.len() < ERRANDS {
                let errand = stock.next();
                let answered = async {
                    loop {
                        let site = at.lock().unwrap().clone();
                        match errand.ask(&site, 0).await {
                            Ok(said) => return said,
                            Err(status) => assert!(may_be_repeated(&status), "{errand:?}: {status:?}"),
                        }
                        sleep(Duration::from_millis(20)).await;
                    }
                };
                let said = timeout(LONG, answered).await.expect("nobody answers");
                done.push((errand, said));
            }
            (stock, done)
        });
        Self { site, enough, done }
    }

    fn served_by(&self, process: &Process) {
        *self.site.lock().unwrap() = Site::new(vec![process.channel()]);
    }
}

/// Who works while nodes come and go, and what they wait for.
struct Work {
    accounts: Vec<String>,
    begin: DateTime<Utc>,
    outside: Outside,
    follower: JoinHandle<()>,
    tellers: JoinSet<(String, i64)>,
    errands: Errands,
}

impl Work {
    fn begin(accounts: Vec<String>, begin: DateTime<Utc>, stock: Stock, process: &Process) -> Self {
        let outside = Outside::new(Site::new(vec![process.channel()]));
        let mut tellers = JoinSet::new();
        for (at, account) in accounts.iter().cloned().enumerate() {
            let (outside, name) = (outside.clone(), format!("source-{at}"));
            tellers.spawn(async move {
                let told = if at % 2 == 0 {
                    outside.tell(name, account.clone(), begin).await
                } else {
                    outside.tell_in_streams(name, account.clone(), begin).await
                };
                (account, told)
            });
        }
        Self {
            accounts,
            begin,
            follower: tokio::spawn(outside.clone().follow()),
            tellers,
            errands: Errands::start(stock, process),
            outside,
        }
    }

    fn served_by(&self, process: &Process) {
        self.outside.served_by(process);
        self.errands.served_by(process);
    }

    /// It goes on, soon.
    async fn goes_on(&self, what: &str) {
        let back = self.outside.goes_on(40, 40).await;
        assert!(!self.follower.is_finished(), "whoever follows was told something wrong");
        assert!(back < SOON, "{what}: it goes on after {back:?}");
        say(&format!("{what}: it goes on after {back:?}"));
    }

    /// Everything that was acknowledged is there, once, at every node alike, and whoever followed was told of all of it.
    async fn ends(self, cluster: &Galera, deployed: &Deployed, process: Process) {
        self.outside.enough();
        self.errands.enough.store(true, Ordering::Relaxed);
        let told = timeout(LONG, self.tellers.join_all())
            .await
            .expect("an answer never comes");
        let told: HashMap<String, i64> = told.into_iter().collect();
        let (stock, done) = self.errands.done.await.unwrap();
        let site = Site::new(vec![process.channel()]);
        all_were_done_once(&site, &stock, &done).await;
        for account in &self.accounts {
            let last = self.begin + TimeDelta::seconds(told[account]);
            assert_eq!(site.account(account).await.last_follow_up_time, time(last));
        }
        for node in 0..cluster.urls.len() {
            let url = cluster.url(deployed, node);
            for (at, account) in self.accounts.iter().enumerate() {
                let recorded = format!("SELECT COUNT(*) FROM activity WHERE source = 'source-{at}'");
                let recorded = ask(url.expose_secret(), &recorded).await;
                assert_eq!(recorded, Some(told[account].to_string()), "source-{at} at {node}");
            }
        }
        let all = ask(deployed.url.expose_secret(), "SELECT COUNT(*) FROM account_event").await;
        let all: usize = all.unwrap().parse().unwrap();
        let comes = async {
            while self.outside.came() < all {
                assert!(!self.follower.is_finished(), "whoever follows was told something wrong");
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, comes).await.expect("a change never comes");
        self.follower.abort();
        let mut versions: HashMap<String, i64> = HashMap::new();
        for event in self.outside.followed() {
            let version = versions.entry(event.account_id).or_default();
            *version += 1;
            assert_eq!(event.account_event.unwrap().version, *version);
        }
        stop_all(vec![process]).await;
        let first = cluster.sums(deployed, 0).await;
        for node in 1..cluster.urls.len() {
            assert_eq!(cluster.sums(deployed, node).await, first, "{node} has something else");
        }
        for node in 0..cluster.urls.len() {
            let url = cluster.url(deployed, node);
            let verified = spawn_blocking(move || run(&settings(&url, "1"), &["verify"]))
                .await
                .unwrap();
            assert!(verified.status.success(), "at {node}: {verified:?}");
        }
        say(&format!(
            "{} activities, {} errands, {all} changes, at all nodes alike",
            told.values().sum::<i64>(),
            done.len()
        ));
    }
}

/// A world on the first node of a cluster of its own, with what is to be worked on.
async fn found(cluster: &Galera) -> (Deployed, Vec<String>, DateTime<Utc>, Stock) {
    let storage = Storage::create_at(&cluster.urls[0]).await;
    let world = World::of(Server::start_in(storage, |_| {}).await).await;
    let pool = world.pool(open_pool("Told")).await;
    let accounts = world.site().many("Told", &pool, "bob", ACCOUNTS).await;
    let stock = Stock::make(&world, ERRANDS).await;
    let begin = world.server.clock.now();
    (Deployed::of(world).await, accounts, begin, stock)
}

/// P9, P11: the service works at one node while the others are lost, one after the other, and come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_is_lost_and_comes_back() {
    let Some(cluster) = Galera::start("another_node_is_lost_and_comes_back").await else {
        return;
    };
    let (deployed, accounts, begin, stock) = found(&cluster).await;
    let process = deployed.serve_at(&deployed.url, &SETTINGS).await;
    let work = Work::begin(accounts, begin, stock, &process);
    work.goes_on("before").await;
    for node in [2, 1] {
        cluster.tell("kill", node).await;
        work.goes_on("another node is lost").await;
        cluster.tell("rejoin", node).await;
        work.goes_on("it came back").await;
    }
    work.ends(&cluster, &deployed, process).await;
    deployed.end().await;
}

/// P9-P11: the node at which the service works is lost. The name in its URL leads to another one then, or it is started again with
/// the URL of another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_of_the_service_is_lost_and_comes_back() {
    let Some(cluster) = Galera::start("the_node_of_the_service_is_lost_and_comes_back").await else {
        return;
    };
    let (deployed, accounts, begin, stock) = found(&cluster).await;
    let name = Proxy::start(&cluster.urls[0]).await;
    let mut process = deployed.serve_at(&name.url(&deployed.url), &SETTINGS).await;
    let work = Work::begin(accounts, begin, stock, &process);
    work.goes_on("before").await;

    cluster.tell("kill", 0).await;
    name.lead_to(&cluster.urls[1]);
    work.goes_on("its node is lost, the name leads to another one").await;
    cluster.tell("rejoin", 0).await;
    work.goes_on("it came back").await;

    cluster.tell("kill", 1).await;
    process.kill();
    process = deployed.serve_at(&cluster.url(&deployed, 2), &SETTINGS).await;
    work.served_by(&process);
    work.goes_on("its node is lost, and it is started again at another one")
        .await;
    cluster.tell("rejoin", 1).await;
    work.goes_on("it came back").await;
    work.ends(&cluster, &deployed, process).await;
    deployed.end().await;
}
