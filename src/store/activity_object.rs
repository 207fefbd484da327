//! Business objects that activities are about, who may see them, and what deals and contracts they come to.

use super::{
    batch::{Update, insert},
    codec::Row,
    dialect::Engine,
    failure::{Abort, Class, classify},
    instant::{instant, micros, or_never, unless_never},
    sql::{marks, padded, run, statement},
};
use crate::domain::{
    ids::{AccountId, CallerId, EventId, ObjectId, TenantKey, UserId},
    object::{BusinessObject, Deals, Mark, ObjectKey, Snapshot, Sourced, Told, money::Money},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

const CHUNK: usize = 128;
/// Rows of viewers per statement: they are short, and there can be a hundred of an object.
const VIEWERS: usize = 1000;
const KEY: &[&str] = &["tenant", "source", "object_type", "object_id"];
const COLUMNS: &[&str] = &[
    "tenant",
    "source",
    "object_type",
    "object_id",
    "account_id",
    "closed",
    "state_time",
    "state_event_id",
    "end_time",
    "end_told_time",
    "end_told_event_id",
    "action",
    "detail_time",
    "detail_event_id",
    "amount",
    "currency",
    "owner",
    "owner_time",
    "locked",
    "in_workflow",
];
/// What an update leaves alone: the key, and whose it is.
const KEPT: usize = 5;
/// What there is to say of an object's deal, and what comes before it.
const STATED: usize = 8;
/// Rows per statement that say only that.
const STATES: usize = 512;

/// Whether the row says when a contract ends: the event that does is named, but by those who did not know of that yet.
const HAS_END: &str = "(end_told_event_id IS NOT NULL OR end_time <> 0)";

fn mark(
    at: &Row<'_, String>,
    row: &QueryResult,
    time: &'static str,
    event: &'static str,
) -> Result<Option<Mark>, DbErr> {
    let id: Option<String> = row.try_get("", event)?;
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(Mark {
        time: instant(row.try_get("", time)?),
        event_id: at.id(event, &id, EventId::parse)?,
    }))
}

/// The amount of a row, if it has one.
pub(super) fn money(at: &Row<'_, String>, row: &QueryResult) -> Result<Option<Money>, DbErr> {
    let amount: Option<i64> = row.try_get("", "amount")?;
    let currency: Option<String> = row.try_get("", "currency")?;
    amount
        .zip(currency)
        .map(|(amount, currency)| {
            let currency = at.choice("currency", Money::currency(&currency).ok())?;
            Ok(Money { amount, currency })
        })
        .transpose()
}

fn read(tenant: TenantKey, row: &QueryResult) -> Result<(CallerId, BusinessObject), DbErr> {
    let id: String = row.try_get("", "object_id")?;
    let at = Row {
        table: "business_object",
        tenant,
        key: &id,
    };
    let state = mark(&at, row, "state_time", "state_event_id")?;
    let end_time: i64 = row.try_get("", "end_time")?;
    let contract_end = match mark(&at, row, "end_told_time", "end_told_event_id")? {
        None if end_time == 0 => None,
        // Where nobody wrote which event tells of the end, it is the one that tells of the state.
        None => state.clone(),
        told => told,
    };
    let snapshot = match mark(&at, row, "detail_time", "detail_event_id")? {
        Some(mark) => {
            let owner: Option<String> = row.try_get("", "owner")?;
            let value = Snapshot {
                action: row.try_get::<Option<String>>("", "action")?.unwrap_or_default(),
                amount: money(&at, row)?,
                owner: at.id_opt("owner", owner.as_ref(), UserId::parse)?,
                locked: row.try_get("", "locked")?,
                in_workflow: row.try_get("", "in_workflow")?,
            };
            Some(Told { value, mark })
        }
        None => None,
    };
    let closed: bool = row.try_get("", "closed")?;
    let source: String = row.try_get("", "source")?;
    let object = BusinessObject {
        key: ObjectKey {
            object_type: row.try_get("", "object_type")?,
            object_id: at.id("object_id", &id, ObjectId::parse)?,
        },
        account: AccountId(row.try_get("", "account_id")?),
        closed: state.map(|mark| Told { value: closed, mark }),
        contract_end: contract_end.map(|mark| Told {
            value: instant(end_time),
            mark,
        }),
        snapshot,
        // Of no handover that lies at the epoch: it is when it was written.
        handed_time: unless_never(row.try_get("", "owner_time")?),
        viewers: None,
    };
    Ok((at.id("source", &source, CallerId::parse)?, object))
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
        let chunk = padded(chunk);
        let pairs = vec!["(object_type = ? AND object_id = ?)"; chunk.len()].join(" OR ");
        let columns = COLUMNS[1..].join(", ");
        let sql = format!("SELECT {columns} FROM business_object WHERE tenant = ? AND source = ? AND ({pairs})");
        let mut values: Vec<Value> = vec![tenant.0.into(), source.as_str().into()];
        for key in chunk {
            values.extend([key.object_type.as_str().into(), key.object_id.as_str().into()]);
        }
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let (_, object) = read(tenant, &row)?;
            objects.insert(object.key.clone(), object);
        }
    }
    Ok(objects)
}

