//! Business objects as those who may see them read them: lists, and totals that cost the same however many there are to list.

use super::{
    activity_object::money,
    batch::Update,
    codec::Row,
    dialect::Engine,
    instant::{instant, micros},
};
use crate::domain::{
    ids::{AccountId, CallerId, ObjectId, TenantKey, UserId},
    object::{money::Money, total::Total},
    related::RelatedObject,
    summary::Part,
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use std::collections::BTreeMap;

/// Objects that are looked for at once.
const CHUNK: usize = 128;
/// Amounts are added in two halves: neither overflows on any engine while there are fewer than thousands of millions.
const HALF: i64 = 1_000_000_000;

/// Whether somebody is named by the service of `o`: his row as `v`.
const VIEWER: &str = " LEFT JOIN object_viewer v ON v.tenant = o.tenant AND v.account_id = o.account_id \
                      AND v.source = o.source AND v.object_type = o.object_type AND v.object_id = o.object_id \
                      AND v.user_id = ";

/// Business objects as `o`, read in the order of their accounts, types and times.
fn objects(engine: Engine) -> String {
    engine.by_index("business_object", "o", "business_object_related")
}

/// What of an account is wanted, and what of that is seen.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// Which account.
    pub account: AccountId,
    /// Only this type.
    pub object_type: Option<&'a str>,
    /// The owners whose objects are seen; all if there is nothing.
    pub seen: Option<Seen<'a>>,
    /// Where the page before ended.
    pub after: Option<&'a Place>,
    /// Objects at most.
    pub limit: usize,
}

/// What somebody sees who does not see everything.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// Objects of these owners.
    pub owners: &'a [UserId],
    /// Objects whose service names him.
    pub viewer: &'a UserId,
}

/// An object by its key: source, type, id.
pub type Key = (CallerId, String, ObjectId);

/// Where a page ended: type, time, source, object id.
pub type Place = (String, i64, String, String);

/// The place of an object in the list.
#[must_use]
pub fn place(object: &RelatedObject) -> Place {
    (
        object.object_type.clone(),
        micros(object.detail_time),
        object.source.to_string(),
        object.object_id.to_string(),
    )
}

async fn rows(conn: &impl ConnectionTrait, select: Update) -> Result<Vec<QueryResult>, DbErr> {
    conn.query_all_raw(Statement::from_sql_and_values(
        conn.get_database_backend(),
        select.sql,
        select.values,
    ))
    .await
}

fn of_account(select: &mut Update, tenant: TenantKey, account: AccountId) {
    select.text(" WHERE o.tenant = ");
    select.value(tenant.0);
    select.text(" AND o.account_id = ");
    select.value(account.0);
}

fn begin(sql: String, tenant: TenantKey, account: AccountId) -> Update {
    let mut select = Update { sql, values: vec![] };
    of_account(&mut select, tenant, account);
    select
}

/// Everybody who owns an object of the account.
pub async fn owners(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    account: AccountId,
    object_type: Option<&str>,
) -> Result<Vec<UserId>, DbErr> {
    let sql = format!("SELECT DISTINCT o.owner FROM {}", objects(engine));
    let mut select = begin(sql, tenant, account);
    if let Some(object_type) = object_type {
        select.text(" AND o.object_type = ");
        select.value(object_type);
    }
    select.text(" AND o.owner IS NOT NULL");
    let at = row(tenant, &account);
    let read = |row: &QueryResult| {
        let owner: String = row.try_get("", "owner")?;
        at.id("owner", &owner, UserId::parse)
    };
    rows(conn, select).await?.iter().map(read).collect()
}

fn row<K>(tenant: TenantKey, key: &K) -> Row<'_, K> {
    Row {
        table: "business_object",
        tenant,
        key,
    }
}

