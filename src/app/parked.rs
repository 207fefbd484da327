//! What waited for its account is recorded once the account is there, however that came to be: created, imported, or given
//! the external id. It is told again, by the same flow as if its source had just done so; the same transaction takes it
//! off the list of what waits. What the account does not take is tried again ever more seldom; what nobody needed within its
//! time is forgotten, but for what is ready and was not tried yet.
//!
//! Statement budget per 500 activities: 1 lease, 1 read, and for each of their sources what `super::ingest` says, and where
//! it was in vain 1 write per 128. Forgetting: 1 read and per 128 of a source 1 write.

use super::{
    App,
    activity::Recorded,
    call::{Call, Scope},
    flow::Reply,
    ingest::{Delivery, Part},
    sweep::{LEASE_TIME, Stopped},
};
use crate::{
    domain::{activity::parking::pause, error::Error, refusal::Reason},
    store::{
        lease::{self, Lease},
        parked::{self, ParkedKey, Ready, Told},
    },
    telemetry::metrics,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// Activities per transaction.
const BATCH: usize = 500;
/// How long a batch may take, all attempts together.
const BATCH_TIME: Duration = Duration::from_secs(10);

/// What became of activities whose account is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// They were recorded.
    pub recorded: usize,
    /// They still wait: the account does not take them.
    pub refused: usize,
    /// They still wait: they could not be decided.
    pub failed: usize,
}

impl Replayed {
    fn add(&mut self, other: Self) {
        self.recorded += other.recorded;
        self.refused += other.refused;
        self.failed += other.failed;
    }
}

fn of_one_source(a: &Ready, b: &Ready) -> bool {
    (a.key.tenant, &a.key.source) == (b.key.tenant, &b.key.source)
}

impl App {
    /// Records what waited and need not wait any more, for as long as `go_on` says so. What stands in the way of one source
    /// is nothing to the others.
    pub async fn replay_parked(&self, lease: &Lease, go_on: impl Fn() -> bool) -> Result<Replayed, Stopped> {
        let (mut replayed, mut after) = (Replayed::default(), None);
        while go_on() {
            let page = self.ready_page(lease, after.as_ref()).await?;
            for ready in page.chunk_by(of_one_source) {
                if !go_on() {
                    break;
                }
                match self.replay_source(ready).await {
                    Ok(done) => replayed.add(done),
                    Err(error) => {
                        let (tenant, source) = (ready[0].key.tenant.0, &ready[0].key.source);
                        tracing::warn!(tenant, source, error = %error,
                            "what a source told was not recorded, and waits on; it is tried again");
                        replayed.failed += ready.len();
                        // If it is the database, this fails as well; if not, the lease is held on to.
                        self.hold_on(lease).await?;
                    }
                }
            }
            match page.last() {
                Some(last) if page.len() == BATCH => after = Some(last.key.clone()),
                _ => break,
            }
        }
        Ok(replayed)
    }

    async fn ready_page(&self, lease: &Lease, after: Option<&ParkedKey>) -> Result<Vec<Ready>, Stopped> {
        let now = self.clock.now();
        let unit = self.db.unit("find parked activities", Instant::now() + BATCH_TIME);
        let page = unit.retry(|| {
            unit.tx(async |tx| {
                if !lease::renew(tx, self.db.engine(), lease, LEASE_TIME).await? {
                    return Ok(None);
                }
                Ok(Some(parked::ready(tx, now, after, BATCH).await?))
            })
        });
        let page = page.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        page.ok_or(Stopped::LeaseLost)
    }

