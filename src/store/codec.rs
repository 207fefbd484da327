//! Reads what is stored, and says which row cannot be read instead of panicking on it.

use crate::domain::ids::{IdError, TenantKey};
use sea_orm::DbErr;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Display;

/// A row that is being read.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a, K> {
    /// The table.
    pub table: &'static str,
    /// The tenant that it belongs to.
    pub tenant: TenantKey,
    /// The rest of its key.
    pub key: &'a K,
}

impl<K: Display> Row<'_, K> {
    fn broken(&self, column: &str, error: impl Display) -> DbErr {
        // The value stays out of the text: it may be personal.
        DbErr::Custom(format!(
            "table {}, tenant {}, key {}: {column}: {error}",
            self.table, self.tenant.0, self.key
        ))
    }

    /// Reads a JSON column.
    pub fn json<T: DeserializeOwned>(&self, column: &str, text: &str) -> Result<T, DbErr> {
        serde_json::from_str(text)
            .map_err(|error| self.broken(column, format!("{:?} at {}", error.classify(), error.column())))
    }

    /// Reads an id.
    pub fn id<T>(&self, column: &str, text: &str, parse: impl Fn(&str) -> Result<T, IdError>) -> Result<T, DbErr> {
        parse(text).map_err(|error| self.broken(column, error))
    }

    /// Reads an id that may be absent.
    pub fn id_opt<T>(
        &self,
        column: &str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Result<T, IdError>,
    ) -> Result<Option<T>, DbErr> {
        text.map(|text| self.id(column, text, parse)).transpose()
    }

    /// Reads a value of a closed list.
    pub fn choice<T>(&self, column: &str, value: Option<T>) -> Result<T, DbErr> {
        value.ok_or_else(|| self.broken(column, "is not a known value"))
    }
}

/// Writes a JSON column. What is stored this way has string keys only and cannot fail.
pub fn to_json(value: &impl Serialize) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|error| DbErr::Custom(error.to_string()))
}
