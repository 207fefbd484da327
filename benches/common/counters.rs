//! What the database server counts: how much work something was, on whatever machine and beside whatever else. And when
//! it has nothing left to do of what was before.

use super::{Outcome, spent::spent};
use sea_orm::sqlx::{AssertSqlSafe, MySqlPool, Row, query};
use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Processor time, which says what something cost where the clock says how busy the machine was.
const SERVER_TIME: &str = "server_processor_micros";
const SERVICE_TIME: &str = "service_processor_micros";
const CALLERS_TIME: &str = "callers_processor_micros";

/// What is counted, as the server calls it, and what that is. What the server counts in the background is left out where
/// it could be about something else.
pub(crate) const COUNTERS: &[(&str, &str)] = &[
    (SERVER_TIME, "database's processor, us"),
    (SERVICE_TIME, "service's processor, us"),
    (CALLERS_TIME, "callers' processor, us"),
    ("Questions", "statements"),
    ("Handler_read_key", "rows found by a key"),
    ("Handler_read_next", "rows read after them"),
    ("Handler_read_rnd_next", "rows read in scans"),
    ("Handler_update", "rows updated"),
    ("Handler_write", "rows inserted"),
    ("Innodb_buffer_pool_read_requests", "pages looked at"),
    ("Innodb_buffer_pool_reads", "pages read from disk"),
    ("Innodb_pages_dirtied", "pages dirtied, about"),
    ("Innodb_lsn_current", "bytes of redo log"),
    ("Innodb_buffer_pool_wait_free", "waits for a free page"),
    ("Innodb_log_waits", "waits for the redo log"),
];

/// As long as it may take until nothing is left to do.
const PATIENCE: Duration = Duration::from_mins(3);
/// Few pages and few old versions of rows: there always are some.
const FEW: u64 = 200;
/// Percent of a page of a B-tree that are in use when keys have come in any order for long: ln 2 (Yao, 1978).
const FULL: u64 = 69;

/// A server that is asked.
pub(crate) struct Counters {
    server: MySqlPool,
    /// Of the server's process.
    pid: String,
    /// What asking itself adds.
    asking: Counted,
}

/// What was counted until a moment, or between two.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(BTreeMap<String, u64>);

/// What a process on this machine has taken, in microseconds.
fn processor_time(pid: &str) -> Outcome<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may have blanks; of what follows, these are the 12th and 13th: in the program and the system.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    // Linux tells programs of a hundred ticks a second, whatever it counts itself.
    Ok(ticks * 10_000)
}

impl Counted {
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Of the server, the service and its callers, in microseconds.
    pub(crate) fn processor_time(&self) -> u64 {
        [SERVER_TIME, SERVICE_TIME, CALLERS_TIME]
            .map(|name| self.of(name))
            .iter()
            .sum()
    }

    /// And what another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    fn since(&self, before: &Self) -> Self {
        let names = COUNTERS.iter().map(|(name, _)| *name);
        Self(
            names
                .map(|name| (name.to_owned(), self.of(name).saturating_sub(before.of(name))))
                .collect(),
        )
    }
}

impl Counters {
    pub(crate) async fn of(server: &str) -> Outcome<Self> {
        let server = MySqlPool::connect(server).await?;
        let row = query("SELECT @@pid_file").fetch_one(&server).await?;
        let pid = fs::read_to_string(row.try_get::<String, _>(0)?)?.trim().to_owned();
        let mut counters = Self {
            server,
            pid,
            asking: Counted::default(),
        };
        counters.now().await?;
        let before = counters.now().await?;
        counters.asking = counters.now().await?.since(&before);
        Ok(counters)
    }

    async fn now(&self) -> Outcome<Counted> {
        let rows = query("SHOW GLOBAL STATUS").fetch_all(&self.server).await?;
        let mut counted = BTreeMap::new();
        for row in rows {
            let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            if let Ok(value) = value.parse() {
                counted.insert(name, value);
            }
        }
        // The server does not count what becomes dirty: it is what is dirty and what no longer is.
        let written = ["Innodb_buffer_pool_pages_dirty", "Innodb_buffer_pool_pages_flushed"];
        let dirtied = written.iter().filter_map(|name| counted.get(*name)).sum();
        counted.insert("Innodb_pages_dirtied".into(), dirtied);
        counted.insert(SERVER_TIME.into(), processor_time(&self.pid)?);
        // What else this process does is the service's: where something is done by hand, what its runtime takes for itself.
        let callers = spent();
        counted.insert(SERVICE_TIME.into(), processor_time("self")?.saturating_sub(callers));
        counted.insert(CALLERS_TIME.into(), callers);
        Ok(Counted(counted))
    }

    /// Does `work`, and says what was counted meanwhile.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<(T, Counted)> {
        let before = self.now().await?;
        let done = work.await?;
        Ok((done, self.now().await?.since(&before).since(&self.asking)))
    }

    /// Until what was written is on the disk and what was replaced is forgotten, so that nothing goes on in the background
    /// that belongs to what was before.
    pub(crate) async fn quiet(&self) -> Outcome {
        let row = query("SELECT @@innodb_io_capacity, @@innodb_max_dirty_pages_pct")
            .fetch_one(&self.server)
            .await?;
        let (capacity, percent): (u64, f64) = (row.try_get(0)?, row.try_get(1)?);
        self.set(20_000, 0.0).await?;
        let began = Instant::now();
        let left = loop {
            let now = self.now().await?;
            let left = now
                .of("Innodb_buffer_pool_pages_dirty")
                .max(now.of("Innodb_history_list_length"));
            if left < FEW || began.elapsed() > PATIENCE {
                break left;
            }
            sleep(Duration::from_millis(200)).await;
        };
        self.set(capacity, percent).await?;
        if left < FEW {
            Ok(())
        } else {
            Err("the server does not come to rest: does something else use it?".into())
        }
    }

    async fn set(&self, capacity: u64, percent: f64) -> Outcome {
        for sql in [
            format!("SET GLOBAL innodb_max_dirty_pages_pct = {percent}"),
            format!("SET GLOBAL innodb_io_capacity = {capacity}"),
        ] {
            query(AssertSqlSafe(sql)).execute(&self.server).await?;
        }
        Ok(())
    }

    /// Brings what the server believes about its tables up to date, as it does by itself sooner or later.
    pub(crate) async fn analyze(&self, database: &str) -> Outcome {
        let sql = format!("ANALYZE TABLE {}", tables(database).join(", "));
        query(AssertSqlSafe(sql)).fetch_all(&self.server).await?;
        Ok(())
    }

    /// Builds the tables again, with pages as full as rows that come and go leave them in the end, whatever the load made of
    /// them: ids that are spread evenly fill all pages at once, so whether they are full or half empty depends on how many
    /// there are.
    pub(crate) async fn rebuild(&self, database: &str) -> Outcome {
        let full: u64 = query("SELECT @@innodb_fill_factor")
            .fetch_one(&self.server)
            .await?
            .try_get(0)?;
        let set = |percent: u64| query(AssertSqlSafe(format!("SET GLOBAL innodb_fill_factor = {percent}")));
        set(FULL).execute(&self.server).await?;
        for table in tables(database) {
            let sql = format!("ALTER TABLE {table} FORCE");
            query(AssertSqlSafe(sql)).execute(&self.server).await?;
        }
        set(full).execute(&self.server).await?;
        Ok(())
    }
}

/// What grows with the accounts.
fn tables(database: &str) -> [String; 3] {
    ["account", "tenure", "account_event"].map(|table| format!("{database}.{table}"))
}
