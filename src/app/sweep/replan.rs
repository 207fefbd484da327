//! What follows a change of rules: deadlines are computed again, tenant after tenant in slices, so that one with a million
//! accounts keeps no other waiting, nor the sweep. Which accounts are left is told by the accounts themselves, so the work
//! goes on where it was after whatever happens.
//!
//! Statement budget: 1 read per slice of the tenants that are behind; per tenant and slice 2; 1 read per 500 accounts,
//! and what `batch` says.

use super::{BATCH, BATCH_TIME, Stopped, Swept, batch::Work};
use crate::{
    app::{App, call::Call},
    domain::{
        error::Error,
        ids::{AccountId, PoolId, TenantKey},
        organisation::Organisation,
    },
    store::{
        due::{self, Behind},
        lease::Lease,
        replan::{self as progress, Replan},
    },
};
use chrono::TimeDelta;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// What part of the time that a batch took is then left to callers: they wait, and deadlines that are a moment late do not matter.
const REST: u32 = 3;
/// A batch that waited for the database is no reason to keep the lease, the sweep or a shutdown waiting.
const LONGEST_REST: Duration = Duration::from_millis(100);
/// Batches of a tenant before it is another one's turn.
const SLICE: usize = 4;
/// How long a unit of work that began before a change of rules can go on: after that, a pass that finds nothing is proof.
const OLDEST_WORK: TimeDelta = TimeDelta::seconds(60);

/// Where the work is, from slice to slice. Lost with the process, and then found again.
#[derive(Debug, Default)]
pub struct Planned {
    places: HashMap<TenantKey, Place>,
}

/// Where a pass over the accounts of a tenant is.
#[derive(Debug)]
struct Place {
    revision: i64,
    /// When the pass began, in microseconds since the epoch.
    began: i64,
    /// Pools that are left; the last one is next.
    pools: Vec<Option<PoolId>>,
    after: Option<AccountId>,
    found: bool,
    ended: bool,
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// No: all that there was has been looked at.
    All,
    /// Yes: it was the turn of others.
    Slice,
}

impl App {
    /// Computes deadlines again where rules changed: of each tenant a slice, for as long as `go_on` says so.
    pub async fn replan(
        &self,
        lease: &Lease,
        planned: &mut Planned,
        go_on: impl Fn() -> bool,
    ) -> Result<(Swept, Ended), Stopped> {
        let unit = self.db.unit("find tenants to replan", Instant::now() + BATCH_TIME);
        let behind = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(due::behind(&reader).await?)
        });
        let behind = behind.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        let (mut swept, mut ended) = (Swept::default(), Ended::All);
        for tenant in behind {
            let place = planned.places.entry(tenant.key);
            let place = place.or_insert_with(|| Place::start(&tenant, self.clock.now().timestamp_micros()));
            if place.revision != tenant.revision {
                *place = Place::start(&tenant, self.clock.now().timestamp_micros());
            }
            if place.ended {
                continue;
            }
            swept.add(self.replan_slice(lease, &tenant, place, &go_on).await?);
            if !place.ended {
                ended = Ended::Slice;
            } else if place.is_last(&tenant) {
                let unit = self.db.unit("finish replan", Instant::now() + BATCH_TIME);
                let done =
                    unit.retry(|| unit.tx(async |tx| Ok(due::replanned(tx, tenant.key, tenant.revision).await?)));
                done.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
            }
        }
        Ok((swept, ended))
    }

    async fn replan_slice(
        &self,
        lease: &Lease,
        tenant: &Behind,
        place: &mut Place,
        go_on: &impl Fn() -> bool,
    ) -> Result<Swept, Stopped> {
        let deadline = Instant::now() + BATCH_TIME;
        let unit = self.db.unit("replan", deadline);
        let org = self.snapshots.current(&tenant.name, deadline).await;
        let Some(org) = org.map_err(|abort| Stopped::Failed(unit.error(abort)))? else {
            place.ended = true;
            return Ok(Swept::default());
        };
        self.begin_replan(&org, tenant, place).await?;
        let mut swept = Swept::default();
        let mut batches = 0;
        while let Some(pool) = place.pools.last().copied() {
            if batches == SLICE || !go_on() {
                return Ok(swept);
            }
            let unit = self.db.unit("find accounts to replan", Instant::now() + BATCH_TIME);
            let page = unit.retry(|| async {
                let reader = unit.reader().await?;
                Ok(due::stale(&reader, org.key, pool, tenant.revision, place.after, BATCH as u64).await?)
            });
            let page = page.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
            let Some(last) = page.last() else {
                place.pools.pop();
                place.after = None;
                continue;
            };
            place.after = Some(*last);
            place.found = true;
            batches += 1;
            let began = Instant::now();
            let work = Work::Replan(tenant.revision);
            swept.add(self.batch(lease, &tenant.name, &page, work).await?.swept);
            sleep(LONGEST_REST.min(began.elapsed() / REST)).await;
        }
        place.ended = true;
        Ok(swept)
    }

    /// Counts what there is to do, once for each change of rules, and takes up where a pass begins.
    async fn begin_replan(&self, org: &Arc<Organisation>, tenant: &Behind, place: &mut Place) -> Result<(), Stopped> {
        if !place.pools.is_empty() {
            return Ok(());
        }
        place.pools = org.pools.keys().rev().copied().map(Some).collect();
        place.pools.insert(0, None);
        let unit = self.db.unit("begin replan", Instant::now() + BATCH_TIME);
        let (engine, now) = (self.db.engine(), self.clock.now());
        let begun = unit.retry(|| {
            unit.tx(async |tx| {
                let last = progress::last(tx, org.key).await?;
                if last.is_some_and(|last| last.revision >= tenant.revision) {
                    return Ok(());
                }
                let new = Replan {
                    revision: tenant.revision,
                    done: 0,
                    total: progress::stale(tx, org.key, tenant.revision).await?,
                    start_time: now,
                    update_time: now,
                };
                Ok(progress::begin(tx, engine, org.key, &new).await?)
            })
        });
        begun.await.map_err(|abort| Stopped::Failed(unit.error(abort)))
    }

    /// How far the last computation of deadlines has come, and whether it is over. For CRM admins.
    pub async fn get_replan(&self, call: &Call) -> Result<Option<(Replan, bool)>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?.require_crm_admin()?;
        let unit = self.db.unit("GetReplan", call.deadline);
        let read = unit.retry(|| async {
            let reader = unit.reader().await?;
            let wanted = due::retention_revision(&reader, org.key).await?;
            let last = progress::last(&reader, org.key).await?;
            let stored = due::replanned_revision(&reader, org.key).await?;
            Ok(match last.filter(|last| last.revision >= wanted) {
                Some(last) => Some((last, stored >= last.revision)),
                // The change is so new that nobody has counted yet.
                None if stored < wanted => {
                    let now = self.clock.now();
                    let new = Replan {
                        revision: wanted,
                        done: 0,
                        total: 0,
                        start_time: now,
                        update_time: now,
                    };
                    Some((new, false))
                }
                None => None,
            })
        });
        read.await.map_err(|abort| unit.error(abort))
    }
}

impl Place {
    fn start(tenant: &Behind, now: i64) -> Self {
        Self {
            revision: tenant.revision,
            began: now,
            pools: Vec::new(),
            after: None,
            found: false,
            ended: false,
        }
    }

    /// Work that was decided on older rules may still have been under way when the pass began; only a pass that began
    /// later, and found nothing, is the last one.
    fn is_last(&self, tenant: &Behind) -> bool {
        !self.found && self.began - tenant.time >= OLDEST_WORK.num_microseconds().unwrap_or(0)
    }
}
