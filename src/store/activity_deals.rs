//! What was told of deals, object by object, for deals to be counted again from it: in pages, so that an account of which
//! very much was told is no more to keep in memory than any other.

use super::{
    codec::Row,
    instant::{instant, micros},
    sql::{marks, statement},
};
use crate::domain::{
    activity::{Kind, rules::Standing},
    ids::{AccountId, CallerId, EventId, ObjectId, TenantKey, UserId},
    object::{Mark, ObjectKey, Sourced},
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

/// What an activity says of a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Which object it is about.
    pub object: Sourced,
    /// The account that it names.
    pub account: AccountId,
    /// What was told.
    pub kind: Kind,
    /// Which event it is.
    pub mark: Mark,
    /// Who did it.
    pub actor: Option<UserId>,
    /// What he was to the account then, where that was looked up.
    pub standing: Option<Standing>,
}

/// The activities of accounts of these kinds that are about objects: the next `limit` after one, by source, type and id of the
/// object, of each object the latest one last.
pub async fn spoken(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
    kinds: &[String],
    after: Option<&Spoken>,
    limit: usize,
) -> Result<Vec<Spoken>, DbErr> {
    if accounts.is_empty() || kinds.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = format!(
        "SELECT * FROM (SELECT source, SUBSTR(kind, 1, INSTR(kind, '.') - 1) AS object_type, object_id, occur_time, event_id, \
         account_id, kind, actor, standing FROM activity WHERE tenant = ? AND account_id IN ({}) \
         AND object_id IS NOT NULL AND kind IN ({})) AS told",
        marks(accounts.len()),
        marks(kinds.len())
    );
    let mut values: Vec<Value> = vec![tenant.0.into()];
    values.extend(accounts.iter().map(|id| Value::from(id.0)));
    values.extend(kinds.iter().map(|kind| Value::from(kind.as_str())));
    if let Some(after) = after {
        sql.push_str(
            " WHERE (source > ? OR (source = ? AND (object_type > ? OR (object_type = ? AND (object_id > ? \
             OR (object_id = ? AND (occur_time > ? OR (occur_time = ? AND event_id > ?))))))))",
        );
        let (source, key) = &after.object;
        let time = micros(after.mark.time);
        values.extend([
            source.as_str().into(),
            source.as_str().into(),
            key.object_type.as_str().into(),
            key.object_type.as_str().into(),
            key.object_id.as_str().into(),
            key.object_id.as_str().into(),
            time.into(),
            time.into(),
            after.mark.event_id.as_str().into(),
        ]);
    }
    sql.push_str(" ORDER BY source, object_type, object_id, occur_time, event_id LIMIT ?");
    values.push((limit as u64).into());
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter().map(|row| read(tenant, row)).collect()
}

fn read(tenant: TenantKey, row: &QueryResult) -> Result<Spoken, DbErr> {
    let event: String = row.try_get("", "event_id")?;
    let at = Row {
        table: "activity",
        tenant,
        key: &event,
    };
    let source: String = row.try_get("", "source")?;
    let kind: String = row.try_get("", "kind")?;
    let object: String = row.try_get("", "object_id")?;
    let actor: Option<String> = row.try_get("", "actor")?;
    let standing: Option<i16> = row.try_get("", "standing")?;
    let kind = at.choice("kind", Kind::parse(&kind).ok())?;
    let key = ObjectKey {
        object_type: kind.object().to_owned(),
        object_id: at.id("object_id", &object, ObjectId::parse)?,
    };
    Ok(Spoken {
        object: (at.id("source", &source, CallerId::parse)?, key),
        account: AccountId(row.try_get::<Uuid>("", "account_id")?),
        kind,
        mark: Mark {
            time: instant(row.try_get("", "occur_time")?),
            event_id: at.id("event_id", &event, EventId::parse)?,
        },
        actor: at.id_opt("actor", actor.as_ref(), UserId::parse)?,
        standing: standing.and_then(Standing::from_number),
    })
}
