//! The only door to transactions: `unit.retry(|| unit.tx(async |tx| ...))`.
//!
//! The body can run again, so it sends nothing, spawns nothing, and touches nothing outside the transaction.
//! A unit of work runs in a task of its own (one tower layer and the workers see to that): no database future is ever
//! dropped in mid-statement, except where the database has not answered for so long that the connection is given up.
//!
//! Shape of the calls: an async closure that borrows the transaction inside a retried closure that borrows nothing
//! from its argument; a retrying function that takes an `AsyncFn(&Tx)` does not compile inside tonic's handlers.

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
use rand::Rng;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use std::time::Duration;
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, timeout, timeout_at},
};
use tracing::{Instrument, field::Empty};

/// Until when the caller waits.
pub type Deadline = Instant;

const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// What is left for the answer to travel.
const ANSWER_TIME: Duration = Duration::from_millis(20);
/// A rollback that takes longer is left to the release of the connection, which ends it one way or the other.
const ROLLBACK_TIME: Duration = Duration::from_secs(1);

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
        let mut unknown = None;
        for number in 1.. {
            let span = tracing::info_span!(
                "unit",
                otel.name = self.name,
                otel.status_code = Empty,
                unit = self.name,
                attempt = number,
                "error.type" = Empty,
            );
            let abort = match attempt().instrument(span.clone()).await {
                Ok(done) => return Ok(done),
                Err(abort) => abort,
            };
            span.record("error.type", abort.name());
            if matches!(abort, Abort::Db(_) | Abort::CommitLost(_)) {
                span.record("otel.status_code", "ERROR");
            }
            drop(span);
            if let Abort::Db(error) | Abort::CommitLost(error) = &abort {
                self.db.suspect(error);
            }
            let pause = pause(number);
            let time_left = Instant::now() + pause + ANSWER_TIME < self.deadline;
            if number < ATTEMPTS && time_left && self.again(&abort) {
                tracing::debug!(unit = self.name, number, abort = abort.name(), "again");
                metrics::retried(self.name, abort.name());
                if let Abort::CommitLost(error) = abort {
                    unknown = Some(error);
                }
                tokio::time::sleep(pause).await;
                continue;
            }
            // Once a commit was lost, only an attempt that ends well tells what became of it: "nothing was changed", or
            // a refusal, may be wrong while that commit is still under way somewhere.
            return Err(match unknown {
                Some(error) => {
                    tracing::warn!(
                        unit = self.name,
                        abort = abort.name(),
                        "could not find out what became of a commit"
                    );
                    Abort::CommitLost(error)
                }
                None => abort,
            });
        }
        unreachable!("the loop ends by return")
    }

    fn again(&self, abort: &Abort) -> bool {
        match abort {
            Abort::Moved => true,
            Abort::Db(error) => matches!(classify(error), Class::Retry | Class::Connection),
            // The request row tells whether it happened: the next attempt reads it first.
            Abort::CommitLost(_) => self.replayable,
            Abort::Refused(_) | Abort::Stale | Abort::Busy | Abort::Late => false,
        }
    }

    /// Runs `body` in one transaction and commits, unless the deadline has passed by then.
    pub async fn tx<T>(&self, body: impl AsyncFnOnce(&Tx) -> Result<T, Abort>) -> Result<T, Abort> {
        let _permit = self.permit(&self.db.write_permits).await?;
        let end = Instant::now() + self.db.options.attempt_timeout;
        let begun = timeout_at(end, self.db.transact()).await;
        let tx = Tx::new(begun.map_err(|_| self.given_up())??);
        match timeout_at(end, body(&tx)).await {
            // Dropped without a ROLLBACK that would not be answered either.
            Err(_) => Err(self.given_up().into()),
            Ok(Ok(_)) if Instant::now() >= self.deadline => {
                self.roll_back(tx).await;
                Err(Abort::Late)
            }
            Ok(Ok(done)) => {
                let tells = tx.tells();
                let committed = timeout_at(end, tx.commit()).await;
                committed.unwrap_or_else(|_| Err(Abort::CommitLost(self.given_up())))?;
                if tells {
                    self.db.told.notify_one();
                }
                Ok(done)
            }
            Ok(Err(abort)) => {
                self.roll_back(tx).await;
                Err(abort)
            }
        }
    }

    async fn roll_back(&self, tx: Tx) {
        if timeout(ROLLBACK_TIME, tx.rollback()).await.is_err() {
            tracing::warn!(unit = self.name, "the database does not answer a rollback");
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

/// Full jitter: callers that collided once do not meet again.
fn pause(attempt: u32) -> Duration {
    let longest = (FIRST_PAUSE * 2_u32.pow(attempt.min(10))).min(LONGEST_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.1..1.0))
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
