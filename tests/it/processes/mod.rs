//! The built binary as it is deployed: server processes on one database, several where the engine allows, killed at any
//! point. What they are to find is made before by a server in this process, whose clock stands in the past: everything is
//! overdue.

pub(crate) mod errands;
pub(crate) mod followed;
mod full_disk;
mod killed_anywhere;
mod killed_between_statements;
mod killed_database;
mod killed_ingest;
mod killed_rounds;
mod killed_workers;
pub(crate) mod outside;
mod raced;
mod stalled;
mod stopped_workers;

use crate::{
    harness::{Storage, external_server, pool_size, run_sql},
    process::{Process, run},
    site::Site,
    world::World,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::time::timeout;

/// A database that processes serve from.
#[derive(Debug)]
pub(crate) struct Deployed {
    storage: Storage,
    pub(crate) url: SecretString,
}

/// What the process does in the background: nothing, unless a test asks for it.
pub(crate) const WORKS: [(&str, &str); 2] = [
    ("TIDEPOOL__SWEEP__ENABLED", "true"),
    ("TIDEPOOL__JOBS__ENABLED", "true"),
];

impl Deployed {
    /// Stops the server in this process and keeps what it stored.
    pub(crate) async fn of(world: World) -> Self {
        let url = world.server.config.database.url.clone();
        let storage = world.server.stop_serving().await;
        Self { storage, url }
    }

    async fn serve(&self) -> Process {
        self.serve_at(&self.url, &[]).await
    }

    /// A process that reaches the database under this name, with these settings besides.
    pub(crate) async fn serve_at(&self, url: &SecretString, more: &[(&str, &str)]) -> Process {
        let connections = pool_size().to_string();
        let mut settings = settings(url, &connections);
        settings.extend_from_slice(more);
        Process::serve(&settings).await
    }

    /// Runs `tidepool` beside the servers, which must go well, and returns what it printed.
    pub(crate) async fn tidepool(&self, arguments: &'static [&'static str]) -> String {
        let url = self.url.clone();
        let ran = tokio::task::spawn_blocking(move || run(&settings(&url, "1"), arguments));
        let ran = ran.await.unwrap();
        let printed = String::from_utf8(ran.stdout).unwrap();
        assert!(
            ran.status.success(),
            "{arguments:?}: {printed}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        printed
    }

    /// Sweeps once in a process of its own, and says how many accounts it took.
    async fn sweep(&self) -> usize {
        let printed = self.tidepool(&["sweep", "--once"]).await;
        let taken = printed.strip_prefix("reclaimed ").unwrap().split_once(',').unwrap().0;
        taken.parse().unwrap()
    }

    /// The database, past all servers.
    pub(crate) async fn direct(&self) -> DatabaseConnection {
        Database::connect(self.url.expose_secret()).await.unwrap()
    }

    /// A number from the database.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let db = self.direct().await;
        let number = number(&db, sql).await;
        db.close().await.unwrap();
        number
    }

    /// Changes the database.
    async fn execute(&self, sql: &str) {
        run_sql(self.url.expose_secret(), sql.to_owned()).await;
    }

    /// Checks every invariant, and removes it all.
    pub(crate) async fn end(self) {
        self.tidepool(&["verify"]).await;
        self.storage.remove().await;
    }
}

pub(crate) async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    row.await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

pub(crate) fn settings<'a>(url: &'a SecretString, connections: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("TIDEPOOL__DATABASE__URL", url.expose_secret()),
        ("TIDEPOOL__DATABASE__MAX_CONNECTIONS", connections),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__SERVER__DRAIN_SECONDS", "5"),
        ("TIDEPOOL__SWEEP__ENABLED", "false"),
        ("TIDEPOOL__SWEEP__GRACE_SECONDS", "0"),
        ("TIDEPOOL__SWEEP__INTERVAL_SECONDS", "1"),
        ("TIDEPOOL__JOBS__ENABLED", "false"),
        ("TIDEPOOL__EVENTS__ENABLED", "false"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
    ]
}

/// What must come soon, or the test fails instead of waiting for ever.
pub(crate) async fn soon<T>(what: &str, comes: impl Future<Output = T>) -> T {
    let came = timeout(Duration::from_secs(30), comes).await;
    came.unwrap_or_else(|_| panic!("{what} does not come"))
}

/// As many servers as there can be: `most`, or one that is reached over as many connections.
async fn serve_all(deployed: &Deployed, most: usize) -> (Vec<Process>, Site) {
    let mut processes = Vec::new();
    let servers = if external_server().is_some() { most } else { 1 };
    for _ in 0..servers {
        processes.push(deployed.serve().await);
    }
    let channels = (0..most).map(|at| processes[at % servers].channel());
    let site = Site::new(channels.collect());
    (processes, site)
}

/// Stops them as service managers do.
pub(crate) async fn stop_all(processes: Vec<Process>) {
    for process in processes {
        let (status, said) = process.stop().await;
        assert!(status.success(), "{said}");
    }
}
