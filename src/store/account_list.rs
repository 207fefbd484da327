//! Finds the accounts of a list: their ids in its order, one page. What they are is read as for any other call.
//!
//! Pools and the whole tenant are read from indexes that are in the order of the list, one range per pool and status,
//! each up to a page: a page costs the same wherever it lies. The ranges are merged in memory. What has an owner or a
//! team is found by these and sorted.

use super::{account_row::LAST_FOLLOW_UP, batch::Update, condition, dialect::Engine, instant::micros};
use crate::domain::{
    account::Status,
    account_list::{Among, Filter, Listing, Order, Sieve, Span},
    ids::{AccountId, TenantKey, UserId},
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Ranges per statement: SQLite takes 500 terms in a UNION.
const RANGES: usize = 200;
/// Values per statement: SQLite takes 32,766.
const VALUES: usize = 30_000;
/// Owners per range.
const OWNERS: usize = 1024;
/// Where accounts without a deadline are in the order of deadlines.
const NEVER: i64 = i64::MAX;

/// What accounts are ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// Nothing but the id.
    Id,
    /// A name key.
    Text(String),
    /// An instant.
    Number(i64),
}

/// Where an account is in its list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// What it is ordered by.
    pub key: Key,
    /// Its id, where that is the same.
    pub id: Uuid,
}

impl Position {
    /// The account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        AccountId(self.id)
    }
}

/// Which part of which list.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Which list.
    pub listing: &'a Listing,
    /// Where its accounts are.
    pub among: &'a Among,
    /// What is asked of them besides.
    pub sieve: Option<&'a Sieve>,
    /// The last one of the page before.
    pub after: Option<&'a Position>,
    /// How many at most.
    pub size: usize,
}

/// Finds a page: one statement for up to 200 places, fewer where filters have thousands of values.
pub async fn find(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    page: Page<'_>,
) -> Result<Vec<Position>, DbErr> {
    let mut found = Vec::new();
    for statement in statements(engine, tenant, page) {
        for row in conn.query_all_raw(statement).await? {
            found.push(position(&row, page.listing.order)?);
        }
    }
    page.cut(&mut found);
    Ok(found)
}

/// Where the account of the row is in its list.
pub(super) fn position(row: &QueryResult, order: Order) -> Result<Position, DbErr> {
    let key = match order {
        Order::Created => Key::Id,
        Order::Name => Key::Text(row.try_get("", "sort_key")?),
        Order::LastFollowUp | Order::Deadline => Key::Number(row.try_get("", "sort_key")?),
    };
    let id = row.try_get("", "id")?;
    Ok(Position { key, id })
}

impl Page<'_> {
    /// What is on it, in its order, of what was found in all ranges.
    pub(super) fn cut(&self, found: &mut Vec<Position>) {
        found.sort();
        if self.listing.descending {
            found.reverse();
        }
        found.truncate(self.size);
    }
}

/// How many accounts there are on all pages.
pub async fn count(
    conn: &impl ConnectionTrait,
    engine: Engine,
    tenant: TenantKey,
    list: Page<'_>,
) -> Result<i64, DbErr> {
    let page = Page {
        after: None,
        size: usize::MAX,
        ..list
    };
    let mut total = 0;
    for mut statement in statements(engine, tenant, page) {
        statement.sql = format!("SELECT COUNT(*) AS number FROM ({}) counted", statement.sql);
        if let Some(row) = conn.query_one_raw(statement).await? {
            total += row.try_get::<i64>("", "number")?;
        }
    }
    Ok(total)
}

/// What [`find`] sends; for looking at how it is carried out.
#[must_use]
pub fn statements(engine: Engine, tenant: TenantKey, page: Page<'_>) -> Vec<Statement> {
    let unions = unions(engine, tenant, page).into_iter();
    unions
        .map(|(union, _)| Statement::from_sql_and_values(engine.backend(), union.sql, union.values))
        .collect()
}

/// The same, where what is found is to be read as well: no more than a page of it, of which each range may have found one.
pub(super) fn bounded(engine: Engine, tenant: TenantKey, page: Page<'_>) -> Vec<Statement> {
    let bound = |(mut union, ranges): (Update, usize)| {
        if ranges > 1 {
            union.sql = format!("SELECT * FROM ({}) u", union.sql);
            in_order(&mut union, "sort_key", "id", page);
        }
        Statement::from_sql_and_values(engine.backend(), union.sql, union.values)
    };
    unions(engine, tenant, page).into_iter().map(bound).collect()
}

