//! Answered requests. The row is written once, in the transaction of the change, and read with or after it on every
//! attempt, so that a repeated call, and an attempt after an unknown outcome, find the answer.

use super::{
    entity::request,
    failure::{Abort, Class, classify},
    instant::micros,
    sql::statement,
};
use crate::domain::{
    ids::{CallerId, RequestId, TenantKey},
    organisation::Revisions,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, QueryResult, Statement, Value};

/// Which request it is and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The service that called.
    pub caller: CallerId,
    /// The id that it gave.
    pub request_id: RequestId,
    /// Digest over method, actor and the decoded request.
    pub payload_hash: [u8; 32],
}

/// What was found of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it is new.
    Nothing,
    /// The same request was answered with this.
    Answer(Vec<u8>),
    /// Another request used the id.
    Other,
}

/// How every mutation begins: the tenant's current revisions, and the answer if there is one. One statement.
pub async fn enter(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    key: Option<&RequestKey>,
) -> Result<Option<(Revisions, Found)>, DbErr> {
    let sql = "SELECT t.config_revision, t.directory_revision, r.payload_hash, r.response FROM tenant t \
               LEFT JOIN request r ON r.tenant = t.id AND r.caller = ? AND r.request_id = ? WHERE t.id = ?";
    // No caller and no request has an empty id, so these match nothing.
    let (caller, request_id) = key.map_or(("", ""), |key| (key.caller.as_str(), key.request_id.as_str()));
    let values = [caller.into(), request_id.into(), tenant.0.into()];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    let Some(row) = row else { return Ok(None) };
    let revisions = Revisions {
        config: row.try_get("", "config_revision")?,
        directory: row.try_get("", "directory_revision")?,
    };
    Ok(Some((revisions, found(&row, key)?)))
}

/// What the joined columns of `request` say of the request.
pub(super) fn found(row: &QueryResult, key: Option<&RequestKey>) -> Result<Found, DbErr> {
    let hash: Option<Vec<u8>> = row.try_get("", "payload_hash")?;
    Ok(match (key, hash) {
        (Some(key), Some(hash)) if hash == key.payload_hash => Found::Answer(row.try_get("", "response")?),
        (Some(_), Some(_)) => Found::Other,
        _ => Found::Nothing,
    })
}

/// Remembers the answer. Somebody who sent the same request at the same time may have been faster: then the whole unit
/// runs again, and finds that answer.
pub async fn remember(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    key: &RequestKey,
    response: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<(), Abort> {
    let row = request::ActiveModel {
        tenant: Set(tenant.0),
        caller: Set(key.caller.to_string()),
        request_id: Set(key.request_id.to_string()),
        payload_hash: Set(key.payload_hash.to_vec()),
        response: Set(response),
        create_time: Set(micros(now)),
    };
    match request::Entity::insert(row).exec_without_returning(conn).await {
        Ok(_) => Ok(()),
        // The same request at the same time: the next attempt finds its answer.
        Err(error) if classify(&error) == Class::Unique => Err(Abort::Moved),
        Err(error) => Err(error.into()),
    }
}

/// Answers that are forgotten at a time.
pub const PURGE_BATCH: usize = 500;
/// Answers per statement.
const PURGE_CHUNK: usize = 100;

/// Forgets up to [`PURGE_BATCH`] answers that were given before; says how many.
pub async fn purge(conn: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<usize, DbErr> {
    let backend = conn.get_database_backend();
    let select = "SELECT tenant, caller, request_id FROM request WHERE create_time < ? ORDER BY create_time LIMIT ?";
    let values = [micros(before).into(), (PURGE_BATCH as u64).into()];
    let rows = conn
        .query_all_raw(Statement::from_sql_and_values(backend, select, values))
        .await?;
    for chunk in rows.chunks(PURGE_CHUNK) {
        let keys = vec!["(tenant = ? AND caller = ? AND request_id = ?)"; chunk.len()].join(" OR ");
        let mut values: Vec<Value> = Vec::with_capacity(chunk.len() * 3);
        for row in chunk {
            values.push(row.try_get::<i32>("", "tenant")?.into());
            values.push(row.try_get::<String>("", "caller")?.into());
            values.push(row.try_get::<String>("", "request_id")?.into());
        }
        let delete = format!("DELETE FROM request WHERE {keys}");
        conn.execute_raw(Statement::from_sql_and_values(backend, delete, values))
            .await?;
    }
    Ok(rows.len())
}
