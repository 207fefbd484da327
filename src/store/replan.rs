//! How far the computation of deadlines after a change of rules has come. For those who look, and for the worker to go
//! on with its count; which accounts are left is told by the accounts themselves.

use super::{
    dialect::Engine,
    instant::{instant, micros},
    sql::statement,
};
use crate::domain::ids::TenantKey;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

/// A computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replan {
    /// The configuration revision that deadlines are brought to.
    pub revision: i64,
    /// How many accounts have been looked at.
    pub done: i64,
    /// How many there were when it began.
    pub total: i64,
    /// When it began.
    pub start_time: DateTime<Utc>,
    /// When it last went on.
    pub update_time: DateTime<Utc>,
}

/// The last one of the tenant.
pub async fn last(conn: &impl ConnectionTrait, tenant: TenantKey) -> Result<Option<Replan>, DbErr> {
    let sql = "SELECT revision, done, total, start_time, update_time FROM replan WHERE tenant = ?";
    let row = conn.query_one_raw(statement(conn, sql, vec![tenant.0.into()])).await?;
    row.map(|row| {
        Ok(Replan {
            revision: row.try_get("", "revision")?,
            done: row.try_get("", "done")?,
            total: row.try_get("", "total")?,
            start_time: instant(row.try_get("", "start_time")?),
            update_time: instant(row.try_get("", "update_time")?),
        })
    })
    .transpose()
}

/// How many owned accounts of the tenant follow older rules than those of the revision.
pub async fn stale(conn: &impl ConnectionTrait, tenant: TenantKey, revision: i64) -> Result<i64, DbErr> {
    let account = Engine::of(conn).account_by("PRIMARY");
    let sql =
        format!("SELECT COUNT(*) AS number FROM {account} WHERE tenant = ? AND status = 4 AND planned_revision < ?");
    let row = conn
        .query_one_raw(statement(conn, sql, vec![tenant.0.into(), revision.into()]))
        .await?;
    row.map_or(Ok(0), |row| row.try_get("", "number"))
}

/// Begins one: what was there is about older rules, and goes.
pub async fn begin(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    replan: &Replan,
) -> Result<(), DbErr> {
    let delete = "DELETE FROM replan WHERE tenant = ? AND revision < ?";
    conn.execute_raw(statement(conn, delete, vec![tenant.0.into(), replan.revision.into()]))
        .await?;
    let insert = format!(
        "{} replan (tenant, revision, done, total, start_time, update_time) VALUES (?, ?, ?, ?, ?, ?)",
        engine.insert_or_ignore()
    );
    let values = vec![
        tenant.0.into(),
        replan.revision.into(),
        replan.done.into(),
        replan.total.into(),
        micros(replan.start_time).into(),
        micros(replan.update_time).into(),
    ];
    conn.execute_raw(statement(conn, &insert, values)).await.map(drop)
}

/// Counts accounts that were looked at.
pub async fn go_on(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    revision: i64,
    accounts: usize,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let sql = "UPDATE replan SET done = done + ?, update_time = ? WHERE tenant = ? AND revision = ?";
    let accounts = i64::try_from(accounts).unwrap_or(i64::MAX);
    let values = vec![accounts.into(), micros(now).into(), tenant.0.into(), revision.into()];
    conn.execute_raw(statement(conn, sql, values)).await.map(drop)
}
