//! The relay: gives events their positions in the tenant's stream, after they were committed. A reader that goes by
//! position then misses none, in whatever order transactions end.
//!
//! Statement budget: 1 read for all tenants; per batch of up to 512 events of a tenant 1 lease, 1 read of the stream's
//! end, 1 read of events and 1 more where it begins again with the first account, 1 write of the positions, 1 of the end.

use crate::{
    app::{
        App,
        sweep::{LEASE_TIME, Stopped},
    },
    domain::{
        error::Error,
        event_stream::in_order,
        ids::{AccountId, TenantKey},
        refusal::Reason,
    },
    store::{
        Abort, Tx, event_stream,
        lease::{self, Lease},
        outbox,
    },
    telemetry::metrics,
};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// Events per batch.
const BATCH: usize = 512;
/// How long a batch may take.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// The pause after a tenant's batch failed, and the longest one.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_mins(1)];
/// A batch that failed is tried in parts of so many.
const PARTS: usize = 8;

/// With which account each tenant's next batch begins: so that each gets its turn, however fast events come. And which
/// tenants are set back: they are tried again after a while, in smaller batches, and nobody else waits for them.
#[derive(Debug, Default)]
pub struct Turns {
    next: HashMap<TenantKey, AccountId>,
    set_back: HashMap<TenantKey, SetBack>,
}

/// Of a tenant whose last batch failed.
#[derive(Debug)]
struct SetBack {
    error: Error,
    until: Instant,
    pause: Duration,
    size: usize,
}

/// What is tried next of a tenant.
#[derive(Clone, Copy, Debug)]
struct Turn {
    after: Option<AccountId>,
    size: usize,
    /// Whether it is tried several times, as what usually goes well is.
    again: bool,
}

/// What a batch did.
#[derive(Clone, Copy, Debug)]
struct Placed {
    number: usize,
    /// The account that it ended with, if there may be more.
    ended: Option<AccountId>,
}

impl Turns {
    /// Why a tenant is set back, if any is.
    #[must_use]
    pub fn failed(&self) -> Option<&Error> {
        self.set_back.values().next().map(|set_back| &set_back.error)
    }

    /// Nothing while it is set back.
    fn of(&self, tenant: TenantKey, now: Instant) -> Option<Turn> {
        let after = self.next.get(&tenant).copied();
        let Some(set_back) = self.set_back.get(&tenant) else {
            return Some(Turn {
                after,
                size: BATCH,
                again: true,
            });
        };
        (now >= set_back.until).then_some(Turn {
            after,
            size: set_back.size,
            again: false,
        })
    }

    fn placed(&mut self, tenant: TenantKey, placed: Placed) {
        match placed.ended {
            Some(account) => self.next.insert(tenant, account),
            None => self.next.remove(&tenant),
        };
        if let Some(set_back) = self.set_back.get_mut(&tenant) {
            set_back.size *= PARTS;
            set_back.pause = PAUSES[0];
            if set_back.size > BATCH {
                self.set_back.remove(&tenant);
            }
        }
    }

    /// Passes over the account if it stands in the way alone.
    fn set_back(&mut self, tenant: TenantKey, tried: Turn, error: Error, first: Option<AccountId>, now: Instant) {
        if let (1, Some(account)) = (tried.size, first) {
            self.next.insert(tenant, account);
        }
        let pause = self.set_back.get(&tenant).map_or(PAUSES[0], |before| before.pause * 2);
        let pause = pause.min(PAUSES[1]);
        let set_back = SetBack {
            error,
            until: now + pause,
            pause,
            size: (tried.size / PARTS).max(1),
        };
        self.set_back.insert(tenant, set_back);
    }
}

impl App {
    /// Gives positions to all events that wait, for as long as `go_on` says so; says to how many.
    ///
    /// What fails for one tenant sets that tenant back, and is told in the log and by a metric; the others go on.
    pub async fn relay(&self, lease: &Lease, turns: &mut Turns, go_on: impl Fn() -> bool) -> Result<usize, Stopped> {
        let mut relayed = 0;
        loop {
            let mut more = false;
            for tenant in self.tenants_with_events().await.map_err(Stopped::Failed)? {
                if !go_on() {
                    return Ok(relayed);
                }
                let Some(turn) = turns.of(tenant, Instant::now()) else {
                    continue;
                };
                match self.relay_batch(lease, tenant, turn).await {
                    Ok(batch) => {
                        relayed += batch.number;
                        more |= batch.number > 0 && batch.ended.is_some();
                        turns.placed(tenant, batch);
                        self.events.hub.placed();
                    }
                    // Then nobody's batch goes well.
                    Err(Stopped::Failed(error)) if error.reason() == Reason::DatabaseUnavailable => {
                        return Err(Stopped::Failed(error));
                    }
                    Err(Stopped::Failed(error)) => {
                        tracing::error!(
                            tenant = tenant.0,
                            events = turn.size,
                            error = %error,
                            "events of a tenant are not relayed; others go on, and it is tried again"
                        );
                        metrics::relay_failed();
                        let first = self.first_waiting(tenant, turn).await;
                        turns.set_back(tenant, turn, error, first, Instant::now());
                    }
                    Err(Stopped::LeaseLost) => return Err(Stopped::LeaseLost),
                }
            }
            if !more {
                return Ok(relayed);
            }
        }
    }

