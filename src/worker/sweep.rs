//! Drives the sweep and the replan: as long as there is work it goes on, otherwise it waits for the next round.

use crate::{
    app::{
        App,
        sweep::{LEASE_TIME, Stopped, Swept},
    },
    store::lease::{self, Lease},
    telemetry::metrics,
};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

/// Name of the lease that all replicas share.
const LEASE: &str = "sweep";
const LEASE_WAIT: Duration = Duration::from_secs(5);

/// How the sweep runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long it waits between rounds.
    pub interval: Duration,
    /// How long after its deadline an account is taken, so that events that are late still save it.
    pub grace: TimeDelta,
}

/// Sweeps until `stop`. A round that is under way ends after its current batch.
pub async fn run(app: Arc<App>, settings: Settings, stop: CancellationToken) {
    let owner = Uuid::now_v7().to_string();
    loop {
        let span = tracing::info_span!(
            "sweep round",
            outcome = Empty,
            reclaimed = Empty,
            replanned = Empty,
            failed = Empty
        );
        let ended = round(&app, &owner, settings.grace, &stop)
            .instrument(span.clone())
            .await;
        span.in_scope(|| tell(&span, ended));
        drop(span);
        if metrics::on() {
            // Every replica measures: the one that holds the lease may be the one that hangs.
            if let Ok((due, oldest)) = app.sweep_lag(settings.grace).await {
                metrics::lag(due, oldest);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(settings.interval) => {}
        }
    }
}

/// Says what came of a round, to whoever listens.
fn tell(span: &Span, ended: Result<Option<Swept>, Stopped>) {
    let outcome = match ended {
        Ok(Some(swept)) => {
            let Swept {
                reclaimed,
                replanned,
                failed,
            } = swept;
            if swept != Swept::default() {
                tracing::info!(reclaimed, replanned, failed, "swept");
            }
            for (outcome, accounts) in [("reclaimed", reclaimed), ("replanned", replanned), ("failed", failed)] {
                span.record(outcome, accounts);
                metrics::swept(outcome, accounts);
            }
            "done"
        }
        Ok(None) => "other_replica",
        Err(Stopped::LeaseLost) => {
            tracing::warn!("another replica took over the sweep");
            "lease_lost"
        }
        Err(Stopped::Failed(error)) => {
            tracing::error!(error = %error, "the sweep failed; it tries again");
            "failed"
        }
    };
    span.record("outcome", outcome);
    metrics::round(outcome);
}

/// One round; nothing if another replica is at it.
async fn round(app: &App, owner: &str, grace: TimeDelta, stop: &CancellationToken) -> Result<Option<Swept>, Stopped> {
    let Some(lease) = take(app, owner).await? else {
        return Ok(None);
    };
    let go_on = || !stop.is_cancelled();
    let swept = async {
        let mut swept = app.sweep(&lease, grace, go_on).await?;
        let replanned = app.replan(&lease, go_on).await?;
        swept.replanned += replanned.replanned;
        swept.failed += replanned.failed;
        Ok(swept)
    }
    .await;
    release(app, &lease).await;
    swept.map(Some)
}

/// One round now, whoever else is at it: waits for the lease for as long as a dead holder keeps it.
pub async fn once(app: &App, grace: TimeDelta) -> Result<Swept, Stopped> {
    let owner = Uuid::now_v7().to_string();
    let until = Instant::now() + LEASE_TIME + LEASE_WAIT;
    loop {
        if let Some(swept) = round(app, &owner, grace, &CancellationToken::new()).await? {
            return Ok(swept);
        }
        if Instant::now() >= until {
            return Err(Stopped::LeaseLost);
        }
        sleep(Duration::from_millis(500)).await;
    }
}

async fn take(app: &App, owner: &str) -> Result<Option<Lease>, Stopped> {
    let unit = app.db.unit("take lease", Instant::now() + LEASE_WAIT);
    let engine = app.db.engine();
    let taken = unit.retry(|| unit.tx(async |tx| Ok(lease::take(tx, engine, LEASE, owner, LEASE_TIME).await?)));
    taken.await.map_err(|abort| Stopped::Failed(unit.error(abort)))
}

async fn release(app: &App, lease: &Lease) {
    let unit = app.db.unit("release lease", Instant::now() + LEASE_WAIT);
    let released = unit.retry(|| unit.tx(async |tx| Ok(lease::release(tx, lease).await?)));
    if let Err(abort) = released.await {
        // It expires by itself.
        tracing::debug!(abort = abort.name(), "the lease was not released");
    }
}
