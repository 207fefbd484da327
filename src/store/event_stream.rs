//! The stream of a tenant: how far it goes, from where on it is kept, and its events by position.
//!
//! `last_position` is raised by compare-and-set in the transaction that gives positions: so they have no holes and none
//! is given twice, however many try. Events up to it are committed when it can be read.

use super::{
    codec::Row,
    dialect::Engine,
    failure::Abort,
    history::{EVENT, read_event},
    instant::instant,
    script::expect,
    sql::{marks, statement},
};
use crate::domain::{
    event_stream::{Bounds, StreamEvent},
    ids::{AccountId, PoolId, TenantKey},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use std::collections::HashMap;
use uuid::Uuid;

fn bounds_in(row: &QueryResult) -> Result<Bounds, DbErr> {
    Ok(Bounds {
        last: row.try_get("", "last_position")?,
        purged: row.try_get("", "purged_position")?,
    })
}

/// How far the stream of the tenant goes.
pub async fn bounds(conn: &impl ConnectionTrait, tenant: TenantKey) -> Result<Bounds, DbErr> {
    let sql = "SELECT last_position, purged_position FROM event_stream WHERE tenant = ?";
    let row = conn.query_one_raw(statement(conn, sql, vec![tenant.0.into()])).await?;
    row.map_or_else(|| Ok(Bounds::default()), |row| bounds_in(&row))
}

/// The same of these tenants, as far as they have one.
pub async fn bounds_of(
    conn: &impl ConnectionTrait,
    tenants: &[TenantKey],
) -> Result<HashMap<TenantKey, Bounds>, DbErr> {
    let marks = vec!["?"; tenants.len()].join(", ");
    let sql = format!("SELECT tenant, last_position, purged_position FROM event_stream WHERE tenant IN ({marks})");
    let values = tenants.iter().map(|tenant| tenant.0.into()).collect();
    read_all(conn, &sql, values).await
}

/// The same of all tenants that have one.
pub async fn all_bounds(conn: &impl ConnectionTrait) -> Result<HashMap<TenantKey, Bounds>, DbErr> {
    let sql = "SELECT tenant, last_position, purged_position FROM event_stream";
    read_all(conn, sql, vec![]).await
}

async fn read_all(
    conn: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<HashMap<TenantKey, Bounds>, DbErr> {
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter()
        .map(|row| Ok((TenantKey(row.try_get("", "tenant")?), bounds_in(row)?)))
        .collect()
}

/// The last position of the tenant's stream, which begins here if it has not yet.
pub async fn last(conn: &impl ConnectionTrait, engine: Engine, tenant: TenantKey) -> Result<i64, DbErr> {
    let sql = "SELECT last_position FROM event_stream WHERE tenant = ?";
    let row = conn.query_one_raw(statement(conn, sql, vec![tenant.0.into()])).await?;
    if let Some(row) = row {
        return row.try_get("", "last_position");
    }
    let begin = format!(
        "{} event_stream (tenant, last_position, purged_position) VALUES (?, 0, 0)",
        engine.insert_or_ignore()
    );
    conn.execute_raw(statement(conn, &begin, vec![tenant.0.into()])).await?;
    Ok(0)
}

/// Moves the end of the stream from `last` to `to`. Somebody else did if it is not there any more.
pub async fn raise(conn: &impl ConnectionTrait, tenant: TenantKey, last: i64, to: i64) -> Result<(), Abort> {
    let sql = "UPDATE event_stream SET last_position = ? WHERE tenant = ? AND last_position = ?";
    let values = vec![to.into(), tenant.0.into(), last.into()];
    let raised = conn.execute_raw(statement(conn, sql, values)).await?;
    expect(raised.rows_affected(), 1)
}

/// Events that are read without a look at how large they are.
const FEW: i64 = 2;

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    /// Events at most.
    pub events: usize,
    /// Bytes at most, about. One event that is larger comes alone.
    pub bytes: i64,
}

/// The first events after one position, up to and with another, by position, as many as are a portion: 1 read, and 1 more
/// where there may be more than that.
pub async fn page(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    (after, to): (i64, i64),
    portion: Portion,
) -> Result<Vec<StreamEvent>, DbErr> {
    let to = if portion.bytes < i64::MAX && to - after > FEW {
        reaching(conn, tenant, (after, to), portion).await?
    } else {
        to
    };
    let sql = format!(
        "SELECT account_id, position, pool_id, owner, traceparent, {EVENT} FROM account_event \
         WHERE tenant = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?"
    );
    let values = vec![tenant.0.into(), after.into(), to.into(), limit(portion.events).into()];
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter().map(|row| read(tenant, row)).collect()
}

/// The events at these positions.
pub async fn at(conn: &impl ConnectionTrait, tenant: TenantKey, positions: &[i64]) -> Result<Vec<StreamEvent>, DbErr> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT account_id, position, pool_id, owner, traceparent, {EVENT} FROM account_event \
         WHERE tenant = ? AND position IN ({}) ORDER BY position",
        marks(positions.len())
    );
    let mut values: Vec<Value> = vec![tenant.0.into()];
    values.extend(positions.iter().map(|position| Value::from(*position)));
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter().map(|row| read(tenant, row)).collect()
}

