//! What hangs on accounts goes over to the one that they were merged into, and the way from their ids to it.

use super::{
    batch::Update,
    sql::{marks, run, statement},
};
use crate::domain::{
    account::Status,
    ids::{AccountId, TenantKey},
};
use sea_orm::{ConnectionTrait, DbErr, Value};
use std::collections::HashMap;
use uuid::Uuid;

/// Accounts merged into an account that was merged itself, and so on, that are followed. Each was made by a CRM admin.
const HOPS: usize = 32;

/// What goes over.
const TABLES: &[&str] = &["activity", "business_object", "object_viewer"];

fn ids(accounts: &[AccountId]) -> impl Iterator<Item = Value> {
    accounts.iter().map(|id| id.0.into())
}

/// How many activities and objects the accounts have, counted up to a little above `limit`.
pub async fn rows(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
    limit: usize,
) -> Result<usize, DbErr> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let marks = marks(accounts.len());
    let count = |table: &str| {
        format!(
            "(SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} WHERE tenant = ? AND account_id IN ({marks}) LIMIT ?) {table}_rows)"
        )
    };
    let sql = format!("SELECT {} + {} AS number", count("activity"), count("business_object"));
    let mut values: Vec<Value> = Vec::new();
    for _ in 0..2 {
        values.push(tenant.0.into());
        values.extend(ids(accounts));
        values.push(limit.into());
    }
    let row = conn.query_one_raw(statement(conn, &sql, values)).await?;
    let number = row.map(|row| row.try_get::<i64>("", "number")).transpose()?;
    Ok(usize::try_from(number.unwrap_or(0)).unwrap_or(usize::MAX))
}

/// Makes activities and objects of the accounts those of `survivor`. All these accounts were written in this transaction, so
/// that nobody else is about to add objects to them.
pub async fn hand_over(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
    survivor: AccountId,
) -> Result<(), DbErr> {
    for table in TABLES {
        let mut update = Update {
            sql: format!("UPDATE {table} SET account_id = "),
            values: Vec::new(),
        };
        update.value(survivor.0);
        update.text(" WHERE tenant = ");
        update.value(tenant.0);
        update.text(" AND account_id IN ");
        update.list(ids(accounts));
        run(conn, update).await?;
    }
    Ok(())
}

/// Where the ids of these accounts lead to, which were all merged: no statement if there are none.
pub async fn survivors(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    merged: impl IntoIterator<Item = (AccountId, AccountId)>,
) -> Result<HashMap<AccountId, AccountId>, DbErr> {
    let mut ways: HashMap<AccountId, AccountId> = merged.into_iter().collect();
    for _ in 0..HOPS {
        let mut ends: Vec<AccountId> = ways.values().copied().collect();
        ends.sort_unstable();
        ends.dedup();
        if ends.is_empty() {
            break;
        }
        let mut next: HashMap<AccountId, AccountId> = HashMap::new();
        for chunk in ends.chunks(super::subject::CHUNK) {
            let sql = format!(
                "SELECT id, merged_into FROM account WHERE tenant = ? AND id IN ({}) AND status = {}",
                marks(chunk.len()),
                Status::Merged.number()
            );
            let mut values: Vec<Value> = vec![tenant.0.into()];
            values.extend(ids(chunk));
            for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
                let into: Option<Uuid> = row.try_get("", "merged_into")?;
                next.extend(
                    into.map(|into| Ok::<_, DbErr>((AccountId(row.try_get("", "id")?), AccountId(into))))
                        .transpose()?,
                );
            }
        }
        if next.is_empty() {
            break;
        }
        for end in ways.values_mut() {
            *end = next.get(end).copied().unwrap_or(*end);
        }
    }
    Ok(ways)
}
