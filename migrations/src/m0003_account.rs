//! Accounts and what hangs on them: custom fields, tags, the related team.

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
            "account",
            vec![
                c.tenant(),
                c.own_id("id"),
                c.counter("version"),
                c.choice("status"),
                c.choice_opt("status_before_cancel"),
                c.foreign_id_opt("owner"),
                c.foreign_id_opt("last_owner"),
                c.instant_opt("owner_since"),
                c.own_id_opt("pool_id"),
                c.instant_opt("pool_entry_time"),
                c.choice_opt("pool_entry_cause"),
                // Why the last owner lost it, shown to those who consider claiming it.
                c.label("last_end_reason"),
                c.text("last_end_note"),
                c.counter("transfer_count"),
                c.choice("deal_status"),
                c.counter("won_count"),
                c.instant("last_won_time"),
                c.instant("last_follow_up_time"),
                c.instant_opt("anchor_time"),
                c.instant_opt("reclaim_time"),
                c.own_id_opt("rule_id"),
                c.instant("notice_floor"),
                c.counter("planned_revision"),
                c.choice("kind"),
                c.name("name"),
                c.name("name_key"),
                // The name's claim to be the only one; empty where duplicates are allowed and on tombstones.
                c.name_opt("unique_name"),
                c.foreign_id_opt("external_id"),
                c.label("grade"),
                c.label("industry"),
                c.label("source"),
                c.label("region"),
                c.label("phone"),
                c.name("email"),
                c.name("website"),
                c.text("address"),
                c.real_opt("latitude"),
                c.real_opt("longitude"),
                c.text("remark"),
                c.foreign_id_opt("creator"),
                c.instant("create_time"),
                c.instant("update_time"),
            ],
            &["tenant", "id"],
            &[
                // UNACTIVATED 1, REPORTING 2, UNASSIGNED 3, ASSIGNED 4, CANCELED 5, MERGED 6, DELETED 7
                "status BETWEEN 1 AND 7",
                "(status IN (1, 2, 4) AND owner IS NOT NULL) OR (status NOT IN (1, 2, 4) AND owner IS NULL)",
                "status = 4 OR reclaim_time IS NULL",
                "(owner IS NULL) = (owner_since IS NULL)",
            ],
        )
        .await?;
        create_index(manager, "account", "unique_name", &["tenant", "unique_name"], true).await?;
        create_index(manager, "account", "external_id", &["tenant", "external_id"], true).await?;
        // What a user holds is counted from here alone, and "mine" is listed from here.
        create_index(
            manager,
            "account",
            "owner",
            &["tenant", "owner", "deal_status", "pool_id", "status"],
            false,
        )
        .await?;
        create_index(
            manager,
            "account",
            "pool",
            &["tenant", "pool_id", "status", "id"],
            false,
        )
        .await?;
        create_index(
            manager,
            "account",
            "pool_name",
            &["tenant", "pool_id", "status", "name_key", "id"],
            false,
        )
        .await?;
        // Scanned across tenants by the sweep: it costs what is due, not what exists.
        create_index(
            manager,
            "account",
            "reclaim_time",
            &["reclaim_time", "tenant", "id"],
            false,
        )
        .await?;

        create_table(
            manager,
            "account_field",
            vec![
                c.tenant(),
                c.own_id("account_id"),
                c.own_id("field_id"),
                c.name_opt("text_value"),
                c.real_opt("number_value"),
                c.instant_opt("time_value"),
            ],
            &["tenant", "account_id", "field_id"],
            &[],
        )
        .await?;
        create_table(
            manager,
            "account_tag",
            vec![c.tenant(), c.own_id("account_id"), c.label("tag")],
            &["tenant", "account_id", "tag"],
            &[],
        )
        .await?;
        create_index(manager, "account_tag", "tag", &["tenant", "tag", "account_id"], false).await?;
        create_table(
            manager,
            "account_team",
            vec![
                c.tenant(),
                c.own_id("account_id"),
                c.foreign_id("user_id"),
                c.choice("role"),
                c.choice("access"),
                c.instant("create_time"),
            ],
            &["tenant", "account_id", "user_id"],
            &[],
        )
        .await?;
        create_index(
            manager,
            "account_team",
            "user",
            &["tenant", "user_id", "account_id"],
            false,
        )
        .await
    }
}