/// Of how many ranges each is.
fn unions(engine: Engine, tenant: TenantKey, page: Page<'_>) -> Vec<(Update, usize)> {
    let term = page.sieve.map(|sieve| condition::term(engine, sieve));
    let mut unions: Vec<(Update, usize)> = Vec::new();
    for range in ranges(page) {
        let mut part = Update {
            sql: String::new(),
            values: Vec::new(),
        };
        range.select(&mut part, engine, tenant, page, term.as_ref());
        let room =
            |(union, ranges): &(Update, usize)| *ranges < RANGES && union.values.len() + part.values.len() <= VALUES;
        if !unions.last().is_some_and(room) {
            let empty = Update {
                sql: String::new(),
                values: Vec::new(),
            };
            unions.push((empty, 0));
        }
        let Some((union, at)) = unions.last_mut() else { continue };
        if *at > 0 {
            union.text(" UNION ALL ");
        }
        // SQLite takes no parentheses around the terms of a union, and no order and limit without.
        union.text(&format!("SELECT * FROM ({}) r{at}", part.sql));
        union.values.extend(part.values);
        *at += 1;
    }
    unions
}

fn in_order(sql: &mut Update, key: &str, id: &str, page: Page<'_>) {
    let direction = if page.listing.descending { " DESC" } else { "" };
    sql.text(" ORDER BY ");
    if page.listing.order != Order::Created {
        sql.text(&format!("{key}{direction}, "));
    }
    sql.text(&format!("{id}{direction} LIMIT "));
    sql.value(i64::try_from(page.size).unwrap_or(i64::MAX));
}

/// Accounts that lie together in an index.
enum Range<'a> {
    Owners(&'a [UserId], &'a [Status]),
    TeamOf(&'a UserId, &'a [Status]),
    Place(Option<Uuid>, Status),
    Tenant(&'a [Status]),
}

