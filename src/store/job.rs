//! Rows of jobs and of the accounts that they were refused on. Whoever changes a job compares and sets its version: so a
//! batch is counted once, and a job that was canceled meanwhile does nothing more.

use super::{
    batch::{Update, insert},
    codec::{Row, to_json},
    failure::Abort,
    instant::{instant, micros},
    organisation,
    sql::{run, statement},
};
use crate::domain::{
    ids::{AccountId, CallerId, JobId, TenantKey, TenantName, UserId},
    job::{Job, JobState, RefusedItem, Work},
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use uuid::Uuid;

const COLUMNS: &[&str] = &[
    "id",
    "kind",
    "state",
    "config",
    "caller",
    "actor",
    "phase",
    "after_id",
    "turn",
    "total",
    "done",
    "moved",
    "refused",
    "reason",
    "message",
    "version",
    "create_time",
    "update_time",
    "finish_time",
];

/// What is stored of what is wanted.
#[derive(Serialize, Deserialize)]
struct Config {
    work: Work,
    administers: bool,
}

fn decode(tenant: TenantKey, row: &QueryResult) -> Result<Job, DbErr> {
    let id: Uuid = row.try_get("", "id")?;
    let at = Row {
        table: "job",
        tenant,
        key: &id,
    };
    let config: Config = at.json("config", &row.try_get::<String>("", "config")?)?;
    let finish_time: Option<i64> = row.try_get("", "finish_time")?;
    Ok(Job {
        id: JobId(id),
        state: at.choice("state", JobState::from_number(row.try_get("", "state")?))?,
        work: config.work,
        administers: config.administers,
        caller: at.id("caller", &row.try_get::<String>("", "caller")?, CallerId::parse)?,
        actor: at.id_opt(
            "actor",
            row.try_get::<Option<String>>("", "actor")?.as_ref(),
            UserId::parse,
        )?,
        phase: row.try_get("", "phase")?,
        after: row.try_get::<Option<Uuid>>("", "after_id")?.map(AccountId),
        turn: row.try_get("", "turn")?,
        total: row.try_get("", "total")?,
        done: row.try_get("", "done")?,
        moved: row.try_get("", "moved")?,
        refused: row.try_get("", "refused")?,
        reason: row.try_get("", "reason")?,
        message: row.try_get("", "message")?,
        version: row.try_get("", "version")?,
        create_time: instant(row.try_get("", "create_time")?),
        update_time: instant(row.try_get("", "update_time")?),
        finish_time: finish_time.map(instant),
    })
}

/// Writes a new job.
pub async fn create(conn: &impl ConnectionTrait, tenant: TenantKey, job: &Job) -> Result<(), DbErr> {
    let names: Vec<_> = std::iter::once("tenant").chain(COLUMNS.iter().copied()).collect();
    let config = Config {
        work: job.work.clone(),
        administers: job.administers,
    };
    let row: Vec<Value> = vec![
        tenant.0.into(),
        job.id.0.into(),
        job.work.number().into(),
        job.state.number().into(),
        to_json(&config)?.into(),
        job.caller.as_str().into(),
        job.actor.as_ref().map(ToString::to_string).into(),
        job.phase.into(),
        job.after.map(|id| id.0).into(),
        job.turn.into(),
        job.total.into(),
        job.done.into(),
        job.moved.into(),
        job.refused.into(),
        job.reason.as_str().into(),
        job.message.as_str().into(),
        job.version.into(),
        micros(job.create_time).into(),
        micros(job.update_time).into(),
        job.finish_time.map(micros).into(),
    ];
    run(conn, insert("job", &names, [row])).await.map(drop)
}

/// Writes what became of a job; `job.version` is the one that it was read with.
pub async fn update(conn: &impl ConnectionTrait, tenant: TenantKey, job: &Job) -> Result<(), Abort> {
    let sql = "UPDATE job SET state = ?, phase = ?, after_id = ?, turn = ?, done = ?, moved = ?, refused = ?, reason = ?, \
               message = ?, update_time = ?, finish_time = ?, version = version + 1 \
               WHERE tenant = ? AND id = ? AND version = ?";
    let values: Vec<Value> = vec![
        job.state.number().into(),
        job.phase.into(),
        job.after.map(|id| id.0).into(),
        job.turn.into(),
        job.done.into(),
        job.moved.into(),
        job.refused.into(),
        job.reason.as_str().into(),
        job.message.as_str().into(),
        micros(job.update_time).into(),
        job.finish_time.map(micros).into(),
        tenant.0.into(),
        job.id.0.into(),
        job.version.into(),
    ];
    match conn.execute_raw(statement(conn, sql, values)).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(Abort::Moved),
    }
}

