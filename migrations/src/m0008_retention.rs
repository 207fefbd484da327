//! What retention clocks run on beside follow-ups and wins, when the worker looks at an account next, and the
//! configuration and bookkeeping of reclaim and reminders.

use crate::{
    columns::Columns,
    table::{add_column, create_index, create_table, drop_index},
};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        // Binaries that do not know these write no value: each is empty or has a default.
        for column in [
            c.instant_opt("wake_time"),
            c.instant("contract_end_time"),
            c.foreign_id_opt("locked_by"),
            c.instant("lock_time"),
            c.instant("lock_expire_time"),
            c.instant("embargo_time"),
            c.instant("disputed_time"),
            c.text_opt("tenure_clock"),
            c.text_opt("clock_memory"),
        ] {
            add_column(manager, "account", column).await?;
        }
        // Scanned across tenants by the worker: it costs what is due, not what exists. A wake time is never after the
        // reclaim time.
        create_index(manager, "account", "wake_time", &["wake_time", "tenant", "id"], false).await?;
        drop_index(manager, "account", "reclaim_time").await?;
        // What was due by rules from before has to be found by the new index too. What those rules say may be another day by
        // now, for example since the tenant has a cutoff: so their deadlines are computed again in the background.
        for fill in [
            "UPDATE account SET wake_time = reclaim_time WHERE wake_time IS NULL AND reclaim_time IS NOT NULL",
            "UPDATE account SET planned_revision = 0 WHERE status = 4",
            "UPDATE tenant SET replanned_revision = 0",
        ] {
            manager.get_connection().execute_unprepared(fill).await?;
        }
        // Of a contract: when it ends.
        add_column(manager, "business_object", c.instant("end_time")).await?;
        // What an activity said of that.
        add_column(manager, "activity", c.instant_opt("contract_end_time")).await?;

        for table in ["reminder_rule", "user_absence", "retention_pause", "chosen_department"] {
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

        // What was written with a change; goes with the account.
        add_column(manager, "account_event", c.text_opt("note")).await?;
        // Automatic reclaims that are disputed, by the pool from which they took the account. All zeros stands for outside
        // pools.
        create_table(
            manager,
            "disputed_reclaim",
            vec![c.tenant(), c.own_id("pool_id"), c.own_id("account_id")],
            &["tenant", "pool_id", "account_id"],
            &[],
        )
        .await?;

        // Until when each source has told everything.
        create_table(
            manager,
            "source_watermark",
            vec![c.tenant(), c.foreign_id("source"), c.instant("heard_time")],
            &["tenant", "source"],
            &[],
        )
        .await?;

        // How many accounts of a pool, or of none, were reclaimed within a day, and whether somebody has to confirm more.
        create_table(
            manager,
            "reclaim_breaker",
            vec![
                c.tenant(),
                // All zeros stands for the accounts outside pools.
                c.own_id("pool_id"),
                c.instant("window_time"),
                c.counter("taken"),
                c.counter("allowed"),
                c.instant("open_time"),
                c.counter("due"),
                c.counter("version"),
            ],
            &["tenant", "pool_id"],
            &[],
        )
        .await?;

        // How far the computation of deadlines after a change of rules has come.
        create_table(
            manager,
            "replan",
            vec![
                c.tenant(),
                c.counter("revision"),
                c.counter("done"),
                c.counter("total"),
                c.instant("start_time"),
                c.instant("update_time"),
            ],
            &["tenant"],
            &[],
        )
        .await
    }
}
