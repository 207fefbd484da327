//! Somebody else's transaction that keeps others from writing, and waiting until they wait for it.

use crate::harness::{Server, external_server};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use secrecy::ExposeSecret;
use std::time::Duration;
use tokio::{task::yield_now, time::timeout};

const LONG: Duration = Duration::from_mins(1);

/// The transaction.
#[derive(Debug)]
pub(crate) struct Hold(DatabaseConnection);

impl Hold {
    /// Nobody can enter a unit of work that configures, nor write anything on SQLite.
    pub(crate) async fn writes(server: &Server) -> Self {
        Self::of(server, &["UPDATE tenant SET create_time = create_time"]).await
    }

    /// Nobody can write accounts, those included that do not exist yet.
    pub(crate) async fn accounts(server: &Server) -> Self {
        let lock = "SELECT version FROM account FOR UPDATE";
        let update = "UPDATE account SET name = name";
        if external_server().is_some() {
            Self::of(server, &[update, lock]).await
        } else {
            Self::of(server, &[update]).await
        }
    }

    async fn of(server: &Server, statements: &[&str]) -> Self {
        let mut options = ConnectOptions::new(server.config.database.url.expose_secret());
        options.max_connections(1);
        let db = Database::connect(options).await.unwrap();
        let begin = if external_server().is_some() {
            "START TRANSACTION"
        } else {
            "BEGIN IMMEDIATE"
        };
        db.execute_unprepared(begin).await.unwrap();
        for statement in statements {
            db.execute_unprepared(statement).await.unwrap();
        }
        Self(db)
    }

    /// Lets go; nothing was changed.
    pub(crate) async fn release(self) {
        self.0.execute_unprepared("ROLLBACK").await.unwrap();
        self.0.close().await.unwrap();
    }
}

/// Waits for it, and not for ever.
pub(crate) async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            yield_now().await;
        }
    };
    timeout(LONG, wait).await.unwrap();
}
