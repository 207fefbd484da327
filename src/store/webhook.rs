//! How far webhooks are: one row each, which is written under the version that was read, so that of two who go on with one
//! the later writes nothing. What waits and what was given up is in `webhook_delivery`.

use super::{
    dialect::Engine,
    failure::Abort,
    instant::{instant, micros},
    organisation::tenant_name,
    sql::statement,
    webhook_delivery,
};
use crate::domain::{
    event_stream::Bounds,
    ids::{TenantKey, TenantName},
    webhook::{
        ProgressWrite,
        delivery::{Health, WAITING_MAX},
    },
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

/// A webhook for which there is something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its tenant.
    pub tenant: TenantName,
    /// Its id.
    pub id: Uuid,
}

/// How far a webhook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Raised by whoever writes it.
    pub version: i64,
    /// Whether it is in use.
    pub active: bool,
    /// All events up to here are delivered, not wanted, or among the deliveries.
    pub position: i64,
    /// How many wait.
    pub waiting: i64,
    /// When the first of them is due.
    pub next_time: Option<DateTime<Utc>>,
    /// How the target does.
    pub health: Health,
    /// When something was last delivered.
    pub deliver_time: Option<DateTime<Utc>>,
    /// Why the last failure was one.
    pub error: String,
}

/// 0 is never.
fn some(micros: i64) -> Option<DateTime<Utc>> {
    (micros != 0).then(|| instant(micros))
}

fn or_never(time: Option<DateTime<Utc>>) -> i64 {
    time.map_or(0, micros)
}

fn key(tenant: TenantKey, id: Uuid) -> [Value; 2] {
    [tenant.0.into(), id.into()]
}

/// The webhooks for which there is something to do at this time: something waits and is due, or something is new and there
/// is room for it.
pub async fn due(conn: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<Due>, DbErr> {
    let sql = format!(
        "SELECT p.tenant, t.name, p.webhook_id FROM webhook_progress p JOIN tenant t ON t.id = p.tenant \
         LEFT JOIN event_stream s ON s.tenant = p.tenant WHERE p.active = 1 AND p.pause_time <= ? \
         AND ((p.waiting > 0 AND p.next_time <= ?) \
         OR (p.waiting < {WAITING_MAX} AND s.last_position > p.position))"
    );
    let values = [micros(now).into(), micros(now).into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let (tenant, name): (i32, String) = (row.try_get("", "tenant")?, row.try_get("", "name")?);
            Ok(Due {
                tenant: tenant_name(TenantKey(tenant), &name)?,
                id: row.try_get("", "webhook_id")?,
            })
        })
        .collect()
}

/// How many events the webhooks in use have not taken in or wait to send again, all together, and how many webhooks are out
/// of use.
pub async fn behind(conn: &impl ConnectionTrait, engine: Engine) -> Result<(i64, i64), DbErr> {
    let sql = format!(
        "SELECT COALESCE({}, 0) AS events, COALESCE({}, 0) AS stopped FROM webhook_progress p \
         LEFT JOIN event_stream s ON s.tenant = p.tenant",
        engine.integer_sum(
            "CASE WHEN p.active = 1 THEN COALESCE(s.last_position, p.position) - p.position + p.waiting ELSE 0 END"
        ),
        engine.integer_sum("CASE WHEN p.active = 1 THEN 0 ELSE 1 END"),
    );
    let row = conn.query_one_raw(statement(conn, sql, [])).await?;
    row.map_or(Ok((0, 0)), |row| {
        Ok((row.try_get("", "events")?, row.try_get("", "stopped")?))
    })
}

fn read(row: &QueryResult) -> Result<(Progress, Bounds), DbErr> {
    let failures: i64 = row.try_get("", "failures")?;
    let progress = Progress {
        version: row.try_get("", "version")?,
        active: row.try_get("", "active")?,
        position: row.try_get("", "position")?,
        waiting: row.try_get("", "waiting")?,
        next_time: some(row.try_get("", "next_time")?),
        health: Health {
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            failing_since: some(row.try_get("", "failing_since")?),
            pause_until: some(row.try_get("", "pause_time")?),
        },
        deliver_time: some(row.try_get("", "deliver_time")?),
        error: row.try_get("", "error")?,
    };
    let bounds = Bounds {
        last: row.try_get("", "last_position")?,
        purged: row.try_get("", "purged_position")?,
    };
    Ok((progress, bounds))
}

