//! Secrets that the replicas share and nobody has to configure.

use super::{dialect::Engine, instant::micros};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement};

/// The secret of this name; `fresh` becomes it if there is none yet.
pub async fn get_or_put(
    conn: &impl ConnectionTrait,
    engine: Engine,
    name: &'static str,
    fresh: &[u8],
    now: DateTime<Utc>,
) -> Result<Vec<u8>, DbErr> {
    let insert = format!(
        "{} service_secret (name, value, create_time) VALUES (?, ?, ?)",
        engine.insert_or_ignore()
    );
    let values = [name.into(), fresh.to_vec().into(), micros(now).into()];
    conn.execute_raw(Statement::from_sql_and_values(engine.backend(), insert, values))
        .await?;
    let select = "SELECT value FROM service_secret WHERE name = ?";
    let row = conn
        .query_one_raw(Statement::from_sql_and_values(engine.backend(), select, [name.into()]))
        .await?;
    row.ok_or_else(|| DbErr::RecordNotFound(name.to_owned()))?
        .try_get("", "value")
}
