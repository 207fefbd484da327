//! The only way to declare a column. One function per meaning, so that a meaning has one type on every engine.
//!
//! * Instants are `BIGINT` microseconds since the epoch, UTC: one meaning, integer compare, no rounding, no 2038.
//! * Our own ids are UUIDv7 in 16 bytes. Ids that others give us are printable ASCII, compared byte by byte.
//! * Human text is `utf8mb4` compared byte by byte; the application normalises what has to match loosely.
//! * Merge fields (`GREATEST`, `MAX`) are never NULL, since `GREATEST(NULL, x)` is NULL.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Declares columns for one engine.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    mysql: bool,
}

impl Columns {
    /// Columns for the engine behind `manager`.
    #[must_use]
    pub fn of(manager: &SchemaManager<'_>) -> Self {
        Self {
            mysql: manager.get_database_backend() == DbBackend::MySql,
        }
    }

    fn column(self, name: &'static str, mysql: &'static str, sqlite: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(Alias::new(name));
        column.custom(Alias::new(if self.mysql { mysql } else { sqlite }));
        column
    }

    /// The tenant that a row belongs to, first in every key.
    #[must_use]
    pub fn tenant(self) -> ColumnDef {
        self.tenant_key("tenant")
    }

    /// The small key of a tenant.
    #[must_use]
    pub fn tenant_key(self, name: &'static str) -> ColumnDef {
        required(self.column(name, "INT", "INTEGER"))
    }

    /// An id that Tidepool made.
    #[must_use]
    pub fn own_id(self, name: &'static str) -> ColumnDef {
        required(self.own_id_opt(name))
    }

    /// An id that Tidepool made, where there may be none.
    #[must_use]
    pub fn own_id_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "BINARY(16)", "BLOB")
    }

    /// An id that another system made: printable ASCII without blanks, at most 64 bytes.
    #[must_use]
    pub fn foreign_id(self, name: &'static str) -> ColumnDef {
        required(self.foreign_id_opt(name))
    }

    /// An id that another system made, where there may be none.
    #[must_use]
    pub fn foreign_id_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin", "TEXT")
    }

    /// An event or request id: as a foreign id, at most 128 bytes.
    #[must_use]
    pub fn long_foreign_id(self, name: &'static str) -> ColumnDef {
        required(self.long_foreign_id_opt(name))
    }

    /// An event or request id, where there may be none.
    #[must_use]
    pub fn long_foreign_id_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin", "TEXT")
    }

    /// A point in time in microseconds since the epoch; 0 means never.
    #[must_use]
    pub fn instant(self, name: &'static str) -> ColumnDef {
        defaulted(self.column(name, "BIGINT", "INTEGER"), 0)
    }

    /// A point in time in microseconds since the epoch, where there may be none.
    #[must_use]
    pub fn instant_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "BIGINT", "INTEGER")
    }

    /// A counter, version or revision.
    #[must_use]
    pub fn counter(self, name: &'static str) -> ColumnDef {
        defaulted(self.column(name, "BIGINT", "INTEGER"), 0)
    }

    /// A whole number, where there may be none.
    #[must_use]
    pub fn number_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "BIGINT", "INTEGER")
    }

    /// A value of a closed list, by its published number.
    #[must_use]
    pub fn choice(self, name: &'static str) -> ColumnDef {
        required(self.choice_opt(name))
    }

    /// A value of a closed list, where there may be none.
    #[must_use]
    pub fn choice_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "SMALLINT", "INTEGER")
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(self, name: &'static str) -> ColumnDef {
        defaulted(self.column(name, "BOOLEAN", "BOOLEAN"), 0)
    }

    /// Human text of at most 255 characters; empty means none.
    #[must_use]
    pub fn name(self, name: &'static str) -> ColumnDef {
        required(self.name_opt(name))
    }

    /// Human text of at most 255 characters, where there may be none.
    #[must_use]
    pub fn name_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "TEXT")
    }

    /// A short text value that lists are filtered by, at most 64 characters; empty means none.
    #[must_use]
    pub fn label(self, name: &'static str) -> ColumnDef {
        required(self.column(name, "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "TEXT"))
    }

    /// Text without a bound of its own; never searched.
    #[must_use]
    pub fn text(self, name: &'static str) -> ColumnDef {
        required(self.text_opt(name))
    }

    /// Text without a bound of its own, where there may be none; never searched.
    #[must_use]
    pub fn text_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "TEXT")
    }

    /// Bytes without a bound of their own.
    #[must_use]
    pub fn bytes(self, name: &'static str) -> ColumnDef {
        required(self.column(name, "LONGBLOB", "BLOB"))
    }

    /// A SHA-256 digest.
    #[must_use]
    pub fn digest(self, name: &'static str) -> ColumnDef {
        required(self.column(name, "BINARY(32)", "BLOB"))
    }

    /// A real number, where there may be none.
    #[must_use]
    pub fn real_opt(self, name: &'static str) -> ColumnDef {
        self.column(name, "DOUBLE", "REAL")
    }
}

fn required(mut column: ColumnDef) -> ColumnDef {
    column.not_null();
    column
}

fn defaulted(column: ColumnDef, value: i64) -> ColumnDef {
    let mut column = required(column);
    column.default(value);
    column
}
