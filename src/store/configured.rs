//! Tables of rules, limits and definitions: rows of an id, a version, a configuration and two times.

use super::{
    codec::Row,
    instant::{instant, micros},
    sql::statement,
};
use crate::domain::{
    configured::{ConfigTable, Configured},
    ids::TenantKey,
};
use sea_orm::{ConnectionTrait, DbErr};
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// The rows of several tables as they are stored.
#[derive(Debug)]
pub struct Rows {
    tenant: TenantKey,
    rows: Vec<(ConfigTable, Configured<String>)>,
}

impl Rows {
    /// The rows of one table, by id, which is by creation.
    pub fn of<T: DeserializeOwned>(&self, table: ConfigTable) -> Result<Vec<Configured<T>>, DbErr> {
        let rows = self.rows.iter().filter(|(of, _)| *of == table);
        rows.map(|(_, row)| {
            let at = Row {
                table: table.as_str(),
                tenant: self.tenant,
                key: &row.id,
            };
            Ok(Configured {
                id: row.id,
                version: row.version,
                config: at.json("config", &row.config)?,
                create_time: row.create_time,
                update_time: row.update_time,
            })
        })
        .collect()
    }
}

/// Every row of the tenant in all tables of this kind, in one statement: they are read together, and most are empty.
pub async fn load(conn: &impl ConnectionTrait, tenant: TenantKey) -> Result<Rows, DbErr> {
    let selects = ConfigTable::ALL.iter().enumerate().map(|(at, table)| {
        let name = table.as_str();
        format!("SELECT {at} AS place, id, version, config, create_time, update_time FROM {name} WHERE tenant = ?")
    });
    let sql = format!("{} ORDER BY place, id", selects.collect::<Vec<_>>().join(" UNION ALL "));
    let values = vec![tenant.0.into(); ConfigTable::ALL.len()];
    let mut rows = Vec::new();
    for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
        let place: i64 = row.try_get("", "place")?;
        let table = usize::try_from(place)
            .ok()
            .and_then(|place| ConfigTable::ALL.get(place));
        let row = Configured {
            id: row.try_get("", "id")?,
            version: row.try_get("", "version")?,
            config: row.try_get("", "config")?,
            create_time: instant(row.try_get("", "create_time")?),
            update_time: instant(row.try_get("", "update_time")?),
        };
        rows.extend(table.map(|table| (*table, row)));
    }
    Ok(Rows { tenant, rows })
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
