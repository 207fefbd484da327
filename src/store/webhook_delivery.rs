//! Events of a webhook that wait to be sent, again or behind others of their account, and those that were given up.

use super::{
    batch::insert,
    dialect::Engine,
    instant::{instant, micros},
    sql::{marks, run, statement},
};
use crate::domain::{
    ids::{AccountId, TenantKey},
    webhook::delivery::{Changes, DEAD_MAX, Waiting},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

/// Rows per statement.
const CHUNK: usize = 100;

const COLUMNS: [&str; 9] = [
    "tenant",
    "webhook_id",
    "position",
    "account_id",
    "dead",
    "attempts",
    "next_time",
    "attempt_time",
    "error",
];

fn read(row: &QueryResult) -> Result<Waiting, DbErr> {
    let attempts: i64 = row.try_get("", "attempts")?;
    Ok(Waiting {
        position: row.try_get("", "position")?,
        account: AccountId(row.try_get("", "account_id")?),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        next_time: instant(row.try_get("", "next_time")?),
        attempt_time: instant(row.try_get("", "attempt_time")?),
        error: row.try_get("", "error")?,
    })
}

async fn page(
    conn: &impl ConnectionTrait,
    (tenant, id): (TenantKey, Uuid),
    dead: bool,
    (after, limit): (i64, usize),
) -> Result<Vec<Waiting>, DbErr> {
    let sql = "SELECT position, account_id, attempts, next_time, attempt_time, error FROM webhook_delivery \
               WHERE tenant = ? AND webhook_id = ? AND dead = ? AND position > ? ORDER BY position LIMIT ?";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [tenant.0.into(), id.into(), dead.into(), after.into(), limit.into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter().map(read).collect()
}

/// All that wait, by position.
pub async fn waiting(conn: &impl ConnectionTrait, tenant: TenantKey, id: Uuid) -> Result<Vec<Waiting>, DbErr> {
    page(conn, (tenant, id), false, (0, usize::MAX)).await
}

/// Up to `limit` that were given up, after this position.
pub async fn dead(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    id: Uuid,
    after: i64,
    limit: usize,
) -> Result<Vec<Waiting>, DbErr> {
    page(conn, (tenant, id), true, (after, limit)).await
}

/// How many were given up, counted up to [`DEAD_MAX`].
pub async fn count_dead(conn: &impl ConnectionTrait, tenant: TenantKey, id: Uuid) -> Result<usize, DbErr> {
    let sql = format!(
        "SELECT COUNT(*) AS number FROM (SELECT position FROM webhook_delivery \
         WHERE tenant = ? AND webhook_id = ? AND dead = 1 LIMIT {DEAD_MAX}) given_up"
    );
    let row = conn
        .query_one_raw(statement(conn, sql, [tenant.0.into(), id.into()]))
        .await?;
    let number: i64 = row.map_or(Ok(0), |row| row.try_get("", "number"))?;
    Ok(usize::try_from(number).unwrap_or(0))
}

/// Writes what a turn changed. One statement per hundred rows of a kind.
pub async fn apply(
    conn: &impl ConnectionTrait,
    engine: Engine,
    (tenant, id): (TenantKey, Uuid),
    changes: &Changes,
) -> Result<(), DbErr> {
    for chunk in changes.gone.chunks(CHUNK) {
        let sql = format!(
            "DELETE FROM webhook_delivery WHERE tenant = ? AND webhook_id = ? AND position IN ({})",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into(), id.into()];
        values.extend(chunk.iter().map(|position| Value::from(*position)));
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    let waiting = changes.waiting.iter().map(|row| (row, false));
    let rows: Vec<_> = waiting.chain(changes.dead.iter().map(|row| (row, true))).collect();
    for chunk in rows.chunks(CHUNK) {
        let rows = chunk.iter().map(|(row, dead)| -> Vec<Value> {
            vec![
                tenant.0.into(),
                id.into(),
                row.position.into(),
                row.account.0.into(),
                (*dead).into(),
                i64::from(row.attempts).into(),
                micros(row.next_time).into(),
                micros(row.attempt_time).into(),
                row.error.as_str().into(),
            ]
        });
        let mut put = insert("webhook_delivery", &COLUMNS, rows);
        put.text(&engine.or_update(&COLUMNS[..3], &COLUMNS[4..]));
        run(conn, put).await?;
    }
    Ok(())
}

/// Lets these wait again that were given up, from the first attempt on, and says how many they are.
pub async fn revive(conn: &impl ConnectionTrait, tenant: TenantKey, id: Uuid, positions: &[i64]) -> Result<u64, DbErr> {
    let mut revived = 0;
    for chunk in positions.chunks(CHUNK) {
        let sql = format!(
            "UPDATE webhook_delivery SET dead = 0, attempts = 0, next_time = 0 \
             WHERE tenant = ? AND webhook_id = ? AND dead = 1 AND position IN ({})",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into(), id.into()];
        values.extend(chunk.iter().map(|position| Value::from(*position)));
        revived += conn.execute_raw(statement(conn, sql, values)).await?.rows_affected();
    }
    Ok(revived)
}

/// Forgets what waits.
pub async fn forget_waiting(conn: &impl ConnectionTrait, tenant: TenantKey, id: Uuid) -> Result<(), DbErr> {
    let sql = "DELETE FROM webhook_delivery WHERE tenant = ? AND webhook_id = ? AND dead = 0";
    conn.execute_raw(statement(conn, sql, [tenant.0.into(), id.into()]))
        .await
        .map(drop)
}

/// Forgets what waits or was given up after this position.
pub async fn forget_after(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    id: Uuid,
    position: i64,
) -> Result<(), DbErr> {
    let sql = "DELETE FROM webhook_delivery WHERE tenant = ? AND webhook_id = ? AND position > ?";
    conn.execute_raw(statement(conn, sql, [tenant.0.into(), id.into(), position.into()]))
        .await
        .map(drop)
}

/// The webhooks that have dead letters.
pub async fn with_dead(conn: &impl ConnectionTrait) -> Result<Vec<(TenantKey, Uuid)>, DbErr> {
    let sql = "SELECT p.tenant, p.webhook_id FROM webhook_progress p WHERE EXISTS (SELECT 1 FROM webhook_delivery d \
               WHERE d.tenant = p.tenant AND d.webhook_id = p.webhook_id AND d.dead = 1)";
    let rows = conn.query_all_raw(statement(conn, sql, [])).await?;
    rows.iter()
        .map(|row| Ok((TenantKey(row.try_get("", "tenant")?), row.try_get("", "webhook_id")?)))
        .collect()
}

/// Forgets dead letters that were last tried before this time, and says how many.
pub async fn purge_dead(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    id: Uuid,
    before: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let sql = "DELETE FROM webhook_delivery WHERE tenant = ? AND webhook_id = ? AND dead = 1 AND attempt_time < ?";
    let values = [tenant.0.into(), id.into(), micros(before).into()];
    Ok(conn.execute_raw(statement(conn, sql, values)).await?.rows_affected())
}