    /// The account that a batch begins with, where it is the only one: the one that is passed over if the batch failed.
    async fn first_waiting(&self, tenant: TenantKey, turn: Turn) -> Option<AccountId> {
        if turn.size > 1 {
            return None;
        }
        let unit = self.db.unit("look for events", Instant::now() + BATCH_TIME);
        let look = async {
            let reader = unit.reader().await?;
            Ok::<_, Abort>(outbox::next(&reader, self.db.engine(), tenant, turn.after, 1).await?)
        };
        look.await.ok()?.first().map(|event| event.account)
    }

    /// How many events wait, counted up to ten thousand per tenant, and for how long the oldest of them. Of tenants that
    /// cannot be looked at the log tells; nothing is known if that is all of them.
    pub async fn relay_lag(&self) -> Result<(u64, Duration), Error> {
        let unit = self.db.unit("measure relay", Instant::now() + BATCH_TIME);
        let (mut number, mut oldest) = (0, None);
        let (mut known, mut failed) = (false, None);
        for tenant in self.tenants_with_events().await? {
            let behind = unit.retry(|| async {
                let reader = unit.reader().await?;
                Ok(outbox::behind(&reader, self.db.engine(), tenant).await?)
            });
            match behind.await.map_err(|abort| unit.error(abort)) {
                Ok((some, first)) => {
                    known = true;
                    number += some;
                    oldest = oldest.into_iter().chain(first).min();
                }
                Err(error) => {
                    tracing::warn!(tenant = tenant.0, error = %error, "it is not known how many events of a tenant wait");
                    failed = Some(error);
                }
            }
        }
        if let (false, Some(error)) = (known, failed) {
            return Err(error);
        }
        let waits = oldest.and_then(|first| (self.clock.now() - first).to_std().ok());
        Ok((u64::try_from(number).unwrap_or(0), waits.unwrap_or_default()))
    }

    /// Keeps the lease where there is nothing to do; `false` means that it was lost.
    pub async fn keep_relay(&self, lease: &Lease) -> Result<bool, Error> {
        let unit = self.db.unit("keep lease", Instant::now() + BATCH_TIME);
        let engine = self.db.engine();
        let kept = unit.retry(|| unit.tx(async |tx| Ok(lease::renew(tx, engine, lease, LEASE_TIME).await?)));
        kept.await.map_err(|abort| unit.error(abort))
    }

    async fn tenants_with_events(&self) -> Result<Vec<TenantKey>, Error> {
        // Without a trace for each look, many times a second; the next look is the next attempt.
        let unit = self.db.unit("look for events", Instant::now() + BATCH_TIME);
        let look = async {
            let reader = unit.reader().await?;
            Ok(outbox::waiting(&reader, self.db.engine()).await?)
        };
        look.await.map_err(|abort| unit.error(abort))
    }

    /// One transaction with a renewal of the lease: a worker that was paused for so long that another took over writes
    /// nothing. Run again after an unknown outcome, it goes on from wherever the stream ends.
    async fn relay_batch(&self, lease: &Lease, tenant: TenantKey, turn: Turn) -> Result<Placed, Stopped> {
        let unit = self.db.unit("relay", Instant::now() + BATCH_TIME).replayable(true);
        let batch = || unit.tx(async |tx| self.relay_once(tx, lease, tenant, turn).await);
        let placed = if turn.again {
            unit.retry(batch).await
        } else {
            batch().await
        };
        let placed = placed.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        placed.ok_or(Stopped::LeaseLost)
    }

    async fn relay_once(&self, tx: &Tx, lease: &Lease, tenant: TenantKey, turn: Turn) -> Result<Option<Placed>, Abort> {
        let engine = self.db.engine();
        if !lease::renew(tx, engine, lease, LEASE_TIME).await? {
            return Ok(None);
        }
        let last = event_stream::last(tx, engine, tenant).await?;
        let events = outbox::next(tx, engine, tenant, turn.after, turn.size).await?;
        let full = events.len() == turn.size;
        let placed = Placed {
            number: events.len(),
            ended: events.last().filter(|_| full).map(|event| event.account),
        };
        if events.is_empty() {
            return Ok(Some(placed));
        }
        let to = last + i64::try_from(events.len()).unwrap_or(i64::MAX);
        outbox::place(tx, engine, tenant, last, &in_order(events)).await?;
        event_stream::raise(tx, tenant, last, to).await?;
        Ok(Some(placed))
    }
}

#[cfg(test)]
mod tests;
