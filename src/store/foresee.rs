//! What will be due at some time, of one tenant, in the order in which the sweep goes. The index goes through all tenants,
//! so a page looks at a bounded part of it, and may find less than it could show.

use super::{
    dialect::Engine,
    instant::{instant, micros},
    sql::statement,
};
use crate::domain::ids::{AccountId, PoolId, TenantKey};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A place in the index: when something is to be done, of which tenant, about which account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot(i64, i32, AccountId);

fn spot(row: &QueryResult) -> Result<Spot, DbErr> {
    let id: Uuid = row.try_get("", "id")?;
    Ok(Spot(
        row.try_get("", "wake_time")?,
        row.try_get("", "tenant")?,
        AccountId(id),
    ))
}

/// The part of the index that comes after `from`, up to and with `to` where it has an end.
fn range(until: DateTime<Utc>, from: Option<Spot>, to: Option<Spot>) -> (String, Vec<Value>) {
    let mut sql = "a.wake_time <= ?".to_owned();
    let mut values: Vec<Value> = vec![micros(until).into()];
    for (spot, beyond) in [(from, ">"), (to, "<")] {
        let Some(Spot(time, tenant, account)) = spot else {
            continue;
        };
        let last = if beyond == "<" { "<=" } else { ">" };
        // The first condition is what the index range ends with.
        sql = format!(
            "{sql} AND a.wake_time {beyond}= ? AND (a.wake_time {beyond} ? OR a.tenant {beyond} ? \
             OR (a.tenant = ? AND a.id {last} ?))"
        );
        values.extend([time.into(), time.into(), tenant.into(), tenant.into(), account.0.into()]);
    }
    (sql, values)
}

/// The next accounts of the tenant, or of its pool, about which something is to be done at `until`: `limit` of them at
/// most, among the next `scanned` of all; and where to go on, if there may be more.
pub async fn foresee(
    conn: &impl ConnectionTrait,
    engine: Engine,
    (tenant, pool): (TenantKey, Option<PoolId>),
    until: DateTime<Utc>,
    after: Option<Spot>,
    scanned: u64,
    limit: u64,
) -> Result<(Vec<AccountId>, Option<Spot>), DbErr> {
    let backend = conn.get_database_backend();
    let from = engine.account_by("account_wake_time");
    let order = "ORDER BY a.wake_time, a.tenant, a.id LIMIT ?";
    let (part, mut values) = range(until, after, None);
    let sql = format!("SELECT a.wake_time, a.tenant, a.id FROM {from} WHERE {part} {order} OFFSET ?");
    values.extend([1_u64.into(), scanned.saturating_sub(1).into()]);
    let end = conn
        .query_one_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    let end = end.map(|row| spot(&row)).transpose()?;

    let (part, mut values) = range(until, after, end);
    let of_pool = if pool.is_some() { "AND a.pool_id = ? " } else { "" };
    let sql = format!("SELECT a.wake_time, a.tenant, a.id FROM {from} WHERE {part} AND a.tenant = ? {of_pool}{order}");
    values.push(tenant.0.into());
    values.extend(pool.map(|pool| Value::from(pool.0)));
    values.push(limit.into());
    let rows = conn
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    let spots: Vec<_> = rows.iter().map(spot).collect::<Result<_, _>>()?;
    let full = spots.last().filter(|_| spots.len() as u64 == limit);
    let next = full.copied().or(end);
    Ok((spots.into_iter().map(|Spot(.., account)| account).collect(), next))
}

/// How many accounts were due at `until`, and since when the longest is.
pub async fn lag(conn: &impl ConnectionTrait, until: DateTime<Utc>) -> Result<(i64, Option<DateTime<Utc>>), DbErr> {
    // The wake time is never later, and has the index.
    let sql = "SELECT COUNT(*) AS number, MIN(reclaim_time) AS first FROM account \
               WHERE wake_time <= ? AND reclaim_time <= ?";
    let until = micros(until);
    let values = [until.into(), until.into()];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    let Some(row) = row else { return Ok((0, None)) };
    let first: Option<i64> = row.try_get("", "first")?;
    Ok((row.try_get("", "number")?, first.map(instant)))
}
