//! How far the events of each tenant have been handed on to another system, such as a stream of NATS.

use crate::{columns::Columns, table::create_table};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        create_table(
            manager,
            "event_export",
            vec![c.tenant(), c.foreign_id("destination"), c.counter("position")],
            &["tenant", "destination"],
            &[],
        )
        .await
    }
}
