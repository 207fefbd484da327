//! What happened to accounts outside Tidepool: activities, and the business objects whose deals they close.

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
        // Inbox and timeline in one: the primary key is the deduplication.
        create_table(
            manager,
            "activity",
            vec![
                c.tenant(),
                c.foreign_id("source"),
                c.long_foreign_id("event_id"),
                c.digest("payload_hash"),
                c.own_id("account_id"),
                c.foreign_id("kind"),
                c.foreign_id_opt("object_id"),
                c.instant("occur_time"),
                c.instant("record_time"),
                c.foreign_id_opt("actor"),
                c.text("summary"),
            ],
            &["tenant", "source", "event_id"],
            &[],
        )
        .await?;
        let timeline = ["tenant", "account_id", "occur_time", "source", "event_id"];
        create_index(manager, "activity", "timeline", &timeline, false).await?;

        // The latest state of each object: the later event wins, ties go to the greater event id.
        create_table(
            manager,
            "business_object",
            vec![
                c.tenant(),
                c.foreign_id("source"),
                c.foreign_id("object_type"),
                c.foreign_id("object_id"),
                c.own_id("account_id"),
                c.flag("closed"),
                c.instant("state_time"),
                c.long_foreign_id("state_event_id"),
            ],
            &["tenant", "source", "object_type", "object_id"],
            &[],
        )
        .await?;
        create_index(
            manager,
            "business_object",
            "account",
            &["tenant", "account_id", "closed"],
            false,
        )
        .await
    }
}
