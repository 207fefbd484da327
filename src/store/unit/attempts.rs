//! When a unit of work is tried again, and what is told of it in the end.

use super::Unit;
use crate::{
    store::failure::{Abort, Class, classify},
    telemetry::metrics,
};
use rand::Rng;
use sea_orm::DbErr;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tracing::{Span, field::Empty};

const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// What is left for the answer to travel.
const ANSWER_TIME: Duration = Duration::from_millis(20);

/// The attempts at one unit of work.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    unit: Unit<'a>,
    number: u32,
    /// What was said when a commit was lost.
    unknown: Option<DbErr>,
}

impl<'a> Attempts<'a> {
    pub(super) const fn of(unit: Unit<'a>) -> Self {
        Self {
            unit,
            number: 0,
            unknown: None,
        }
    }

    /// The span of the next attempt.
    pub(super) fn begin(&mut self) -> Span {
        self.number += 1;
        tracing::info_span!(
            "unit",
            otel.name = self.unit.name,
            otel.status_code = Empty,
            unit = self.unit.name,
            attempt = self.number,
            "error.type" = Empty,
        )
    }

    /// Waits until it is time for another attempt, or says what the failure comes to.
    pub(super) async fn failed(&mut self, span: Span, abort: Abort) -> Result<(), Abort> {
        span.record("error.type", abort.name());
        if let Abort::Db(error) | Abort::CommitLost(error) = &abort {
            span.record("otel.status_code", "ERROR");
            self.unit.db.suspect(error);
        }
        drop(span);
        let pause = pause(self.number);
        let time_left = Instant::now() + pause + ANSWER_TIME < self.unit.deadline;
        if self.number < ATTEMPTS && time_left && self.again(&abort) {
            let (unit, number) = (self.unit.name, self.number);
            tracing::debug!(unit, number, abort = abort.name(), "again");
            metrics::retried(unit, abort.name());
            if let Abort::CommitLost(error) = abort {
                self.unknown = Some(error);
            }
            sleep(pause).await;
            return Ok(());
        }
        // Once a commit was lost, only an attempt that ends well tells what became of it: "nothing was changed", or
        // a refusal, may be wrong while that commit is still under way somewhere.
        Err(match self.unknown.take() {
            Some(error) => {
                tracing::warn!(
                    unit = self.unit.name,
                    abort = abort.name(),
                    "could not find out what became of a commit"
                );
                Abort::CommitLost(error)
            }
            None => abort,
        })
    }

    fn again(&self, abort: &Abort) -> bool {
        match abort {
            Abort::Moved => true,
            Abort::Db(error) => matches!(classify(error), Class::Retry | Class::Connection),
            // The request row tells whether it happened: the next attempt reads it first.
            Abort::CommitLost(_) => self.unit.replayable,
            Abort::Refused(_) | Abort::Stale | Abort::Busy | Abort::Late => false,
        }
    }
}

/// Full jitter: callers that collided once do not meet again.
fn pause(attempt: u32) -> Duration {
    let longest = (FIRST_PAUSE * 2_u32.pow(attempt.min(10))).min(LONGEST_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.1..1.0))
}
