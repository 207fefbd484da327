//! Finds accounts for the background work: those whose time is over, across tenants, and those whose clock was computed
//! before the rules changed. Both read an index range in pages; neither looks at what it does not return.

use super::{instant::micros, organisation};
use crate::domain::{
    ids::{AccountId, PoolId, TenantKey, TenantName},
    organisation::Revisions,
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use uuid::Uuid;

/// Where a pass over due accounts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it was due, in microseconds since the epoch.
    pub reclaim_time: i64,
    /// Of which tenant.
    pub tenant: TenantKey,
    /// Which account.
    pub account: AccountId,
}

fn statement(conn: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// The next `limit` accounts that were due at `until`, the longest due first, after the one that a page ended with.
pub async fn due(
    conn: &impl ConnectionTrait,
    until: DateTime<Utc>,
    after: Option<Due>,
    limit: u64,
) -> Result<Vec<Due>, DbErr> {
    let select = "SELECT reclaim_time, tenant, id FROM account WHERE reclaim_time <= ?";
    let order = "ORDER BY reclaim_time, tenant, id LIMIT ?";
    let mut values: Vec<Value> = vec![micros(until).into()];
    let sql = match after {
        None => format!("{select} {order}"),
        Some(after) => {
            let (time, tenant) = (after.reclaim_time, after.tenant.0);
            values.extend([
                time.into(),
                time.into(),
                tenant.into(),
                tenant.into(),
                after.account.0.into(),
            ]);
            // The first condition is what the index range begins with.
            format!(
                "{select} AND reclaim_time >= ? AND (reclaim_time > ? OR tenant > ? OR (tenant = ? AND id > ?)) {order}"
            )
        }
    };
    values.push(limit.into());
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                reclaim_time: row.try_get("", "reclaim_time")?,
                tenant: TenantKey(row.try_get("", "tenant")?),
                account: AccountId(row.try_get("", "id")?),
            })
        })
        .collect()
}

/// How many accounts were due at `until`, and since when the longest is.
pub async fn lag(conn: &impl ConnectionTrait, until: DateTime<Utc>) -> Result<(i64, Option<i64>), DbErr> {
    let sql = "SELECT COUNT(*) AS number, MIN(reclaim_time) AS first FROM account WHERE reclaim_time <= ?";
    let row = conn
        .query_one_raw(statement(conn, sql, vec![micros(until).into()]))
        .await?;
    let Some(row) = row else { return Ok((0, None)) };
    Ok((row.try_get("", "number")?, row.try_get("", "first")?))
}

/// The name of a tenant.
pub async fn tenant_name(conn: &impl ConnectionTrait, key: TenantKey) -> Result<Option<TenantName>, DbErr> {
    let row = conn
        .query_one_raw(statement(
            conn,
            "SELECT name FROM tenant WHERE id = ?",
            vec![key.0.into()],
        ))
        .await?;
    row.map(|row| organisation::tenant_name(key, &row.try_get::<String>("", "name")?))
        .transpose()
}

/// A tenant whose stored deadlines may be those of older rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Its key.
    pub key: TenantKey,
    /// Its name.
    pub name: TenantName,
    /// The configuration revision that deadlines have to follow.
    pub revision: i64,
    /// When that was committed, in microseconds since the epoch.
    pub time: i64,
}

/// The tenants whose deadlines have to be computed again.
pub async fn behind(conn: &impl ConnectionTrait) -> Result<Vec<Behind>, DbErr> {
    let sql = "SELECT id, name, retention_revision, retention_time FROM tenant \
               WHERE replanned_revision < retention_revision ORDER BY retention_time";
    let rows = conn.query_all_raw(statement(conn, sql, vec![])).await?;
    rows.iter()
        .map(|row| {
            let key = TenantKey(row.try_get("", "id")?);
            Ok(Behind {
                key,
                name: organisation::tenant_name(key, &row.try_get::<String>("", "name")?)?,
                revision: row.try_get("", "retention_revision")?,
                time: row.try_get("", "retention_time")?,
            })
        })
        .collect()
}

/// The next owned accounts of the pool whose clock is older than the revision, by id.
pub async fn stale(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: PoolId,
    revision: i64,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<AccountId>, DbErr> {
    let sql = "SELECT id FROM account WHERE tenant = ? AND pool_id = ? AND status = 4 AND id > ? AND planned_revision < ? \
               ORDER BY id LIMIT ?";
    let after = after.map_or(Uuid::nil(), |after| after.0);
    let values = vec![
        tenant.0.into(),
        pool.0.into(),
        after.into(),
        revision.into(),
        limit.into(),
    ];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter().map(|row| Ok(AccountId(row.try_get("", "id")?))).collect()
}

/// Notes that the clocks of these accounts, at these versions, are as the revision would have them. Nothing that anybody
/// sees changes, so no version rises.
pub async fn mark(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[(AccountId, i64)],
    revisions: Revisions,
) -> Result<(), DbErr> {
    if accounts.is_empty() {
        return Ok(());
    }
    let pairs = vec!["(id = ? AND version = ?)"; accounts.len()].join(" OR ");
    let sql = format!("UPDATE account SET planned_revision = ? WHERE tenant = ? AND ({pairs})");
    let mut values: Vec<Value> = vec![revisions.config.into(), tenant.0.into()];
    for (id, version) in accounts {
        values.extend([id.0.into(), (*version).into()]);
    }
    conn.execute_raw(statement(conn, &sql, values)).await.map(drop)
}

/// Notes that all stored deadlines follow the revision.
pub async fn replanned(conn: &impl ConnectionTrait, tenant: TenantKey, revision: i64) -> Result<(), DbErr> {
    let sql = "UPDATE tenant SET replanned_revision = ? WHERE id = ? AND replanned_revision < ?";
    conn.execute_raw(statement(
        conn,
        sql,
        vec![revision.into(), tenant.0.into(), revision.into()],
    ))
    .await
    .map(drop)
}

/// The configuration revision that stored deadlines have to follow.
pub async fn retention_revision(conn: &impl ConnectionTrait, tenant: TenantKey) -> Result<i64, DbErr> {
    let sql = "SELECT retention_revision FROM tenant WHERE id = ?";
    let row = conn.query_one_raw(statement(conn, sql, vec![tenant.0.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "retention_revision"))
}