fn ranges(page: Page<'_>) -> Vec<Range<'_>> {
    match page.among {
        Among::Owners(owners, statuses) => owners
            .chunks(OWNERS)
            .map(|owners| Range::Owners(owners, statuses))
            .collect(),
        Among::TeamOf(user, statuses) => vec![Range::TeamOf(user, statuses)],
        Among::Places(places) => places
            .iter()
            .map(|(pool, status)| Range::Place(pool.map(|id| id.0), *status))
            .collect(),
        Among::Tenant(statuses) => vec![Range::Tenant(statuses)],
    }
}

impl Range<'_> {
    fn select(&self, sql: &mut Update, engine: Engine, tenant: TenantKey, page: Page<'_>, term: Option<&Update>) {
        let Page { listing, after, .. } = page;
        let key = match listing.order {
            Order::Created => "a.id",
            Order::Name => "a.name_key",
            Order::LastFollowUp => LAST_FOLLOW_UP,
            Order::Deadline => &format!("COALESCE(a.reclaim_time, {NEVER})"),
        };
        sql.text(&format!("SELECT a.id, {key} AS sort_key FROM "));
        self.from(sql, engine, listing.order);
        // Most databases have few tenants; where statistics say so, SQLite would rather not look for one in an index.
        sql.text(&format!(" WHERE {}", engine.beside("a.tenant = ?")));
        sql.values.push(tenant.0.into());
        self.condition(sql);
        self.fits(sql, &listing.filter);
        if let Some(term) = term {
            sql.text(" AND ");
            sql.text(&term.sql);
            sql.values.extend(term.values.iter().cloned());
        }
        let beyond = if listing.descending { "<" } else { ">" };
        if let Some(after) = after {
            let value: Option<Value> = match &after.key {
                Key::Id => None,
                Key::Text(text) => Some(text.as_str().into()),
                Key::Number(number) => Some((*number).into()),
            };
            match value {
                None => sql.text(&format!(" AND a.id {beyond} ")),
                // The first of the two is what an index can start from.
                Some(value) => {
                    sql.text(&format!(" AND {key} {beyond}= "));
                    sql.value(value.clone());
                    sql.text(&format!(" AND ({key} {beyond} "));
                    sql.value(value);
                    sql.text(&format!(" OR a.id {beyond} "));
                }
            }
            sql.value(after.id);
            if after.key != Key::Id {
                sql.text(")");
            }
        }
        in_order(sql, key, "a.id", page);
    }

    /// The optimizers have their own ideas of what is cheap; an index that is in the order of the list always is.
    fn from(&self, sql: &mut Update, engine: Engine, order: Order) {
        let from = match (self, order) {
            (Self::TeamOf(..), _) => {
                "account_team m JOIN account a ON a.tenant = m.tenant AND a.id = m.account_id".to_owned()
            }
            (Self::Owners(..), _) => engine.account_by("account_owner"),
            (Self::Tenant(_), _) => engine.account_by("PRIMARY"),
            (Self::Place(..), Order::Created) => engine.account_by("account_pool"),
            (Self::Place(..), _) => engine.account_by("account_pool_name"),
        };
        sql.text(&from);
    }

    fn condition(&self, sql: &mut Update) {
        match self {
            Self::Owners(owners, statuses) => {
                within(
                    sql,
                    "a.owner",
                    owners.iter().map(|owner| owner.as_str().into()).collect(),
                );
                in_status(sql, statuses);
            }
            Self::TeamOf(user, statuses) => {
                // The same again for the other table: which one is read first is the optimizer's choice.
                sql.text(" AND m.user_id = ");
                sql.value(user.as_str());
                in_status(sql, statuses);
            }
            Self::Place(pool, status) => {
                match pool {
                    Some(pool) => {
                        sql.text(" AND a.pool_id = ");
                        sql.value(*pool);
                    }
                    None => sql.text(" AND a.pool_id IS NULL"),
                }
                sql.text(" AND a.status = ");
                sql.value(status.number());
            }
            Self::Tenant(statuses) => in_status(sql, statuses),
        }
    }

    /// Writes the filter. What the range says already is left out.
    fn fits(&self, sql: &mut Update, filter: &Filter) {
        if !matches!(self, Self::Owners(..)) {
            within(
                sql,
                "a.owner",
                filter.owners.iter().map(|owner| owner.as_str().into()).collect(),
            );
        }
        if !matches!(self, Self::Place(..)) {
            within(
                sql,
                "a.pool_id",
                filter.pools.iter().map(|pool| pool.0.into()).collect(),
            );
        }
        for (column, values) in [
            ("a.grade", &filter.grades),
            ("a.region", &filter.regions),
            ("a.industry", &filter.industries),
            ("a.source", &filter.sources),
        ] {
            within(sql, column, texts(values));
        }
        if !filter.tags.is_empty() {
            // Counted, since what only has to exist may be read first, and then the order is lost.
            sql.text(" AND (SELECT COUNT(*) FROM account_tag g WHERE g.tenant = a.tenant AND g.account_id = a.id");
            within(sql, "g.tag", texts(&filter.tags));
            sql.text(") > 0");
        }
        if !filter.name_prefix.is_empty() {
            sql.text(" AND a.name_key >= ");
            sql.value(filter.name_prefix.as_str());
            if let Some(end) = end_of_prefix(&filter.name_prefix) {
                sql.text(" AND a.name_key < ");
                sql.value(end);
            }
        }
        span(sql, "a.reclaim_time", filter.reclaim_time);
        span(sql, "a.create_time", filter.create_time);
    }
}

fn in_status(sql: &mut Update, statuses: &[Status]) {
    within(
        sql,
        "a.status",
        statuses.iter().map(|status| status.number().into()).collect(),
    );
}

fn texts(values: &[String]) -> Vec<Value> {
    values.iter().map(|value| value.as_str().into()).collect()
}

fn span(sql: &mut Update, column: &str, span: Span) {
    if let Some(from) = span.from {
        sql.text(&format!(" AND {column} >= "));
        sql.value(micros(from));
    }
    if let Some(before) = span.before {
        sql.text(&format!(" AND {column} < "));
        sql.value(micros(before));
    }
}

/// Writes `AND column IN (...)`, the values repeated up to a power of two: few texts, few prepared statements.
fn within(sql: &mut Update, column: &str, mut values: Vec<Value>) {
    let Some(last) = values.last().cloned() else { return };
    values.resize(values.len().next_power_of_two(), last);
    sql.text(&format!(" AND {column} IN "));
    sql.list(values);
}

/// The least text that is greater than all that begin with the prefix; none if there is no such text.
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            // Between these lie no characters.
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}
