//! Creates tables and indexes so that a step which was interrupted can simply run again.

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
