//! Webhooks: where events are sent, how far each of them is, and what waits to be sent again or was given up.

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
            "webhook",
            vec![
                c.tenant(),
                c.own_id("id"),
                c.counter("version"),
                c.text("config"),
                c.instant("create_time"),
                c.instant("update_time"),
            ],
            &["tenant", "id"],
            &[],
        )
        .await?;
        create_table(
            manager,
            "webhook_progress",
            vec![
                c.tenant(),
                c.own_id("webhook_id"),
                // As its configuration says; copied, so that what is to be done is found without reading that.
                c.flag("active"),
                c.counter("version"),
                // All events up to here are delivered, not wanted, or among the deliveries.
                c.counter("position"),
                // Of the deliveries that are not given up: how many, and when the first of them is due.
                c.counter("waiting"),
                c.instant("next_time"),
                c.instant("pause_time"),
                c.counter("failures"),
                c.instant("failing_since"),
                c.instant("deliver_time"),
                c.label("error"),
            ],
            &["tenant", "webhook_id"],
            &[],
        )
        .await?;
        create_table(
            manager,
            "webhook_delivery",
            vec![
                c.tenant(),
                c.own_id("webhook_id"),
                c.counter("position"),
                c.own_id("account_id"),
                c.flag("dead"),
                c.counter("attempts"),
                c.instant("next_time"),
                c.instant("attempt_time"),
                c.label("error"),
            ],
            &["tenant", "webhook_id", "position"],
            &[],
        )
        .await?;
        let state = ["tenant", "webhook_id", "dead", "position"];
        create_index(manager, "webhook_delivery", "state", &state, false).await
    }
}
