//! What the service itself needs to work: answered requests and secrets that replicas share.

use crate::{
    columns::Columns,
    table::{create_index, create_table},
};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        create_table(
            manager,
            "request",
            vec![
                c.tenant(),
                c.foreign_id("caller"),
                c.long_foreign_id("request_id"),
                c.digest("payload_hash"),
                c.bytes("response"),
                c.instant("create_time"),
            ],
            &["tenant", "caller", "request_id"],
            &[],
        )
        .await?;
        create_index(manager, "request", "create_time", &["create_time"], false).await?;

        create_table(
            manager,
            "service_secret",
            vec![c.foreign_id("name"), c.bytes("value"), c.instant("create_time")],
            &["name"],
            &[],
        )
        .await
    }
}
