//! Until when each source has told everything. Times only rise, whoever writes them in whatever order.

use super::{
    codec::Row,
    dialect::Engine,
    instant::{instant, micros},
    sql::statement,
};
use crate::domain::ids::{CallerId, TenantKey};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use std::collections::BTreeMap;

/// When each source of the tenant was heard of last.
pub async fn all(conn: &impl ConnectionTrait, tenant: TenantKey) -> Result<BTreeMap<CallerId, DateTime<Utc>>, DbErr> {
    let sql = "SELECT source, heard_time FROM source_watermark WHERE tenant = ?";
    let rows = conn.query_all_raw(statement(conn, sql, vec![tenant.0.into()])).await?;
    rows.iter()
        .map(|row| {
            let source: String = row.try_get("", "source")?;
            let at = Row {
                table: "source_watermark",
                tenant,
                key: &source,
            };
            Ok((
                at.id("source", &source, CallerId::parse)?,
                instant(row.try_get("", "heard_time")?),
            ))
        })
        .collect()
}

/// Notes that the source has told everything up to then, unless that is known already.
pub async fn raise(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    source: &CallerId,
    heard: DateTime<Utc>,
) -> Result<(), DbErr> {
    let heard = micros(heard);
    let update = "UPDATE source_watermark SET heard_time = ? WHERE tenant = ? AND source = ? AND heard_time < ?";
    let values = vec![heard.into(), tenant.0.into(), source.as_str().into(), heard.into()];
    if conn.execute_raw(statement(conn, update, values)).await?.rows_affected() > 0 {
        return Ok(());
    }
    let insert = format!(
        "{} source_watermark (tenant, source, heard_time) VALUES (?, ?, ?)",
        engine.insert_or_ignore()
    );
    let values = vec![tenant.0.into(), source.as_str().into(), heard.into()];
    conn.execute_raw(statement(conn, &insert, values)).await.map(drop)
}
