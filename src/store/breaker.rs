//! How many accounts of each pool were reclaimed within the window, and where reclaims are stopped. Truth is the
//! compare-and-set on the version: of two sweeps that count at the same time, one counts again.

use super::{
    batch::{Row, Update, insert},
    failure::{Abort, Class, classify},
    instant::{instant, micros},
    sql::{run, statement},
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

/// What changes of a breaker, beside its version.
const COLUMNS: [&str; 5] = ["window_time", "taken", "allowed", "open_time", "due"];
/// Pools whose accounts one statement counts.
const COUNTED: usize = 100;

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

/// How many accounts of each of the pools have an owner, counted up to `most`.
pub async fn assigned(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pools: &[Option<PoolId>],
    most: i64,
) -> Result<BTreeMap<Option<PoolId>, i64>, DbErr> {
    let mut assigned = BTreeMap::new();
    for pools in pools.chunks(COUNTED) {
        let (mut counts, mut values) = (Vec::new(), Vec::<Value>::new());
        for (place, pool) in pools.iter().enumerate() {
            let of_pool = if pool.is_some() { "= ?" } else { "IS NULL" };
            counts.push(format!(
                "SELECT {place} AS place, COUNT(*) AS number FROM \
                 (SELECT 1 FROM account WHERE tenant = ? AND pool_id {of_pool} AND status = 4 LIMIT ?) a"
            ));
            values.push(tenant.0.into());
            values.extend(pool.map(|pool| Value::from(pool.0)));
            values.push(most.into());
        }
        let sql = counts.join(" UNION ALL ");
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            let place: i64 = row.try_get("", "place")?;
            let pool = usize::try_from(place).ok().and_then(|place| pools.get(place));
            if let Some(pool) = pool {
                assigned.insert(*pool, row.try_get("", "number")?);
            }
        }
    }
    Ok(assigned)
}

fn columns(breaker: &Breaker) -> Vec<Value> {
    vec![
        micros(breaker.window_time).into(),
        breaker.taken.into(),
        breaker.allowed.into(),
        breaker.open_time.map_or(0, micros).into(),
        breaker.due.into(),
    ]
}

/// Writes what became of `breakers`, whose versions are those of the rows that they were decided on: all of them, or nothing is
/// to be committed.
pub async fn put(conn: &impl ConnectionTrait, tenant: TenantKey, breakers: &Breakers) -> Result<(), Abort> {
    let (new, known): (Vec<_>, Vec<_>) = breakers.iter().partition(|(_, breaker)| breaker.version == 0);
    if !new.is_empty() {
        let rows = new.into_iter().map(|(pool, breaker)| {
            let ids = [tenant.0.into(), key(*pool)];
            ids.into_iter().chain(columns(breaker)).chain([1.into()]).collect()
        });
        let names = ["tenant", "pool_id"].into_iter().chain(COLUMNS).chain(["version"]);
        let insert = insert("reclaim_breaker", &names.collect::<Vec<_>>(), rows);
        match run(conn, insert).await {
            Ok(_) => {}
            Err(error) if classify(&error) == Class::Unique => return Err(Abort::Moved),
            Err(error) => return Err(error.into()),
        }
    }
    if known.is_empty() {
        return Ok(());
    }
    let row = |(pool, breaker): &(&Option<PoolId>, &Breaker)| Row {
        key: key(**pool),
        values: columns(breaker),
    };
    let rows: Vec<_> = known.iter().map(row).collect();
    let seen: Vec<Value> = known.iter().map(|(_, breaker)| breaker.version.into()).collect();
    let mut update = Update::set("reclaim_breaker", "pool_id", &COLUMNS, &rows);
    update.text(", version = version + 1 WHERE tenant = ");
    update.value(tenant.0);
    update.text(" AND pool_id IN ");
    update.list(rows.iter().map(|row| row.key.clone()));
    update.text(" AND version = ");
    update.by_key("pool_id", rows.iter().map(|row| &row.key).zip(&seen));
    let changed = run(conn, update).await?;
    if changed == rows.len() as u64 {
        Ok(())
    } else {
        Err(Abort::Moved)
    }
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
