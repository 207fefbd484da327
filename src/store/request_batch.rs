//! Answered requests of a stream, many at a time: the rows are those of [`super::request`], and mean the same.

use super::{
    entity::request,
    failure::{Abort, Class, classify},
    instant::micros,
    request::{Found, RequestKey},
};
use crate::domain::ids::TenantKey;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use std::collections::HashMap;

/// What was found of each of these requests, by id; those that are new are left out. They are of one caller, at most a
/// few hundred, each once. One statement.
pub async fn find(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    keys: &[&RequestKey],
) -> Result<HashMap<String, Found>, DbErr> {
    let Some(first) = keys.first() else {
        return Ok(HashMap::new());
    };
    let rows = request::Entity::find()
        .filter(request::Column::Tenant.eq(tenant.0))
        .filter(request::Column::Caller.eq(first.caller.as_str()))
        .filter(request::Column::RequestId.is_in(keys.iter().map(|key| key.request_id.as_str())))
        .all(conn)
        .await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.request_id.clone(), row)).collect();
    let found = keys.iter().filter_map(|key| {
        let row = rows.remove(key.request_id.as_str())?;
        let found = if row.payload_hash == key.payload_hash {
            Found::Answer(row.response)
        } else {
            Found::Other
        };
        Some((row.request_id, found))
    });
    Ok(found.collect())
}

/// Remembers the answers. Somebody who sent one of the requests at the same time may have been faster: then the whole
/// unit runs again, and finds that answer. They are written in the order of their ids, so that two who send the same ones
/// do not wait for each other in a circle. One statement.
pub async fn remember(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    mut answers: Vec<(&RequestKey, Vec<u8>)>,
    now: DateTime<Utc>,
) -> Result<(), Abort> {
    if answers.is_empty() {
        return Ok(());
    }
    answers.sort_by(|(one, _), (other, _)| one.request_id.cmp(&other.request_id));
    let rows = answers.into_iter().map(|(key, response)| request::ActiveModel {
        tenant: Set(tenant.0),
        caller: Set(key.caller.to_string()),
        request_id: Set(key.request_id.to_string()),
        payload_hash: Set(key.payload_hash.to_vec()),
        response: Set(response),
        create_time: Set(micros(now)),
    });
    match request::Entity::insert_many(rows).exec_without_returning(conn).await {
        Ok(_) => Ok(()),
        Err(error) if classify(&error) == Class::Unique => Err(Abort::Moved),
        Err(error) => Err(error.into()),
    }
}
