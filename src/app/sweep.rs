//! The sweep: accounts whose time is over go back to their pool. Also what follows a change of rules: stored deadlines
//! are computed again.
//!
//! Every account is decided again inside the transaction that takes it, on the account as it is: a follow-up that was
//! committed first wins, whatever the sweep had read before. A batch that fails is tried account by account, so that one
//! bad row stops nobody else.
//!
//! Statement budget per batch of up to 100 accounts of a tenant: 1 lease, 1 read, and the writes of `store::apply`.

use super::{App, flow};
use crate::{
    domain::{
        circulation::{Scene, Subject},
        error::Error,
        ids::{AccountId, CallerId, TenantKey, TenantName},
        organisation::Organisation,
        principal::Principal,
        sweep::{Terms, Verdict, decide, replan},
    },
    store::{
        Abort, Tx, apply,
        config::By,
        due::{self, Due, Looked},
        extras,
        lease::{self, Lease},
        subject,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// Accounts per batch.
const BATCH: usize = 100;
/// How long a batch may take.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// How long a lease lasts without being renewed.
pub const LEASE_TIME: Duration = Duration::from_secs(15);
/// How long a unit of work that began before a change of rules can go on: after that, a pass that finds nothing is proof.
const OLDEST_WORK: TimeDelta = TimeDelta::seconds(60);

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Accounts that were taken back.
    pub reclaimed: usize,
    /// Accounts of which somebody was reminded.
    pub reminded: usize,
    /// Accounts whose deadline moved.
    pub replanned: usize,
    /// Accounts that could not be decided; the next pass tries them again.
    pub failed: usize,
}

impl Swept {
    fn add(&mut self, other: Self) {
        self.reclaimed += other.reclaimed;
        self.reminded += other.reminded;
        self.replanned += other.replanned;
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
fn service() -> Principal {
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
    pub async fn sweep(&self, lease: &Lease, grace: TimeDelta, go_on: impl Fn() -> bool) -> Result<Swept, Stopped> {
        let until = self.clock.now();
        let mut swept = Swept::default();
        let mut after = None;
        while go_on() {
            let page = self.due_page(until, after).await?;
            let Some(last) = page.last().copied() else { break };
            after = Some(last);
            let mut tenants: HashMap<TenantKey, Vec<AccountId>> = HashMap::new();
            for due in &page {
                tenants.entry(due.tenant).or_default().push(due.account);
            }
            for (tenant, accounts) in tenants {
                swept.add(self.sweep_tenant(lease, tenant, &accounts, grace).await?);
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
            Ok(due::lag(&reader, until).await?)
        });
        let (number, first) = lag.await.map_err(|abort| unit.error(abort))?;
        let behind = first.map_or(0, |first| until.timestamp_micros() - first);
        let behind = Duration::from_micros(u64::try_from(behind).unwrap_or(0));
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

    async fn sweep_tenant(
        &self,
        lease: &Lease,
        tenant: TenantKey,
        accounts: &[AccountId],
        grace: TimeDelta,
    ) -> Result<Swept, Stopped> {
        let Some(name) = self.tenant_name(tenant).await? else {
            return Ok(Swept::default());
        };
        match self.batch(lease, &name, accounts, Work::Sweep(grace)).await {
            Ok(swept) => Ok(swept),
            Err(Stopped::LeaseLost) => Err(Stopped::LeaseLost),
            Err(Stopped::Failed(_)) => {
                let mut swept = Swept::default();
                for account in accounts {
                    match self.batch(lease, &name, &[*account], Work::Sweep(grace)).await {
                        Ok(one) => swept.add(one),
                        Err(Stopped::LeaseLost) => return Err(Stopped::LeaseLost),
                        Err(Stopped::Failed(error)) => {
                            tracing::error!(%account, error = %error, "the sweep cannot decide this account");
                            swept.failed += 1;
                        }
                    }
                }
                Ok(swept)
            }
        }
    }

    async fn tenant_name(&self, key: TenantKey) -> Result<Option<TenantName>, Stopped> {
        let unit = self.db.unit("find tenant", Instant::now() + BATCH_TIME);
        let name = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(due::tenant_name(&reader, key).await?)
        });
        name.await.map_err(|abort| Stopped::Failed(unit.error(abort)))
    }

    /// Computes deadlines again where rules changed, for as long as `go_on` says so.
    pub async fn replan(&self, lease: &Lease, go_on: impl Fn() -> bool) -> Result<Swept, Stopped> {
        let unit = self.db.unit("find tenants to replan", Instant::now() + BATCH_TIME);
        let behind = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(due::behind(&reader).await?)
        });
        let behind = behind.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        let mut swept = Swept::default();
        for tenant in behind {
            let began = self.clock.now();
            let (some, all) = self.replan_tenant(lease, &tenant, &go_on).await?;
            swept.add(some);
            // Work that was decided on older rules may still have been under way when the pass began; only a pass that
            // began later, and found nothing, is the last one.
            let settled = began.timestamp_micros() - tenant.time >= OLDEST_WORK.num_microseconds().unwrap_or(0);
            if all && settled && some == Swept::default() {
                let unit = self.db.unit("finish replan", Instant::now() + BATCH_TIME);
                let done =
                    unit.retry(|| unit.tx(async |tx| Ok(due::replanned(tx, tenant.key, tenant.revision).await?)));
                done.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
            }
        }
        Ok(swept)
    }

    async fn replan_tenant(
        &self,
        lease: &Lease,
        tenant: &due::Behind,
        go_on: &impl Fn() -> bool,
    ) -> Result<(Swept, bool), Stopped> {
        let deadline = Instant::now() + BATCH_TIME;
        let unit = self.db.unit("replan", deadline);
        let org = self.snapshots.current(&tenant.name, deadline).await;
        let Some(org) = org.map_err(|abort| Stopped::Failed(unit.error(abort)))? else {
            return Ok((Swept::default(), true));
        };
        let mut swept = Swept::default();
        for pool in org.pools.keys().copied().map(Some).chain([None]) {
            let mut after = None;
            loop {
                if !go_on() {
                    return Ok((swept, false));
                }
                let unit = self.db.unit("find accounts to replan", Instant::now() + BATCH_TIME);
                let page = unit.retry(|| async {
                    let reader = unit.reader().await?;
                    Ok(due::stale(&reader, org.key, pool, tenant.revision, after, BATCH as u64).await?)
                });
                let page = page.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
                let Some(last) = page.last() else { break };
                after = Some(*last);
                swept.add(self.batch(lease, &tenant.name, &page, Work::Replan).await?);
            }
        }
        Ok((swept, true))
    }

    async fn load_current(
        &self,
        tx: &Tx,
        org: &Organisation,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, Subject>, Abort> {
        let loaded = subject::load(tx, &org, None, None, accounts)
            .await?
            .ok_or_else(flow::unknown_tenant)?;
        if loaded.revisions != org.revisions {
            return Err(Abort::Stale);
        }
        Ok(loaded.subjects)
    }

    /// Runs a batch in one transaction with a renewal of the lease: a worker that was paused for so long that another
    /// took over writes nothing.
    async fn batch(
        &self,
        lease: &Lease,
        tenant: &TenantName,
        accounts: &[AccountId],
        work: Work,
    ) -> Result<Swept, Stopped> {
        let deadline = Instant::now() + BATCH_TIME;
        let unit = self.db.unit(work.name(), deadline);
        let principal = &service();
        let done = self.on_tenant(tenant, &unit, deadline, |org| async move {
            unit.retry(|| {
                unit.tx(async |tx| {
                    if !lease::renew(tx, self.db.engine(), lease, LEASE_TIME).await? {
                        return Ok(None);
                    }
                    let scene = Scene {
                        org: &org,
                        principal,
                        now: self.clock.now(),
                    };
                    let subjects = self.load_current(tx, &org, accounts).await?;
                    write(tx, &scene, subjects, work).await.map(Some)
                })
            })
            .await
        });
        done.await.map_err(Stopped::Failed)?.ok_or(Stopped::LeaseLost)
    }
}

/// What is done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Take back what is due, so long after its deadline.
    Sweep(TimeDelta),
    /// Compute deadlines again.
    Replan,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Sweep(_) => "sweep",
            Self::Replan => "replan",
        }
    }
}

