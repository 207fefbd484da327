//! What waited for its account is recorded once the account is there, however that came to be: created, imported, or given
//! the external id. It is told again, by the same flow as if its source had just done so; the same transaction takes it
//! off the list of what waits. What nobody needed within its time is forgotten.
//!
//! Statement budget per 500 activities: 1 lease, 1 read, and for each of their sources what `super::ingest` says.
//! Forgetting: 1 read and per 128 of a source 1 write.

use super::{
    App,
    activity::{Outcomes, Recorded},
    call::{Call, Scope},
    flow::Reply,
    ingest::{Delivery, Part},
    sweep::{LEASE_TIME, Stopped},
};
use crate::{
    domain::error::Error,
    domain::refusal::Reason,
    store::{
        lease::{self, Lease},
        parked::{self, ParkedKey, Ready},
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
    /// Records what waited and need not wait any more, for as long as `go_on` says so.
    pub async fn replay_parked(&self, lease: &Lease, go_on: impl Fn() -> bool) -> Result<Replayed, Stopped> {
        let (mut replayed, mut after) = (Replayed::default(), None);
        while go_on() {
            let page = self.ready_page(lease, after.as_ref()).await?;
            for told in page.chunk_by(of_one_source) {
                replayed.add(self.replay_or_each(told).await?);
            }
            match page.last() {
                Some(last) if page.len() == BATCH => after = Some(last.key.clone()),
                _ => break,
            }
        }
        Ok(replayed)
    }

    async fn ready_page(&self, lease: &Lease, after: Option<&ParkedKey>) -> Result<Vec<Ready>, Stopped> {
        let unit = self.db.unit("find parked activities", Instant::now() + BATCH_TIME);
        let page = unit.retry(|| {
            unit.tx(async |tx| {
                if !lease::renew(tx, self.db.engine(), lease, LEASE_TIME).await? {
                    return Ok(None);
                }
                Ok(Some(parked::ready(tx, after, BATCH).await?))
            })
        });
        let page = page.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        page.ok_or(Stopped::LeaseLost)
    }

    /// A batch that fails for what it is about is tried activity by activity, so that one bad row stops nobody else.
    async fn replay_or_each(&self, told: &[Ready]) -> Result<Replayed, Stopped> {
        match self.replay(told).await {
            Err(error) if error.reason() == Reason::Internal => {}
            done => return done.map_err(Stopped::Failed),
        }
        let mut replayed = Replayed::default();
        for one in told.chunks(1) {
            match self.replay(one).await {
                Ok(done) => replayed.add(done),
                Err(error) if error.reason() == Reason::Internal => {
                    let key = &one[0].key;
                    tracing::error!(tenant = %one[0].tenant, source = %key.source, event_id = %key.event_id,
                        "a parked activity cannot be decided; it is tried again");
                    replayed.failed += 1;
                }
                Err(error) => return Err(Stopped::Failed(error)),
            }
        }
        Ok(replayed)
    }

    /// Tells again what one source told.
    async fn replay(&self, told: &[Ready]) -> Result<Replayed, Error> {
        let Some(first) = told.first() else {
            return Ok(Replayed::default());
        };
        let call = Call {
            tenant: first.tenant.clone(),
            caller: first.key.source.clone(),
            scopes: vec![Scope::Ingest],
            actor: None,
            deadline: Instant::now() + BATCH_TIME,
        };
        let named = |ready: &Ready| Ok((ready.activity.clone(), Some(ready.external_id.clone())));
        let part = Part {
            key: None,
            told: told.iter().map(named).collect(),
            buffer_unknown: true,
            encode: |_| Vec::new(),
        };
        let delivery = Delivery {
            call: &call,
            parts: &[&part],
            again: true,
        };
        let replies = self.deliver(delivery).await?;
        let mut replayed = Replayed::default();
        for reply in replies {
            if let Reply::Done(outcomes) = reply? {
                replayed.add(count(&outcomes));
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

fn count(outcomes: &Outcomes) -> Replayed {
    let number = |of: fn(&Result<Recorded, Error>) -> bool| outcomes.iter().filter(|outcome| of(outcome)).count();
    Replayed {
        recorded: number(|outcome| matches!(outcome, Ok(Recorded::New))),
        refused: number(Result::is_err),
        failed: 0,
    }
}
