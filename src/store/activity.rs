//! Activities and the business objects that deals are about.

use super::{
    batch::insert,
    codec::Row,
    dialect::Engine,
    failure::{Abort, Class, classify},
    instant::{instant, micros},
    timeline::only,
};
use crate::domain::{
    activity::{Activity, BusinessObject, Deals, Kind, ObjectKey},
    ids::{AccountId, CallerId, EventId, ObjectId, TenantKey, UserId},
    timeline::Wanted,
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

const CHUNK: usize = 128;

fn statement(conn: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// An instant where the epoch stands for none.
fn merged(micros: i64) -> Option<DateTime<Utc>> {
    (micros != 0).then(|| instant(micros))
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Digests of those of the source's events that are there already.
pub async fn known(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    events: &[&EventId],
) -> Result<HashMap<EventId, Vec<u8>>, DbErr> {
    let mut known = HashMap::new();
    for chunk in events.chunks(CHUNK) {
        let sql = format!(
            "SELECT event_id, payload_hash FROM activity WHERE tenant = ? AND source = ? AND event_id IN ({})",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into(), source.as_str().into()];
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let id: String = row.try_get("", "event_id")?;
            let at = Row {
                table: "activity",
                tenant,
                key: &id,
            };
            known.insert(
                at.id("event_id", &id, EventId::parse)?,
                row.try_get("", "payload_hash")?,
            );
        }
    }
    Ok(known)
}

/// Keeps activities. Somebody may have told of the same event at the same time: then the whole unit runs again.
pub async fn keep(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    activities: &[&Activity],
    now: DateTime<Utc>,
) -> Result<(), Abort> {
    const COLUMNS: &[&str] = &[
        "tenant",
        "source",
        "event_id",
        "payload_hash",
        "account_id",
        "kind",
        "object_id",
        "occur_time",
        "record_time",
        "actor",
        "summary",
    ];
    for chunk in activities.chunks(CHUNK) {
        let rows = chunk.iter().map(|activity| {
            vec![
                tenant.0.into(),
                source.as_str().into(),
                activity.event_id.as_str().into(),
                activity.payload_hash.to_vec().into(),
                activity.account.0.into(),
                activity.kind.as_str().into(),
                activity.object_id.as_ref().map(ToString::to_string).into(),
                micros(activity.occur_time).into(),
                micros(now).into(),
                activity.actor.as_ref().map(ToString::to_string).into(),
                activity.summary.clone().into(),
            ]
        });
        let insert = insert("activity", COLUMNS, rows);
        match conn.execute_raw(statement(conn, &insert.sql, insert.values)).await {
            Ok(_) => {}
            Err(error) if classify(&error) == Class::Unique => return Err(Abort::Moved),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Those of the source's objects that there are.
pub async fn objects(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    keys: &[ObjectKey],
) -> Result<HashMap<ObjectKey, BusinessObject>, DbErr> {
    let mut objects = HashMap::new();
    for chunk in keys.chunks(CHUNK) {
        let pairs = vec!["(object_type = ? AND object_id = ?)"; chunk.len()].join(" OR ");
        let sql = format!(
            "SELECT object_type, object_id, account_id, closed, end_time, state_time, state_event_id FROM business_object \
             WHERE tenant = ? AND source = ? AND ({pairs})"
        );
        let mut values: Vec<Value> = vec![tenant.0.into(), source.as_str().into()];
        for key in chunk {
            values.extend([key.object_type.as_str().into(), key.object_id.as_str().into()]);
        }
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let id: String = row.try_get("", "object_id")?;
            let at = Row {
                table: "business_object",
                tenant,
                key: &id,
            };
            let event: String = row.try_get("", "state_event_id")?;
            let key = ObjectKey {
                object_type: row.try_get("", "object_type")?,
                object_id: at.id("object_id", &id, ObjectId::parse)?,
            };
            let object = BusinessObject {
                key: key.clone(),
                account: AccountId(row.try_get("", "account_id")?),
                closed: row.try_get("", "closed")?,
                end_time: merged(row.try_get("", "end_time")?),
                state_time: instant(row.try_get("", "state_time")?),
                state_event_id: at.id("state_event_id", &event, EventId::parse)?,
            };
            objects.insert(key, object);
        }
    }
    Ok(objects)
}

/// Writes the states of objects.
pub async fn put_objects(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    source: &CallerId,
    objects: &[&BusinessObject],
) -> Result<(), DbErr> {
    const COLUMNS: &[&str] = &[
        "tenant",
        "source",
        "object_type",
        "object_id",
        "account_id",
        "closed",
        "end_time",
        "state_time",
        "state_event_id",
    ];
    for chunk in objects.chunks(CHUNK) {
        let rows = chunk.iter().map(|object| {
            vec![
                tenant.0.into(),
                source.as_str().into(),
                object.key.object_type.as_str().into(),
                object.key.object_id.as_str().into(),
                object.account.0.into(),
                object.closed.into(),
                object.end_time.map_or(0, micros).into(),
                micros(object.state_time).into(),
                object.state_event_id.as_str().into(),
            ]
        });
        let mut put = insert("business_object", COLUMNS, rows);
        put.text(
            engine
                .or_update(&["tenant", "source", "object_type", "object_id"], &COLUMNS[4..])
                .as_str(),
        );
        conn.execute_raw(statement(conn, &put.sql, put.values)).await?;
    }
    Ok(())
}

/// Deals and contracts of accounts, from all their objects.
pub async fn deals(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, Deals>, DbErr> {
    let mut deals: HashMap<AccountId, Deals> = accounts.iter().map(|id| (*id, Deals::default())).collect();
    for chunk in accounts.chunks(CHUNK) {
        let sql = format!(
            "SELECT account_id, COUNT(CASE WHEN closed = 1 THEN 1 END) AS number, \
             MAX(CASE WHEN closed = 1 THEN state_time ELSE 0 END) AS last, MAX(end_time) AS contract_end FROM business_object \
             WHERE tenant = ? AND account_id IN ({}) GROUP BY account_id",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into()];
        values.extend(chunk.iter().map(|id| Value::from(id.0)));
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let id: Uuid = row.try_get("", "account_id")?;
            let won_count = row.try_get("", "number")?;
            deals.insert(
                AccountId(id),
                Deals {
                    won_count,
                    last_won_time: merged(row.try_get("", "last")?),
                    contract_end: merged(row.try_get("", "contract_end")?),
                },
            );
        }
    }
    Ok(deals)
}

/// Who is in the teams of the accounts.
pub async fn members(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
) -> Result<HashSet<(AccountId, UserId)>, DbErr> {
    let mut members = HashSet::new();
    for chunk in accounts.chunks(CHUNK) {
        let sql = format!(
            "SELECT account_id, user_id FROM account_team WHERE tenant = ? AND account_id IN ({})",
            marks(chunk.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into()];
        values.extend(chunk.iter().map(|id| Value::from(id.0)));
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let id: Uuid = row.try_get("", "account_id")?;
            let user: String = row.try_get("", "user_id")?;
            let at = Row {
                table: "account_team",
                tenant,
                key: &id,
            };
            members.insert((AccountId(id), at.id("user_id", &user, UserId::parse)?));
        }
    }
    Ok(members)
}

/// An activity as stored.
#[derive(Clone, Debug)]
pub struct StoredActivity {
    /// The service that told of it.
    pub source: CallerId,
    /// The activity.
    pub activity: Activity,
    /// When it was told.
    pub record_time: DateTime<Utc>,
}

/// Where a page of a timeline ended.
pub type Place = (i64, String, String);

/// The next `limit` activities of an account, the latest first; of these kinds, where any are named.
pub async fn timeline(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
    after: Option<&Place>,
    kinds: &[Wanted],
    limit: usize,
) -> Result<Vec<StoredActivity>, DbErr> {
    let mut sql = "SELECT source, event_id, kind, object_id, occur_time, record_time, actor, summary FROM activity \
                   WHERE tenant = ? AND account_id = ?"
        .to_owned();
    let mut values: Vec<Value> = vec![tenant.0.into(), account.0.into()];
    if let Some((time, source, event)) = after {
        sql.push_str(" AND occur_time <= ? AND (occur_time < ? OR source < ? OR (source = ? AND event_id < ?))");
        let (source, event) = (source.as_str(), event.as_str());
        values.extend([
            (*time).into(),
            (*time).into(),
            source.into(),
            source.into(),
            event.into(),
        ]);
    }
    only(&mut sql, &mut values, kinds);
    sql.push_str(" ORDER BY occur_time DESC, source DESC, event_id DESC LIMIT ?");
    values.push((limit as u64).into());
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    read_all(tenant, account, &rows)
}

/// The account's activities of one instant, up to a hundred, the greatest event id first.
pub async fn of_instant(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
    at: DateTime<Utc>,
) -> Result<Vec<StoredActivity>, DbErr> {
    let sql = "SELECT source, event_id, kind, object_id, occur_time, record_time, actor, summary FROM activity \
               WHERE tenant = ? AND account_id = ? AND occur_time = ? ORDER BY source DESC, event_id DESC LIMIT 100";
    let values = vec![tenant.0.into(), account.0.into(), micros(at).into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    read_all(tenant, account, &rows)
}

fn read_all(tenant: TenantKey, account: AccountId, rows: &[QueryResult]) -> Result<Vec<StoredActivity>, DbErr> {
    rows.iter()
        .map(|row| {
            let event: String = row.try_get("", "event_id")?;
            let at = Row {
                table: "activity",
                tenant,
                key: &event,
            };
            let kind: String = row.try_get("", "kind")?;
            let object: Option<String> = row.try_get("", "object_id")?;
            let actor: Option<String> = row.try_get("", "actor")?;
            let source: String = row.try_get("", "source")?;
            Ok(StoredActivity {
                source: at.id("source", &source, CallerId::parse)?,
                record_time: instant(row.try_get("", "record_time")?),
                activity: Activity {
                    event_id: at.id("event_id", &event, EventId::parse)?,
                    account,
                    kind: at.choice("kind", Kind::parse(&kind).ok())?,
                    object_id: at.id_opt("object_id", object.as_ref(), ObjectId::parse)?,
                    occur_time: instant(row.try_get("", "occur_time")?),
                    actor: at.id_opt("actor", actor.as_ref(), UserId::parse)?,
                    summary: row.try_get("", "summary")?,
                    contract_end: None,
                    payload_hash: [0; 32],
                },
            })
        })
        .collect()
}
