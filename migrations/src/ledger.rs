//! The two tables that must be there before the first step: what was applied, and the leases that keep two migrators
//! (and later two workers of a kind) apart.

use crate::{columns::Columns, table::create_table};
use sea_orm_migration::prelude::*;

/// Creates them unless they exist.
pub async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    create_table(
        manager,
        "schema_step",
        vec![
            c.foreign_id("name"),
            c.foreign_id_opt("min_binary"),
            c.instant("apply_time"),
        ],
        &["name"],
        &[],
    )
    .await?;
    create_table(
        manager,
        "lease",
        vec![
            c.foreign_id("name"),
            c.foreign_id("owner"),
            c.counter("epoch"),
            c.instant("expire_time"),
        ],
        &["name"],
        &[],
    )
    .await
}
