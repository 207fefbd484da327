//! Tenants and their directory: departments, groups, users, and the guard row of each user who can own accounts.

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
            "tenant",
            vec![
                c.tenant_key("id"),
                c.foreign_id("name"),
                c.counter("config_revision"),
                c.counter("directory_revision"),
                // The configuration revision of the last change that moves deadlines, when that was, and the last one that
                // all stored deadlines are known to follow.
                c.counter("retention_revision"),
                c.instant("retention_time"),
                c.counter("replanned_revision"),
                c.counter("settings_version"),
                c.text("settings"),
                c.instant("create_time"),
                c.instant("update_time"),
            ],
            &["id"],
            &[],
        )
        .await?;
        create_index(manager, "tenant", "name", &["name"], true).await?;

        create_table(
            manager,
            "directory_department",
            vec![
                c.tenant(),
                c.foreign_id("id"),
                c.name("display_name"),
                c.foreign_id_opt("parent"),
                c.foreign_id_opt("head"),
                c.counter("version"),
                c.instant("update_time"),
            ],
            &["tenant", "id"],
            &[],
        )
        .await?;

        create_table(
            manager,
            "directory_group",
            vec![
                c.tenant(),
                c.foreign_id("id"),
                c.name("display_name"),
                c.counter("version"),
                c.instant("update_time"),
            ],
            &["tenant", "id"],
            &[],
        )
        .await?;

        create_table(
            manager,
            "directory_user",
            vec![
                c.tenant(),
                c.foreign_id("id"),
                c.name("display_name"),
                c.flag("active"),
                c.foreign_id_opt("primary_department"),
                c.foreign_id_opt("supervisor"),
                c.label("region"),
                c.text("departments"),
                c.text("member_groups"),
                c.text("roles"),
                c.text("skills"),
                c.counter("version"),
                c.instant("update_time"),
            ],
            &["tenant", "id"],
            &[],
        )
        .await?;

        create_table(
            manager,
            "holder",
            vec![c.tenant(), c.foreign_id("user_id"), c.counter("version")],
            &["tenant", "user_id"],
            &[],
        )
        .await
    }
}
