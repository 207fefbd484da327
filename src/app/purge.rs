//! Forgets the answers of requests that nobody repeats any more.
//!
//! Statement budget per 500 answers: 1 read, 5 writes.

use super::App;
use crate::{
    domain::error::Error,
    store::request::{self, PURGE_BATCH},
};
use chrono::TimeDelta;
use std::time::Duration;
use tokio::time::Instant;

/// For how long a repeated request is answered as the first was.
const KEPT: TimeDelta = TimeDelta::days(7);
/// How long a batch may take.
const BATCH_TIME: Duration = Duration::from_secs(10);

impl App {
    /// Forgets what is older than seven days, for as long as `go_on` says so; says how much that was.
    pub async fn purge(&self, go_on: impl Fn() -> bool) -> Result<usize, Error> {
        let before = self.clock.now() - KEPT;
        let mut forgotten = 0;
        while go_on() {
            let unit = self.db.unit("purge requests", Instant::now() + BATCH_TIME);
            let batch = unit.retry(|| unit.tx(async |tx| Ok(request::purge(tx, before).await?)));
            let some = batch.await.map_err(|abort| unit.error(abort))?;
            forgotten += some;
            if some < PURGE_BATCH {
                break;
            }
        }
        Ok(forgotten)
    }
}