async fn write(tx: &Tx, scene: &Scene<'_>, subjects: HashMap<AccountId, Subject>, work: Work) -> Result<Swept, Abort> {
    let (mut swept, mut changes, mut same) = (Swept::default(), Vec::new(), Vec::new());
    let accounts: Vec<_> = subjects.keys().copied().collect();
    let mut teams = HashMap::new();
    if scene.org.retention.reminds_teams() {
        teams = extras::teams(tx, scene.org.key, &accounts).await?;
    }
    for Subject { account, .. } in subjects.into_values() {
        let team = teams.remove(&account.id).unwrap_or_default();
        let team: Vec<_> = team.into_iter().map(|(member, _)| member).collect();
        let verdict = match work {
            Work::Sweep(grace) => decide(scene, &account, &team, Terms::at_once(grace)),
            Work::Replan => replan(scene, &account, &team),
        };
        match verdict {
            Verdict::Reclaim(change) => {
                swept.reclaimed += 1;
                changes.push(*change);
            }
            Verdict::Remind(change) => {
                swept.reminded += 1;
                changes.push(*change);
            }
            Verdict::Replan(change) => {
                swept.replanned += 1;
                changes.push(*change);
            }
            // It was looked at under these rules: the next pass need not.
            Verdict::Leave(wake_time) => {
                swept.replanned += usize::from(work == Work::Replan);
                if work == Work::Replan || wake_time != account.clock.wake_time {
                    same.push(Looked {
                        account: account.id,
                        version: account.version,
                        wake_time,
                    });
                }
            }
        }
    }
    let by = By {
        caller: &scene.principal.caller,
        actor: None,
        now: scene.now,
    };
    apply::apply(tx, scene.org.key, &changes, &HashMap::new(), &by).await?;
    due::mark(tx, scene.org.key, &same, scene.org.revisions).await?;
    Ok(swept)
}