/// The statement that reads a page; for the plan as well.
#[must_use]
pub fn page_statement(engine: Engine, tenant: TenantKey, page: &Page<'_>) -> Statement {
    let sql = format!(
        "SELECT o.source, o.object_type, o.object_id, o.action, o.amount, o.currency, o.owner, o.detail_time, \
         o.state_time, o.locked, o.in_workflow, o.closed FROM {}",
        objects(engine)
    );
    let mut select = begin(sql, tenant, page.account);
    if let Some(object_type) = page.object_type {
        select.text(" AND o.object_type = ");
        select.value(object_type);
    }
    if let Some((object_type, time, source, object)) = page.after {
        // What is further on in the order of the index, said so that it is read from there.
        if page.object_type.is_none() {
            select.text(" AND o.object_type <= ");
            select.value(object_type.as_str());
            select.text(" AND (o.object_type < ");
            select.value(object_type.as_str());
            select.text(" OR o.detail_time < ");
        } else {
            select.text(" AND o.detail_time <= ");
            select.value(*time);
            select.text(" AND (o.detail_time < ");
        }
        select.value(*time);
        select.text(" OR (o.detail_time = ");
        select.value(*time);
        select.text(" AND (o.source < ");
        select.value(source.as_str());
        select.text(" OR (o.source = ");
        select.value(source.as_str());
        select.text(" AND o.object_id < ");
        select.value(object.as_str());
        select.text("))))");
    }
    if let Some(seen) = &page.seen {
        select.text(" AND (");
        if !seen.owners.is_empty() {
            select.text("o.owner IN ");
            select.list(seen.owners.iter().map(|owner| owner.as_str().into()));
            select.text(" OR ");
        }
        select.text(
            "EXISTS (SELECT 1 FROM object_viewer v WHERE v.tenant = o.tenant AND v.account_id = o.account_id \
             AND v.source = o.source AND v.object_type = o.object_type AND v.object_id = o.object_id AND v.user_id = ",
        );
        select.value(seen.viewer.as_str());
        select.text("))");
    }
    select.text(" ORDER BY o.object_type DESC, o.detail_time DESC, o.source DESC, o.object_id DESC LIMIT ");
    select.value(i64::try_from(page.limit).unwrap_or(i64::MAX));
    Statement::from_sql_and_values(engine.backend(), select.sql, select.values)
}

/// The next objects of the account: types from the end of the alphabet on, of each the latest first.
pub async fn page(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    page: &Page<'_>,
) -> Result<Vec<RelatedObject>, DbErr> {
    let rows = conn.query_all_raw(page_statement(engine, tenant, page)).await?;
    rows.iter().map(|row| read(tenant, row)).collect()
}

fn read(tenant: TenantKey, from: &QueryResult) -> Result<RelatedObject, DbErr> {
    let id: String = from.try_get("", "object_id")?;
    let at = row(tenant, &id);
    let source: String = from.try_get("", "source")?;
    let owner: Option<String> = from.try_get("", "owner")?;
    let detail: i64 = from.try_get("", "detail_time")?;
    let state: i64 = from.try_get("", "state_time")?;
    Ok(RelatedObject {
        source: at.id("source", &source, CallerId::parse)?,
        object_type: from.try_get("", "object_type")?,
        object_id: at.id("object_id", &id, ObjectId::parse)?,
        action: from.try_get("", "action")?,
        money: money(&at, from)?,
        owner: at.id_opt("owner", owner.as_ref(), UserId::parse)?,
        detail_time: instant(detail),
        // Of those that were told of before there were details, it is known when a deal was.
        occur_time: instant(if detail == 0 { state } else { detail }),
        locked: from.try_get("", "locked")?,
        in_workflow: from.try_get("", "in_workflow")?,
        closed: from.try_get("", "closed")?,
    })
}

/// The statement that adds up all objects of the account by type, currency and owner; with a viewer also by whether their
/// service names him. One statement, so that what changes meanwhile is neither missing nor there twice.
#[must_use]
pub fn totals_statement(engine: Engine, tenant: TenantKey, account: AccountId, viewer: Option<&UserId>) -> Statement {
    let mut select = Update {
        sql: format!(
            "SELECT o.object_type, o.currency, o.owner, {} AS named, COUNT(*) AS objects, COUNT(o.amount) AS amounts, \
             {} AS high, {} AS low FROM {}",
            if viewer.is_some() { "v.user_id IS NOT NULL" } else { "0" },
            engine.integer_sum(&engine.quotient("o.amount", HALF)),
            engine.integer_sum(&format!("o.amount % {HALF}")),
            objects(engine)
        ),
        values: vec![],
    };
    if let Some(viewer) = viewer {
        select.text(VIEWER);
        select.value(viewer.as_str());
    }
    of_account(&mut select, tenant, account);
    select.text(" AND o.object_type IN ");
    select.list(Total::ALL.iter().map(|total| total.object_type().into()));
    for (at, total) in Total::ALL.iter().enumerate() {
        select.text(if at == 0 { " AND (" } else { " OR " });
        select.text("o.object_type = ");
        select.value(total.object_type());
        select.text(" AND (o.action IS NULL OR o.action NOT IN ");
        select.list(total.left_out().iter().map(|action| (*action).into()));
        select.text(")");
    }
    select.text(") GROUP BY o.object_type, o.currency, o.owner, named");
    Statement::from_sql_and_values(engine.backend(), select.sql, select.values)
}

