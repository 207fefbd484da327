//! The only door to transactions: `unit.retry(|| unit.tx(async |tx| ...))`.
//!
//! The body can run again, so it sends nothing, spawns nothing, and touches nothing outside the transaction.
//! A unit of work runs in a task of its own (one tower layer and the workers see to that): no database future is ever
//! dropped in mid-statement, except where the database has not answered for so long that the connection is given up.
//!
//! There are as many bodies as there are flows, and `retry` and `tx` are built for each of them: so what is the same for all is
//! not in them, but in `attempts` and `begun`.
//!
//! Shape of the calls: an async closure that borrows the transaction inside a retried closure that borrows nothing
//! from its argument; a retrying function that takes an `AsyncFn(&Tx)` does not compile inside tonic's handlers.

mod attempts;
mod begun;

use self::{attempts::Attempts, begun::Begun};
use super::{
    failure::{Abort, Class, classify, silence, told},
    held::Held,
    open::Db,
    tx::Tx,
};
use crate::{
    domain::{
        error::Error,
        refusal::{Reason, Refusal},
    },
    telemetry::metrics,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use std::time::Duration;
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, timeout, timeout_at},
};
use tracing::Instrument;

/// Until when the caller waits.
pub type Deadline = Instant;

/// A piece of work that is done once or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    db: &'a Db,
    name: &'static str,
    deadline: Deadline,
    /// Whether a second run of work that was already committed finds that out (it reads its request row).
    replayable: bool,
}

impl Db {
    /// Work called `name` in logs and traces, to be done before `deadline`.
    #[must_use]
    pub const fn unit(&self, name: &'static str, deadline: Deadline) -> Unit<'_> {
        Unit {
            db: self,
            name,
            deadline,
            replayable: false,
        }
    }
}

impl<'a> Unit<'a> {
    /// Says whether running the work again after an unknown outcome is safe.
    #[must_use]
    pub const fn replayable(mut self, replayable: bool) -> Self {
        self.replayable = replayable;
        self
    }

    /// Runs `attempt` until it is decided, with jittered pauses, inside the deadline.
    ///
    /// `Abort::Stale` is not retried here: it is for the caller, who has the snapshot.
    pub async fn retry<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, Abort>
    where
        F: Future<Output = Result<T, Abort>>,
    {
        let mut attempts = Attempts::of(*self);
        loop {
            let span = attempts.begin();
            match attempt().instrument(span.clone()).await {
                Ok(done) => return Ok(done),
                Err(abort) => attempts.failed(span, abort).await?,
            }
        }
    }

    /// Runs `body` in one transaction and commits, unless the deadline has passed by then.
    pub async fn tx<T>(&self, body: impl AsyncFnOnce(&Tx) -> Result<T, Abort>) -> Result<T, Abort> {
        let begun = Begun::new(*self).await?;
        match timeout_at(begun.end, body(&begun.tx)).await {
            // Dropped without a ROLLBACK that would not be answered either.
            Err(_) => Err(self.given_up().into()),
            Ok(Ok(done)) => begun.commit().await.map(|()| done),
            Ok(Err(abort)) => {
                begun.roll_back().await;
                Err(abort)
            }
        }
    }

    /// The connection, dropped in mid-statement, is closed.
    fn given_up(&self) -> DbErr {
        let limit = self.db.options.attempt_timeout;
        tracing::error!(
            unit = self.name,
            ?limit,
            "the database does not answer; giving the connection up"
        );
        silence()
    }

    /// A connection for reads outside a transaction: each statement sees what is committed when it starts.
    pub async fn reader(&self) -> Result<Reader<'a>, Abort> {
        let permit = self.permit(&self.db.read_permits).await?;
        let limit = self.db.options.attempt_timeout;
        Ok(Reader {
            held: timeout(limit, self.db.look())
                .await
                .unwrap_or_else(|_| Err(silence()))?,
            limit,
            _permit: permit,
        })
    }

    async fn permit(&self, permits: &'a tokio::sync::Semaphore) -> Result<SemaphorePermit<'a>, Abort> {
        if Instant::now() >= self.deadline {
            return Err(Abort::Late);
        }
        let until = self.deadline.min(Instant::now() + self.db.options.acquire_timeout);
        match timeout_at(until, permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ if Instant::now() >= self.deadline => Err(Abort::Late),
            _ => Err(Abort::Busy),
        }
    }

    /// What the caller is told of `abort`. What the driver said is logged here, once, and never sent.
    #[must_use]
    pub fn error(&self, abort: Abort) -> Error {
        match abort {
            Abort::Refused(error) => error,
            Abort::Moved | Abort::Stale => contention(),
            Abort::Busy => busy(),
            Abort::Late => Error::refused(Reason::DeadlineExceeded, "the deadline passed; nothing was changed"),
            Abort::CommitLost(error) => {
                metrics::outcome_unknown(self.name);
                tracing::error!(unit = self.name, error = told(&error), "outcome unknown");
                Error::refused(
                    Reason::OutcomeUnknown,
                    "the connection to the database broke while the change was being committed; \
                     read the resource, or send the call again with a request_id",
                )
            }
            Abort::Db(error) => match classify(&error) {
                Class::Retry => contention(),
                Class::Connection => {
                    tracing::error!(unit = self.name, error = told(&error), "database unavailable");
                    Refusal::new(Reason::DatabaseUnavailable, "the database does not answer").into()
                }
                Class::Unique | Class::Final => {
                    tracing::error!(unit = self.name, error = told(&error), "database error");
                    Error::internal()
                }
            },
        }
    }
}

fn contention() -> Error {
    Error::refused(
        Reason::Contention,
        "others changed the same thing at the same time; read it and try again",
    )
}

fn busy() -> Error {
    Error::refused(
        Reason::ServerBusy,
        "the server has as much work as it can take; try again in a moment",
    )
}

/// A connection for reads.
#[derive(Debug)]
pub struct Reader<'a> {
    held: Held,
    limit: Duration,
    _permit: SemaphorePermit<'a>,
}

impl Reader<'_> {
    /// What a network that swallows packets would otherwise make wait for ever.
    async fn answered<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        timeout(self.limit, statement).await.unwrap_or_else(|_| Err(silence()))
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.held.get_database_backend()
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.answered(self.held.execute_raw(stmt)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.answered(self.held.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.answered(self.held.query_one_raw(stmt)).await
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.answered(self.held.query_all_raw(stmt)).await
    }
}