/// All objects of accounts, of whatever source, by source, type and id: the next `limit` after one, up to and with another.
pub async fn of_accounts(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
    (after, to): (Option<&Sourced>, Option<&Sourced>),
    limit: usize,
) -> Result<BTreeMap<Sourced, BusinessObject>, DbErr> {
    let (columns, marks) = (COLUMNS[1..].join(", "), marks(accounts.len()));
    let mut sql = format!("SELECT {columns} FROM business_object WHERE tenant = ? AND account_id IN ({marks})");
    let mut values: Vec<Value> = vec![tenant.0.into()];
    values.extend(accounts.iter().map(|id| Value::from(id.0)));
    for (end, than, last) in [(after, '>', ">"), (to, '<', "<=")] {
        let Some((source, key)) = end else { continue };
        let key_order = format!(
            " AND (source {than} ? OR (source = ? AND (object_type {than} ? OR (object_type = ? AND object_id {last} ?))))"
        );
        sql.push_str(&key_order);
        values.extend([
            source.as_str().into(),
            source.as_str().into(),
            key.object_type.as_str().into(),
            key.object_type.as_str().into(),
            key.object_id.as_str().into(),
        ]);
    }
    sql.push_str(" ORDER BY source, object_type, object_id LIMIT ?");
    values.push((limit as u64).into());
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    let read = rows.iter().map(|row| {
        let (source, object) = read(tenant, row)?;
        Ok(((source, object.key.clone()), object))
    });
    read.collect()
}

fn values(tenant: TenantKey, source: &CallerId, object: &BusinessObject) -> Vec<Value> {
    let time = |mark: Option<&Mark>| Value::from(mark.map_or(0, |mark| micros(mark.time)));
    let event = |mark: Option<&Mark>| Value::from(mark.map(|mark| mark.event_id.to_string()));
    let state = object.closed.as_ref().map(|told| &told.mark);
    let end = object.contract_end.as_ref();
    let told = object.snapshot.as_ref();
    let snapshot = told.map(|told| &told.value);
    let money = snapshot.and_then(|snapshot| snapshot.amount);
    vec![
        tenant.0.into(),
        source.as_str().into(),
        object.key.object_type.as_str().into(),
        object.key.object_id.as_str().into(),
        object.account.0.into(),
        object.is_closed().into(),
        time(state),
        state.map(|mark| mark.event_id.to_string()).unwrap_or_default().into(),
        end.map_or(0, |told| micros(told.value)).into(),
        time(end.map(|told| &told.mark)),
        event(end.map(|told| &told.mark)),
        snapshot.map(|snapshot| snapshot.action.clone()).into(),
        time(told.map(|told| &told.mark)),
        event(told.map(|told| &told.mark)),
        money.map(|money| money.amount).into(),
        money.map(|money| money.currency.code().to_owned()).into(),
        snapshot
            .and_then(|snapshot| snapshot.owner.as_ref().map(ToString::to_string))
            .into(),
        or_never(object.handed_time).into(),
        snapshot.is_some_and(|snapshot| snapshot.locked).into(),
        snapshot.is_some_and(|snapshot| snapshot.in_workflow).into(),
    ]
}

/// Writes objects of a source that nobody told of before. Somebody may have at the same time, maybe of another account:
/// then the whole unit runs again.
pub async fn add(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    objects: &[&BusinessObject],
) -> Result<(), Abort> {
    for chunk in objects.chunks(CHUNK) {
        let insert = insert(
            "business_object",
            COLUMNS,
            chunk.iter().map(|object| values(tenant, source, object)),
        );
        match run(conn, insert).await {
            Ok(_) => {}
            Err(error) if classify(&error) == Class::Unique => return Err(Abort::Moved),
            Err(error) => return Err(error.into()),
        }
    }
    see(conn, tenant, source, objects).await?;
    Ok(())
}

/// Writes the states of objects that there are.
pub async fn put(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    source: &CallerId,
    objects: &[&BusinessObject],
) -> Result<(), DbErr> {
    for chunk in objects.chunks(CHUNK) {
        let rows = chunk.iter().map(|object| values(tenant, source, object));
        let mut put = insert("business_object", COLUMNS, rows);
        put.text(engine.or_update(KEY, &COLUMNS[KEPT..]).as_str());
        run(conn, put).await?;
    }
    let seen: Vec<_> = objects
        .iter()
        .copied()
        .filter(|object| object.viewers.is_some())
        .collect();
    for chunk in seen.chunks(CHUNK) {
        let mut delete = Update {
            sql: "DELETE FROM object_viewer WHERE tenant = ".to_owned(),
            values: Vec::new(),
        };
        delete.value(tenant.0);
        delete.text(" AND source = ");
        delete.value(source.as_str());
        for (at, object) in chunk.iter().enumerate() {
            delete.text(if at == 0 { " AND (" } else { " OR " });
            delete.text("(object_type = ");
            delete.value(object.key.object_type.as_str());
            delete.text(" AND object_id = ");
            delete.value(object.key.object_id.as_str());
            delete.text(")");
        }
        delete.text(")");
        run(conn, delete).await?;
    }
    see(conn, tenant, source, &seen).await
}

