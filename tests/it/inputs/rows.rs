//! Everything that is stored, as text, so that two moments can be compared.

use crate::{harness::Server, schema};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet};

/// Every row of every table, each value in hexadecimal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rows(BTreeMap<String, BTreeSet<String>>);

/// Reads what servers have stored.
pub(crate) struct Store {
    db: DatabaseConnection,
    tables: Vec<(String, Vec<String>)>,
}

impl Store {
    pub(crate) async fn open(server: &Server) -> Self {
        let db = Database::connect(server.config.database.url.expose_secret())
            .await
            .unwrap();
        let tables = schema::tables(&db).await.into_iter();
        // Whose turn it is to work is nobody's data.
        let kept = tables.filter(|(name, _)| name != "lease");
        let tables = kept
            .map(|(name, table)| (name, table.columns.into_keys().collect()))
            .collect();
        Self { db, tables }
    }

    /// What is stored of everybody.
    pub(crate) async fn all(&self) -> Rows {
        self.rows(None).await
    }

    /// What is stored of a tenant.
    pub(crate) async fn of(&self, tenant: &str) -> Rows {
        let key = format!("(SELECT id FROM tenant WHERE name = '{tenant}')");
        self.rows(Some(key)).await
    }

    async fn rows(&self, tenant: Option<String>) -> Rows {
        let mut all = BTreeMap::new();
        let quote = if self.db.get_database_backend() == DbBackend::Sqlite {
            '"'
        } else {
            '`'
        };
        for (table, columns) in &self.tables {
            let of = match &tenant {
                None => String::new(),
                Some(key) if table == "tenant" => format!(" WHERE id = {key}"),
                Some(key) if columns.iter().any(|column| column == "tenant") => format!(" WHERE tenant = {key}"),
                Some(_) => continue,
            };
            let hex = |column: &String| format!("HEX({quote}{column}{quote})");
            let select = columns.iter().map(hex).collect::<Vec<_>>().join(", ");
            let sql = format!("SELECT {select} FROM {quote}{table}{quote}{of}");
            let statement = Statement::from_string(self.db.get_database_backend(), sql);
            let rows = self.db.query_all_raw(statement).await.unwrap();
            let row = |row: &sea_orm::QueryResult| {
                let value = |(at, column): (usize, &String)| {
                    let value: Option<String> = row.try_get_by_index(at).unwrap();
                    format!("{column}={}", value.unwrap_or_else(|| "-".into()))
                };
                columns.iter().enumerate().map(value).collect::<Vec<_>>().join(" ")
            };
            all.insert(table.clone(), rows.iter().map(row).collect());
        }
        Rows(all)
    }

    pub(crate) async fn close(self) {
        self.db.close().await.unwrap();
    }
}

impl Rows {
    /// All ids of ours in it, as messages have them.
    pub(crate) fn uuids(&self) -> BTreeSet<String> {
        let values = self.0.values().flatten().flat_map(|row| row.split(' '));
        let ids = values.filter_map(|value| value.split_once('=').filter(|(column, _)| column.ends_with("id")));
        // Sixteen bytes; texts of that length are none.
        let uuids = ids.filter_map(|(_, hex)| uuid::Uuid::try_parse(hex).ok());
        uuids
            .filter(|uuid| uuid.get_version_num() == 7)
            .map(|uuid| uuid.to_string())
            .collect()
    }

    /// Panics with what came and went.
    pub(crate) fn assert_same(&self, before: &Self, what: &str) {
        for (table, rows) in &self.0 {
            let was = &before.0[table];
            let came: Vec<_> = rows.difference(was).collect();
            let went: Vec<_> = was.difference(rows).collect();
            assert!(
                came.is_empty() && went.is_empty(),
                "{what}: {table}\ncame {came:#?}\nwent {went:#?}"
            );
        }
    }
}
