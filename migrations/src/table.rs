//! Creates tables, columns and indexes so that a step which was interrupted can simply run again.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Creates `table` with its columns and primary key unless it exists.
pub async fn create_table(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: Vec<ColumnDef>,
    primary_key: &[&'static str],
    checks: &[&'static str],
) -> Result<(), DbErr> {
    let mut create = Table::create();
    create.table(Alias::new(table)).if_not_exists();
    for mut column in columns {
        create.col(&mut column);
    }
    let mut key = Index::create();
    for column in primary_key {
        key.col(Alias::new(*column));
    }
    create.primary_key(&mut key);
    for check in checks {
        create.check(Expr::cust(*check));
    }
    // Written for SQLite as well, these would be a syntax error there.
    if manager.get_database_backend() == DbBackend::MySql {
        create.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
    }
    manager.create_table(create).await
}

/// Creates an index named `<table>_<name>` unless it exists.
pub async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &str,
    columns: &[&'static str],
    unique: bool,
) -> Result<(), DbErr> {
    let name = format!("{table}_{name}");
    // Not every engine knows CREATE INDEX IF NOT EXISTS.
    if manager.has_index(table, &name).await? {
        return Ok(());
    }
    let mut create = Index::create();
    create.name(&name).table(Alias::new(table));
    for column in columns {
        create.col(Alias::new(*column));
    }
    if unique {
        create.unique();
    }
    manager.create_index(create).await
}

/// Adds a column to `table` unless it is there. It must be empty or have a default: binaries that do not know it write
/// none.
pub async fn add_column(manager: &SchemaManager<'_>, table: &'static str, mut column: ColumnDef) -> Result<(), DbErr> {
    if manager.has_column(table, column.get_column_name()).await? {
        return Ok(());
    }
    let mut alter = Table::alter();
    alter.table(Alias::new(table)).add_column(&mut column);
    manager.alter_table(alter).await
}

/// Drops the index named `<table>_<name>` if it is there.
pub async fn drop_index(manager: &SchemaManager<'_>, table: &'static str, name: &str) -> Result<(), DbErr> {
    let name = format!("{table}_{name}");
    if !manager.has_index(table, &name).await? {
        return Ok(());
    }
    let mut drop = Index::drop();
    drop.name(&name).table(Alias::new(table));
    manager.drop_index(drop).await
}
