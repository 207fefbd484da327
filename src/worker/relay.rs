//! Drives the relay: at once when this process has committed events, and otherwise looks again after a short while.
//!
//! The one that relays keeps its lease, since it looks many times a second; the others try to get it now and then.

use super::holding::{patiently, release, take};
use crate::{
    app::{App, events::Turns, sweep::Stopped},
    store::lease::Lease,
    telemetry::metrics,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name of the lease that all replicas share.
const LEASE: &str = "relay";
/// How often those without the lease try to get it.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often a lease is renewed while nothing is to be done.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How often what is old is forgotten.
const PURGE_EVERY: Duration = Duration::from_mins(10);
/// How long it forgets at a time.
const PURGE_TIME: Duration = Duration::from_millis(200);
/// How often it is measured how many events wait.
const MEASURE_EVERY: Duration = Duration::from_secs(15);
/// The pause after a round, in which events gather: a round is a transaction, and may be of many events.
const GATHER: Duration = Duration::from_millis(20);

/// Relays until `stop`. A round that is under way ends after its current batch.
pub async fn run(app: Arc<App>, interval: Duration, stop: CancellationToken) {
    let owner = Uuid::now_v7().to_string();
    let mut measured = None;
    while !stop.is_cancelled() {
        match take(&app, LEASE, &owner).await {
            Ok(Some(lease)) => {
                if let Err(stopped) = hold(&app, &lease, interval, &mut measured, &stop).await {
                    tell(&stopped);
                }
                release(&app, &lease).await;
            }
            Ok(None) => {}
            Err(stopped) => tell(&stopped),
        }
        measure(&app, &mut measured).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(TRY_EVERY) => {}
        }
    }
}

fn tell(stopped: &Stopped) {
    match stopped {
        Stopped::LeaseLost => tracing::warn!("another replica took over the relay"),
        Stopped::Failed(error) => tracing::error!(error = %error, "the relay of events failed; it tries again"),
    }
}

/// Round after round, for as long as the lease is there and nothing fails.
async fn hold(
    app: &App,
    lease: &Lease,
    interval: Duration,
    measured: &mut Option<Instant>,
    stop: &CancellationToken,
) -> Result<(), Stopped> {
    let go_on = || !stop.is_cancelled();
    let mut turns = Turns::default();
    let (mut renewed, mut purged) = (Instant::now(), None);
    while go_on() {
        let relayed = app.relay(lease, &mut turns, go_on).await?;
        metrics::relayed(relayed);
        if relayed > 0 {
            renewed = Instant::now();
        } else if renewed.elapsed() >= RENEW_EVERY {
            if !app.keep_relay(lease).await.map_err(Stopped::Failed)? {
                return Err(Stopped::LeaseLost);
            }
            renewed = Instant::now();
        }
        measure(app, measured).await;
        if purged.is_none_or(|purged: Instant| purged.elapsed() >= PURGE_EVERY) {
            // New events do not wait for that, nor does the lease: what is left goes on after the next of them.
            let until = Instant::now() + PURGE_TIME;
            let done = app.purge_events(|| go_on() && Instant::now() < until).await;
            if let Err(error) = &done {
                tracing::warn!(error = %error, "old events were not forgotten");
            }
            if done.is_err() || Instant::now() < until {
                purged = Some(Instant::now());
            }
        }
        let pause = async {
            sleep(GATHER.min(interval)).await;
            tokio::select! {
                () = app.db.told() => {}
                () = sleep(interval.saturating_sub(GATHER)) => {}
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = pause => {}
        }
    }
    Ok(())
}

/// Every replica measures: the one that holds the lease may be the one that hangs.
async fn measure(app: &App, measured: &mut Option<Instant>) {
    let due = measured.is_none_or(|measured| measured.elapsed() >= MEASURE_EVERY);
    if metrics::on() && due {
        *measured = Some(Instant::now());
        match app.relay_lag().await {
            Ok((waiting, oldest)) => metrics::relay_lag(waiting, oldest),
            Err(error) => tracing::warn!(error = %error, "it is not known how many events wait"),
        }
    }
}

/// One round; nothing if another replica is at it.
async fn round(app: &App, owner: &str) -> Result<Option<usize>, Stopped> {
    let Some(lease) = take(app, LEASE, owner).await? else {
        return Ok(None);
    };
    let mut turns = Turns::default();
    let relayed = app.relay(&lease, &mut turns, || true).await;
    release(app, &lease).await;
    match turns.failed() {
        Some(error) => Err(Stopped::Failed(error.clone())),
        None => relayed.map(Some),
    }
}

/// All events that wait, now, whoever else is at them: waits for the lease for as long as a dead holder keeps it.
pub async fn once(app: &App) -> Result<usize, Stopped> {
    let owner = Uuid::now_v7().to_string();
    patiently(|| round(app, &owner)).await
}
