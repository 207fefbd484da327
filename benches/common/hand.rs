//! What is done by hand, through the driver alone: on as many connections as the server has, with the same settings.

use super::{CONNECTIONS, Outcome};
use sea_orm::sqlx::{Executor, MySqlPool, mysql::MySqlPoolOptions};
use tidepool::store::dialect::MYSQL_SESSION;

/// Rows per update: statements of more rows cost more than they save, since every value of a row that is not that of all is
/// looked for from the first row on.
pub(crate) const CHUNK: usize = 128;

pub(crate) async fn connect(url: &str) -> Outcome<MySqlPool> {
    let pool = MySqlPoolOptions::new()
        .min_connections(CONNECTIONS)
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for statement in MYSQL_SESSION {
                    connection.execute(*statement).await?;
                }
                Ok(())
            })
        });
    Ok(pool.connect(url).await?)
}

pub(crate) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

pub(crate) fn cases(count: usize) -> String {
    vec!["WHEN ? THEN ?"; count].join(" ")
}
