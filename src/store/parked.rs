//! Activities that wait for their account, under the external id by which their source names it; and what is known of a
//! source's events, recorded or waiting.

use super::{
    batch::{Update, insert},
    codec::{Row, to_json},
    failure::{Abort, Class, classify},
    instant::{instant, micros},
    organisation::tenant_name,
    script::expect,
    sql::{marks, padded, run, statement},
};
use crate::domain::{
    activity::{Activity, Kind},
    ids::{AccountId, CallerId, EventId, ExternalId, ObjectId, TenantKey, TenantName, UserId},
    object::{Described, money::Money},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// Keys per statement.
const CHUNK: usize = 128;

/// The accounts that have these external ids. One statement per 128.
pub async fn accounts(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    ids: &[&ExternalId],
) -> Result<HashMap<ExternalId, AccountId>, DbErr> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let chunk = padded(chunk.iter().map(|id| id.as_str()));
        let sql = format!(
            "SELECT id, external_id FROM account WHERE tenant = ? AND external_id IN ({})",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into()];
        values.extend(chunk.into_iter().map(Value::from));
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let (id, external_id): (Uuid, String) = (row.try_get("", "id")?, row.try_get("", "external_id")?);
            let at = Row {
                table: "account",
                tenant,
                key: &id,
            };
            found.insert(at.id("external_id", &external_id, ExternalId::parse)?, AccountId(id));
        }
    }
    Ok(found)
}

/// What is known of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Digest of what was told, if it is recorded.
    pub recorded: Option<Vec<u8>>,
    /// The same, if it waits for its account.
    pub parked: Option<Vec<u8>>,
}

/// Those of the source's events that are recorded or wait. One statement per 128.
pub async fn known(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    events: &[&EventId],
) -> Result<HashMap<EventId, Known>, DbErr> {
    let mut known: HashMap<EventId, Known> = HashMap::new();
    for chunk in events.chunks(CHUNK) {
        let chunk = padded(chunk.iter().map(|id| id.as_str()));
        let marks = marks(chunk.len());
        let of = |table: &str, parked: i64| {
            format!(
                "SELECT event_id, payload_hash, {parked} AS parked FROM {table} \
                 WHERE tenant = ? AND source = ? AND event_id IN ({marks})"
            )
        };
        let sql = format!("{} UNION ALL {}", of("activity", 0), of("parked_activity", 1));
        let mut values: Vec<Value> = Vec::new();
        for _ in 0..2 {
            values.extend([tenant.0.into(), source.as_str().into()]);
            values.extend(chunk.iter().map(|id| Value::from(*id)));
        }
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let id: String = row.try_get("", "event_id")?;
            let at = Row {
                table: "activity",
                tenant,
                key: &id,
            };
            let known = known.entry(at.id("event_id", &id, EventId::parse)?).or_default();
            let hash = Some(row.try_get("", "payload_hash")?);
            if row.try_get::<i64>("", "parked")? == 1 {
                known.parked = hash;
            } else {
                known.recorded = hash;
            }
        }
    }
    Ok(known)
}

impl Known {
    /// Whether it was told in the same words.
    #[must_use]
    pub fn is(&self, activity: &Activity) -> bool {
        let hash = self.recorded.as_ref().or(self.parked.as_ref());
        hash.is_some_and(|hash| *hash == activity.payload_hash)
    }
}

/// An activity that is to wait.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// The activity.
    pub activity: &'a Activity,
    /// How its source names the account.
    pub external_id: &'a ExternalId,
    /// The W3C trace context of the call that told it.
    pub traceparent: Option<&'a str>,
}

/// An activity as it waits: what its source said, but for its account and its digest.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    kind: String,
    object_id: Option<ObjectId>,
    occur_time: i64,
    actor: Option<UserId>,
    summary: String,
    contract_end: Option<i64>,
    /// The amount and its currency.
    amount: Option<(String, String)>,
    object_owner: Option<UserId>,
    visible_to: Vec<UserId>,
    object_locked: bool,
    object_in_workflow: bool,
    /// The trace in which it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

impl Payload {
    fn of(waiting: &Waiting<'_>) -> Self {
        let activity = waiting.activity;
        let described = &activity.described;
        let amount = described.amount.as_ref();
        Self {
            kind: activity.kind.to_string(),
            object_id: activity.object_id.clone(),
            occur_time: micros(activity.occur_time),
            actor: activity.actor.clone(),
            summary: activity.summary.clone(),
            contract_end: activity.contract_end.map(micros),
            amount: amount.map(|money| (money.amount_text(), money.currency.code().to_owned())),
            object_owner: described.owner.clone(),
            visible_to: described.visible_to.clone(),
            object_locked: described.locked,
            object_in_workflow: described.in_workflow,
            traceparent: waiting.traceparent.map(str::to_owned),
        }
    }
}

