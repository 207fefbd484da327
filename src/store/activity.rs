//! Activities, once each, and timelines of them.

use super::{
    activity_object::money,
    batch::insert,
    codec::{Row, to_json},
    failure::{Abort, Class, classify},
    instant::{instant, micros},
    sql::{marks, run, statement},
    timeline::only,
};
use crate::domain::{
    activity::{Activity, Kind, rules::Standing},
    ids::{AccountId, CallerId, EventId, ObjectId, TenantKey, UserId},
    object::Described,
    timeline::Wanted,
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use std::collections::HashSet;
use uuid::Uuid;

const CHUNK: usize = 128;

/// An activity to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The activity.
    pub activity: &'a Activity,
    /// What its actor is to the account, where that was looked up.
    pub standing: Option<Standing>,
    /// The W3C trace context of the call that told it.
    pub traceparent: Option<&'a str>,
}

/// Keeps activities. Somebody may have told of the same event at the same time: then the whole unit runs again. They are
/// written in the order of their ids, so that two who tell of the same ones do not wait for each other in a circle.
pub async fn keep(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    mut activities: Vec<Kept<'_>>,
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
        "contract_end_time",
        "amount",
        "currency",
        "object_owner",
        "visible_to",
        "object_locked",
        "object_in_workflow",
        "standing",
        "traceparent",
    ];
    activities.sort_by_key(|kept| &kept.activity.event_id);
    for chunk in activities.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for kept in chunk {
            let activity = kept.activity;
            let described = &activity.described;
            let visible_to = match &described.visible_to {
                users if users.is_empty() => None,
                users => Some(to_json(users)?),
            };
            rows.push(vec![
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
                activity.contract_end.map(micros).into(),
                described.amount.map(|money| money.amount).into(),
                described.amount.map(|money| money.currency.code().to_owned()).into(),
                described.owner.as_ref().map(ToString::to_string).into(),
                visible_to.into(),
                described.locked.into(),
                described.in_workflow.into(),
                kept.standing.map(Standing::number).into(),
                kept.traceparent.map(str::to_owned).into(),
            ]);
        }
        let insert = insert("activity", COLUMNS, rows);
        match run(conn, insert).await {
            Ok(_) => {}
            Err(error) if classify(&error) == Class::Unique => return Err(Abort::Moved),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
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

const SHOWN: &str = "account_id, source, event_id, kind, object_id, occur_time, record_time, actor, summary, \
                     contract_end_time, amount, currency, object_owner, visible_to, object_locked, object_in_workflow, standing";

/// An activity as stored.
#[derive(Clone, Debug)]
pub struct StoredActivity {
    /// The service that told of it.
    pub source: CallerId,
    /// The activity.
    pub activity: Activity,
    /// When it was told.
    pub record_time: DateTime<Utc>,
    /// What its actor was to the account then, where that was looked up.
    pub standing: Option<Standing>,
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
    let mut sql = format!("SELECT {SHOWN} FROM activity WHERE tenant = ? AND account_id = ?");
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
    read_all(tenant, &rows)
}

/// The account's activities of one instant, up to a hundred, the greatest event id first.
pub async fn of_instant(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
    at: DateTime<Utc>,
) -> Result<Vec<StoredActivity>, DbErr> {
    let sql = format!(
        "SELECT {SHOWN} FROM activity WHERE tenant = ? AND account_id = ? AND occur_time = ? \
         ORDER BY source DESC, event_id DESC LIMIT 100"
    );
    let values = vec![tenant.0.into(), account.0.into(), micros(at).into()];
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    read_all(tenant, &rows)
}

fn read_all(tenant: TenantKey, rows: &[QueryResult]) -> Result<Vec<StoredActivity>, DbErr> {
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
            let owner: Option<String> = row.try_get("", "object_owner")?;
            let visible_to: Option<String> = row.try_get("", "visible_to")?;
            let standing: Option<i16> = row.try_get("", "standing")?;
            Ok(StoredActivity {
                source: at.id("source", &source, CallerId::parse)?,
                record_time: instant(row.try_get("", "record_time")?),
                standing: standing.and_then(Standing::from_number),
                activity: Activity {
                    event_id: at.id("event_id", &event, EventId::parse)?,
                    account: AccountId(row.try_get("", "account_id")?),
                    kind: at.choice("kind", Kind::parse(&kind).ok())?,
                    object_id: at.id_opt("object_id", object.as_ref(), ObjectId::parse)?,
                    occur_time: instant(row.try_get("", "occur_time")?),
                    actor: at.id_opt("actor", actor.as_ref(), UserId::parse)?,
                    summary: row.try_get("", "summary")?,
                    contract_end: row.try_get::<Option<i64>>("", "contract_end_time")?.map(instant),
                    described: Described {
                        amount: money(&at, row)?,
                        owner: at.id_opt("object_owner", owner.as_ref(), UserId::parse)?,
                        visible_to: match visible_to {
                            Some(users) => at.json("visible_to", &users)?,
                            None => Vec::new(),
                        },
                        locked: row.try_get("", "object_locked")?,
                        in_workflow: row.try_get("", "object_in_workflow")?,
                    },
                    payload_hash: [0; 32],
                },
            })
        })
        .collect()
}

/// The account's activities of these kinds that a source told of these objects.
pub async fn about(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    account: AccountId,
    objects: &[&ObjectId],
    kinds: &[String],
) -> Result<Vec<StoredActivity>, DbErr> {
    let mut found = Vec::new();
    if kinds.is_empty() {
        return Ok(found);
    }
    for chunk in objects.chunks(CHUNK) {
        let sql = format!(
            "SELECT {SHOWN} FROM activity WHERE tenant = ? AND account_id = ? AND source = ? AND object_id IN ({}) \
             AND kind IN ({})",
            marks(chunk.len()),
            marks(kinds.len())
        );
        let mut values: Vec<Value> = vec![tenant.0.into(), account.0.into(), source.as_str().into()];
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        values.extend(kinds.iter().map(|kind| Value::from(kind.as_str())));
        let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
        found.extend(read_all(tenant, &rows)?);
    }
    Ok(found)
}
