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
    },
    store::{
        event_stream,
        lease::{self, Lease},
        outbox::{self, Part},
    },
};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// Events per batch.
const BATCH: usize = 512;
/// How long a batch may take.
const BATCH_TIME: Duration = Duration::from_secs(10);

/// With which account each tenant's next batch begins: so that each gets its turn, however fast events come.
#[derive(Debug, Default)]
pub struct Turns(HashMap<TenantKey, AccountId>);

/// What a batch did.
#[derive(Clone, Copy, Debug)]
struct Placed {
    number: usize,
    /// The account that it ended with, if there may be more.
    ended: Option<AccountId>,
}

impl App {
    /// Gives positions to all events that wait, for as long as `go_on` says so; says to how many.
    pub async fn relay(&self, lease: &Lease, turns: &mut Turns, go_on: impl Fn() -> bool) -> Result<usize, Stopped> {
        let mut relayed = 0;
        loop {
            let (mut placed, mut more, mut failed) = (0, false, None);
            for tenant in self.tenants_with_events().await.map_err(Stopped::Failed)? {
                if !go_on() {
                    return Ok(relayed);
                }
                match self.relay_batch(lease, tenant, turns.0.get(&tenant).copied()).await {
                    Ok(batch) => {
                        placed += batch.number;
                        more |= batch.ended.is_some();
                        match batch.ended {
                            Some(account) => turns.0.insert(tenant, account),
                            None => turns.0.remove(&tenant),
                        };
                        self.events.hub.placed();
                    }
                    Err(Stopped::LeaseLost) => return Err(Stopped::LeaseLost),
                    // The other tenants' events go on.
                    Err(Stopped::Failed(error)) => failed = Some(error),
                }
            }
            relayed += placed;
            if placed == 0 || !more {
                return failed.map_or(Ok(relayed), |error| Err(Stopped::Failed(error)));
            }
        }
    }

    /// How many events wait, counted up to ten thousand per tenant, and for how long the oldest of them.
    pub async fn relay_lag(&self) -> Result<(u64, Duration), Error> {
        let unit = self.db.unit("measure relay", Instant::now() + BATCH_TIME);
        let (mut number, mut oldest) = (0, None);
        for tenant in self.tenants_with_events().await? {
            let behind = unit.retry(|| async {
                let reader = unit.reader().await?;
                Ok(outbox::behind(&reader, self.db.engine(), tenant).await?)
            });
            let (some, first) = behind.await.map_err(|abort| unit.error(abort))?;
            number += some;
            oldest = oldest.into_iter().chain(first).min();
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
    async fn relay_batch(&self, lease: &Lease, tenant: TenantKey, after: Option<AccountId>) -> Result<Placed, Stopped> {
        let unit = self.db.unit("relay", Instant::now() + BATCH_TIME).replayable(true);
        let engine = self.db.engine();
        let placed = unit.retry(|| {
            unit.tx(async |tx| {
                if !lease::renew(tx, engine, lease, LEASE_TIME).await? {
                    return Ok(None);
                }
                let last = event_stream::last(tx, engine, tenant).await?;
                let part = after.map_or(Part::All, Part::After);
                let mut events = outbox::next(tx, engine, tenant, part, BATCH).await?;
                if let Some(after) = after.filter(|_| events.len() < BATCH) {
                    let room = BATCH - events.len();
                    events.extend(outbox::next(tx, engine, tenant, Part::UpTo(after), room).await?);
                }
                let full = events.len() == BATCH;
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
            })
        });
        let placed = placed.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        placed.ok_or(Stopped::LeaseLost)
    }
}