/// Lets activities wait. Somebody may have told of the same event at the same time: then the whole unit runs again. They are
/// written in the order of their ids, so that two who tell of the same ones do not wait for each other in a circle. One
/// statement per 128.
pub async fn park(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    mut waiting: Vec<Waiting<'_>>,
    now: DateTime<Utc>,
    expires: DateTime<Utc>,
) -> Result<(), Abort> {
    const COLUMNS: &[&str] = &[
        "tenant",
        "source",
        "event_id",
        "payload_hash",
        "external_id",
        "payload",
        "park_time",
        "expire_time",
    ];
    waiting.sort_by_key(|waiting| &waiting.activity.event_id);
    for chunk in waiting.chunks(CHUNK) {
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(chunk.len());
        for waiting in chunk {
            let activity = waiting.activity;
            rows.push(vec![
                tenant.0.into(),
                source.as_str().into(),
                activity.event_id.as_str().into(),
                activity.payload_hash.to_vec().into(),
                waiting.external_id.as_str().into(),
                to_json(&Payload::of(waiting))?.into_bytes().into(),
                micros(now).into(),
                micros(expires).into(),
            ]);
        }
        let insert = insert("parked_activity", COLUMNS, rows);
        match run(conn, insert).await {
            Ok(_) => {}
            Err(error) if classify(&error) == Class::Unique => return Err(Abort::Moved),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// These wait no longer. One statement per 128.
pub async fn remove(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    events: &[&EventId],
) -> Result<(), DbErr> {
    let events: Vec<_> = events.iter().map(|id| id.as_str()).collect();
    remove_before(conn, tenant, source.as_str(), &events, i64::MAX).await
}

/// The same for those whose time is over before then: somebody may have told of one again meanwhile.
async fn remove_before(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &str,
    events: &[&str],
    before: i64,
) -> Result<(), DbErr> {
    for chunk in events.chunks(CHUNK) {
        let sql = format!(
            "DELETE FROM parked_activity WHERE tenant = ? AND source = ? AND expire_time < ? AND event_id IN ({})",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into(), source.into(), before.into()];
        values.extend(chunk.iter().map(|id| Value::from(*id)));
        conn.execute_raw(statement(conn, &sql, values)).await?;
    }
    Ok(())
}

/// These, which wait and were told again, wait until `expire_time`. One statement per 128. If one waits no longer, the unit
/// runs again, and finds out what became of it.
pub async fn renew(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    events: &[&EventId],
    expire_time: DateTime<Utc>,
) -> Result<(), Abort> {
    for chunk in events.chunks(CHUNK) {
        let sql = format!(
            "UPDATE parked_activity SET expire_time = ? WHERE tenant = ? AND source = ? AND event_id IN ({})",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![micros(expire_time).into(), tenant.0.into(), source.as_str().into()];
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        let renewed = conn.execute_raw(statement(conn, &sql, values)).await?.rows_affected();
        expect(renewed, chunk.len())?;
    }
    Ok(())
}

/// How many wait in the tenant, counted up to `most`.
pub async fn count(conn: &impl ConnectionTrait, tenant: TenantKey, most: usize) -> Result<usize, DbErr> {
    let sql = "SELECT COUNT(*) AS number FROM (SELECT 1 FROM parked_activity WHERE tenant = ? LIMIT ?) AS waiting";
    let values = vec![tenant.0.into(), (most as u64).into()];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    let number: i64 = row.map_or(Ok(0), |row| row.try_get("", "number"))?;
    Ok(usize::try_from(number).unwrap_or_default())
}

/// The key of an activity that waits, as it is stored, whether or not it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedKey {
    /// Whose.
    pub tenant: TenantKey,
    /// Who told it.
    pub source: String,
    /// Its id there.
    pub event_id: String,
}

impl ParkedKey {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            tenant: TenantKey(row.try_get("", "tenant")?),
            source: row.try_get("", "source")?,
            event_id: row.try_get("", "event_id")?,
        })
    }
}

/// An activity that waits although there is an account of that external id now.
#[derive(Debug)]
pub struct Ready {
    /// Its key.
    pub key: ParkedKey,
    /// How often it was tried to record it.
    pub tries: i64,
    /// What waits, or why it cannot be read.
    pub told: Result<Told, DbErr>,
}

/// What waits, as it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The tenant's name.
    pub tenant: TenantName,
    /// Who told it.
    pub source: CallerId,
    /// How its source names the account.
    pub external_id: ExternalId,
    /// What was told. Its account is to be looked up.
    pub activity: Activity,
    /// The W3C trace context of the call that told it.
    pub traceparent: Option<String>,
}

