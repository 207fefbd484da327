//! How a unit of work can end other than well, and what each database error means. Errors are told apart by number.

use crate::error::Error;
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

/// Tells by number what `error` means.
#[must_use]
pub fn classify(error: &DbErr) -> Class {
    let (DbErr::Exec(inner) | DbErr::Query(inner) | DbErr::Conn(inner)) = error else {
        return match error {
            DbErr::ConnectionAcquire(_) => Class::Connection,
            _ => Class::Final,
        };
    };
    let RuntimeErr::SqlxError(error) = inner else {
        return Class::Final;
    };
    match error.as_ref() {
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                mysql(error.number(), error.message())
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
        1047 | 1290 | 1836 | 1053 | 1040 | 1461 => Class::Connection,
        1062 => Class::Unique,
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
            // Read-only, I/O error, full.
            8 | 10 | 13 => Class::Connection,
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
        for code in [8, 10, 13, 266, 778] {
            assert_eq!(sqlite(code), Class::Connection, "{code}");
        }
        for code in [1555, 2067] {
            assert_eq!(sqlite(code), Class::Unique, "{code}");
        }
        assert_eq!(sqlite(1), Class::Final);
    }
}