/// Writes whether the deals of objects that there are stand, and nothing else of them.
pub async fn restate(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    source: &CallerId,
    objects: &[&BusinessObject],
) -> Result<(), DbErr> {
    for chunk in objects.chunks(STATES) {
        let rows = chunk.iter().map(|object| {
            let mut values = values(tenant, source, object);
            values.truncate(STATED);
            values
        });
        let mut put = insert("business_object", &COLUMNS[..STATED], rows);
        put.text(engine.or_update(KEY, &COLUMNS[KEPT..STATED]).as_str());
        run(conn, put).await?;
    }
    Ok(())
}

/// Writes who may see objects, of which nobody may yet.
async fn see(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    source: &CallerId,
    objects: &[&BusinessObject],
) -> Result<(), DbErr> {
    const COLUMNS: &[&str] = &["tenant", "account_id", "user_id", "source", "object_type", "object_id"];
    let viewers = objects.iter().flat_map(|object| {
        let viewers = object.viewers.iter().flatten();
        viewers.map(move |user| (object, user))
    });
    let rows: Vec<Vec<Value>> = viewers
        .map(|(object, user)| {
            vec![
                tenant.0.into(),
                object.account.0.into(),
                user.as_str().into(),
                source.as_str().into(),
                object.key.object_type.as_str().into(),
                object.key.object_id.as_str().into(),
            ]
        })
        .collect();
    for chunk in rows.chunks(VIEWERS) {
        let insert = insert("object_viewer", COLUMNS, chunk.iter().cloned());
        run(conn, insert).await?;
    }
    Ok(())
}

/// Deals and contracts of accounts, from all their objects; those of the source that are named count as they are given,
/// and not as they are stored: they are yet to be written.
pub async fn deals(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
    (source, instead): (&CallerId, &[&BusinessObject]),
) -> Result<HashMap<AccountId, Deals>, DbErr> {
    let mut deals: HashMap<AccountId, Deals> = accounts.iter().map(|id| (*id, Deals::default())).collect();
    for chunk in accounts.chunks(CHUNK) {
        let mut sql = format!(
            "SELECT account_id, COUNT(CASE WHEN closed = 1 THEN 1 END) AS number, \
             MAX(CASE WHEN closed = 1 THEN state_time END) AS last, MAX(CASE WHEN {HAS_END} THEN end_time END) AS contract_end \
             FROM business_object WHERE tenant = ? AND account_id IN ({})",
            marks(chunk.len().next_power_of_two())
        );
        let mut values: Vec<Value> = vec![tenant.0.into()];
        values.extend(padded(chunk).into_iter().map(|id| Value::from(id.0)));
        let of_chunk = padded(instead.iter().filter(|object| chunk.contains(&object.account)));
        if !of_chunk.is_empty() {
            // The ids alone tell most others apart, at the price of one look into a sorted list.
            let pairs = vec!["(object_type = ? AND object_id = ?)"; of_chunk.len()].join(" OR ");
            let ids = marks(of_chunk.len());
            let but = format!(" AND NOT (source = ? AND object_id IN ({ids}) AND ({pairs}))");
            sql.push_str(&but);
            values.push(source.as_str().into());
            values.extend(of_chunk.iter().map(|object| Value::from(object.key.object_id.as_str())));
            for object in of_chunk {
                values.extend([
                    object.key.object_type.as_str().into(),
                    object.key.object_id.as_str().into(),
                ]);
            }
        }
        sql.push_str(" GROUP BY account_id");
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            let id: Uuid = row.try_get("", "account_id")?;
            let won_count = row.try_get("", "number")?;
            deals.insert(
                AccountId(id),
                Deals {
                    won_count,
                    last_won_time: row.try_get::<Option<i64>>("", "last")?.map(instant),
                    contract_end: row.try_get::<Option<i64>>("", "contract_end")?.map(instant),
                },
            );
        }
    }
    for object in instead {
        if let Some(deals) = deals.get_mut(&object.account) {
            count(deals, object);
        }
    }
    Ok(deals.into_iter().map(|(id, deals)| (id, kept(deals))).collect())
}

/// Adds an object to the deals and contracts of its account.
pub fn count(deals: &mut Deals, object: &BusinessObject) {
    if let Some(closed) = &object.closed {
        deals.add(closed.value, closed.mark.time);
    }
    let end = object.contract_end.as_ref().map(|told| told.value);
    deals.contract_end = deals.contract_end.max(end);
}

/// Deals and contracts as the account can keep them, whose times are never the epoch itself.
#[must_use]
pub fn kept(deals: Deals) -> Deals {
    let kept = |time: Option<DateTime<Utc>>| unless_never(or_never(time));
    Deals {
        last_won_time: kept(deals.last_won_time),
        contract_end: kept(deals.contract_end),
        ..deals
    }
}
