//! Events that have no position yet: which tenants have any, the next ones of a tenant, and the positions that they get.
//!
//! They are found by the index `(tenant, position, account_id, version)`. A version is committed after the one before it,
//! so whoever sees it sees all before it: a read by account and version holds the first ones of each of its accounts.

use super::{
    batch::{LEAF, Update},
    dialect::Engine,
    failure::Abort,
    instant::instant,
    script::expect,
    sql::{run, statement},
};
use crate::domain::{
    event_stream::Unplaced,
    ids::{AccountId, TenantKey},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use std::collections::BTreeMap;

/// The index.
const INDEX: &str = "account_event_position";

/// Up to which number events that wait are counted, per tenant.
pub const COUNTED: i64 = 10_000;

/// The tenants of which events wait: one look into the index for each tenant there is.
pub async fn waiting(conn: &impl ConnectionTrait, engine: Engine) -> Result<Vec<TenantKey>, DbErr> {
    // As a join the planner would read all events that wait; of a single one with a limit it makes none.
    let sql = format!(
        "SELECT t.id FROM tenant t WHERE (SELECT e.version FROM {} \
         WHERE e.tenant = t.id AND e.position IS NULL LIMIT 1) IS NOT NULL",
        engine.by_index("account_event", "e", INDEX)
    );
    let rows = conn.query_all_raw(statement(conn, &sql, vec![])).await?;
    rows.iter().map(|row| Ok(TenantKey(row.try_get("", "id")?))).collect()
}

/// How many events of the tenant wait, counted up to [`COUNTED`], and since when the oldest of those.
pub async fn behind(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
) -> Result<(i64, Option<DateTime<Utc>>), DbErr> {
    let sql = format!(
        "SELECT COUNT(*) AS number, MIN(event_time) AS first FROM (SELECT e.event_time FROM {} \
         WHERE e.tenant = ? AND e.position IS NULL LIMIT {COUNTED}) waiting",
        engine.by_index("account_event", "e", INDEX)
    );
    let row = conn.query_one_raw(statement(conn, &sql, vec![tenant.0.into()])).await?;
    let Some(row) = row else { return Ok((0, None)) };
    let first: Option<i64> = row.try_get("", "first")?;
    Ok((row.try_get("", "number")?, first.map(instant)))
}

/// Which accounts are looked at.
#[derive(Clone, Copy, Debug)]
enum Part {
    All,
    After(AccountId),
    UpTo(AccountId),
}

/// The next `limit` events that wait, by account and version: those of accounts after this one, and then from the first
/// account on.
pub async fn next(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    after: Option<AccountId>,
    limit: usize,
) -> Result<Vec<Unplaced>, DbErr> {
    let part = after.map_or(Part::All, Part::After);
    let mut events = of_part(conn, engine, tenant, part, limit).await?;
    if let Some(after) = after.filter(|_| events.len() < limit) {
        let room = limit - events.len();
        events.extend(of_part(conn, engine, tenant, Part::UpTo(after), room).await?);
    }
    Ok(events)
}

async fn of_part(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    part: Part,
    limit: usize,
) -> Result<Vec<Unplaced>, DbErr> {
    let mut values: Vec<Value> = vec![tenant.0.into()];
    let accounts = match part {
        Part::All => "",
        Part::After(_) => " AND e.account_id > ?",
        Part::UpTo(_) => " AND e.account_id <= ?",
    };
    if let Part::After(account) | Part::UpTo(account) = part {
        values.push(account.0.into());
    }
    let sql = format!(
        "SELECT e.account_id, e.version, e.event_time FROM {} WHERE e.tenant = ? AND e.position IS NULL{accounts} \
         ORDER BY e.account_id, e.version LIMIT ?",
        engine.by_index("account_event", "e", INDEX)
    );
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let rows = conn.query_all_raw(statement(conn, &sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(Unplaced {
                account: AccountId(row.try_get("", "account_id")?),
                version: row.try_get("", "version")?,
                event_time: row.try_get("", "event_time")?,
            })
        })
        .collect()
}

/// Gives these events the positions after `last`, in this order. Somebody else did meanwhile if fewer are left.
///
/// On servers the rows are named by their key, one by one: whoever looks for them along an index waits there for the rows
/// between them, which a writer who hangs may have written and not committed.
pub async fn place(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    last: i64,
    events: &[Unplaced],
) -> Result<(), Abort> {
    let update = placing(engine, tenant, last, events);
    expect(run(conn, update).await?, events.len())
}

/// The statement of [`place`]; for the plan as well.
#[must_use]
pub fn place_statement(engine: Engine, tenant: TenantKey, last: i64, events: &[Unplaced]) -> Statement {
    let update = placing(engine, tenant, last, events);
    Statement::from_sql_and_values(engine.backend(), update.sql, update.values)
}

/// The position of each version of an account.
fn position(update: &mut Update, placed: &&[(&Unplaced, i64)]) {
    if let [(_, position)] = placed {
        update.value(*position);
        return;
    }
    update.text("CASE version");
    for (event, position) in *placed {
        update.text(" WHEN ");
        update.value(event.version);
        update.text(" THEN ");
        update.value(*position);
    }
    update.text(" END");
}

fn placing(engine: Engine, tenant: TenantKey, last: i64, events: &[Unplaced]) -> Update {
    let mut placed: Vec<(&Unplaced, i64)> = events.iter().zip(last + 1..).collect();
    placed.sort_unstable_by_key(|(event, _)| (event.account, event.version));
    let accounts: Vec<_> = placed.chunk_by(|(a, _), (b, _)| a.account == b.account).collect();
    let mut update = Update {
        sql: format!(
            "UPDATE {} SET position = ",
            engine.update_by_key("account_event", INDEX)
        ),
        values: Vec::new(),
    };
    let ids: Vec<Value> = accounts.iter().map(|account| account[0].0.account.0.into()).collect();
    let cases: Vec<_> = ids.iter().zip(accounts.iter().copied()).collect();
    update.choose("account_id", &cases, LEAF, &position);
    update.text(" WHERE tenant = ");
    update.value(tenant.0);
    update.text(" AND position IS NULL AND account_id IN ");
    update.list(accounts.iter().map(|account| account[0].0.account.0.into()));
    // Accounts of the same versions together: these rows and no others.
    let mut same: BTreeMap<Vec<i64>, Vec<Value>> = BTreeMap::new();
    for account in &accounts {
        let versions = account.iter().map(|(event, _)| event.version).collect();
        same.entry(versions).or_default().push(account[0].0.account.0.into());
    }
    for (at, (versions, accounts)) in same.into_iter().enumerate() {
        update.text(if at == 0 { " AND (" } else { " OR " });
        update.text("account_id IN ");
        update.list(accounts);
        update.text(" AND version IN ");
        update.list(versions.into_iter().map(Value::from));
    }
    update.text(")");
    update
}
