//! A transaction that has begun, until it is committed or not.

use super::Unit;
use crate::store::{failure::Abort, tx::Tx};
use std::time::Duration;
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

/// A rollback that takes longer is left to the release of the connection, which ends it one way or the other.
const ROLLBACK_TIME: Duration = Duration::from_secs(1);

/// The transaction.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    pub(super) tx: Tx,
    /// Until when the database must have answered everything.
    pub(super) end: Instant,
    unit: Unit<'a>,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Begun<'a> {
    pub(super) async fn new(unit: Unit<'a>) -> Result<Self, Abort> {
        let permit = unit.permit(&unit.db.write_permits).await?;
        let end = Instant::now() + unit.db.options.attempt_timeout;
        let begun = timeout_at(end, unit.db.transact()).await;
        Ok(Self {
            tx: Tx::new(begun.map_err(|_| unit.given_up())??),
            end,
            unit,
            _permit: permit,
        })
    }

    /// Commits, unless the deadline has passed by now.
    pub(super) async fn commit(self) -> Result<(), Abort> {
        if Instant::now() >= self.unit.deadline {
            self.roll_back().await;
            return Err(Abort::Late);
        }
        let tells = self.tx.tells();
        let committed = timeout_at(self.end, self.tx.commit()).await;
        committed.unwrap_or_else(|_| Err(Abort::CommitLost(self.unit.given_up())))?;
        if tells {
            self.unit.db.told.notify_one();
        }
        Ok(())
    }

    pub(super) async fn roll_back(self) {
        if timeout(ROLLBACK_TIME, self.tx.rollback()).await.is_err() {
            tracing::warn!(unit = self.unit.name, "the database does not answer a rollback");
        }
    }
}
