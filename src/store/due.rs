//! Finds accounts for the background work: those whose time is over, across tenants, and those whose clock was computed
//! before the rules changed. Both read an index range in pages; neither looks at what it does not return.

use super::{
    account_row,
    account_row::LOOKED_AT,
    batch::{Row, Update},
    dialect::Engine,
    entity::account::{COLUMNS, Model},
    extras,
    instant::{instant, micros},
    organisation,
    sql::{run, statement},
    subject,
};
use crate::domain::{
    account::Account,
    ids::{AccountId, PoolId, TenantKey, TenantName},
    organisation::{Organisation, Revisions},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Value};
use std::collections::HashMap;
use uuid::Uuid;

/// Accounts that are read at once.
const LOADED: usize = 512;

/// Where a pass over due accounts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When something was to be done about it, in microseconds since the epoch.
    pub wake_time: i64,
    /// Of which tenant.
    pub tenant: TenantKey,
    /// Which account.
    pub account: AccountId,
    /// Of which pool.
    pub pool: Option<PoolId>,
    /// When it is reclaimed.
    pub reclaim_time: Option<DateTime<Utc>>,
}

/// The next `limit` accounts about which something was to be done at `until`, the longest due first, after the one that a
/// page ended with.
pub async fn due(
    conn: &impl ConnectionTrait,
    until: DateTime<Utc>,
    after: Option<Due>,
    limit: u64,
) -> Result<Vec<Due>, DbErr> {
    let select = "SELECT wake_time, tenant, id, pool_id, reclaim_time FROM account WHERE wake_time <= ?";
    let order = "ORDER BY wake_time, tenant, id LIMIT ?";
    let mut values: Vec<Value> = vec![micros(until).into()];
    let sql = match after {
        None => format!("{select} {order}"),
        Some(after) => {
            let (time, tenant) = (after.wake_time, after.tenant.0);
            values.extend([
                time.into(),
                time.into(),
                tenant.into(),
                tenant.into(),
                after.account.0.into(),
            ]);
            // The first condition is what the index range begins with.
            format!("{select} AND wake_time >= ? AND (wake_time > ? OR tenant > ? OR (tenant = ? AND id > ?)) {order}")
        }
    };
    values.push(limit.into());
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                wake_time: row.try_get("", "wake_time")?,
                tenant: TenantKey(row.try_get("", "tenant")?),
                account: AccountId(row.try_get("", "id")?),
                pool: row.try_get::<Option<Uuid>>("", "pool_id")?.map(PoolId),
                reclaim_time: row.try_get::<Option<i64>>("", "reclaim_time")?.map(instant),
            })
        })
        .collect()
}

/// Reads accounts of a tenant and its revisions at that moment, and nothing that only callers need: one statement per
/// 512 accounts, two more where rules look at tags or custom fields. `None` if there is no such tenant.
pub async fn load(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    accounts: &[AccountId],
) -> Result<Option<(Revisions, HashMap<AccountId, Account>)>, DbErr> {
    let (mut revisions, mut found) = (None, HashMap::with_capacity(accounts.len()));
    // Without accounts there still are revisions.
    let chunks = if accounts.is_empty() {
        vec![accounts]
    } else {
        accounts.chunks(LOADED).collect()
    };
    for chunk in chunks {
        let ids = subject::listed(chunk);
        let marks = vec!["?"; ids.len()].join(", ");
        let sql = format!(
            "SELECT {}, t.config_revision, t.directory_revision FROM tenant t \
             LEFT JOIN account a ON a.tenant = t.id AND a.id IN ({marks}) WHERE t.id = ?",
            *COLUMNS
        );
        let mut values: Vec<Value> = ids.into_iter().map(Value::from).collect();
        values.push(org.key.0.into());
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            revisions = Some(Revisions {
                config: row.try_get("", "config_revision")?,
                directory: row.try_get("", "directory_revision")?,
            });
            if row.try_get::<Option<Uuid>>("", "id")?.is_some() {
                let account = account_row::read(Model::read(&row)?)?;
                found.insert(account.id, account);
            }
        }
    }
    if org.retention.uses_extras() {
        for (id, has) in extras::read(conn, org.key, accounts).await? {
            if let Some(account) = found.get_mut(&id) {
                account.extras = has;
            }
        }
    }
    Ok(revisions.map(|revisions| (revisions, found)))
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

/// The next owned accounts of the pool, or outside pools, whose clock is older than the revision, by id.
pub async fn stale(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: Option<PoolId>,
    revision: i64,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<AccountId>, DbErr> {
    let of_pool = if pool.is_some() {
        "pool_id = ?"
    } else {
        "pool_id IS NULL"
    };
    let account = Engine::of(conn).account_by("account_pool");
    let sql = format!(
        "SELECT id FROM {account} WHERE tenant = ? AND {of_pool} AND status = 4 AND id > ? AND planned_revision < ? \
         ORDER BY id LIMIT ?"
    );
    let after = after.map_or(Uuid::nil(), |after| after.0);
    let mut values: Vec<Value> = vec![tenant.0.into()];
    values.extend(pool.map(|pool| Value::from(pool.0)));
    values.extend([after.into(), revision.into(), limit.into()]);
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter().map(|row| Ok(AccountId(row.try_get("", "id")?))).collect()
}

/// An account that was looked at, and what is to be noted of it.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    /// Which account.
    pub account: AccountId,
    /// In which state.
    pub version: i64,
    /// When to look at it next.
    pub wake_time: Option<DateTime<Utc>>,
}

/// Notes that the clocks of these accounts are as the revision would have them, and when to look at them next. Nothing
/// that anybody sees changes, so no version rises.
pub async fn mark(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[Looked],
    revisions: Revisions,
) -> Result<(), DbErr> {
    if accounts.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = accounts
        .iter()
        .map(|looked| Row {
            key: looked.account.0.into(),
            values: vec![revisions.config.into(), looked.wake_time.map(micros).into()],
        })
        .collect();
    let mut update = Update::set("account", "id", &LOOKED_AT, &rows);
    update.text(" WHERE tenant = ");
    update.value(tenant.0);
    update.text(" AND id IN ");
    update.list(rows.iter().map(|row| row.key.clone()));
    update.text(" AND version = ");
    let seen: Vec<Value> = accounts.iter().map(|looked| looked.version.into()).collect();
    update.by_key("id", rows.iter().map(|row| &row.key).zip(&seen));
    run(conn, update).await.map(drop)
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

/// The configuration revision that all stored deadlines follow.
pub async fn replanned_revision(conn: &impl ConnectionTrait, tenant: TenantKey) -> Result<i64, DbErr> {
    let sql = "SELECT replanned_revision FROM tenant WHERE id = ?";
    let row = conn.query_one_raw(statement(conn, sql, vec![tenant.0.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "replanned_revision"))
}