/// The next `limit` activities whose account is there and that may be tried by now, by key. One statement, which costs what
/// waits.
pub async fn ready(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: Option<&ParkedKey>,
    limit: usize,
) -> Result<Vec<Ready>, DbErr> {
    let (mut more, mut values) = (String::new(), vec![Value::from(micros(now))]);
    if let Some(after) = after {
        more.push_str(" AND p.tenant >= ? AND (p.tenant > ? OR p.source > ? OR (p.source = ? AND p.event_id > ?))");
        let (tenant, source) = (after.tenant.0, after.source.as_str());
        values.extend([
            tenant.into(),
            tenant.into(),
            source.into(),
            source.into(),
            after.event_id.as_str().into(),
        ]);
    }
    values.push((limit as u64).into());
    let sql = format!(
        "SELECT t.name, p.tenant, p.source, p.event_id, p.payload_hash, p.external_id, p.payload, p.tries \
         FROM parked_activity p JOIN account a ON a.tenant = p.tenant AND a.external_id = p.external_id \
         JOIN tenant t ON t.id = p.tenant WHERE p.try_time <= ?{more} \
         ORDER BY p.tenant, p.source, p.event_id LIMIT ?"
    );
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    let ready = rows.iter().map(|row| {
        let key = ParkedKey::read(row)?;
        Ok(Ready {
            tries: row.try_get("", "tries")?,
            // One that cannot be read stops nobody else.
            told: read(&key, row),
            key,
        })
    });
    ready.collect()
}

fn read(key: &ParkedKey, row: &QueryResult) -> Result<Told, DbErr> {
    let at = Row {
        table: "parked_activity",
        tenant: key.tenant,
        key: &key.event_id,
    };
    let external_id: String = row.try_get("", "external_id")?;
    let text: Vec<u8> = row.try_get("", "payload")?;
    let payload: Payload = at.json("payload", &String::from_utf8_lossy(&text))?;
    let hash: Vec<u8> = row.try_get("", "payload_hash")?;
    let amount = match &payload.amount {
        None => None,
        Some((amount, currency)) => Some(at.choice("payload", Money::parse(amount, currency).ok())?),
    };
    Ok(Told {
        tenant: tenant_name(key.tenant, &row.try_get::<String>("", "name")?)?,
        source: at.id("source", &key.source, CallerId::parse)?,
        external_id: at.id("external_id", &external_id, ExternalId::parse)?,
        traceparent: payload.traceparent,
        activity: Activity {
            event_id: at.id("event_id", &key.event_id, EventId::parse)?,
            account: AccountId(Uuid::nil()),
            kind: at.choice("payload", Kind::parse(&payload.kind).ok())?,
            object_id: payload.object_id,
            occur_time: instant(payload.occur_time),
            actor: payload.actor,
            summary: payload.summary,
            contract_end: payload.contract_end.map(instant),
            described: Described {
                amount,
                owner: payload.object_owner,
                visible_to: payload.visible_to,
                locked: payload.object_locked,
                in_workflow: payload.object_in_workflow,
            },
            payload_hash: at.choice("payload_hash", hash.try_into().ok())?,
        },
    })
}

/// These, which were tried in vain, are let alone until then. One statement per 128 of a source, in the order given.
pub async fn postpone(conn: &impl ConnectionTrait, tried: &[(&ParkedKey, DateTime<Utc>)]) -> Result<(), DbErr> {
    for of_source in tried.chunk_by(|(a, _), (b, _)| (a.tenant, &a.source) == (b.tenant, &b.source)) {
        for chunk in of_source.chunks(CHUNK) {
            let Some((first, _)) = chunk.first() else { continue };
            let ids: Vec<Value> = chunk.iter().map(|(key, _)| key.event_id.as_str().into()).collect();
            let times: Vec<Value> = chunk.iter().map(|(_, time)| micros(*time).into()).collect();
            let mut update = Update {
                sql: "UPDATE parked_activity SET try_time = ".to_owned(),
                values: Vec::new(),
            };
            update.by_key("event_id", ids.iter().zip(&times));
            update.text(", tries = tries + 1 WHERE tenant = ");
            update.value(first.tenant.0);
            update.text(" AND source = ");
            update.value(first.source.as_str());
            update.text(" AND event_id IN ");
            update.list(ids.iter().cloned());
            run(conn, update).await?;
        }
    }
    Ok(())
}

/// Those that waited until before `now`, up to `limit`; they wait no longer. Not those whose account is there and that nobody
/// has tried yet to record: they were in time. One read, and one write per 128 of each source.
pub async fn expire(conn: &impl ConnectionTrait, now: DateTime<Utc>, limit: usize) -> Result<Vec<ParkedKey>, DbErr> {
    let sql = "SELECT p.tenant, p.source, p.event_id FROM parked_activity p WHERE p.expire_time < ? AND (p.tries > 0 \
               OR NOT EXISTS (SELECT 1 FROM account a WHERE a.tenant = p.tenant AND a.external_id = p.external_id)) \
               ORDER BY p.expire_time, p.tenant, p.source, p.event_id LIMIT ?";
    let values = vec![micros(now).into(), (limit as u64).into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    let expired: Result<Vec<_>, _> = rows.iter().map(ParkedKey::read).collect();
    let mut expired = expired?;
    expired.sort_by(|a, b| (a.tenant, &a.source, &a.event_id).cmp(&(b.tenant, &b.source, &b.event_id)));
    for of_source in expired.chunk_by(|a, b| (a.tenant, &a.source) == (b.tenant, &b.source)) {
        if let Some(first) = of_source.first() {
            let events: Vec<_> = of_source.iter().map(|key| key.event_id.as_str()).collect();
            remove_before(conn, first.tenant, &first.source, &events, micros(now)).await?;
        }
    }
    Ok(expired)
}
