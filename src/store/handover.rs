//! Objects that follow accounts to their new owners: how many there are, which they are, and that they do.
//!
//! All three look for the same: objects of the old owner, of the types that are wished, in the states from which those
//! follow, neither locked nor in a workflow.

use super::{batch::Update, codec::Row, dialect::Engine, failure::Abort, instant::micros, script::Script};
use crate::domain::{
    change::{Change, RelatedEffect},
    ids::{AccountId, CallerId, ObjectId, TenantKey, UserId},
    related::handover::{Follows, States, Wish, followed},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const CHUNK: usize = 128;

/// Whose objects, of which types, are in which states.
fn condition(sql: &mut Update, tenant: TenantKey, wishes: &[Wish]) {
    let ids: Vec<Value> = wishes.iter().map(|wish| wish.account.0.into()).collect();
    let owners: Vec<Value> = wishes.iter().map(|wish| wish.from.as_str().into()).collect();
    sql.text(" WHERE tenant = ");
    sql.value(tenant.0);
    sql.text(" AND account_id IN ");
    sql.list(ids.iter().cloned());
    sql.text(" AND owner = ");
    sql.by_key("account_id", ids.iter().zip(&owners));
    // Said once more beside the states: the index is read by it.
    sql.text(" AND locked = 0 AND in_workflow = 0 AND object_type IN ");
    let any = |which: &Follows| wishes.iter().any(|wish| wish.types.contains(which));
    let wanted: Vec<_> = Follows::ALL.into_iter().filter(any).collect();
    sql.list(wanted.iter().map(|which| which.object_type().into()));
    sql.text(" AND (");
    let mut first = true;
    for which in wanted {
        let of = wishes.iter().filter(|wish| wish.types.contains(&which));
        let of: Vec<Value> = of.map(|wish| wish.account.0.into()).collect();
        sql.text(if first { "object_type = " } else { " OR object_type = " });
        first = false;
        sql.value(which.object_type());
        let (word, states) = match which.states() {
            States::In(states) => (" AND action IN ", states),
            States::Not(states) => (" AND action NOT IN ", states),
        };
        sql.text(word);
        sql.list(states.iter().map(|state| Value::from(*state)));
        sql.text(" AND account_id IN ");
        sql.list(of);
    }
    sql.text(")");
}

/// What is asked of the objects that could follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// How many of each type there are, by account.
    Count,
    /// Which they are.
    Which,
}

/// The statement that asks; for the plan as well.
#[must_use]
pub fn asking(engine: Engine, tenant: TenantKey, wishes: &[Wish], ask: Ask) -> Statement {
    let (columns, end) = match ask {
        Ask::Count => (
            "account_id, object_type, COUNT(*) AS objects",
            " GROUP BY account_id, object_type",
        ),
        Ask::Which => (
            "account_id, source, object_type, object_id",
            " ORDER BY object_type, source, object_id",
        ),
    };
    let mut select = Update {
        sql: format!("SELECT {columns} FROM {}", objects(engine)),
        values: vec![],
    };
    condition(&mut select, tenant, wishes);
    select.text(end);
    Statement::from_sql_and_values(engine.backend(), select.sql, select.values)
}

/// Objects by account and type: of an account with thousands of orders its contacts are read and nothing else.
fn objects(engine: Engine) -> String {
    engine.update_by_index("business_object", "business_object_related")
}

/// How many objects of each type could follow each account.
pub async fn count(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    wishes: &[Wish],
) -> Result<BTreeMap<(AccountId, Follows), usize>, DbErr> {
    let engine = Engine::of(conn);
    let mut counts = BTreeMap::new();
    for chunk in wishes.chunks(CHUNK) {
        for row in conn.query_all_raw(asking(engine, tenant, chunk, Ask::Count)).await? {
            let account = AccountId(row.try_get::<Uuid>("", "account_id")?);
            let object_type: String = row.try_get("", "object_type")?;
            let objects: i64 = row.try_get("", "objects")?;
            if let Some(which) = Follows::of(&object_type) {
                counts.insert((account, which), usize::try_from(objects).unwrap_or(usize::MAX));
            }
        }
    }
    Ok(counts)
}

/// An object by its key.
pub type Key = (CallerId, String, ObjectId);

/// Which objects follow each account.
pub async fn read(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    wishes: &[Wish],
) -> Result<BTreeMap<AccountId, Vec<Key>>, DbErr> {
    let engine = Engine::of(conn);
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for chunk in wishes.chunks(CHUNK) {
        for row in conn.query_all_raw(asking(engine, tenant, chunk, Ask::Which)).await? {
            let account = AccountId(row.try_get::<Uuid>("", "account_id")?);
            let (source, id): (String, String) = (row.try_get("", "source")?, row.try_get("", "object_id")?);
            let at = Row {
                table: "business_object",
                tenant,
                key: &id,
            };
            let key = (
                at.id("source", &source, CallerId::parse)?,
                row.try_get("", "object_type")?,
                at.id("object_id", &id, ObjectId::parse)?,
            );
            found.entry(account).or_default().push(key);
        }
    }
    Ok(found)
}

/// Writes the new owners of what the changes say follows: one statement. What does not look any more as it did when it was
/// decided makes the whole unit run again.
///
/// An object's owner is what was said last: this counts from the time of the change, or from the latest event of the object
/// where that lies ahead of it, since it was known.
pub(super) async fn write(script: &mut Script<'_>, tenant: TenantKey, changes: &[&Change]) -> Result<(), Abort> {
    let with: Vec<(&Change, &[RelatedEffect])> = changes
        .iter()
        .map(|change| (*change, change.event.effects.related.as_slice()))
        .filter(|(_, related)| !related.is_empty())
        .collect();
    if with.is_empty() {
        return Ok(());
    }
    let given: Vec<_> = with
        .iter()
        .filter_map(|(change, related)| {
            let first = related.first()?;
            let types: BTreeSet<_> = related.iter().filter_map(followed).collect();
            let wish = Wish {
                account: change.after.id,
                from: first.old.clone(),
                types: types.into_iter().collect(),
                contacts_if_few: false,
            };
            Some((wish, first.new.clone(), change.after.update_time))
        })
        .collect();
    let number = with.iter().map(|(_, related)| related.len()).sum();
    let giving = giving(script.engine(), tenant, &given);
    script.push(giving, Some(number), false).await
}

/// The statement that writes to whom what is wished goes, and when; for the plan as well.
#[must_use]
pub fn giving(engine: Engine, tenant: TenantKey, given: &[(Wish, UserId, DateTime<Utc>)]) -> Statement {
    let ids: Vec<Value> = given.iter().map(|(wish, ..)| wish.account.0.into()).collect();
    let owners: Vec<Value> = given.iter().map(|(_, owner, _)| owner.as_str().into()).collect();
    let times: Vec<Value> = given.iter().map(|(.., time)| micros(*time).into()).collect();
    let wishes: Vec<_> = given.iter().map(|(wish, ..)| wish.clone()).collect();
    let mut update = Update {
        sql: format!("UPDATE {} SET owner = ", objects(engine)),
        values: vec![],
    };
    update.by_key("account_id", ids.iter().zip(&owners));
    update.text(", owner_time = CASE WHEN detail_time > ");
    update.by_key("account_id", ids.iter().zip(&times));
    update.text(" THEN detail_time ELSE ");
    update.by_key("account_id", ids.iter().zip(&times));
    update.text(" END");
    condition(&mut update, tenant, &wishes);
    Statement::from_sql_and_values(engine.backend(), update.sql, update.values)
}