fn limit(events: usize) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}

/// How far a portion reaches: what is larger is not even read.
async fn reaching(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    (after, to): (i64, i64),
    portion: Portion,
) -> Result<i64, DbErr> {
    let sql = "SELECT position, OCTET_LENGTH(effects) AS effects, OCTET_LENGTH(note) AS note FROM account_event \
               WHERE tenant = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?";
    let values = vec![tenant.0.into(), after.into(), to.into(), limit(portion.events).into()];
    let (mut reached, mut bytes) = (after, 0);
    for row in conn.query_all_raw(statement(conn, sql, values)).await? {
        let effects: i64 = row.try_get("", "effects")?;
        let note: Option<i64> = row.try_get("", "note")?;
        bytes += BESIDE + effects + note.unwrap_or(0);
        if bytes > portion.bytes && reached > after {
            break;
        }
        reached = row.try_get("", "position")?;
    }
    Ok(reached)
}

/// Bytes of ids, names and times beside the effects and the note of an event, about.
const BESIDE: i64 = 512;

fn read(tenant: TenantKey, row: &QueryResult) -> Result<StreamEvent, DbErr> {
    let account = AccountId(row.try_get("", "account_id")?);
    let (table, key) = ("account_event", &account);
    let event = read_event(&Row { table, tenant, key }, row)?;
    let effects: String = row.try_get("", "effects")?;
    Ok(StreamEvent {
        position: row.try_get("", "position")?,
        account,
        pool: row.try_get::<Option<Uuid>>("", "pool_id")?.map(PoolId),
        owner: row.try_get("", "owner")?,
        traceparent: row.try_get("", "traceparent")?,
        weight: usize::try_from(BESIDE).unwrap_or(0) + effects.len() + event.note.len(),
        event,
    })
}

/// When the first `limit` events after a position happened, by position.
pub async fn ages(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, DateTime<Utc>)>, DbErr> {
    let sql = "SELECT position, event_time FROM account_event WHERE tenant = ? AND position > ? \
               ORDER BY position LIMIT ?";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = vec![tenant.0.into(), after.into(), limit.into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "position")?, instant(row.try_get("", "event_time")?))))
        .collect()
}

/// Forgets the stream up to a position. The events stay: they are the history of their accounts, and their positions stay
/// theirs. It only rises, whoever writes it.
pub async fn forget(conn: &impl ConnectionTrait, tenant: TenantKey, to: i64) -> Result<(), DbErr> {
    let sql = "UPDATE event_stream SET purged_position = ? WHERE tenant = ? AND purged_position < ? \
               AND last_position >= ?";
    let values = vec![to.into(), tenant.0.into(), to.into(), to.into()];
    conn.execute_raw(statement(conn, sql, values)).await.map(drop)
}
