//! Work on many accounts that goes on after the call that wanted it: what is wanted, how far it is, what was refused.

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
            "job",
            vec![
                c.tenant(),
                c.own_id("id"),
                c.choice("kind"),
                c.choice("state"),
                c.text("config"),
                c.foreign_id("caller"),
                c.foreign_id_opt("actor"),
                c.counter("phase"),
                c.own_id_opt("after_id"),
                c.counter("turn"),
                c.counter("total"),
                c.counter("done"),
                c.counter("moved"),
                c.counter("refused"),
                c.label("reason"),
                c.text("message"),
                c.counter("version"),
                c.instant("create_time"),
                c.instant("update_time"),
                c.instant_opt("finish_time"),
            ],
            &["tenant", "id"],
            &[],
        )
        .await?;
        // The worker asks for those that are open, over all tenants, the oldest first.
        create_index(manager, "job", "state", &["state", "id"], false).await?;

        create_table(
            manager,
            "job_item",
            vec![
                c.tenant(),
                c.own_id("job_id"),
                c.counter("seq"),
                c.own_id("account_id"),
                c.label("reason"),
                c.text("message"),
            ],
            &["tenant", "job_id", "seq"],
            &[],
        )
        .await
    }
}
