//! Opens the database: pools whose every connection has the session settings that correctness rests on, and a hook
//! that never lets a connection with an open transaction back into the pool.

use super::dialect::{Engine, MYSQL_SESSION};
use sea_orm::{
    DatabaseConnection,
    sqlx::{
        self, ConnectOptions as _, Connection as _, Executor as _,
        mysql::{MySqlConnectOptions, MySqlPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

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
    write: DatabaseConnection,
    read: DatabaseConnection,
    pub(super) write_permits: Arc<Semaphore>,
    pub(super) read_permits: Arc<Semaphore>,
    pub(super) options: Options,
    statements: Arc<AtomicU64>,
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
            .statement_cache_capacity(50)
            .disable_statement_logging();
        connect.connect().await.map_err(failed)?.close().await.map_err(failed)?;
        let pool = MySqlPoolOptions::new()
            .max_connections(options.max_connections)
            .min_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .max_lifetime(Duration::from_mins(20))
            .idle_timeout(None)
            // A ping before each use would cost a round trip per unit of work.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > Duration::from_secs(5) {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    for statement in MYSQL_SESSION {
                        connection.execute(*statement).await?;
                    }
                    Ok(())
                })
            })
            // A connection whose BEGIN was cut off looks idle and holds an open transaction, and one that hangs would
            // keep its slot for ever: the next borrower's acknowledged write would be lost, or the pool run dry.
            .after_release(|connection, _| {
                Box::pin(async move {
                    let rollback = tokio::time::timeout(Duration::from_millis(500), connection.execute("ROLLBACK"));
                    rollback.await.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|_| true)
                })
            })
            .connect_with(connect)
            .await
            .map_err(failed)?;
        let permits = Arc::new(Semaphore::new(options.max_connections as usize));
        let statements = Arc::new(AtomicU64::new(0));
        let connection = counted(pool.into(), &statements);
        Ok(Self {
            engine: Engine::MySql,
            write: connection.clone(),
            read: connection,
            write_permits: permits.clone(),
            read_permits: permits,
            options,
            statements,
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
        // Writers that wait for each other inside SQLite poll unfairly; in front of one connection they queue.
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(options.acquire_timeout)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let write = pool(1).connect_with(connect.clone()).await.map_err(failed)?;
        let read = pool(options.max_connections)
            .connect_with(connect.read_only(true))
            .await
            .map_err(failed)?;
        let statements = Arc::new(AtomicU64::new(0));
        Ok(Self {
            engine: Engine::Sqlite,
            write: counted(write.into(), &statements),
            read: counted(read.into(), &statements),
            write_permits: Arc::new(Semaphore::new(1)),
            read_permits: Arc::new(Semaphore::new(options.max_connections as usize)),
            options,
            statements,
        })
    }

    /// Which family the server is of.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// The connections that may write.
    pub(super) const fn writer(&self) -> &DatabaseConnection {
        &self.write
    }

    /// The connections for reads outside transactions.
    pub(super) const fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Statements sent so far, BEGIN and COMMIT not counted: what statement budgets are asserted with.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::SeqCst)
    }

    /// Closes all connections after their work is done.
    pub async fn close(&self) {
        for pool in [&self.write, &self.read] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::debug!(error = %error, "closing the database");
            }
        }
    }
}

fn counted(mut connection: DatabaseConnection, statements: &Arc<AtomicU64>) -> DatabaseConnection {
    let statements = statements.clone();
    connection.set_metric_callback(move |_| {
        statements.fetch_add(1, Ordering::SeqCst);
    });
    connection
}