/// Adds up; says of each part whether the viewer is named by the service of its objects.
pub async fn totals(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    account: AccountId,
    viewer: Option<&UserId>,
) -> Result<Vec<(Part, bool)>, DbErr> {
    let at = row(tenant, &account);
    let read = |row: &QueryResult| {
        let object_type: String = row.try_get("", "object_type")?;
        let owner: Option<String> = row.try_get("", "owner")?;
        let (objects, count): (i64, i64) = (row.try_get("", "objects")?, row.try_get("", "amounts")?);
        let half = |column: &str| Ok::<_, DbErr>(row.try_get::<Option<i64>>("", column)?.unwrap_or(0));
        let part = Part {
            total: at.choice("object_type", Total::of(&object_type))?,
            currency: match row.try_get::<Option<String>>("", "currency")? {
                Some(code) => Some(at.choice("currency", Money::currency(&code).ok())?),
                None => None,
            },
            owner: at.id_opt("owner", owner.as_ref(), UserId::parse)?,
            count,
            without_amount: objects - count,
            sum: i128::from(half("high")?) * i128::from(HALF) + i128::from(half("low")?),
        };
        Ok((part, row.try_get::<i64>("", "named")? != 0))
    };
    let rows = conn
        .query_all_raw(totals_statement(engine, tenant, account, viewer))
        .await?;
    rows.iter().map(read).collect()
}

/// The statement that looks for these objects of an account; for the plan as well.
#[must_use]
pub fn seen_statement(
    engine: Engine,
    tenant: TenantKey,
    account: AccountId,
    viewer: &UserId,
    keys: &[Key],
) -> Statement {
    let mut select = Update {
        sql: format!(
            "SELECT o.source, o.object_type, o.object_id, o.owner, v.user_id IS NOT NULL AS named FROM {}",
            engine.by_key("business_object", "o")
        ),
        values: vec![],
    };
    select.text(VIEWER);
    select.value(viewer.as_str());
    of_account(&mut select, tenant, account);
    // Of each source and type together.
    let mut alike: BTreeMap<(&CallerId, &str), Vec<Value>> = BTreeMap::new();
    for (source, object_type, object_id) in keys {
        let ids = alike.entry((source, object_type.as_str())).or_default();
        ids.push(object_id.as_str().into());
    }
    for (number, ((source, object_type), ids)) in alike.into_iter().enumerate() {
        select.text(if number == 0 { " AND (" } else { " OR " });
        select.text("o.source = ");
        select.value(source.as_str());
        select.text(" AND o.object_type = ");
        select.value(object_type);
        select.text(" AND o.object_id IN ");
        select.list(ids);
    }
    select.text(")");
    Statement::from_sql_and_values(engine.backend(), select.sql, select.values)
}

/// Which of these objects of the account are there: whose each is, and whether its service names the viewer.
pub async fn seen_among(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
    viewer: &UserId,
    keys: &[Key],
) -> Result<Vec<(Key, Option<UserId>, bool)>, DbErr> {
    let engine = Engine::of(conn);
    let mut found = Vec::with_capacity(keys.len());
    let at = row(tenant, &account);
    for chunk in keys.chunks(CHUNK) {
        let statement = seen_statement(engine, tenant, account, viewer, chunk);
        for row in conn.query_all_raw(statement).await? {
            let text = |column: &str| row.try_get::<String>("", column);
            let owner: Option<String> = row.try_get("", "owner")?;
            let key = (
                at.id("source", &text("source")?, CallerId::parse)?,
                text("object_type")?,
                at.id("object_id", &text("object_id")?, ObjectId::parse)?,
            );
            let owner = at.id_opt("owner", owner.as_ref(), UserId::parse)?;
            found.push((key, owner, row.try_get::<i64>("", "named")? != 0));
        }
    }
    Ok(found)
}
