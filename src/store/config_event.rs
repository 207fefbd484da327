//! Reads who changed which configuration.

use super::{codec::Row, entity::config_event, instant::instant};
use crate::domain::{ids::TenantKey, patch::FieldDiff};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An event as stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its id; later events have greater ones.
    pub id: Uuid,
    /// When.
    pub event_time: DateTime<Utc>,
    /// The service that called.
    pub caller: String,
    /// The user it acted for.
    pub actor: Option<String>,
    /// What kind of thing.
    pub resource_type: String,
    /// Which one.
    pub resource: String,
    /// What was done.
    pub action: String,
    /// Field by field.
    pub changes: BTreeMap<String, FieldDiff>,
}

/// Which events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Only this kind of thing.
    pub resource_type: Option<&'a str>,
    /// Only this one.
    pub resource: Option<&'a str>,
    /// Only earlier ones than this.
    pub before: Option<Uuid>,
}

/// The newest `limit` events that fit, newest first.
pub async fn list(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    filter: &Filter<'_>,
    limit: usize,
) -> Result<Vec<StoredEvent>, DbErr> {
    use config_event::Column;
    let mut query = config_event::Entity::find().filter(Column::Tenant.eq(tenant.0));
    if let Some(resource_type) = filter.resource_type {
        query = query.filter(Column::ResourceType.eq(resource_type));
    }
    if let Some(resource) = filter.resource {
        query = query.filter(Column::Resource.eq(resource));
    }
    if let Some(before) = filter.before {
        query = query.filter(Column::Id.lt(before));
    }
    let rows = query.order_by_desc(Column::Id).limit(limit as u64).all(conn).await?;
    rows.into_iter()
        .map(|row| {
            let changes = Row {
                table: "config_event",
                tenant,
                key: &row.id,
            }
            .json("changes", &row.changes)?;
            Ok(StoredEvent {
                id: row.id,
                event_time: instant(row.event_time),
                caller: row.caller,
                actor: row.actor,
                resource_type: row.resource_type,
                resource: row.resource,
                action: row.action,
                changes,
            })
        })
        .collect()
}
