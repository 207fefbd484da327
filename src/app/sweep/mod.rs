//! The sweep: accounts whose time is over go back to their pool, and people are reminded of those that will. What holds
//! it back is in `gate`, what a batch does in `batch`, what follows a change of rules in `replan`; the rest is what is
//! called from outside.

mod batch;
mod breaker;
mod gate;
mod preview;
mod replan;
mod source;

pub use breaker::{ConfirmReclaims, PoolBreaker};
pub use preview::{Foreseen, PreviewReclaim, WhatComes};
pub use replan::{Ended, Planned};
pub use source::{SourceState, SweepStatus};

use super::App;
use crate::{
    domain::{
        error::Error,
        ids::{CallerId, TenantKey},
        principal::Principal,
    },
    store::{
        due::{self, Due},
        foresee,
        lease::Lease,
    },
};
use batch::{Done, Work};
use chrono::{DateTime, TimeDelta, Utc};
use gate::{Gate, Round};
use std::time::Duration;
use tokio::time::Instant;

/// Accounts per batch.
const BATCH: usize = 500;
/// How long a batch may take.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// How long a lease lasts without being renewed.
pub const LEASE_TIME: Duration = Duration::from_secs(15);

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Accounts that were taken back.
    pub reclaimed: usize,
    /// Accounts of which somebody was reminded.
    pub reminded: usize,
    /// Accounts whose deadline moved.
    pub replanned: usize,
    /// Accounts that are due and wait until somebody confirms reclaims of their pool.
    pub stopped: usize,
    /// Accounts that are due and wait for what a required source has to tell.
    pub unheard: usize,
    /// Accounts that could not be decided; the next pass tries them again.
    pub failed: usize,
}

impl Swept {
    /// And what another one did.
    pub fn add(&mut self, other: Self) {
        self.reclaimed += other.reclaimed;
        self.reminded += other.reminded;
        self.replanned += other.replanned;
        self.stopped += other.stopped;
        self.unheard += other.unheard;
        self.failed += other.failed;
    }
}

/// Why a pass ended early.
#[derive(Debug)]
pub enum Stopped {
    /// Another replica has the lease.
    LeaseLost,
    /// The database failed.
    Failed(Error),
}

/// Who the service itself is in events.
pub(in crate::app) fn service() -> Principal {
    // A constant that is well-formed.
    let caller = CallerId::parse("tidepool").unwrap_or_else(|_| unreachable!("a well-formed id"));
    Principal {
        caller,
        actor: None,
        crm_admin: true,
    }
}

impl App {
    /// Takes back what was due `grace` ago and reminds of what will be, for as long as `go_on` says so.
    ///
    /// Statement budget: 1 read of where reclaims are stopped; for each tenant of which something is due 2, and 1 more
    /// where sources are required; 1 read per page of up to 500 accounts, none after one that is not full, and what `batch`
    /// says.
    pub async fn sweep(&self, lease: &Lease, grace: TimeDelta, go_on: impl Fn() -> bool) -> Result<Swept, Stopped> {
        let until = self.clock.now();
        let mut round = self.round().await?;
        let mut swept = Swept::default();
        let mut after = None;
        while go_on() {
            let page = self.due_page(until, after).await?;
            let is_last = page.len() < BATCH;
            after = page.last().copied();
            for (tenant, due) in by_tenant(page) {
                if let Some(gate) = self.gate(&mut round, tenant).await? {
                    swept.add(self.sweep_tenant(lease, &mut round, &gate, &due, grace).await?);
                }
            }
            if is_last {
                self.end_round(&round).await?;
                break;
            }
        }
        Ok(swept)
    }

    /// How many accounts should have been taken back by now, and for how long the oldest of them.
    pub async fn sweep_lag(&self, grace: TimeDelta) -> Result<(u64, Duration), Error> {
        let until = self.clock.now() - grace;
        let unit = self.db.unit("measure lag", Instant::now() + BATCH_TIME);
        let lag = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(foresee::lag(&reader, until).await?)
        });
        let (number, first) = lag.await.map_err(|abort| unit.error(abort))?;
        let behind = first
            .and_then(|first| (until - first).to_std().ok())
            .unwrap_or_default();
        Ok((u64::try_from(number).unwrap_or(0), behind))
    }

    async fn due_page(&self, until: DateTime<Utc>, after: Option<Due>) -> Result<Vec<Due>, Stopped> {
        let unit = self.db.unit("find due accounts", Instant::now() + BATCH_TIME);
        let page = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(due::due(&reader, until, after, BATCH as u64).await?)
        });
        page.await.map_err(|abort| Stopped::Failed(unit.error(abort)))
    }

    /// A batch that fails is tried account by account, so that one bad row stops nobody else.
    async fn sweep_tenant(
        &self,
        lease: &Lease,
        round: &mut Round,
        gate: &Gate,
        due: &[Due],
        grace: TimeDelta,
    ) -> Result<Swept, Stopped> {
        let (mut swept, accounts) = round.pass(gate, due);
        if accounts.is_empty() {
            return Ok(swept);
        }
        match self.batch(lease, &gate.name, &accounts, Work::Sweep(grace)).await {
            Ok(done) => swept.add(round.note(gate, done)),
            Err(Stopped::LeaseLost) => return Err(Stopped::LeaseLost),
            Err(Stopped::Failed(_)) => {
                for account in accounts {
                    match self.batch(lease, &gate.name, &[account], Work::Sweep(grace)).await {
                        Ok(done) => swept.add(round.note(gate, done)),
                        Err(Stopped::LeaseLost) => return Err(Stopped::LeaseLost),
                        Err(Stopped::Failed(error)) => {
                            tracing::error!(%account, error = %error, "the sweep cannot decide this account");
                            swept.failed += 1;
                        }
                    }
                }
            }
        }
        Ok(swept)
    }
}

/// The accounts of a page by tenant, the longest due first.
fn by_tenant(page: Vec<Due>) -> Vec<(TenantKey, Vec<Due>)> {
    let mut tenants: Vec<(TenantKey, Vec<Due>)> = Vec::new();
    for due in page {
        match tenants.iter_mut().find(|(tenant, _)| *tenant == due.tenant) {
            Some((_, some)) => some.push(due),
            None => tenants.push((due.tenant, vec![due])),
        }
    }
    tenants
}
