//! Reads what happened to an account, newest first: along the primary keys of both tables.

use super::{
    codec::Row,
    instant::instant,
    sql::{marks, statement},
    timeline::only,
};
use crate::domain::{
    account::{EndCause, StartCause},
    change::EventKind,
    history::{AccountEvent, EndedTenure, Tenure},
    ids::{AccountId, PoolId, ReasonId, TenantKey, UserId},
    timeline::Wanted,
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use std::fmt::Display;
use uuid::Uuid;

async fn rows(
    conn: &impl ConnectionTrait,
    sql: &str,
    (tenant, account): (TenantKey, AccountId),
    before: Option<i64>,
    (kinds, unseen, order): (&[Wanted], &[EventKind], &str),
    limit: usize,
) -> Result<Vec<QueryResult>, DbErr> {
    let mut sql = sql.to_owned();
    let mut values: Vec<Value> = vec![tenant.0.into(), account.0.into(), before.unwrap_or(i64::MAX).into()];
    only(&mut sql, &mut values, kinds);
    if !unseen.is_empty() {
        sql.push_str(" AND kind NOT IN (");
        sql.push_str(&marks(unseen.len()));
        sql.push(')');
        values.extend(unseen.iter().map(|kind| Value::from(kind.as_str())));
    }
    sql.push_str(order);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    conn.query_all_raw(statement(conn, sql, values)).await
}

/// The newest `limit` tenures that began with a version before `before`.
pub async fn tenures(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Tenure>, DbErr> {
    let sql = "SELECT start_version, user_id, pool_id, start_time, start_cause, start_actor, end_time, end_cause, \
               end_actor, reason, note, rule_id, deadline FROM tenure \
               WHERE tenant = ? AND account_id = ? AND start_version < ?";
    let order = " ORDER BY start_version DESC LIMIT ?";
    let rows = rows(conn, sql, (tenant, account), before, (&[], &[], order), limit).await?;
    let (table, key) = ("tenure", &account);
    let at = Row { table, tenant, key };
    rows.iter().map(|row| read_tenure(&at, row)).collect()
}

fn read_tenure(at: &Row<'_, AccountId>, row: &QueryResult) -> Result<Tenure, DbErr> {
    let text = |column: &str| row.try_get::<Option<String>>("", column);
    let user: String = row.try_get("", "user_id")?;
    let cause: i16 = row.try_get("", "start_cause")?;
    let end = match row.try_get::<Option<i64>>("", "end_time")? {
        None => None,
        Some(time) => {
            let cause: Option<i16> = row.try_get("", "end_cause")?;
            let reason = text("reason")?.filter(|reason| !reason.is_empty());
            Some(EndedTenure {
                time: instant(time),
                cause: at.choice("end_cause", cause.and_then(EndCause::from_number))?,
                actor: at.id_opt("end_actor", text("end_actor")?.as_ref(), UserId::parse)?,
                reason: at.id_opt("reason", reason.as_ref(), ReasonId::parse)?,
                note: row.try_get("", "note")?,
                rule_id: row.try_get("", "rule_id")?,
                deadline: row.try_get::<Option<i64>>("", "deadline")?.map(instant),
            })
        }
    };
    Ok(Tenure {
        start_version: row.try_get("", "start_version")?,
        user: at.id("user_id", &user, UserId::parse)?,
        pool: row.try_get::<Option<Uuid>>("", "pool_id")?.map(PoolId),
        start_time: instant(row.try_get("", "start_time")?),
        start_cause: at.choice("start_cause", StartCause::from_number(cause))?,
        start_actor: at.id_opt("start_actor", text("start_actor")?.as_ref(), UserId::parse)?,
        end,
    })
}

/// The newest `limit` events of versions before `before`; of these kinds, where any are named, and of none that must not be
/// seen.
pub async fn events(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
    before: Option<i64>,
    (kinds, unseen): (&[Wanted], &[EventKind]),
    limit: usize,
) -> Result<Vec<AccountEvent>, DbErr> {
    let sql = format!("SELECT {EVENT} FROM account_event WHERE tenant = ? AND account_id = ? AND version < ?");
    let order = " ORDER BY version DESC LIMIT ?";
    let rows = rows(conn, &sql, (tenant, account), before, (kinds, unseen, order), limit).await?;
    let (table, key) = ("account_event", &account);
    let at = Row { table, tenant, key };
    rows.iter().map(|row| read_event(&at, row)).collect()
}

/// The columns that [`read_event`] reads.
pub(super) const EVENT: &str = "version, event_time, kind, caller, actor, effects, note";

/// Reads an event.
pub(super) fn read_event<K: Display>(at: &Row<'_, K>, row: &QueryResult) -> Result<AccountEvent, DbErr> {
    let effects: String = row.try_get("", "effects")?;
    Ok(AccountEvent {
        version: row.try_get("", "version")?,
        event_time: instant(row.try_get("", "event_time")?),
        kind: row.try_get("", "kind")?,
        caller: row.try_get("", "caller")?,
        actor: row.try_get("", "actor")?,
        effects: at.json("effects", &effects)?,
        note: row.try_get::<Option<String>>("", "note")?.unwrap_or_default(),
    })
}
