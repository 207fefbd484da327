//! How an engine says that it finds what a statement looks for.

use crate::harness::external_server;
use sea_orm::{ConnectionTrait, QueryResult, Statement};

/// The statement that asks for the plan of another one. Servers are asked for the table that all of them know: what MySQL
/// answers if nothing is said depends on its version.
pub(crate) fn explaining(mut statement: Statement) -> Statement {
    let word = if external_server().is_some() {
        "EXPLAIN FORMAT=TRADITIONAL"
    } else {
        "EXPLAIN QUERY PLAN"
    };
    statement.sql = format!("{word} {}", statement.sql);
    statement
}

/// A column of a plan; empty if there is nothing in it.
pub(crate) fn told(row: &QueryResult, column: &str) -> String {
    row.try_get::<Option<String>>("", column).unwrap().unwrap_or_default()
}

/// The steps of the plan, a line each: of a server these columns of its table, of SQLite its own words.
pub(crate) async fn explain(conn: &impl ConnectionTrait, statement: Statement, columns: &[&str]) -> Vec<String> {
    let columns = if external_server().is_some() {
        columns
    } else {
        &["detail"]
    };
    let rows = conn.query_all_raw(explaining(statement)).await.unwrap();
    let line = |row: &QueryResult| {
        let told: Vec<_> = columns.iter().map(|column| told(row, column)).collect();
        told.join(" ")
    };
    rows.iter().map(line).collect()
}
