//! One transaction. After the first failed statement it refuses everything, the commit included.
//!
//! A deadlock or a changed record makes the server roll the whole transaction back while the driver goes on: later
//! statements would then commit one by one. A lock wait timeout rolls back only the statement: a commit would persist
//! half the work. So nothing may go on after an error, whatever the code above does with it.

use super::failure::Abort;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use std::sync::atomic::{AtomicBool, Ordering};

/// A running transaction, handed to the body of a unit of work.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    poisoned: AtomicBool,
}

impl Tx {
    pub(super) fn new(inner: DatabaseTransaction) -> Self {
        Self {
            inner,
            poisoned: AtomicBool::new(false),
        }
    }

    fn enter(&self) -> Result<(), DbErr> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(DbErr::Exec(RuntimeErr::Internal(
                "a statement of this transaction failed before".into(),
            )));
        }
        Ok(())
    }

    fn leave<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if result.is_err() {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        result
    }

    /// Commits, unless a statement failed. An error that is not the database's own refusal leaves the outcome unknown.
    pub(super) async fn commit(self) -> Result<(), Abort> {
        if let Err(error) = self.enter() {
            self.rollback().await;
            return Err(Abort::Db(error));
        }
        self.inner
            .commit()
            .await
            .map_err(|error| match super::failure::classify(&error) {
                super::failure::Class::Connection => Abort::CommitLost(error),
                _ => Abort::Db(error),
            })
    }

    /// Rolls back. An error here means that the server has done so already, or that the connection is gone.
    pub(super) async fn rollback(self) {
        if let Err(error) = self.inner.rollback().await {
            tracing::debug!(error = %error, "rollback was not needed");
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.enter()?;
        self.leave(self.inner.execute_raw(stmt).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.enter()?;
        self.leave(self.inner.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.enter()?;
        self.leave(self.inner.query_one_raw(stmt).await)
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.enter()?;
        self.leave(self.inner.query_all_raw(stmt).await)
    }

    fn support_returning(&self) -> bool {
        // MySQL has none, and one path for all engines is one path to test.
        false
    }
}
