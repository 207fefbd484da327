//! Opens the database: pools whose every connection has the session settings that correctness rests on, and a hook
//! that never lets a connection with an open transaction back into the pool.

use super::{
    counts::{Counts, counted},
    dialect::{Engine, MARIADB_SESSION, MYSQL_SESSION},
    doubt::{Doubt, Verdict},
    failure::{Class, classify, moved_away},
};
use sea_orm::{
    DatabaseConnection, DbErr,
    sqlx::{
        self, ConnectOptions as _, Connection as _, Executor as _,
        mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use secrecy::{ExposeSecret, SecretString};
use std::{str::FromStr, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

/// How long the first connection may take, so that a wrong address is reported instead of waited for.
const FIRST_CONNECTION: Duration = Duration::from_secs(10);
/// How long an idle connection may take to say that it is alive.
const PING: Duration = Duration::from_secs(1);
/// How long a connection may take to get rid of what a unit of work left behind.
const CLEAN_UP: Duration = Duration::from_millis(500);
/// More prepared statements than a unit of work makes, however large it is.
const NEVER_FULL: usize = 10_000;
/// Prepared statements that a connection keeps from one unit of work to the next.
const PREPARED: usize = 100;
/// How long closing waits for work that does not end.
const CLOSE: Duration = Duration::from_secs(5);

/// How to reach the database and how much of it to use.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:PATH` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=...`.
    pub url: SecretString,
    /// Connections at most. On SQLite this bounds the readers; there is one writer.
    pub max_connections: u32,
    /// How long a unit of work may wait for a connection before it is answered as busy.
    pub acquire_timeout: Duration,
    /// The last resort against a network that swallows packets: an attempt that takes longer loses its connection.
    pub attempt_timeout: Duration,
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no engine that is supported, or is malformed.
    #[error("database.url must be sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE: {0}")]
    Url(String),
    /// The server refused, or is not there.
    #[error("cannot connect to the {engine} database: {cause}")]
    Connect {
        /// Which kind of server.
        engine: &'static str,
        /// What the driver said; it never holds the password.
        cause: String,
    },
}

/// The database.
#[derive(Clone, Debug)]
pub struct Db {
    engine: Engine,
    pub(super) write: DatabaseConnection,
    read: DatabaseConnection,
    pub(super) write_permits: Arc<Semaphore>,
    pub(super) read_permits: Arc<Semaphore>,
    pub(super) options: Options,
    pub(super) counts: Arc<Counts>,
    doubt: Arc<Doubt>,
    /// Woken when this process has committed events.
    pub(super) told: Arc<Notify>,
}

impl Db {
    /// Connects once to report the real cause of a failure, then opens the pools.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let url = options.url.expose_secret();
        match Engine::of_url(url) {
            Some(Engine::MySql) => Self::open_mysql(options.clone()).await,
            Some(Engine::Sqlite) => Self::open_sqlite(options.clone()).await,
            None => Err(OpenError::Url("unknown scheme".into())),
        }
    }

    async fn open_mysql(options: Options) -> Result<Self, OpenError> {
        let failed = |error: sqlx::Error| OpenError::Connect {
            engine: "MySQL",
            cause: error.to_string(),
        };
        let connect = MySqlConnectOptions::from_str(options.url.expose_secret())
            .map_err(|error| OpenError::Url(error.to_string()))?
            .charset("utf8mb4")
            .statement_cache_capacity(NEVER_FULL)
            .disable_statement_logging();
        let first = timeout(FIRST_CONNECTION, connect.connect()).await;
        let first = first.map_err(|_| failed(sqlx::Error::PoolTimedOut))?.map_err(failed)?;
        first.close().await.map_err(failed)?;
        let doubt = Arc::new(Doubt::new());
        let verdict = {
            let doubt = doubt.clone();
            move |age, idle| doubt.of(age, idle)
        };
        let pool = MySqlPoolOptions::new()
            .max_connections(options.max_connections)
            .min_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .max_lifetime(Duration::from_mins(20))
            .idle_timeout(None)
            // A ping before each use would cost a round trip per unit of work.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let verdict = verdict(meta.age, meta.idle_for);
                Box::pin(async move {
                    match verdict {
                        Verdict::Trust => Ok(true),
                        Verdict::Ask => timeout(PING, connection.ping())
                            .await
                            .map_err(|_| sqlx::Error::PoolTimedOut)?
                            .map(|()| true),
                        Verdict::Replace => Ok(false),
                    }
                })
            })
            .after_connect(|connection, _| Box::pin(settle(connection)))
            // A connection whose BEGIN was cut off looks idle and holds an open transaction, and one that hangs would
            // keep its slot for ever: the next borrower's acknowledged write would be lost, or the pool run dry.
            .after_release(|connection, _| {
                Box::pin(async move {
                    let tidied = timeout(CLEAN_UP, tidy(connection));
                    tidied.await.map_err(|_| sqlx::Error::PoolTimedOut)?
                })
            })
            .connect_with(connect)
            .await
            .map_err(failed)?;
        let permits = Arc::new(Semaphore::new(options.max_connections as usize));
        let counts = Counts::new();
        let connection = counted(pool.into(), &counts);
        Ok(Self {
            engine: Engine::MySql,
            write: connection.clone(),
            read: connection,
            write_permits: permits.clone(),
            read_permits: permits,
            options,
            counts,
            doubt,
            told: Arc::default(),
        })
    }

    async fn open_sqlite(options: Options) -> Result<Self, OpenError> {
        let failed = |error: sqlx::Error| OpenError::Connect {
            engine: "SQLite",
            cause: error.to_string(),
        };
        let connect = SqliteConnectOptions::from_str(options.url.expose_secret())
            .map_err(|error| OpenError::Url(error.to_string()))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(false)
            .disable_statement_logging();
        if options.url.expose_secret().contains(":memory:") || options.url.expose_secret().contains("mode=memory") {
            // Every connection would have a database of its own.
            return Err(OpenError::Url(
                "a database in memory cannot be shared; name a file".into(),
            ));
        }
        // Writers that wait for each other inside SQLite poll unfairly; in front of one connection they queue.
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(options.acquire_timeout)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        // Those who only read begin no transaction.
        let writer = pool(1).after_release(|connection, _| Box::pin(async move { Ok(rests(connection).await) }));
        let write = writer.connect_with(connect.clone()).await.map_err(failed)?;
        let read = pool(options.max_connections)
            .connect_with(connect.read_only(true))
            .await
            .map_err(failed)?;
        let counts = Counts::new();
        Ok(Self {
            engine: Engine::Sqlite,
            write: counted(write.into(), &counts),
            read: counted(read.into(), &counts),
            write_permits: Arc::new(Semaphore::new(1)),
            read_permits: Arc::new(Semaphore::new(options.max_connections as usize)),
            options,
            counts,
            doubt: Arc::new(Doubt::new()),
            told: Arc::default(),
        })
    }

    /// Which family the server is of.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Waits until this process has committed events, if it has not since somebody last waited. For one who waits.
    pub async fn told(&self) {
        self.told.notified().await;
    }

    /// The connections that may write.
    pub(super) const fn writer(&self) -> &DatabaseConnection {
        &self.write
    }

    /// The connections for reads outside transactions.
    pub(super) const fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Draws the conclusions for the whole pool from what happened to one connection.
    pub(super) fn suspect(&self, error: &DbErr) {
        if moved_away(error) {
            self.doubt.moved();
            return;
        }
        match classify(error) {
            Class::Connection => self.doubt.broken(),
            Class::Retry => self.counts.conflicted(),
            Class::Unique | Class::Final => {}
        }
    }

    /// Closes all connections after their work is done.
    pub async fn close(&self) {
        for pool in [&self.write, &self.read] {
            match timeout(CLOSE, pool.close_by_ref()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(error = %error, "closing the database"),
                Err(_) => tracing::warn!("some database connections do not end"),
            }
        }
    }
}

/// Gives a new connection the settings that correctness rests on.
async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for statement in MYSQL_SESSION {
        connection.execute(*statement).await?;
    }
    match connection.execute(MARIADB_SESSION).await {
        // Not MariaDB.
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a connection ready for whoever comes next. Prepared statements are closed here and nowhere else: that is not answered,
/// so with `TCP_NODELAY` unset, as the driver leaves it, the next statement waits for the server's kernel to acknowledge that,
/// which it puts off for 40 ms. Here nobody waits.
async fn tidy(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    if connection.cached_statements_size() > PREPARED {
        connection.clear_cached_statements().await?;
    }
    connection.execute("ROLLBACK").await?;
    Ok(!connection.is_in_transaction())
}

/// Whether no transaction is left open, as SQLite sees it and as the driver does. SQLite may end one by itself, such as when the
/// disk is full; the driver then fails to end it, and takes every later one for a part of it: what these commit would be
/// acknowledged, and never be committed. Such a connection is closed.
async fn rests(connection: &mut SqliteConnection) -> bool {
    // Answered with an error if there is nothing to roll back, and after whatever was still to be done.
    let was_open = connection.execute("ROLLBACK").await.is_ok();
    !was_open && !connection.is_in_transaction()
}
