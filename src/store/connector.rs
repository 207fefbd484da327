//! Makes connections with the session settings that correctness rests on, and says of one that was used before whether it is
//! still good. The pool that keeps them adds nothing: no statement goes over a connection when it is taken or given back.

use super::{
    dialect::{MARIADB_SESSION, MYSQL_SESSION},
    doubt::{Doubt, Verdict},
};
use deadpool::managed::{Manager, Metrics, Object, Pool, RecycleError, RecycleResult};
use futures::TryStreamExt as _;
use sea_orm::{
    ExecResult, QueryResult, Statement, Values,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _,
        mysql::{MySql, MySqlConnectOptions, MySqlConnection},
        query::Query,
        sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection},
    },
};
use sea_query_sqlx::SqlxValues;
use std::{io::ErrorKind, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// How long an idle connection may take to say that it is alive.
const PING: Duration = Duration::from_secs(1);
/// How old a connection becomes: servers are moved, and what a session holds grows.
const LIFETIME: Duration = Duration::from_mins(20);
/// Before a server that refuses is asked again: it may be starting.
const PAUSE: Duration = Duration::from_millis(50);
/// Prepared statements that a connection keeps from one unit of work to the next.
const PREPARED: usize = 100;

/// The connections of one kind.
pub(super) type Links = Pool<Connector>;
/// One of them, until it is dropped.
pub(super) type Taken = Object<Connector>;

/// How connections are made.
#[derive(Debug)]
pub(super) enum Connector {
    /// To a server.
    MySql {
        /// Where it is.
        options: Box<MySqlConnectOptions>,
        /// For transactions: each statement begins one if none is open, so that BEGIN need not be said.
        begins: bool,
        /// Which of them are to be asked, or replaced, before they are used.
        doubt: Arc<Doubt>,
    },
    /// To a file.
    Sqlite(Box<SqliteConnectOptions>),
}

/// A connection.
#[derive(Debug)]
pub(super) enum Link {
    MySql(Box<MySqlConnection>),
    Sqlite(Box<SqliteConnection>),
}

impl Manager for Connector {
    type Type = Link;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Link, sqlx::Error> {
        match self {
            Self::Sqlite(options) => Ok(Link::Sqlite(Box::new(Box::pin(options.connect()).await?))),
            Self::MySql { options, begins, .. } => loop {
                match Box::pin(options.connect()).await {
                    // Whoever waits for the connection says for how long.
                    Err(sqlx::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => sleep(PAUSE).await,
                    Err(error) => return Err(error),
                    Ok(mut connection) => {
                        Box::pin(settle(&mut connection)).await?;
                        if *begins {
                            connection.execute("SET SESSION autocommit = 0").await?;
                        }
                        return Ok(Link::MySql(Box::new(connection)));
                    }
                }
            },
        }
    }

    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        let (Self::MySql { doubt, .. }, Link::MySql(connection)) = (self, link) else {
            return Ok(());
        };
        let verdict = match metrics.age() {
            age if age >= LIFETIME => Verdict::Replace,
            age => doubt.of(age, metrics.last_used()),
        };
        match verdict {
            Verdict::Trust => Ok(()),
            Verdict::Ask => {
                let Ok(answer) = timeout(PING, connection.ping()).await else {
                    // The network swallows what is sent, and asking the others one by one would take as long for each.
                    doubt.moved();
                    return Err(RecycleError::message("silent"));
                };
                Ok(answer?)
            }
            Verdict::Replace => Err(RecycleError::message(
                "too old, or to a server that is not the one any more",
            )),
        }
    }
}

/// Gives a new connection the settings that correctness rests on.
pub(super) async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for statement in MYSQL_SESSION {
        connection.execute(*statement).await?;
    }
    match connection.execute(MARIADB_SESSION).await {
        // Not MariaDB.
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn query<DB: sqlx::Database>(statement: &Statement) -> Query<'_, DB, SqlxValues>
where
    SqlxValues: sqlx::IntoArguments<DB>,
{
    let values = statement.values.clone().unwrap_or_else(|| Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values))
}

impl Link {
    pub(super) async fn execute(&mut self, statement: &Statement) -> Result<ExecResult, sqlx::Error> {
        match self {
            Self::MySql(link) => Ok(query::<MySql>(statement).execute(&mut **link).await?.into()),
            Self::Sqlite(link) => Ok(query::<Sqlite>(statement).execute(&mut **link).await?.into()),
        }
    }

    /// As text, unprepared.
    pub(super) async fn execute_text(&mut self, sql: &str) -> Result<ExecResult, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::MySql(link) => Ok(link.execute(sql).await?.into()),
            Self::Sqlite(link) => Ok(link.execute(sql).await?.into()),
        }
    }

    /// As text: one message of several statements, which ends with the first of them that fails. Notes how many rows each changed.
    pub(super) async fn execute_script(&mut self, sql: String, changed: &mut Vec<u64>) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::MySql(link) => {
                let mut results = link.fetch_many(sql);
                while let Some(result) = results.try_next().await? {
                    changed.extend(result.left().map(|done| done.rows_affected()));
                }
            }
            Self::Sqlite(link) => {
                let mut results = link.fetch_many(sql);
                while let Some(result) = results.try_next().await? {
                    changed.extend(result.left().map(|done| done.rows_affected()));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn one(&mut self, statement: &Statement) -> Result<Option<QueryResult>, sqlx::Error> {
        match self {
            Self::MySql(link) => {
                let row = query::<MySql>(statement).fetch_optional(&mut **link).await?;
                Ok(row.map(Into::into))
            }
            Self::Sqlite(link) => {
                let row = query::<Sqlite>(statement).fetch_optional(&mut **link).await?;
                Ok(row.map(Into::into))
            }
        }
    }

    pub(super) async fn all(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        match self {
            Self::MySql(link) => {
                let rows = query::<MySql>(statement).fetch_all(&mut **link).await?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
            Self::Sqlite(link) => {
                let rows = query::<Sqlite>(statement).fetch_all(&mut **link).await?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
        }
    }

    /// Whether it holds more prepared statements than it is to keep.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::MySql(link) => link.cached_statements_size() > PREPARED,
            // Bounded by the driver, and nobody waits for one that is forgotten.
            Self::Sqlite(_) => false,
        }
    }

    /// Closes the prepared statements, and waits until that is done. It is not answered, so with `TCP_NODELAY` unset, as the
    /// driver leaves it, whatever is sent next waits for the server's kernel to acknowledge that, which it puts off for 40 ms.
    pub(super) async fn empty(&mut self) -> Result<(), sqlx::Error> {
        if let Self::MySql(link) = self {
            link.clear_cached_statements().await?;
            link.ping().await?;
        }
        Ok(())
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::MySql(link) => link.close().await,
            Self::Sqlite(link) => link.close().await,
        }
    }
}
