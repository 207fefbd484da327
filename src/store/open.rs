//! Opens the database: connections for transactions, connections for reads, and one for changing its schema.

use super::{
    connector::{Connector, Links, Taken, settle},
    counts::Counts,
    dialect::Engine,
    doubt::Doubt,
    failure::{Class, classify, moved_away},
    held::Held,
};
use deadpool::managed::{PoolConfig, PoolError, QueueMode};
use sea_orm::{
    ConnAcquireErr, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        self, ConnectOptions as _, Connection as _,
        mysql::{MySqlConnectOptions, MySqlPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
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
/// More prepared statements than a unit of work makes, however large it is.
const NEVER_FULL: usize = 10_000;
/// How long closing waits for work that does not end.
const CLOSE: Duration = Duration::from_secs(5);
/// How long the connection that changes the schema stays when nobody does.
const SCHEMA_IDLE: Duration = Duration::from_secs(10);

/// How to reach the database and how much of it to use.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:PATH` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=...`.
    pub url: SecretString,
    /// Transactions at a time at most, and as many reads beside them. On SQLite there is one writer.
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
    pub(super) write: Links,
    pub(super) read: Links,
    /// For changing the schema, and for a look at the server; nobody holds it for long.
    schema: DatabaseConnection,
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
        let first = timeout(FIRST_CONNECTION, Box::pin(connect.connect())).await;
        let first = first.map_err(|_| failed(sqlx::Error::PoolTimedOut))?.map_err(failed)?;
        Box::pin(first.close()).await.map_err(failed)?;
        let doubt = Arc::new(Doubt::new());
        let links = |begins| {
            let connector = Connector::MySql {
                options: Box::new(connect.clone()),
                begins,
                doubt: doubt.clone(),
            };
            links(connector, options.max_connections)
        };
        let (write, read) = (links(true), links(false));
        let schema = MySqlPoolOptions::new()
            // Migrating, and renewing the lease for that.
            .max_connections(2)
            .acquire_timeout(options.acquire_timeout)
            .idle_timeout(SCHEMA_IDLE)
            .after_connect(|connection, _| Box::pin(settle(connection)))
            .connect_lazy_with(connect);
        Ok(Self {
            engine: Engine::MySql,
            write,
            read,
            schema: schema.into(),
            write_permits: Arc::new(Semaphore::new(options.max_connections as usize)),
            read_permits: Arc::new(Semaphore::new(options.max_connections as usize)),
            options,
            counts: Counts::new(),
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
        let first = Box::pin(connect.connect()).await.map_err(failed)?;
        Box::pin(first.close()).await.map_err(failed)?;
        // Writers that wait for each other inside SQLite poll unfairly; in front of one connection they queue.
        let write = links(Connector::Sqlite(Box::new(connect.clone())), 1);
        let readers = connect.clone().read_only(true);
        let read = links(Connector::Sqlite(Box::new(readers)), options.max_connections);
        let schema = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(options.acquire_timeout)
            .idle_timeout(SCHEMA_IDLE)
            .connect_lazy_with(connect);
        Ok(Self {
            engine: Engine::Sqlite,
            write,
            read,
            schema: schema.into(),
            write_permits: Arc::new(Semaphore::new(1)),
            read_permits: Arc::new(Semaphore::new(options.max_connections as usize)),
            options,
            counts: Counts::new(),
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

    /// Connections that migrators use: each statement commits by itself.
    pub(super) const fn schema(&self) -> &DatabaseConnection {
        &self.schema
    }

    /// A connection for a transaction, which begins here.
    pub(super) async fn transact(&self) -> Result<Held, DbErr> {
        let held = Held::new(
            self.take(&self.write).await?,
            self.engine.backend(),
            self.counts.clone(),
            true,
        );
        held.begin_transaction().await?;
        Ok(held)
    }

    /// A connection for reads outside transactions.
    pub(super) async fn look(&self) -> Result<Held, DbErr> {
        let taken = self.take(&self.read).await?;
        Ok(Held::new(taken, self.engine.backend(), self.counts.clone(), false))
    }

    async fn take(&self, links: &Links) -> Result<Taken, DbErr> {
        match timeout(self.options.acquire_timeout, links.get()).await {
            Ok(Ok(taken)) => Ok(taken),
            Ok(Err(PoolError::Backend(error))) => Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))),
            Ok(Err(PoolError::Closed)) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)),
            Ok(Err(_)) | Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
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
        for (links, permits) in [(&self.write, &self.write_permits), (&self.read, &self.read_permits)] {
            let all = u32::try_from(links.status().max_size).unwrap_or(u32::MAX);
            if timeout(CLOSE, permits.acquire_many(all)).await.is_err() {
                tracing::warn!("some database connections do not end");
            }
            let idle = links.retain(|_, _| false).removed;
            links.close();
            for link in idle {
                if let Ok(Err(error)) = timeout(CLOSE, Box::pin(link.close())).await {
                    tracing::debug!(error = %error, "closing the database");
                }
            }
        }
        if let Err(error) = self.schema.close_by_ref().await {
            tracing::debug!(error = %error, "closing the database");
        }
    }
}

/// So many connections at most, the last used first: what it prepared is there, and those that nobody needs stay idle.
fn links(connector: Connector, max: u32) -> Links {
    let mut config = PoolConfig::new(max as usize);
    config.queue_mode = QueueMode::Lifo;
    let links = Links::builder(connector).config(config).build();
    links.unwrap_or_else(|_| unreachable!("only time limits need a runtime"))
}
