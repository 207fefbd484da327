//! Tables of rules, limits and definitions: rows of an id, a version, a configuration and two times.

use super::{
    codec::Row,
    instant::{instant, micros},
};
use crate::domain::{
    configured::{ConfigTable, Configured},
    ids::TenantKey,
};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

fn statement(conn: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// Every row of the tenant, by id, which is by creation.
pub async fn load<T: DeserializeOwned>(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    table: ConfigTable,
) -> Result<Vec<Configured<T>>, DbErr> {
    let name = table.as_str();
    let sql = format!("SELECT id, version, config, create_time, update_time FROM {name} WHERE tenant = ? ORDER BY id");
    let rows = conn.query_all_raw(statement(conn, &sql, vec![tenant.0.into()])).await?;
    rows.iter()
        .map(|row| {
            let id: Uuid = row.try_get("", "id")?;
            let config: String = row.try_get("", "config")?;
            Ok(Configured {
                id,
                version: row.try_get("", "version")?,
                config: Row {
                    table: name,
                    tenant,
                    key: &id,
                }
                .json("config", &config)?,
                create_time: instant(row.try_get("", "create_time")?),
                update_time: instant(row.try_get("", "update_time")?),
            })
        })
        .collect()
}

/// Writes a new row.
pub async fn insert(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    table: ConfigTable,
    row: &Configured<String>,
) -> Result<(), DbErr> {
    let name = table.as_str();
    let sql =
        format!("INSERT INTO {name} (tenant, id, version, config, create_time, update_time) VALUES (?, ?, ?, ?, ?, ?)");
    let (create_time, update_time) = (micros(row.create_time), micros(row.update_time));
    let config = row.config.clone();
    let values = vec![
        tenant.0.into(),
        row.id.into(),
        row.version.into(),
        config.into(),
        create_time.into(),
        update_time.into(),
    ];
    conn.execute_raw(statement(conn, &sql, values)).await.map(drop)
}

/// Writes a changed row.
pub async fn update(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    table: ConfigTable,
    row: &Configured<String>,
) -> Result<(), DbErr> {
    let sql = format!(
        "UPDATE {} SET version = ?, config = ?, update_time = ? WHERE tenant = ? AND id = ?",
        table.as_str()
    );
    let update_time = micros(row.update_time);
    let values = vec![
        row.version.into(),
        row.config.clone().into(),
        update_time.into(),
        tenant.0.into(),
        row.id.into(),
    ];
    conn.execute_raw(statement(conn, &sql, values)).await.map(drop)
}

/// Removes a row.
pub async fn delete(conn: &impl ConnectionTrait, tenant: TenantKey, table: ConfigTable, id: Uuid) -> Result<(), DbErr> {
    let sql = format!("DELETE FROM {} WHERE tenant = ? AND id = ?", table.as_str());
    conn.execute_raw(statement(conn, &sql, vec![tenant.0.into(), id.into()]))
        .await
        .map(drop)
}
