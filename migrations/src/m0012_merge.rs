//! Accounts that were merged into others.

use crate::{columns::Columns, table::add_column};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        // Without an index: from an account to what it became, never back.
        add_column(manager, "account", c.own_id_opt("merged_into")).await
    }
}
