//! What a schema looks like, as text for the committed snapshot and as a structure that can be compared over engines.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use std::collections::BTreeMap;

/// A table: its columns and whether they may be NULL, its keys and their columns. What engines call differently is left
/// out: types, defaults, the name of the primary key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: BTreeMap<String, bool>,
    pub(crate) keys: BTreeMap<String, (bool, Vec<String>)>,
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement).await.unwrap()
}

fn text(row: &QueryResult, column: usize) -> String {
    row.try_get_by_index(column).unwrap()
}

/// The names of all tables, in order.
pub(crate) async fn names(db: &DatabaseConnection) -> Vec<String> {
    let select = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        }
        _ => {
            "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
        }
    };
    rows(db, select).await.iter().map(|row| text(row, 0)).collect()
}

/// The DDL of everything, in order.
pub(crate) async fn dump(db: &DatabaseConnection) -> String {
    let mut dump = String::new();
    if db.get_database_backend() == DbBackend::Sqlite {
        let select = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name";
        for row in rows(db, select).await {
            // One column a line, so that a difference can be read.
            let sql = text(&row, 0).replace(", \"", ",\n  \"").replace("( \"", "(\n  \"");
            dump.push_str(&sql);
            dump.push_str(";\n\n");
        }
        return dump;
    }
    for name in names(db).await {
        dump.push_str(&text(&rows(db, &format!("SHOW CREATE TABLE {name}")).await[0], 1));
        dump.push_str(";\n\n");
    }
    dump
}

/// Whether the server is MariaDB, which prints DDL in its own way.
pub(crate) async fn is_mariadb(db: &DatabaseConnection) -> bool {
    text(&rows(db, "SELECT VERSION()").await[0], 0).contains("MariaDB")
}

/// All tables.
pub(crate) async fn tables(db: &DatabaseConnection) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    for name in names(db).await {
        let table = match db.get_database_backend() {
            DbBackend::Sqlite => sqlite_table(db, &name).await,
            _ => mysql_table(db, &name).await,
        };
        tables.insert(name, table);
    }
    tables
}

async fn sqlite_table(db: &DatabaseConnection, name: &str) -> Table {
    let mut table = Table::default();
    let mut primary = BTreeMap::new();
    let select = format!("SELECT name, \"notnull\", pk FROM pragma_table_info('{name}')");
    for row in rows(db, &select).await {
        let required: i64 = row.try_get_by_index(1).unwrap();
        table.columns.insert(text(&row, 0), required == 0);
        let place: i64 = row.try_get_by_index(2).unwrap();
        if place > 0 {
            primary.insert(place, text(&row, 0));
        }
    }
    table
        .keys
        .insert("PRIMARY".into(), (true, primary.into_values().collect()));
    let select = format!("SELECT name, \"unique\" FROM pragma_index_list('{name}') WHERE origin = 'c'");
    for row in rows(db, &select).await {
        let unique: i64 = row.try_get_by_index(1).unwrap();
        let select = format!("SELECT name FROM pragma_index_info('{}') ORDER BY seqno", text(&row, 0));
        let columns = rows(db, &select).await.iter().map(|row| text(row, 0)).collect();
        table.keys.insert(text(&row, 0), (unique == 1, columns));
    }
    table
}

async fn mysql_table(db: &DatabaseConnection, name: &str) -> Table {
    let mut table = Table::default();
    for row in columns(db, name).await {
        table.columns.insert(text(&row, 0), text(&row, 1) == "YES");
    }
    let select = format!(
        "SELECT CAST(index_name AS CHAR), CAST(non_unique AS SIGNED), CAST(column_name AS CHAR) \
         FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND table_name = '{name}' ORDER BY index_name, seq_in_index"
    );
    for row in rows(db, &select).await {
        let many: i64 = row.try_get_by_index(1).unwrap();
        let key = table.keys.entry(text(&row, 0)).or_insert((many == 0, Vec::new()));
        key.1.push(text(&row, 2));
    }
    table
}

/// Name, whether it may be NULL, type, collation (empty if none) and extras of each column.
pub(crate) async fn columns(db: &DatabaseConnection, table: &str) -> Vec<QueryResult> {
    let select = format!(
        "SELECT CAST(column_name AS CHAR), CAST(is_nullable AS CHAR), CAST(column_type AS CHAR), \
         CAST(COALESCE(collation_name, '') AS CHAR), CAST(extra AS CHAR) FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
    );
    rows(db, &select).await
}
