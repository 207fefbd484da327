//! Drives the sweep, the replan, what waits for its account, and the purge of what is too old: as long as there is work it
//! goes on, otherwise it waits for the next round.

use super::holding::{patiently, release, take};
use crate::{
    app::{
        App,
        parked::Replayed,
        sweep::{Ended, Planned, Stopped, Swept},
    },
    telemetry::metrics,
};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

/// Name of the lease that all replicas share.
const LEASE: &str = "sweep";

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
            reminded = Empty,
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
                reminded,
                replanned,
                stopped,
                unheard,
                failed,
            } = swept;
            if swept != Swept::default() {
                tracing::info!(reclaimed, reminded, replanned, stopped, unheard, failed, "swept");
            }
            let outcomes = [
                ("reclaimed", reclaimed),
                ("reminded", reminded),
                ("replanned", replanned),
                ("failed", failed),
            ];
            for (outcome, accounts) in outcomes {
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
    let Some(lease) = take(app, LEASE, owner).await? else {
        return Ok(None);
    };
    let go_on = || !stop.is_cancelled();
    let swept = async {
        // What waited for its account may be what keeps it.
        match Box::pin(app.replay_parked(&lease, go_on)).await {
            Ok(replayed) if replayed == Replayed::default() => {}
            Ok(Replayed {
                recorded,
                refused,
                failed,
            }) => tracing::info!(recorded, refused, failed, "told accounts of what waited for them"),
            Err(Stopped::LeaseLost) => return Err(Stopped::LeaseLost),
            Err(Stopped::Failed(error)) => {
                tracing::warn!(error = %error, "what waits for its account was not recorded; it is tried again");
            }
        }
        let (mut swept, mut planned) = (Swept::default(), Planned::default());
        loop {
            // What falls due while many deadlines are computed again does not wait for all of them.
            (swept.stopped, swept.unheard) = (0, 0);
            swept.add(app.sweep(&lease, grace, go_on).await?);
            let (replanned, ended) = app.replan(&lease, &mut planned, go_on).await?;
            swept.add(replanned);
            if ended == Ended::All || !go_on() {
                break;
            }
        }
        // What was swept is told all the same; the next round purges again.
        if let Err(error) = app.purge(go_on).await {
            tracing::warn!(error = %error, "old answers were not forgotten");
        }
        if let Err(error) = app.expire_parked(go_on).await {
            tracing::warn!(error = %error, "what waited in vain was not forgotten");
        }
        Ok(swept)
    }
    .await;
    release(app, &lease).await;
    swept.map(Some)
}

/// One round now, whoever else is at it: waits for the lease for as long as a dead holder keeps it.
pub async fn once(app: &App, grace: TimeDelta) -> Result<Swept, Stopped> {
    let owner = Uuid::now_v7().to_string();
    let never = CancellationToken::new();
    patiently(|| round(app, &owner, grace, &never)).await
}
