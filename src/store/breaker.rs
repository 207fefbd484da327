//! How many accounts of each pool were reclaimed within the window, and where reclaims are stopped. Truth is the
//! compare-and-set on the version: of two sweeps that count at the same time, one counts again.

use super::{
    failure::{Abort, Class, classify},
    instant::{instant, micros},
    sql::statement,
};
use crate::domain::{
    breaker::Breaker,
    ids::{PoolId, TenantKey},
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The breakers of a tenant, by pool; none is that of the accounts outside all pools.
pub type Breakers = BTreeMap<Option<PoolId>, Breaker>;

/// All zeros stands for the accounts outside pools.
fn key(pool: Option<PoolId>) -> Value {
    pool.map_or(Uuid::nil(), |pool| pool.0).into()
}

fn read(row: &QueryResult) -> Result<(Option<PoolId>, Breaker), DbErr> {
    let pool: Uuid = row.try_get("", "pool_id")?;
    let open: i64 = row.try_get("", "open_time")?;
    let breaker = Breaker {
        window_time: instant(row.try_get("", "window_time")?),
        taken: row.try_get("", "taken")?,
        allowed: row.try_get("", "allowed")?,
        open_time: (open != 0).then(|| instant(open)),
        due: row.try_get("", "due")?,
        version: row.try_get("", "version")?,
    };
    Ok(((!pool.is_nil()).then_some(PoolId(pool)), breaker))
}

const SELECT: &str = "SELECT pool_id, window_time, taken, allowed, open_time, due, version FROM reclaim_breaker \
                      WHERE tenant = ?";

/// Those of the tenant: one row for each pool of which something was ever reclaimed.
pub async fn all(conn: &impl ConnectionTrait, tenant: TenantKey) -> Result<Breakers, DbErr> {
    let rows = conn
        .query_all_raw(statement(conn, SELECT, vec![tenant.0.into()]))
        .await?;
    rows.iter().map(read).collect()
}

/// That of one pool.
pub async fn one(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: Option<PoolId>,
) -> Result<Option<Breaker>, DbErr> {
    let sql = format!("{SELECT} AND pool_id = ?");
    let row = conn
        .query_one_raw(statement(conn, &sql, vec![tenant.0.into(), key(pool)]))
        .await?;
    row.map(|row| Ok(read(&row)?.1)).transpose()
}

/// Where reclaims are stopped, in all tenants, and how many accounts were waiting there.
pub async fn open(conn: &impl ConnectionTrait) -> Result<BTreeMap<(TenantKey, Option<PoolId>), i64>, DbErr> {
    let sql = "SELECT tenant, pool_id, window_time, taken, allowed, open_time, due, version FROM reclaim_breaker \
               WHERE open_time <> 0";
    let rows = conn.query_all_raw(statement(conn, sql, vec![])).await?;
    rows.iter()
        .map(|row| {
            let (pool, breaker) = read(row)?;
            Ok(((TenantKey(row.try_get("", "tenant")?), pool), breaker.due))
        })
        .collect()
}

/// How many accounts of the pool have an owner, counted up to `most`.
pub async fn assigned(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: Option<PoolId>,
    most: i64,
) -> Result<i64, DbErr> {
    let of_pool = if pool.is_some() {
        "pool_id = ?"
    } else {
        "pool_id IS NULL"
    };
    let sql = format!(
        "SELECT COUNT(*) AS number FROM (SELECT 1 FROM account WHERE tenant = ? AND {of_pool} AND status = 4 LIMIT ?) a"
    );
    let mut values: Vec<Value> = vec![tenant.0.into()];
    values.extend(pool.map(|pool| Value::from(pool.0)));
    values.push(most.into());
    let row = conn.query_one_raw(statement(conn, &sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "number"))
}

/// Writes what became of `breaker`, whose version is that of the row that it was decided on.
pub async fn put(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: Option<PoolId>,
    breaker: &Breaker,
) -> Result<(), Abort> {
    let columns: Vec<Value> = vec![
        micros(breaker.window_time).into(),
        breaker.taken.into(),
        breaker.allowed.into(),
        breaker.open_time.map_or(0, micros).into(),
        breaker.due.into(),
    ];
    if breaker.version == 0 {
        let sql = "INSERT INTO reclaim_breaker (tenant, pool_id, window_time, taken, allowed, open_time, due, version) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, 1)";
        let mut values: Vec<Value> = vec![tenant.0.into(), key(pool)];
        values.extend(columns);
        return match conn.execute_raw(statement(conn, sql, values)).await {
            Ok(_) => Ok(()),
            Err(error) if classify(&error) == Class::Unique => Err(Abort::Moved),
            Err(error) => Err(error.into()),
        };
    }
    let sql = "UPDATE reclaim_breaker SET window_time = ?, taken = ?, allowed = ?, open_time = ?, due = ?, \
               version = version + 1 WHERE tenant = ? AND pool_id = ? AND version = ?";
    let mut values = columns;
    values.extend([tenant.0.into(), key(pool), breaker.version.into()]);
    let changed = conn.execute_raw(statement(conn, sql, values)).await?.rows_affected();
    if changed == 1 { Ok(()) } else { Err(Abort::Moved) }
}

/// Notes how many accounts wait where reclaims are stopped. For those who look; decides nothing.
pub async fn note_due(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: Option<PoolId>,
    due: i64,
) -> Result<(), DbErr> {
    let sql = "UPDATE reclaim_breaker SET due = ? WHERE tenant = ? AND pool_id = ? AND open_time <> 0 AND due <> ?";
    let values = vec![due.into(), tenant.0.into(), key(pool), due.into()];
    conn.execute_raw(statement(conn, sql, values)).await.map(drop)
}
