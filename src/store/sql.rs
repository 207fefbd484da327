//! A statement with its values, for the engine behind a connection.

use super::{batch::Update, dialect::Engine, literal::filled};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

/// The statement.
pub(super) fn statement(
    conn: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// With more values than this, a statement is one of many rows: hardly ever the same twice, and not worth preparing.
const WIDE: usize = 50;

/// Runs what was put together, and says how many rows it changed.
pub(super) async fn run(conn: &impl ConnectionTrait, update: Update) -> Result<u64, DbErr> {
    send(conn, statement(conn, update.sql, update.values)).await
}

/// The statement with its values in its text, for servers; nothing if one of them cannot be written so.
pub(super) fn text(statement: &Statement) -> Option<String> {
    let values = statement.values.as_ref().map_or(&[][..], |values| &values.0);
    filled(&statement.sql, values)
}

/// Runs a statement that writes, and says how many rows it changed.
pub(super) async fn send(conn: &impl ConnectionTrait, statement: Statement) -> Result<u64, DbErr> {
    let values = statement.values.as_ref().map_or(0, |values| values.0.len());
    let wide = Engine::of(conn) == Engine::MySql && values > WIDE;
    let done = match wide.then(|| text(&statement)).flatten() {
        Some(sql) => conn.execute_unprepared(&sql).await?,
        None => conn.execute_raw(statement).await?,
    };
    Ok(done.rows_affected())
}

/// So many placeholders of a list.
pub(super) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// What a list is asked for, its last one repeated up to a power of two: few texts of the statement, so few to prepare.
pub(super) fn padded<T: Clone>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    if let Some(last) = items.last().cloned() {
        items.resize(items.len().next_power_of_two(), last);
    }
    items
}
