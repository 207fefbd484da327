//! A statement with its values, for the engine behind a connection.

use super::batch::Update;
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

/// The statement.
pub(super) fn statement(
    conn: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// Runs what was put together, and says how many rows it changed.
pub(super) async fn run(conn: &impl ConnectionTrait, update: Update) -> Result<u64, DbErr> {
    let done = conn.execute_raw(statement(conn, update.sql, update.values)).await?;
    Ok(done.rows_affected())
}

/// So many placeholders of a list.
pub(super) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}
