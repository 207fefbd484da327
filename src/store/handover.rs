//! Objects that follow accounts to their new owners: how many there are, which they are, and that they do.
//!
//! All three look for the same: objects of the old owner, of the types that are wished, in the states from which those
//! follow, neither locked nor in a workflow.

use super::{apply::expect, batch::Update, codec::Row, failure::Abort, instant::micros, sql::run};
use crate::domain::{
    change::{Change, RelatedEffect},
    ids::{AccountId, CallerId, ObjectId, TenantKey, UserId},
    related::handover::{Follows, States, Wish, followed},
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
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
    sql.text(" AND locked = 0 AND in_workflow = 0 AND (");
    let mut first = true;
    for which in Follows::ALL {
        let of = wishes.iter().filter(|wish| wish.types.contains(&which));
        let of: Vec<Value> = of.map(|wish| wish.account.0.into()).collect();
        if of.is_empty() {
            continue;
        }
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

async fn query(
    conn: &impl ConnectionTrait,
    sql: &str,
    end: &str,
    tenant: TenantKey,
    wishes: &[Wish],
) -> Result<Vec<QueryResult>, DbErr> {
    let mut select = Update {
        sql: sql.to_owned(),
        values: vec![],
    };
    condition(&mut select, tenant, wishes);
    select.text(end);
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), select.sql, select.values);
    conn.query_all_raw(statement).await
}

/// How many objects of each type could follow each account.
pub async fn count(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    wishes: &[Wish],
) -> Result<BTreeMap<(AccountId, Follows), usize>, DbErr> {
    let mut counts = BTreeMap::new();
    for chunk in wishes.chunks(CHUNK) {
        let sql = "SELECT account_id, object_type, COUNT(*) AS objects FROM business_object";
        for row in query(conn, sql, " GROUP BY account_id, object_type", tenant, chunk).await? {
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
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for chunk in wishes.chunks(CHUNK) {
        let sql = "SELECT account_id, source, object_type, object_id FROM business_object";
        for row in query(conn, sql, " ORDER BY object_type, source, object_id", tenant, chunk).await? {
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
pub(super) async fn write(conn: &impl ConnectionTrait, tenant: TenantKey, changes: &[&Change]) -> Result<(), Abort> {
    let with: Vec<(&Change, &[RelatedEffect])> = changes
        .iter()
        .map(|change| (*change, change.event.effects.related.as_slice()))
        .filter(|(_, related)| !related.is_empty())
        .collect();
    if with.is_empty() {
        return Ok(());
    }
    let mut wishes = Vec::with_capacity(with.len());
    let (mut owners, mut times): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (change, related) in &with {
        let Some(first) = related.first() else { continue };
        let types: BTreeSet<_> = related.iter().filter_map(followed).collect();
        wishes.push(Wish {
            account: change.after.id,
            from: first.old.clone(),
            types: types.into_iter().collect(),
            contacts_if_few: false,
        });
        owners.push(UserId::as_str(&first.new).into());
        times.push(micros(change.after.update_time).into());
    }
    let ids: Vec<Value> = wishes.iter().map(|wish| wish.account.0.into()).collect();
    let mut update = Update {
        sql: "UPDATE business_object SET owner = ".to_owned(),
        values: vec![],
    };
    update.by_key("account_id", ids.iter().zip(&owners));
    update.text(", owner_time = CASE WHEN detail_time > ");
    update.by_key("account_id", ids.iter().zip(&times));
    update.text(" THEN detail_time ELSE ");
    update.by_key("account_id", ids.iter().zip(&times));
    update.text(" END");
    condition(&mut update, tenant, &wishes);
    expect(
        run(conn, update).await?,
        with.iter().map(|(_, related)| related.len()).sum(),
    )
}
