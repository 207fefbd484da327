//! Forgets old events: the stream begins later. The events themselves stay, they are the history of their accounts.
//!
//! Statement budget: 1 read; per tenant and 500 events 1 read, and 1 write where some are forgotten.

use crate::{
    app::App,
    domain::{error::Error, event_stream::purged_to},
    store::event_stream,
};
use chrono::TimeDelta;
use std::time::Duration;
use tokio::time::Instant;

/// Events that are looked at at once.
const BATCH: usize = 500;
/// How long a batch may take.
const BATCH_TIME: Duration = Duration::from_secs(10);

impl App {
    /// Forgets what is older than the days that are configured, for as long as `go_on` says so; says how many events.
    pub async fn purge_events(&self, go_on: impl Fn() -> bool) -> Result<i64, Error> {
        let keep = TimeDelta::days(self.events.settings.keep_days.into());
        let before = self.clock.now() - keep;
        let unit = self.db.unit("purge events", Instant::now() + BATCH_TIME);
        let streams = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(event_stream::all_bounds(&reader).await?)
        });
        let mut forgotten = 0;
        for (tenant, bounds) in streams.await.map_err(|abort| unit.error(abort))? {
            let mut purged = bounds.purged;
            while go_on() && purged < bounds.last {
                let unit = self.db.unit("purge events", Instant::now() + BATCH_TIME);
                let ages = unit.retry(|| async {
                    let reader = unit.reader().await?;
                    Ok(event_stream::ages(&reader, tenant, purged, BATCH).await?)
                });
                let ages = ages.await.map_err(|abort| unit.error(abort))?;
                let Some(to) = purged_to(&ages, before) else { break };
                let forget = unit.retry(|| unit.tx(async |tx| Ok(event_stream::forget(tx, tenant, to).await?)));
                forget.await.map_err(|abort| unit.error(abort))?;
                forgotten += to - purged;
                purged = to;
                if ages.last().is_none_or(|(position, _)| *position > to) {
                    break;
                }
            }
        }
        Ok(forgotten)
    }
}
