//! Takes and lets go of the lease of a kind of work.

use crate::{
    app::{
        App,
        sweep::{LEASE_TIME, Stopped},
    },
    store::lease::{self, Lease},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LEASE_WAIT: Duration = Duration::from_secs(5);

/// The lease, unless somebody else has it.
pub(super) async fn take(app: &App, name: &'static str, owner: &str) -> Result<Option<Lease>, Stopped> {
    let unit = app.db.unit("take lease", Instant::now() + LEASE_WAIT);
    let engine = app.db.engine();
    let taken = unit.retry(|| unit.tx(async |tx| Ok(lease::take(tx, engine, name, owner, LEASE_TIME).await?)));
    taken.await.map_err(|abort| Stopped::Failed(unit.error(abort)))
}

/// Lets go of it.
pub(super) async fn release(app: &App, lease: &Lease) {
    let unit = app.db.unit("release lease", Instant::now() + LEASE_WAIT);
    let released = unit.retry(|| unit.tx(async |tx| Ok(lease::release(tx, lease).await?)));
    if let Err(abort) = released.await {
        // It expires by itself.
        tracing::debug!(?abort, "the lease was not released");
    }
}

/// Tries until it is its turn, for as long as a dead holder keeps the lease.
pub(super) async fn patiently<T, F>(mut round: impl FnMut() -> F) -> Result<T, Stopped>
where
    F: Future<Output = Result<Option<T>, Stopped>>,
{
    let until = Instant::now() + LEASE_TIME + LEASE_WAIT;
    loop {
        if let Some(done) = round().await? {
            return Ok(done);
        }
        if Instant::now() >= until {
            return Err(Stopped::LeaseLost);
        }
        sleep(Duration::from_millis(500)).await;
    }
}