/// How far it is, and how far its stream goes; `None` if there is no such webhook.
pub async fn progress(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    id: Uuid,
) -> Result<Option<(Progress, Bounds)>, DbErr> {
    let sql = "SELECT p.version, p.active, p.position, p.waiting, p.next_time, p.failures, p.failing_since, p.pause_time, \
               p.deliver_time, p.error, COALESCE(s.last_position, 0) AS last_position, \
               COALESCE(s.purged_position, 0) AS purged_position FROM webhook_progress p \
               LEFT JOIN event_stream s ON s.tenant = p.tenant WHERE p.tenant = ? AND p.webhook_id = ?";
    let row = conn.query_one_raw(statement(conn, sql, key(tenant, id))).await?;
    row.map(|row| read(&row)).transpose()
}

/// Writes how far it is; `false` if it has gone on from the version that `progress` has, or is not there any more.
pub async fn save(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    id: Uuid,
    progress: &Progress,
) -> Result<bool, DbErr> {
    let sql = "UPDATE webhook_progress SET version = version + 1, position = ?, waiting = ?, next_time = ?, \
               failures = ?, failing_since = ?, pause_time = ?, deliver_time = ?, error = ? \
               WHERE tenant = ? AND webhook_id = ? AND version = ? AND active = 1";
    let mut values: Vec<Value> = vec![
        progress.position.into(),
        progress.waiting.into(),
        or_never(progress.next_time).into(),
        i64::from(progress.health.failures).into(),
        or_never(progress.health.failing_since).into(),
        or_never(progress.health.pause_until).into(),
        or_never(progress.deliver_time).into(),
        progress.error.as_str().into(),
    ];
    values.extend(key(tenant, id));
    values.push(progress.version.into());
    let saved = conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(saved.rows_affected() == 1)
}

/// Lets it go on at once with what was put among its deliveries, or taken from them, and after this position if one is
/// named. Whoever is sending meanwhile writes nothing of that.
pub async fn refresh(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    id: Uuid,
    position: Option<i64>,
) -> Result<(), DbErr> {
    let sql = "UPDATE webhook_progress SET version = version + 1, next_time = 0, pause_time = 0, \
               position = COALESCE(?, position), waiting = (SELECT COUNT(*) FROM webhook_delivery d WHERE d.tenant = ? \
               AND d.webhook_id = ? AND d.dead = 0) WHERE tenant = ? AND webhook_id = ?";
    let mut values: Vec<Value> = vec![position.into()];
    values.extend(key(tenant, id));
    values.extend(key(tenant, id));
    conn.execute_raw(statement(conn, sql, values)).await.map(drop)
}

/// Writes what goes with the configuration of a webhook.
pub async fn write(conn: &impl ConnectionTrait, tenant: TenantKey, write: ProgressWrite) -> Result<(), Abort> {
    match write {
        ProgressWrite::Begin(id, position) => {
            let sql = "INSERT INTO webhook_progress (tenant, webhook_id, active, version, position, error) \
                       VALUES (?, ?, 1, 1, ?, '')";
            let values = [tenant.0.into(), id.into(), position.into()];
            conn.execute_raw(statement(conn, sql, values)).await?;
        }
        ProgressWrite::GoOn(id, position) => {
            let sql = "UPDATE webhook_progress SET active = 1, failures = 0, failing_since = 0, error = '' \
                       WHERE tenant = ? AND webhook_id = ?";
            conn.execute_raw(statement(conn, sql, key(tenant, id))).await?;
            if position.is_some() {
                webhook_delivery::forget_waiting(conn, tenant, id).await?;
            }
            refresh(conn, tenant, id, position).await?;
        }
        ProgressWrite::Stop(id) => {
            let sql =
                "UPDATE webhook_progress SET active = 0, version = version + 1 WHERE tenant = ? AND webhook_id = ?";
            conn.execute_raw(statement(conn, sql, key(tenant, id))).await?;
        }
        ProgressWrite::Forget(id) => {
            for table in ["webhook_progress", "webhook_delivery"] {
                let sql = format!("DELETE FROM {table} WHERE tenant = ? AND webhook_id = ?");
                conn.execute_raw(statement(conn, sql, key(tenant, id))).await?;
            }
        }
    }
    Ok(())
}
