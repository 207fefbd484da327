//! How far the events of each tenant were handed on, by destination. It is moved by compare-and-set after the destination has
//! acknowledged them: what was acknowledged and not noted is handed on again.

use super::{dialect::Engine, failure::Abort, organisation::tenant_name, script::expect, sql::statement};
use crate::domain::{
    event_stream::Bounds,
    ids::{TenantKey, TenantName},
};
use sea_orm::{ConnectionTrait, DbErr};

/// A tenant of which there are events to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The tenant.
    pub tenant: TenantKey,
    /// Its name.
    pub name: TenantName,
    /// Up to where they were handed on.
    pub position: i64,
    /// How far its stream goes.
    pub bounds: Bounds,
}

/// The tenants of which there are events to hand on.
pub async fn behind(conn: &impl ConnectionTrait, destination: &str) -> Result<Vec<Behind>, DbErr> {
    let sql = "SELECT s.tenant, t.name, s.last_position, s.purged_position, e.position FROM event_stream s \
               JOIN tenant t ON t.id = s.tenant \
               LEFT JOIN event_export e ON e.tenant = s.tenant AND e.destination = ? \
               WHERE s.last_position > COALESCE(e.position, 0) ORDER BY s.tenant";
    let rows = conn
        .query_all_raw(statement(conn, sql, vec![destination.into()]))
        .await?;
    rows.iter()
        .map(|row| {
            let tenant = TenantKey(row.try_get("", "tenant")?);
            Ok(Behind {
                tenant,
                name: tenant_name(tenant, &row.try_get::<String>("", "name")?)?,
                position: row.try_get::<Option<i64>>("", "position")?.unwrap_or(0),
                bounds: Bounds {
                    last: row.try_get("", "last_position")?,
                    purged: row.try_get("", "purged_position")?,
                },
            })
        })
        .collect()
}

/// Notes that the tenant's events up to `to` were handed on. Somebody else did if it is not at `from` any more.
pub async fn advance(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    destination: &str,
    (from, to): (i64, i64),
) -> Result<(), Abort> {
    if from == 0 {
        let begin = format!(
            "{} event_export (tenant, destination, position) VALUES (?, ?, 0)",
            engine.insert_or_ignore()
        );
        let values = vec![tenant.0.into(), destination.into()];
        conn.execute_raw(statement(conn, &begin, values)).await?;
    }
    let sql = "UPDATE event_export SET position = ? WHERE tenant = ? AND destination = ? AND position = ?";
    let values = vec![to.into(), tenant.0.into(), destination.into(), from.into()];
    let moved = conn.execute_raw(statement(conn, sql, values)).await?;
    expect(moved.rows_affected(), 1)
}
