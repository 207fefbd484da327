//! Everything in which the engines differ.

use sea_orm::{ConnectionTrait, DbBackend, Value};

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

    /// The one behind a connection.
    #[must_use]
    pub fn of(conn: &impl ConnectionTrait) -> Self {
        match conn.get_database_backend() {
            DbBackend::Sqlite => Self::Sqlite,
            _ => Self::MySql,
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

    /// The end of an insert that replaces `columns` of the row that has the same key.
    #[must_use]
    pub fn or_update(self, key: &[&str], columns: &[&str]) -> String {
        let set = |form: fn(&str) -> String| columns.iter().map(|column| form(column)).collect::<Vec<_>>().join(", ");
        match self {
            Self::MySql => format!(
                " ON DUPLICATE KEY UPDATE {}",
                set(|column| format!("{column} = VALUES({column})"))
            ),
            Self::Sqlite => {
                let set = set(|column| format!("{column} = excluded.{column}"));
                format!(" ON CONFLICT ({}) DO UPDATE SET {set}", key.join(", "))
            }
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

    /// A table under another name, read by its key and no other way.
    #[must_use]
    pub fn by_key(self, table: &str, name: &str) -> String {
        match self {
            Self::MySql => format!("{table} {name} FORCE INDEX (PRIMARY)"),
            // So it calls the first index that it made by itself, which is that of the key.
            Self::Sqlite => format!("{table} {name} INDEXED BY sqlite_autoindex_{table}_1"),
        }
    }

    /// A table under another name, read by this index and no other.
    #[must_use]
    pub fn by_index(self, table: &str, name: &str, index: &str) -> String {
        match self {
            Self::MySql => format!("{table} {name} FORCE INDEX ({index})"),
            Self::Sqlite => format!("{table} {name} INDEXED BY {index}"),
        }
    }

    /// A table whose rows are updated, found by this index and no other.
    #[must_use]
    pub fn update_by_index(self, table: &str, index: &str) -> String {
        match self {
            Self::MySql => format!("{table} FORCE INDEX ({index})"),
            Self::Sqlite => format!("{table} INDEXED BY {index}"),
        }
    }

    /// A table whose rows are updated, found by their key where rows are locked as they are looked at; where they are not,
    /// by this index.
    #[must_use]
    pub fn update_by_key(self, table: &str, otherwise: &str) -> String {
        match self {
            Self::MySql => self.update_by_index(table, "PRIMARY"),
            Self::Sqlite => self.update_by_index(table, otherwise),
        }
    }

    /// The quotient of two integers, cut to an integer.
    #[must_use]
    pub fn quotient(self, dividend: &str, divisor: i64) -> String {
        match self {
            Self::MySql => format!("{dividend} DIV {divisor}"),
            Self::Sqlite => format!("{dividend} / {divisor}"),
        }
    }

    /// A sum of integers as an integer.
    #[must_use]
    pub fn integer_sum(self, of: &str) -> String {
        match self {
            Self::MySql => format!("CAST(SUM({of}) AS SIGNED)"),
            Self::Sqlite => format!("SUM({of})"),
        }
    }

    /// A term that is no reason to read the rows in another way. SQLite takes each term for a sign that few rows are left,
    /// and would sort what lies in order.
    #[must_use]
    pub fn beside(self, term: &str) -> String {
        match self {
            Self::MySql => term.to_owned(),
            Self::Sqlite => format!("likelihood({term}, 1.0)"),
        }
    }

    /// Text as it is compared byte by byte. Collations that do so otherwise still take blanks at the end for nothing.
    #[must_use]
    pub fn exact(self, column: &str) -> String {
        match self {
            Self::MySql => format!("CAST({column} AS BINARY)"),
            Self::Sqlite => column.to_owned(),
        }
    }

    /// What [`Self::exact`] is compared to.
    #[must_use]
    pub fn exact_value(self, text: &str) -> Value {
        match self {
            Self::MySql => text.as_bytes().to_vec().into(),
            Self::Sqlite => text.into(),
        }
    }

    /// How long it is there.
    #[must_use]
    pub fn exact_len(self, text: &str) -> usize {
        match self {
            Self::MySql => text.len(),
            Self::Sqlite => text.chars().count(),
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

/// Set once per pooled connection, whatever the server's defaults are: reads see what is committed, a statement outside
/// a transaction commits by itself, waits for locks (of rows, and of tables that are being altered) end before any
/// caller's deadline, nothing is silently cut to fit a column, and a server that lost its client lets go of its locks.
/// (The driver has set the character set and UTC already.)
pub const MYSQL_SESSION: &[&str] = &[
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION autocommit = 1, completion_type = 0, innodb_lock_wait_timeout = 3, lock_wait_timeout = 10, \
     wait_timeout = 600, sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,\
     NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT'",
];

/// As [`MYSQL_SESSION`], where the server knows it: MariaDB rolls a transaction back whose client fell silent, so that a
/// dead client does not hold locks until its connection times out.
pub const MARIADB_SESSION: &str = "SET SESSION idle_transaction_timeout = 30";