    async fn hold_on(&self, lease: &Lease) -> Result<(), Stopped> {
        let unit = self.db.unit("hold on to the lease", Instant::now() + BATCH_TIME);
        let held = unit.retry(|| unit.tx(async |tx| Ok(lease::renew(tx, self.db.engine(), lease, LEASE_TIME).await?)));
        match held.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stopped::LeaseLost),
            Err(abort) => Err(Stopped::Failed(unit.error(abort))),
        }
    }

    /// Tells again what one source told. What cannot be read, or is not taken, is let alone for a while.
    async fn replay_source(&self, ready: &[Ready]) -> Result<Replayed, Error> {
        let mut replayed = Replayed::default();
        let (mut told, mut in_vain) = (Vec::with_capacity(ready.len()), Vec::new());
        for row in ready {
            match &row.told {
                Ok(activity) => told.push((row, activity)),
                Err(error) => {
                    tracing::error!(error = %error, "a parked activity cannot be read; it is tried again");
                    in_vain.push(row);
                }
            }
        }
        replayed.failed = in_vain.len();
        let done = self.replay_or_each(&told, &mut in_vain).await;
        // In the order in which they were found, which is that of their keys.
        let now = self.clock.now();
        let next = |row: &Ready| now + pause(row.tries.saturating_add(1));
        let tried = ready.iter().filter(|row| in_vain.iter().any(|one| one.key == row.key));
        let tried: Vec<_> = tried.map(|row| (&row.key, next(row))).collect();
        if !tried.is_empty() {
            let unit = self.db.unit("postpone parked activities", Instant::now() + BATCH_TIME);
            let postponed = unit.retry(|| unit.tx(async |tx| Ok(parked::postpone(tx, &tried).await?)));
            postponed.await.map_err(|abort| unit.error(abort))?;
        }
        replayed.add(done?);
        Ok(replayed)
    }

    /// A batch that fails for what it is about is tried activity by activity, so that one bad row stops nobody else.
    async fn replay_or_each<'a>(
        &self,
        told: &[(&'a Ready, &'a Told)],
        in_vain: &mut Vec<&'a Ready>,
    ) -> Result<Replayed, Error> {
        match self.replay(told, in_vain).await {
            Err(error) if error.reason() == Reason::Internal => {}
            done => return done,
        }
        let mut replayed = Replayed::default();
        for one in told {
            match self.replay(&[*one], in_vain).await {
                Ok(done) => replayed.add(done),
                Err(error) if error.reason() == Reason::Internal => {
                    let (key, tenant) = (&one.0.key, &one.1.tenant);
                    tracing::error!(%tenant, source = key.source, event_id = key.event_id,
                        "a parked activity cannot be decided; it is tried again");
                    in_vain.push(one.0);
                    replayed.failed += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(replayed)
    }

    /// Tells these of one source again, each in the trace in which it was told.
    async fn replay<'a>(
        &self,
        told: &[(&'a Ready, &'a Told)],
        in_vain: &mut Vec<&'a Ready>,
    ) -> Result<Replayed, Error> {
        let Some((_, first)) = told.first() else {
            return Ok(Replayed::default());
        };
        let call = Call {
            tenant: first.tenant.clone(),
            caller: first.source.clone(),
            scopes: vec![Scope::Ingest],
            actor: None,
            deadline: Instant::now() + BATCH_TIME,
        };
        let part = |(_, told): &(&Ready, &Told)| Part {
            key: None,
            told: vec![Ok((told.activity.clone(), Some(told.external_id.clone())))],
            buffer_unknown: true,
            encode: |_| Vec::new(),
        };
        let parts: Vec<Part> = told.iter().map(part).collect();
        let traces: Vec<_> = told.iter().map(|(_, told)| told.traceparent.as_deref()).collect();
        let delivery = Delivery {
            call: &call,
            parts: &parts.iter().collect::<Vec<_>>(),
            traces: &traces,
            again: true,
        };
        let mut replayed = Replayed::default();
        for ((row, _), reply) in told.iter().zip(self.deliver(delivery).await?) {
            let Reply::Done(outcomes) = reply? else { continue };
            match outcomes.first() {
                Some(Ok(Recorded::New)) => replayed.recorded += 1,
                Some(Err(_)) => {
                    replayed.refused += 1;
                    in_vain.push(row);
                }
                _ => {}
            }
        }
        metrics::replayed("recorded", replayed.recorded);
        metrics::replayed("refused", replayed.refused);
        Ok(replayed)
    }

    /// Forgets what waited in vain, for as long as `go_on` says so; says how much that was.
    pub async fn expire_parked(&self, go_on: impl Fn() -> bool) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut expired = 0;
        while go_on() {
            let unit = self.db.unit("expire parked activities", Instant::now() + BATCH_TIME);
            let batch = unit.retry(|| unit.tx(async |tx| Ok(parked::expire(tx, now, BATCH).await?)));
            let batch = batch.await.map_err(|abort| unit.error(abort))?;
            let mut of_sources: BTreeMap<_, usize> = BTreeMap::new();
            for key in &batch {
                *of_sources.entry((key.tenant, &key.source)).or_default() += 1;
            }
            for ((tenant, source), activities) in of_sources {
                tracing::warn!(tenant = tenant.0, %source, activities, "activities waited in vain for their accounts");
            }
            metrics::replayed("expired", batch.len());
            expired += batch.len();
            if batch.len() < BATCH {
                break;
            }
        }
        Ok(expired)
    }
}
