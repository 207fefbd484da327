//! A batch of accounts in one transaction: decided on the account as it is and the rules as they are. A follow-up that
//! was committed first wins, whatever the sweep had read before.
//!
//! Statement budget per batch of up to 500 accounts of a tenant: 1 lease, 1 read, 1 more where sources are required, 1
//! more where teams are reminded; where something is reclaimed 1 read of the breakers, 1 write of those that are known and 1
//! of new ones, 1 count for each hundred pools whose day begins, and where it is traced 1 read of what the reclaims follow
//! from; the writes of `store::apply`, and 1 for what was only looked at.

use super::{BATCH_TIME, LEASE_TIME, Stopped, Swept, gate, service};
use crate::{
    app::{App, flow},
    domain::{
        account::{Account, TeamAccess},
        breaker::{Breaker, countable},
        change::{Change, EventKind},
        circulation::Scene,
        ids::{AccountId, PoolId, TenantName, UserId},
        organisation::Organisation,
        sweep::{Hold, Terms, Verdict, decide, replan},
    },
    store::{
        Abort, Tx,
        apply::{self, Origin, Origins},
        breaker::{self, Breakers},
        config::By,
        due::{self, Looked},
        extras,
        lease::{self, Lease},
        replan as progress, trace, watermark,
    },
    telemetry::traces,
};
use chrono::TimeDelta;
use std::collections::{BTreeMap, HashMap};
use tokio::time::Instant;

/// What is done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Take back what is due, so long after its deadline.
    Sweep(TimeDelta),
    /// Compute deadlines again, for this revision.
    Replan(i64),
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Sweep(_) => "sweep",
            Self::Replan(_) => "replan",
        }
    }
}

/// What a batch did.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) swept: Swept,
    /// Pools of which reclaims were stopped by this batch.
    pub(super) opened: Vec<(Option<PoolId>, Breaker)>,
    /// How many accounts were due and not taken since reclaims of their pool are stopped.
    pub(super) stopped: BTreeMap<Option<PoolId>, i64>,
}

impl App {
    /// Runs a batch in one transaction with a renewal of the lease: a worker that was paused for so long that another
    /// took over writes nothing.
    pub(super) async fn batch(
        &self,
        lease: &Lease,
        tenant: &TenantName,
        accounts: &[AccountId],
        work: Work,
    ) -> Result<Done, Stopped> {
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
                    let loaded = load_current(tx, &org, accounts).await?;
                    write(tx, &scene, loaded, work).await.map(Some)
                })
            })
            .await
        });
        done.await.map_err(Stopped::Failed)?.ok_or(Stopped::LeaseLost)
    }
}

/// The accounts, in the order given, on the very configuration.
async fn load_current(tx: &Tx, org: &Organisation, accounts: &[AccountId]) -> Result<Vec<Account>, Abort> {
    let (revisions, mut found) = due::load(tx, org, accounts).await?.ok_or_else(flow::unknown_tenant)?;
    if revisions != org.revisions {
        return Err(Abort::Stale);
    }
    Ok(accounts.iter().filter_map(|id| found.remove(id)).collect())
}

/// An account and who is in its team, where that matters.
pub(super) type WithTeam = (Account, Vec<UserId>);

/// Puts each account together with its team.
pub(super) fn with_teams(
    accounts: Vec<Account>,
    mut teams: HashMap<AccountId, Vec<(UserId, TeamAccess)>>,
) -> Vec<WithTeam> {
    let mut team = |account: &Account| {
        let members = teams.remove(&account.id).unwrap_or_default();
        members.into_iter().map(|(member, _)| member).collect()
    };
    let with = accounts.into_iter().map(|account| {
        let team = team(&account);
        (account, team)
    });
    with.collect()
}

/// What a sweep does with each of the accounts, if no breaker stops it.
pub(super) fn verdicts(scene: &Scene<'_>, accounts: &[WithTeam], terms: Terms) -> Vec<Verdict> {
    let verdicts = accounts
        .iter()
        .map(|(account, team)| decide(scene, account, team, terms));
    verdicts.collect()
}

/// How many accounts of each pool would be reclaimed.
pub(super) fn wanted(accounts: &[WithTeam], verdicts: &[Verdict]) -> BTreeMap<Option<PoolId>, i64> {
    let mut wanted = BTreeMap::new();
    for ((account, _), verdict) in accounts.iter().zip(verdicts) {
        if matches!(verdict, Verdict::Reclaim(_)) {
            *wanted.entry(account.pool_id).or_default() += 1;
        }
    }
    wanted
}

/// Holds what is beyond what may be reclaimed of each pool: the first ones are taken.
pub(super) fn hold_surplus(
    scene: &Scene<'_>,
    accounts: &[WithTeam],
    verdicts: &mut [Verdict],
    terms: Terms,
    mut allowed: BTreeMap<Option<PoolId>, i64>,
) {
    let stopped = Terms { stopped: true, ..terms };
    for ((account, team), verdict) in accounts.iter().zip(verdicts) {
        if matches!(verdict, Verdict::Reclaim(_)) {
            match allowed.get_mut(&account.pool_id).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None => *verdict = decide(scene, account, team, stopped),
            }
        }
    }
}

