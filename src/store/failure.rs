//! How a unit of work can end other than well, and what each database error means. Errors are told apart by number.

use crate::domain::error::Error;
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, mysql::MySqlDatabaseError, sqlite::SqliteError},
};

/// Why an attempt was rolled back.
#[derive(Debug)]
pub enum Abort {
    /// Decided: the caller gets this answer, nothing was written.
    Refused(Error),
    /// A compare-and-set found that somebody was faster: load and decide again.
    Moved,
    /// The in-memory snapshot is older than the rows: load it again, then decide again.
    Stale,
    /// The database failed a statement.
    Db(DbErr),
    /// The connection broke during COMMIT: it may or may not have happened.
    CommitLost(DbErr),
    /// No connection came free in time.
    Busy,
    /// The caller's deadline passed before the commit.
    Late,
}

impl Abort {
    /// What it is called in traces and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Moved => "moved",
            Self::Stale => "stale",
            Self::Db(error) => match classify(error) {
                Class::Retry => "conflict",
                Class::Connection => "connection",
                Class::Unique => "unique",
                Class::Final => "database",
            },
            Self::CommitLost(_) => "commit_lost",
            Self::Busy => "busy",
            Self::Late => "late",
        }
    }
}

impl From<DbErr> for Abort {
    fn from(error: DbErr) -> Self {
        Self::Db(error)
    }
}

impl From<Error> for Abort {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// What a database error means for the unit of work. Whatever it is, the transaction is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Lost against another transaction: run the whole unit again.
    Retry,
    /// The connection, or the server behind it, cannot be used: another one may work.
    Connection,
    /// A unique key is taken.
    Unique,
    /// Neither again nor elsewhere.
    Final,
}

/// What the transport or server said, without SeaORM's wrapping.
fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// The error of a statement that was not answered in time.
pub(super) fn silence() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the database did not answer in time".into()))
}

/// Whether the server said that it is not the one to talk to: a replica after a fail-over, a node that left its cluster.
pub(super) fn moved_away(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(error)) = driver_error(error) else {
        return false;
    };
    let mysql = error.try_downcast_ref::<MySqlDatabaseError>();
    mysql.is_some_and(|error| matches!(error.number(), 1047 | 1290 | 1836))
}

/// What a failed COMMIT means. Only "you lost against another transaction" is a promise that nothing was written: a
/// server that was interrupted, or is going away, may have committed before it said so.
pub(super) fn commit_failed(error: DbErr) -> Abort {
    let embedded =
        matches!(driver_error(&error), Some(sqlx::Error::Database(e)) if e.try_downcast_ref::<SqliteError>().is_some());
    match classify(&error) {
        Class::Retry => Abort::Db(error),
        Class::Unique | Class::Final if embedded => Abort::Db(error),
        _ => Abort::CommitLost(error),
    }
}

/// What `error` says, for the log, without the values that some servers quote in their words.
#[must_use]
pub fn told(error: &DbErr) -> String {
    let mysql = match driver_error(error) {
        Some(sqlx::Error::Database(error)) => error.try_downcast_ref::<MySqlDatabaseError>(),
        _ => None,
    };
    match mysql {
        // Only what stands behind the last quoted value is ours: the key, or the column and row.
        Some(error) if QUOTING.contains(&error.number()) => {
            let tail = [" for key ", " for column "]
                .iter()
                .find_map(|mark| error.message().rfind(mark));
            let tail = tail.map_or("", |at| &error.message()[at..]);
            format!("error {} (value hidden){tail}", error.number())
        }
        Some(error) => format!("error {}: {}", error.number(), error.message()),
        None => error.to_string(),
    }
}

/// Errors whose words quote values: duplicate keys, and values that do not fit.
const QUOTING: [u16; 8] = [1062, 1264, 1292, 1366, 1411, 1525, 1586, 1644];

