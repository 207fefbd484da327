//! One transaction. After the first failed or abandoned statement it refuses everything, the commit included.
//!
//! A deadlock or a changed record makes the server roll the whole transaction back while the driver goes on: later
//! statements would then commit one by one. A lock wait timeout rolls back only the statement: a commit would persist
//! half the work. So nothing may go on after an error, whatever the code above does with it; and since the first error
//! is what everything after it answers, a body that swallows a deadlock is still run again as a whole.

use super::{
    failure::{Abort, commit_failed},
    held::Held,
    script::Ran,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// A running transaction, handed to the body of a unit of work.
#[derive(Debug)]
pub struct Tx {
    inner: Held,
    state: Mutex<State>,
    /// Whether it writes events.
    tells: AtomicBool,
}

#[derive(Debug)]
enum State {
    Ready,
    /// A statement is under way; still so when the next one comes means that it was dropped, or that two run at once.
    Running,
    Failed(DbErr),
}

impl Tx {
    pub(super) const fn new(inner: Held) -> Self {
        Self {
            inner,
            state: Mutex::new(State::Ready),
            tells: AtomicBool::new(false),
        }
    }

    /// Notes that it writes events, which somebody waits for.
    pub(super) fn tell(&self) {
        self.tells.store(true, Ordering::Relaxed);
    }

    pub(super) fn tells(&self) -> bool {
        self.tells.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Result<(), DbErr> {
        let mut state = self.state();
        match &*state {
            State::Ready => {
                *state = State::Running;
                Ok(())
            }
            State::Failed(first) => Err(first.clone()),
            State::Running => {
                let error = DbErr::Exec(RuntimeErr::Internal(
                    "a statement of this transaction was not waited for".into(),
                ));
                *state = State::Failed(error.clone());
                Err(error)
            }
        }
    }

    fn leave<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        let mut state = self.state();
        match (&*state, &result) {
            (State::Failed(_), _) => {}
            (_, Ok(_)) => *state = State::Ready,
            (_, Err(error)) => *state = State::Failed(error.clone()),
        }
        drop(state);
        result
    }

    /// Runs these, one after the other, until one fails.
    pub(super) async fn run_all(&self, statements: Vec<Statement>) -> Ran {
        if let Err(error) = self.enter() {
            return Ran {
                changed: Vec::new(),
                failed: Some(error),
            };
        }
        let Ran { changed, failed } = self.inner.run_all(statements).await;
        let failed = self.leave(failed.map_or(Ok(()), Err)).err();
        Ran { changed, failed }
    }

    /// Commits, unless a statement failed. Unless the server says that it has rolled back, the outcome is unknown.
    pub(super) async fn commit(self) -> Result<(), Abort> {
        if let Err(error) = self.enter() {
            self.rollback().await;
            return Err(Abort::Db(error));
        }
        self.inner.commit().await.map_err(commit_failed)
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
