//! Everything in which the engines differ.

use sea_orm::DbBackend;

/// The family of the database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// MySQL, MariaDB and what speaks their protocol.
    MySql,
    /// The embedded database.
    Sqlite,
}

impl Engine {
    /// The engine that a URL names.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "mysql" => Some(Self::MySql),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// The same, as SeaORM names it.
    #[must_use]
    pub const fn backend(self) -> DbBackend {
        match self {
            Self::MySql => DbBackend::MySql,
            Self::Sqlite => DbBackend::Sqlite,
        }
    }

    /// The database's own time, in microseconds since the epoch.
    #[must_use]
    pub const fn now_micros(self) -> &'static str {
        match self {
            Self::MySql => "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)",
            Self::Sqlite => "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) * 1000 AS INTEGER)",
        }
    }

    /// Accounts as `a`, read by this index and no other. `PRIMARY` is the key itself.
    #[must_use]
    pub fn account_by(self, index: &str) -> String {
        match self {
            Self::MySql => format!("account a FORCE INDEX ({index})"),
            // The key's index has no name of ours there, and is what it takes where there is nothing else to look for.
            Self::Sqlite if index == "PRIMARY" => "account a".to_owned(),
            Self::Sqlite => format!("account a INDEXED BY {index}"),
        }
    }

    /// Inserts unless the key is there; the count of affected rows says which.
    #[must_use]
    pub const fn insert_or_ignore(self) -> &'static str {
        match self {
            Self::MySql => "INSERT IGNORE INTO",
            Self::Sqlite => "INSERT OR IGNORE INTO",
        }
    }
}

/// Set once per pooled connection: reads see what is committed, waits for locks end before any caller's deadline, and
/// nothing is silently cut to fit a column. (The driver has set strict mode and UTC already.)
pub const MYSQL_SESSION: &[&str] = &[
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 3, wait_timeout = 3600, \
     sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
];
