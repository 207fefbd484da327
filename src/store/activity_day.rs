//! What was told of whole days of accounts.

use super::{
    codec::Row,
    instant::{instant, micros},
    sql::{marks, padded, statement},
};
use crate::domain::{
    activity::{Kind, pace::Day, rules::Standing},
    ids::{AccountId, TenantKey, UserId},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

const CHUNK: usize = 128;

/// What is to be known of an activity, to tell whether it is a follow-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which account.
    pub account: AccountId,
    /// What kind.
    pub kind: Kind,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// What he was to the account then, where that was looked up.
    pub standing: Option<Standing>,
    /// In words.
    pub summary: String,
}

/// The activities of these kinds of days of accounts, no day of an account being asked for twice.
pub async fn told(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    days: &[(AccountId, Day)],
    kinds: &[String],
) -> Result<Vec<Told>, DbErr> {
    let mut found = Vec::new();
    if kinds.is_empty() {
        return Ok(found);
    }
    let kinds = padded(kinds);
    for chunk in days.chunks(CHUNK) {
        // The whole key in each of them, so that each is a range of the index.
        let days = padded(chunk);
        let day = "(tenant = ? AND account_id = ? AND occur_time >= ? AND occur_time < ?)";
        let sql = format!(
            "SELECT account_id, event_id, kind, occur_time, actor, standing, summary FROM activity WHERE ({}) AND kind IN ({})",
            vec![day; days.len()].join(" OR "),
            marks(kinds.len())
        );
        let mut values: Vec<Value> = Vec::with_capacity(4 * days.len() + kinds.len());
        for (account, day) in days {
            values.extend([
                tenant.0.into(),
                account.0.into(),
                micros(day.start).into(),
                micros(day.end).into(),
            ]);
        }
        values.extend(kinds.iter().map(|kind| Value::from(kind.as_str())));
        for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
            found.push(read(tenant, &row)?);
        }
    }
    Ok(found)
}

fn read(tenant: TenantKey, row: &QueryResult) -> Result<Told, DbErr> {
    let event: String = row.try_get("", "event_id")?;
    let at = Row {
        table: "activity",
        tenant,
        key: &event,
    };
    let kind: String = row.try_get("", "kind")?;
    let actor: Option<String> = row.try_get("", "actor")?;
    let standing: Option<i16> = row.try_get("", "standing")?;
    Ok(Told {
        account: AccountId(row.try_get::<Uuid>("", "account_id")?),
        kind: at.choice("kind", Kind::parse(&kind).ok())?,
        time: instant(row.try_get("", "occur_time")?),
        actor: at.id_opt("actor", actor.as_ref(), UserId::parse)?,
        standing: standing.and_then(Standing::from_number),
        summary: row.try_get("", "summary")?,
    })
}
