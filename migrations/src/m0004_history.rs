//! What happened: tenures and the events of accounts. Rows are never deleted.

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
            "tenure",
            vec![
                c.tenant(),
                c.own_id("account_id"),
                c.counter("start_version"),
                c.foreign_id("user_id"),
                c.own_id_opt("pool_id"),
                c.instant("start_time"),
                c.choice("start_cause"),
                c.foreign_id_opt("start_actor"),
                // 1 while it runs, then NULL: the unique key on it allows one running tenure per account.
                c.choice_opt("open"),
                c.instant_opt("end_time"),
                c.choice_opt("end_cause"),
                c.foreign_id_opt("end_actor"),
                // Whether its end keeps the user from claiming the account again for the pool's cool-down.
                c.flag("bans_claim"),
                c.label("reason"),
                c.text("note"),
                c.own_id_opt("rule_id"),
                c.instant_opt("deadline"),
            ],
            &["tenant", "account_id", "start_version"],
            &["(open = 1 AND end_time IS NULL) OR (open IS NULL AND end_time IS NOT NULL)"],
        )
        .await?;
        create_index(manager, "tenure", "open", &["tenant", "account_id", "open"], true).await?;
        // The daily claim limit counts what a user claimed since midnight.
        create_index(
            manager,
            "tenure",
            "user",
            &["tenant", "user_id", "start_cause", "start_time", "pool_id"],
            false,
        )
        .await?;

        create_table(
            manager,
            "account_event",
            vec![
                c.tenant(),
                c.own_id("account_id"),
                c.counter("version"),
                c.instant("event_time"),
                c.label("kind"),
                c.foreign_id("caller"),
                c.foreign_id_opt("actor"),
                c.text("effects"),
            ],
            &["tenant", "account_id", "version"],
            &[],
        )
        .await
    }
}
