//! Looks for accounts that have the name or the external id of new ones. One statement for all of them; the unique keys
//! are the wall behind it.

use super::codec::Row;
use super::sql::statement;
use crate::domain::{
    account::Status,
    creation::Taken,
    ids::{AccountId, ExternalId, PoolId, TenantKey, UserId},
};
use sea_orm::{ConnectionTrait, DbErr, Value};
use std::collections::HashMap;
use uuid::Uuid;

/// Who has which name key and which external id.
#[derive(Debug, Default)]
pub struct Found {
    /// By name key.
    pub names: HashMap<String, Taken>,
    /// By external id.
    pub external_ids: HashMap<ExternalId, Taken>,
}

/// Looks.
pub async fn find(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    names: &[String],
    external_ids: &[ExternalId],
) -> Result<Found, DbErr> {
    let select = "SELECT id, status, pool_id, owner, unique_name, external_id FROM account WHERE tenant = ? AND";
    let mut parts = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut part = |column: &str, keys: Vec<Value>| {
        if keys.is_empty() {
            return;
        }
        let marks = vec!["?"; keys.len()].join(", ");
        parts.push(format!("{select} {column} IN ({marks})"));
        values.push(tenant.0.into());
        values.extend(keys);
    };
    part("unique_name", names.iter().map(|name| name.as_str().into()).collect());
    part(
        "external_id",
        external_ids.iter().map(|id| id.to_string().into()).collect(),
    );
    let mut found = Found::default();
    let sql = parts.join(" UNION ALL ");
    if sql.is_empty() {
        return Ok(found);
    }
    for row in conn.query_all_raw(statement(conn, sql, values)).await? {
        let id: Uuid = row.try_get("", "id")?;
        let at = Row {
            table: "account",
            tenant,
            key: &id,
        };
        let status: i16 = row.try_get("", "status")?;
        let owner: Option<String> = row.try_get("", "owner")?;
        let external_id: Option<String> = row.try_get("", "external_id")?;
        let taken = Taken {
            account: AccountId(id),
            status: at.choice("status", Status::from_number(status))?,
            pool: row.try_get::<Option<Uuid>>("", "pool_id")?.map(PoolId),
            owner: at.id_opt("owner", owner.as_ref(), UserId::parse)?,
        };
        if let Some(external_id) = at.id_opt("external_id", external_id.as_ref(), ExternalId::parse)? {
            found.external_ids.insert(external_id, taken.clone());
        }
        if let Some(name) = row.try_get::<Option<String>>("", "unique_name")? {
            found.names.insert(name, taken);
        }
    }
    Ok(found)
}