/// Writes the accounts that were refused.
pub async fn refuse(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    job: JobId,
    items: &[RefusedItem],
) -> Result<(), DbErr> {
    if items.is_empty() {
        return Ok(());
    }
    let names = ["tenant", "job_id", "seq", "account_id", "reason", "message"];
    let rows = items.iter().map(|item| {
        vec![
            tenant.0.into(),
            job.0.into(),
            item.seq.into(),
            item.account.0.into(),
            item.reason.as_str().into(),
            item.message.as_str().into(),
        ]
    });
    run(conn, insert("job_item", &names, rows)).await.map(drop)
}

/// Which of these accounts were refused already.
pub async fn refused_among(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    job: JobId,
    accounts: &[AccountId],
) -> Result<HashSet<AccountId>, DbErr> {
    if accounts.is_empty() {
        return Ok(HashSet::new());
    }
    let marks = vec!["?"; accounts.len()].join(", ");
    let sql = format!("SELECT account_id FROM job_item WHERE tenant = ? AND job_id = ? AND account_id IN ({marks})");
    let mut values: Vec<Value> = vec![tenant.0.into(), job.0.into()];
    values.extend(accounts.iter().map(|account| Value::from(account.0)));
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter()
        .map(|row| Ok(AccountId(row.try_get("", "account_id")?)))
        .collect()
}

/// Reads a job.
pub async fn read(conn: &impl ConnectionTrait, tenant: TenantKey, id: JobId) -> Result<Option<Job>, DbErr> {
    let sql = format!("SELECT {} FROM job WHERE tenant = ? AND id = ?", COLUMNS.join(", "));
    let row = conn
        .query_one_raw(statement(conn, &sql, vec![tenant.0.into(), id.0.into()]))
        .await?;
    row.map(|row| decode(tenant, &row)).transpose()
}

/// Whose jobs are listed.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// Everybody's.
    All,
    /// Those of a user.
    Actor(&'a UserId),
    /// Those that a service started for nobody.
    Caller(&'a CallerId),
}

/// The jobs before the one that a page ended with, the latest first.
pub async fn list(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    of: Of<'_>,
    before: Option<JobId>,
    limit: usize,
) -> Result<Vec<Job>, DbErr> {
    let mut select = Update {
        sql: format!("SELECT {} FROM job WHERE tenant = ", COLUMNS.join(", ")),
        values: Vec::new(),
    };
    select.value(tenant.0);
    match of {
        Of::All => {}
        Of::Actor(actor) => {
            select.text(" AND actor = ");
            select.value(actor.as_str());
        }
        Of::Caller(caller) => {
            select.text(" AND actor IS NULL AND caller = ");
            select.value(caller.as_str());
        }
    }
    if let Some(before) = before {
        select.text(" AND id < ");
        select.value(before.0);
    }
    select.text(" ORDER BY id DESC LIMIT ");
    select.value(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = conn.query_all_raw(statement(conn, &select.sql, select.values)).await?;
    rows.iter().map(|row| decode(tenant, row)).collect()
}

/// The refused accounts after the one that a page ended with.
pub async fn items(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    job: JobId,
    after: i64,
    limit: usize,
) -> Result<Vec<RefusedItem>, DbErr> {
    let sql = "SELECT seq, account_id, reason, message FROM job_item WHERE tenant = ? AND job_id = ? AND seq > ? \
               ORDER BY seq LIMIT ?";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = vec![tenant.0.into(), job.0.into(), after.into(), limit.into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(RefusedItem {
                seq: row.try_get("", "seq")?,
                account: AccountId(row.try_get("", "account_id")?),
                reason: row.try_get("", "reason")?,
                message: row.try_get("", "message")?,
            })
        })
        .collect()
}

/// A job that has more to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Whose.
    pub tenant: TenantName,
    /// Which.
    pub id: JobId,
}

/// Up to `limit` jobs of all tenants that have more to do, the oldest first.
pub async fn open(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Open>, DbErr> {
    let sql = "SELECT j.tenant, j.id, t.name FROM job j JOIN tenant t ON t.id = j.tenant WHERE j.state IN (1, 2) \
               ORDER BY j.id LIMIT ?";
    let rows = conn.query_all_raw(statement(conn, sql, vec![limit.into()])).await?;
    rows.iter()
        .map(|row| {
            let key = TenantKey(row.try_get("", "tenant")?);
            Ok(Open {
                tenant: organisation::tenant_name(key, &row.try_get::<String>("", "name")?)?,
                id: JobId(row.try_get("", "id")?),
            })
        })
        .collect()
}