/// Counts what is wanted of each pool, and says how many of it may be taken. Of two sweeps that count at the same time,
/// one counts again: together they never take more than is allowed.
async fn count(
    tx: &Tx,
    scene: &Scene<'_>,
    wanted: &BTreeMap<Option<PoolId>, i64>,
    done: &mut Done,
) -> Result<BTreeMap<Option<PoolId>, i64>, Abort> {
    let mut allowed = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(allowed);
    }
    let (org, settings) = (scene.org, &scene.org.tenant.settings);
    let mut stored = breaker::all(tx, org.key).await?;
    let begins = |pool: &&Option<PoolId>| Breaker::begins(stored.get(*pool), scene.now);
    let begin: Vec<_> = wanted.keys().filter(begins).copied().collect();
    let assigned = breaker::assigned(tx, org.key, &begin, countable(settings)).await?;
    let mut changed = Breakers::new();
    for (pool, wanted) in wanted {
        let old = stored.remove(pool);
        let assigned = assigned.get(pool).copied().unwrap_or(0);
        let mut new = Breaker::current(old, settings, assigned, scene.now);
        allowed.insert(*pool, new.take(*wanted, scene.now));
        if old != Some(new) {
            changed.insert(*pool, new);
        }
        if new.is_open() && !old.is_some_and(|old| old.is_open()) {
            done.opened.push((*pool, new));
        }
    }
    breaker::put(tx, org.key, &changed).await?;
    Ok(allowed)
}

async fn write(tx: &Tx, scene: &Scene<'_>, accounts: Vec<Account>, work: Work) -> Result<Done, Abort> {
    let mut teams = HashMap::new();
    if scene.org.retention.reminds_teams() {
        let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
        teams = extras::teams(tx, scene.org.key, &ids).await?;
    }
    let accounts = with_teams(accounts, teams);
    let mut done = Done::default();
    let verdicts = match work {
        Work::Replan(_) => {
            let verdicts = accounts.iter().map(|(account, _)| replan(scene, account));
            verdicts.collect()
        }
        Work::Sweep(grace) => {
            let settings = &scene.org.tenant.settings;
            let mut terms = Terms::at_once(grace);
            if !settings.required_sources.is_empty() {
                terms.watermark = gate::watermark(settings, &watermark::all(tx, scene.org.key).await?);
            }
            let mut verdicts = verdicts(scene, &accounts, terms);
            let allowed = count(tx, scene, &wanted(&accounts, &verdicts), &mut done).await?;
            hold_surplus(scene, &accounts, &mut verdicts, terms, allowed);
            verdicts
        }
    };
    let (mut changes, mut same) = (Vec::new(), Vec::new());
    for ((account, _), verdict) in accounts.iter().zip(verdicts) {
        sort(account, verdict, work, &mut done, &mut changes, &mut same);
    }
    let by = By {
        caller: &scene.principal.caller,
        actor: None,
        now: scene.now,
    };
    let origins = reclaim_spans(tx, scene, &changes).await?;
    apply::apply_told(tx, scene.org.key, &changes, &HashMap::new(), &by, &origins).await?;
    due::mark(tx, scene.org.key, &same, scene.org.revisions).await?;
    if let Work::Replan(revision) = work {
        progress::go_on(tx, scene.org.key, revision, accounts.len(), scene.now).await?;
    }
    Ok(done)
}

/// A span for each reclaim, which its event names: linked to what gave the owner the account and to what kept it for him, so
/// that somebody who looks at one finds the others. Only where spans are kept.
async fn reclaim_spans(tx: &Tx, scene: &Scene<'_>, changes: &[Change]) -> Result<Origins, Abort> {
    let mut origins = Origins::new();
    let reclaims = changes
        .iter()
        .filter(|change| change.event.kind == EventKind::Reclaimed);
    let ids: Vec<_> = reclaims.map(|change| change.after.id).collect();
    if ids.is_empty() || traces::traceparent().is_none() {
        return Ok(origins);
    }
    let before = trace::of_tenures(tx, scene.org.key, &ids).await?;
    for id in ids {
        let span = tracing::info_span!("reclaim");
        for context in before.get(&id).into_iter().flatten() {
            traces::link(&span, context);
        }
        let origin = Origin {
            actor: None,
            traceparent: traces::traceparent_of(&span),
        };
        origins.insert(id, origin);
    }
    Ok(origins)
}

/// Counts a verdict, and puts what it writes to the rest.
fn sort(
    account: &Account,
    verdict: Verdict,
    work: Work,
    done: &mut Done,
    changes: &mut Vec<Change>,
    same: &mut Vec<Looked>,
) {
    let replans = matches!(work, Work::Replan(_));
    let mut look = |wake_time| {
        same.push(Looked {
            account: account.id,
            version: account.version,
            wake_time,
        });
    };
    match verdict {
        Verdict::Reclaim(change) => {
            done.swept.reclaimed += 1;
            changes.push(*change);
        }
        Verdict::Remind(change) => {
            done.swept.reminded += 1;
            changes.push(*change);
        }
        Verdict::Replan(change) => {
            done.swept.replanned += 1;
            changes.push(*change);
        }
        // It stays due: nothing is written for as long as nothing changes.
        Verdict::Held(Hold::Source) => done.swept.unheard += 1,
        Verdict::Held(Hold::Breaker) => {
            done.swept.stopped += 1;
            *done.stopped.entry(account.pool_id).or_default() += 1;
        }
        Verdict::Held(hold) => look(hold.until()),
        // It was looked at under these rules: the next pass need not.
        Verdict::Leave(wake_time) => {
            if replans || wake_time != account.clock.wake_time {
                look(wake_time);
            }
        }
    }
}