/// Tells by number what `error` means.
#[must_use]
pub fn classify(error: &DbErr) -> Class {
    let Some(error) = driver_error(error) else {
        return match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Class::Connection,
            _ => Class::Final,
        };
    };
    match error {
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                match mysql(error.number(), error.message()) {
                    Class::Final => sql_state(error.code().unwrap_or_default()),
                    class => class,
                }
            } else if let Some(code) = error.try_downcast_ref::<SqliteError>().and_then(|_| error.code()) {
                sqlite(code.parse().unwrap_or(0))
            } else {
                Class::Final
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        // What came back for BEGIN was the answer to something else.
        | sqlx::Error::BeginFailed
        | sqlx::Error::WorkerCrashed => Class::Connection,
        _ => Class::Final,
    }
}

fn mysql(number: u16, message: &str) -> Class {
    match number {
        // Deadlock; lock wait timeout; record has changed since last read; lock wait refused; certification failures
        // of clusters; TiDB's write conflicts and schema changes.
        1213 | 1205 | 1020 | 3572 | 3101 | 8002 | 8022 | 8005 | 8028 | 9007 => Class::Retry,
        1180 if message.contains("149") => Class::Retry,
        1105 if message.contains("Information schema is changed") => Class::Retry,
        // A cluster node that is not ready; read only after a fail-over; shutting down; too many connections or
        // prepared statements.
        1047 | 1290 | 1836 | 1053 | 1040 | 1203 | 1461 => Class::Connection,
        // The connection was killed; the server ended it because it was idle.
        1927 | 4031 if message.contains("killed") || message.contains("inactivity") => Class::Connection,
        1062 => Class::Unique,
        _ => Class::Final,
    }
}

/// Numbers that are not known here still say their kind: connection errors, and transactions that lost.
fn sql_state(state: impl AsRef<str>) -> Class {
    match state.as_ref() {
        "40001" => Class::Retry,
        state if state.starts_with("08") => Class::Connection,
        _ => Class::Final,
    }
}

fn sqlite(extended: i32) -> Class {
    match extended {
        // Unique and primary key are the two ways in which SQLite names the same thing.
        1555 | 2067 => Class::Unique,
        code => match code & 0xff {
            // Busy and locked, in all their variants.
            5 | 6 => Class::Retry,
            // Read-only, I/O error, full, cannot open.
            8 | 10 | 13 | 14 => Class::Connection,
            _ => Class::Final,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_decide_what_an_error_means() {
        for number in [1213, 1205, 1020, 3572, 3101, 9007, 8002, 8022, 8005, 8028] {
            assert_eq!(mysql(number, ""), Class::Retry, "{number}");
        }
        for number in [1047, 1290, 1836, 1053, 1040, 1461] {
            assert_eq!(mysql(number, ""), Class::Connection, "{number}");
        }
        assert_eq!(
            mysql(1180, "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT"),
            Class::Retry
        );
        assert_eq!(mysql(1180, "Got error 5 during COMMIT"), Class::Final);
        assert_eq!(mysql(1062, ""), Class::Unique);
        assert_eq!(mysql(1064, ""), Class::Final);
        for code in [5, 6, 261, 517] {
            assert_eq!(sqlite(code), Class::Retry, "{code}");
        }
        for code in [8, 10, 13, 14, 266, 778] {
            assert_eq!(sqlite(code), Class::Connection, "{code}");
        }
        for code in [1555, 2067] {
            assert_eq!(sqlite(code), Class::Unique, "{code}");
        }
        assert_eq!(sqlite(1), Class::Final);
        assert_eq!(mysql(1927, "Connection was killed"), Class::Connection);
        assert_eq!(sql_state("08S01"), Class::Connection);
        assert_eq!(sql_state("40001"), Class::Retry);
        assert_eq!(sql_state("42000"), Class::Final);
    }

    #[test]
    fn silence_is_a_broken_connection_and_makes_a_commit_unknown() {
        assert_eq!(classify(&silence()), Class::Connection);
        assert!(matches!(commit_failed(silence()), Abort::CommitLost(_)));
    }
}
