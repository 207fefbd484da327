//! Counts what lies in a pool, from the covering index on pool and status.

use super::{dialect::Engine, instant::micros, sql::statement};
use crate::domain::ids::{PoolId, TenantKey};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

/// How many accounts lie in a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounters {
    /// Those that wait for an owner.
    pub unclaimed: i64,
    /// Those that have one.
    pub owned: i64,
    /// Those that have one who loses them soon.
    pub due_soon: i64,
}

/// Counts.
pub async fn counters(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: PoolId,
    soon: DateTime<Utc>,
) -> Result<PoolCounters, DbErr> {
    // Where there are few accounts some servers would rather read all of them.
    let account = Engine::of(conn).account_by("account_pool");
    let sql = format!(
        "SELECT (SELECT COUNT(*) FROM {account} WHERE tenant = ? AND pool_id = ? AND status = 3) AS unclaimed, \
         (SELECT COUNT(*) FROM {account} WHERE tenant = ? AND pool_id = ? AND status = 4) AS owned, \
         (SELECT COUNT(*) FROM {account} WHERE tenant = ? AND pool_id = ? AND status = 4 AND reclaim_time <= ?) \
         AS due_soon"
    );
    let (tenant, pool) = (tenant.0, pool.0);
    let values = [
        tenant.into(),
        pool.into(),
        tenant.into(),
        pool.into(),
        tenant.into(),
        pool.into(),
        micros(soon).into(),
    ];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    let Some(row) = row else {
        return Ok(PoolCounters::default());
    };
    Ok(PoolCounters {
        unclaimed: row.try_get("", "unclaimed")?,
        owned: row.try_get("", "owned")?,
        due_soon: row.try_get("", "due_soon")?,
    })
}
