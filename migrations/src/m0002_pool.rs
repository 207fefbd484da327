//! Pools, limits, reclaim rules and custom-field definitions: what is read on every call and changed rarely.

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
            "pool",
            vec![
                c.tenant(),
                c.own_id("id"),
                c.counter("version"),
                c.choice("state"),
                // Compare-and-set by every flow that brings an account in from outside, and by delete.
                c.counter("entries"),
                c.text("config"),
                c.instant("create_time"),
                c.instant("update_time"),
            ],
            &["tenant", "id"],
            &[],
        )
        .await?;

        for table in ["limit_rule", "reclaim_rule", "custom_field"] {
            create_table(
                manager,
                table,
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
        }

        create_table(
            manager,
            "config_event",
            vec![
                c.tenant(),
                c.own_id("id"),
                c.instant("event_time"),
                c.foreign_id("caller"),
                c.foreign_id_opt("actor"),
                c.label("resource_type"),
                c.name("resource"),
                c.label("action"),
                c.text("changes"),
            ],
            &["tenant", "id"],
            &[],
        )
        .await?;
        create_index(
            manager,
            "config_event",
            "resource",
            &["tenant", "resource_type", "resource", "id"],
            false,
        )
        .await
    }
}
