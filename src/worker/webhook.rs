//! Drives webhooks: each for which there is something to do has its turn, several at the same time, one at a time of each.
//! So a target that is slow or dead keeps nobody waiting but itself.

use super::holding::{patiently, release, take};
use crate::{
    app::{
        App,
        sweep::{LEASE_TIME, Stopped},
        webhook::{Encode, Turned},
    },
    store::lease::{self, Lease},
    telemetry::metrics,
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name of the lease that all replicas share.
const LEASE: &str = "webhooks";
/// How often those without the lease try to get it.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often it is renewed. Turns renew it too.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long a renewal may take.
const RENEW_TIME: Duration = Duration::from_secs(5);
/// How often what is old is forgotten.
const PURGE_EVERY: Duration = Duration::from_mins(10);
/// How often it is measured how far webhooks are behind.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// How webhooks are driven.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Makes bodies of events.
    pub encode: Encode,
    /// How often is looked for something to do.
    pub interval: Duration,
    /// How many webhooks are sent to at the same time.
    pub at_once: usize,
}

/// Sends until `stop`. A request that is under way is waited for.
pub async fn run(app: Arc<App>, settings: Settings, stop: CancellationToken) {
    let owner = Uuid::now_v7().to_string();
    while !stop.is_cancelled() {
        match take(&app, LEASE, &owner).await {
            Ok(Some(lease)) => {
                if let Err(stopped) = Round::new(&app, settings, lease.clone(), &stop).go(false).await {
                    tell(&stopped);
                }
                release(&app, &lease).await;
            }
            Ok(None) => {}
            Err(stopped) => tell(&stopped),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(TRY_EVERY) => {}
        }
    }
}

fn tell(stopped: &Stopped) {
    match stopped {
        Stopped::LeaseLost => tracing::warn!("another replica took over the webhooks"),
        Stopped::Failed(error) => tracing::error!(error = %error, "sending to webhooks failed; it is tried again"),
    }
}

/// For as long as the lease is there.
struct Round {
    app: Arc<App>,
    settings: Settings,
    lease: Lease,
    /// No more requests.
    stop: CancellationToken,
    turns: JoinSet<(Uuid, Result<Turned, Stopped>)>,
    busy: HashSet<Uuid>,
    all: Turned,
}

impl Round {
    fn new(app: &Arc<App>, settings: Settings, lease: Lease, stop: &CancellationToken) -> Self {
        Self {
            app: app.clone(),
            settings,
            lease,
            stop: stop.child_token(),
            turns: JoinSet::new(),
            busy: HashSet::new(),
            all: Turned::default(),
        }
    }

    /// Goes on until it is stopped, the lease is lost, or, if `ends`, there is nothing to do. Waits for what is under way in
    /// any case: a turn that is dropped could leave a statement without an end.
    async fn go(mut self, ends: bool) -> Result<Turned, Stopped> {
        let ended = self.drive(ends).await;
        self.stop.cancel();
        let mut late = Ok(());
        while let Some(turned) = self.turns.join_next().await {
            late = late.and(self.note(turned));
        }
        ended.and(late).map(|()| self.all)
    }

    async fn drive(&mut self, ends: bool) -> Result<(), Stopped> {
        let (mut renewed, mut purged, mut measured) = (Instant::now(), None, None);
        // However seldom is looked, the lease is kept.
        let pause = self.settings.interval.min(RENEW_EVERY);
        while !self.stop.is_cancelled() {
            self.begin_turns().await?;
            if ends && self.turns.is_empty() {
                return Ok(());
            }
            let mut failed = false;
            tokio::select! {
                () = self.stop.cancelled() => {}
                Some(turned) = self.turns.join_next() => match self.note(turned) {
                    Err(Stopped::Failed(error)) if !ends => {
                        tell(&Stopped::Failed(error));
                        failed = true;
                    }
                    other => other?,
                },
                () = sleep(pause) => {}
            }
            if failed {
                // What failed is due at once: not as fast as it fails.
                sleep(pause).await;
            }
            if renewed.elapsed() >= RENEW_EVERY {
                self.renew().await?;
                renewed = Instant::now();
            }
            self.measure(&mut measured).await;
            if due(&mut purged, PURGE_EVERY)
                && let Err(error) = self.app.purge_dead_letters().await
            {
                tracing::warn!(error = %error, "old dead letters were not forgotten");
            }
        }
        Ok(())
    }

    async fn begin_turns(&mut self) -> Result<(), Stopped> {
        for found in self.app.webhooks_due().await.map_err(Stopped::Failed)? {
            if self.busy.len() >= self.settings.at_once {
                break;
            }
            if !self.busy.insert(found.id) {
                continue;
            }
            let (app, lease, stop) = (self.app.clone(), self.lease.clone(), self.stop.clone());
            let encode = self.settings.encode;
            self.turns.spawn(async move {
                let turned = app.webhook_turn(&lease, &found, encode, || !stop.is_cancelled()).await;
                (found.id, turned)
            });
        }
        Ok(())
    }

    fn note(&mut self, turned: Result<(Uuid, Result<Turned, Stopped>), JoinError>) -> Result<(), Stopped> {
        let (id, turned) = turned.map_err(|error| {
            tracing::error!(error = %error, "sending to a webhook panicked");
            metrics::panicked();
            // Nobody knows whose turn it was: the next round begins with none.
            self.stop.cancel();
            Stopped::Failed(crate::domain::error::Error::internal())
        })?;
        self.busy.remove(&id);
        let turned = turned?;
        metrics::posted("delivered", turned.delivered);
        metrics::posted("failed", turned.failed - turned.dead);
        metrics::posted("dead", turned.dead);
        self.all.add(turned);
        Ok(())
    }

    async fn renew(&self) -> Result<(), Stopped> {
        let unit = self.app.db.unit("keep lease", Instant::now() + RENEW_TIME);
        let engine = self.app.db.engine();
        let kept = unit.retry(|| unit.tx(async |tx| Ok(lease::renew(tx, engine, &self.lease, LEASE_TIME).await?)));
        if kept.await.map_err(|abort| Stopped::Failed(unit.error(abort)))? {
            Ok(())
        } else {
            Err(Stopped::LeaseLost)
        }
    }

    async fn measure(&self, measured: &mut Option<Instant>) {
        if metrics::on()
            && due(measured, MEASURE_EVERY)
            && let Ok((events, disabled)) = self.app.webhooks_behind().await
        {
            metrics::webhooks_behind(events, disabled);
        }
    }
}

/// Whether it is time again; then it is noted.
fn due(last: &mut Option<Instant>, every: Duration) -> bool {
    let due = last.is_none_or(|last| last.elapsed() >= every);
    if due {
        *last = Some(Instant::now());
    }
    due
}

/// Everything that is to be sent at this time, now, whoever else is at it: waits for the lease for as long as a dead holder
/// keeps it.
pub async fn once(app: &Arc<App>, settings: Settings) -> Result<Turned, Stopped> {
    let owner = Uuid::now_v7().to_string();
    let stop = CancellationToken::new();
    patiently(|| async {
        let Some(lease) = take(app, LEASE, &owner).await? else {
            return Ok(None);
        };
        let turned = Round::new(app, settings, lease.clone(), &stop).go(true).await;
        release(app, &lease).await;
        turned.map(Some)
    })
    .await
}
