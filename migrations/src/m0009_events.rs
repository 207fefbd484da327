//! What comes in in full, and what goes out: the details of business objects, the registered sources and kinds of
//! activities, activities that wait for their account; and the positions of events in the tenant's stream.

use crate::{
    columns::Columns,
    table::{add_column, create_index, create_table},
};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        incoming(manager, c).await?;
        objects(manager, c).await?;
        outgoing(manager, c).await
    }
}

async fn incoming(manager: &SchemaManager<'_>, c: Columns) -> Result<(), DbErr> {
    // Binaries that do not know these write no value: each is empty or has a default.
    for column in [
        c.number_opt("amount"),
        c.foreign_id_opt("currency"),
        c.foreign_id_opt("object_owner"),
        c.text_opt("visible_to"),
        c.flag("object_locked"),
        c.flag("object_in_workflow"),
        // What its actor was to the account when it was told, where that could matter; none is not looked up.
        c.choice_opt("standing"),
        // The trace of the call that told it.
        c.foreign_id_opt("traceparent"),
    ] {
        add_column(manager, "activity", column).await?;
    }
    // Activities of accounts that are not there yet, under the id that another system gave the account.
    create_table(
        manager,
        "parked_activity",
        vec![
            c.tenant(),
            c.foreign_id("source"),
            c.long_foreign_id("event_id"),
            c.digest("payload_hash"),
            c.foreign_id("external_id"),
            c.bytes("payload"),
            c.instant("park_time"),
            c.instant("expire_time"),
            // How often it was tried in vain to record it, and when it may be tried next.
            c.counter("tries"),
            c.instant("try_time"),
        ],
        &["tenant", "source", "event_id"],
        &[],
    )
    .await?;
    let account = ["tenant", "external_id", "park_time"];
    create_index(manager, "parked_activity", "account", &account, false).await?;
    let expiry = ["expire_time", "tenant", "source", "event_id"];
    create_index(manager, "parked_activity", "expiry", &expiry, false).await?;
    for table in ["activity_source", "activity_kind", "activity_rules"] {
        config_table(manager, c, table).await?;
    }
    Ok(())
}

async fn config_table(manager: &SchemaManager<'_>, c: Columns, table: &'static str) -> Result<(), DbErr> {
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
    .await
}

async fn objects(manager: &SchemaManager<'_>, c: Columns) -> Result<(), DbErr> {
    // The latest event of the object, whatever it says of deals: what it came to, whose it is, who may see it.
    for column in [
        c.foreign_id_opt("action"),
        c.instant("detail_time"),
        c.long_foreign_id_opt("detail_event_id"),
        // In ten thousandths of the currency's unit.
        c.number_opt("amount"),
        c.foreign_id_opt("currency"),
        c.foreign_id_opt("owner"),
        // When a handover of the account last gave it an owner: older events say nothing of that.
        c.instant("owner_time"),
        c.flag("locked"),
        c.flag("in_workflow"),
        // The event that says when the contract ends: `state_time` is of the one that says whether the deal is closed.
        c.instant("end_told_time"),
        c.long_foreign_id_opt("end_told_event_id"),
    ] {
        add_column(manager, "business_object", column).await?;
    }
    let related = [
        "tenant",
        "account_id",
        "object_type",
        "detail_time",
        "source",
        "object_id",
    ];
    create_index(manager, "business_object", "related", &related, false).await?;
    // Who may see an object beside its owner and those above him.
    let key = ["tenant", "account_id", "user_id", "source", "object_type", "object_id"];
    create_table(
        manager,
        "object_viewer",
        vec![
            c.tenant(),
            c.own_id("account_id"),
            c.foreign_id("user_id"),
            c.foreign_id("source"),
            c.foreign_id("object_type"),
            c.foreign_id("object_id"),
        ],
        &key,
        &[],
    )
    .await?;
    let object = ["tenant", "source", "object_type", "object_id"];
    create_index(manager, "object_viewer", "object", &object, false).await
}

async fn outgoing(manager: &SchemaManager<'_>, c: Columns) -> Result<(), DbErr> {
    for column in [
        // Its place in the tenant's stream; none until the relay gives it one.
        c.number_opt("position"),
        // Whose the account is afterwards, and where.
        c.own_id_opt("pool_id"),
        c.foreign_id_opt("owner"),
        c.foreign_id_opt("traceparent"),
    ] {
        add_column(manager, "account_event", column).await?;
    }
    // Those that have none yet are found by account and version. No unique key on the position: it would need an index of
    // its own, on a table that is never emptied; positions are given under the compare-and-set on `last_position`.
    let position = ["tenant", "position", "account_id", "version"];
    create_index(manager, "account_event", "position", &position, false).await?;
    // How far each tenant's stream goes, and from where on it is kept.
    create_table(
        manager,
        "event_stream",
        vec![c.tenant(), c.counter("last_position"), c.counter("purged_position")],
        &["tenant"],
        &[],
    )
    .await
}
