//! Does the work of jobs: up to 100 accounts per transaction, fewer where that took long, which holds their moves, how
//! far the job is, its counters and what was refused. So whoever stops, dies or is overtaken at any point, nothing is lost
//! and nothing done twice.
//!
//! A batch ends before the account with which more objects would follow than may in one transaction.
//!
//! Every account is decided on as it is then, with the rights that the one who started the job has then. A batch that
//! fails is tried account by account, so that one bad row stops nobody else.
//!
//! Statement budget per batch: 1 lease, 1 read of the job, 1 page (for lists of many places more), 1 read of the
//! accounts, 1 of guard rows where somebody gains, those of contacts that follow, 1 of teams where somebody leaves them, the writes of `store::apply`,
//! 1 of the job, 1 of what was refused; in a pass after the first 1 read of what was refused before.

use super::{
    App,
    circulate::decide_next,
    flow, handover,
    holders::{gains, read_holders, versions},
    job::sieve,
    sweep::{LEASE_TIME, Stopped},
};
use crate::{
    domain::{
        change::Change,
        circulation::{Decision, Item, Move, Scene, Subject},
        error::Error,
        ids::{AccountId, TenantKey, UserId},
        job::{BATCH, Job, JobState, RefusedItem, Work, another_may, next_batch},
        organisation::Organisation,
        principal::Principal,
        refusal::Reason,
    },
    store::{
        Abort, Tx, apply,
        config::By,
        extras,
        job::{self, Open},
        lease::{self, Lease},
        subject,
    },
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// How long a batch may take, all attempts together.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// Jobs that are looked at in one round.
const OPEN: u64 = 100;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Batches that went on with a job.
    pub batches: usize,
    /// Jobs that could not go on; the next pass tries them again.
    pub failed: usize,
}

/// What is done with the next accounts of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The work, on so many at most.
    Work(usize),
    /// One is passed over: it cannot be read or written.
    PassOver,
}

impl App {
    /// Goes on with all open jobs, a batch of each in turn, for as long as `go_on` says so.
    pub async fn work(&self, lease: &Lease, go_on: impl Fn() -> bool) -> Result<Worked, Stopped> {
        let mut worked = Worked::default();
        let mut stuck = HashSet::new();
        let mut size = *BATCH.start();
        loop {
            let open: Vec<_> = self
                .open_jobs()
                .await?
                .into_iter()
                .filter(|job| !stuck.contains(&job.id))
                .collect();
            if open.is_empty() {
                return Ok(worked);
            }
            for job in open {
                if !go_on() {
                    return Ok(worked);
                }
                let began = Instant::now();
                let done = self.batch_or_each(lease, &job, size, &go_on).await;
                size = next_batch(size, began.elapsed());
                match done {
                    Ok(batches) => worked.batches += batches,
                    Err(Stopped::LeaseLost) => return Err(Stopped::LeaseLost),
                    Err(Stopped::Failed(error)) => {
                        tracing::error!(job = %job.id, error = %error, "a job cannot go on; it is tried again");
                        worked.failed += 1;
                        stuck.insert(job.id);
                    }
                }
            }
        }
    }

    async fn open_jobs(&self) -> Result<Vec<Open>, Stopped> {
        let unit = self.db.unit("find jobs", Instant::now() + BATCH_TIME);
        let open = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(job::open(&reader, OPEN).await?)
        });
        open.await.map_err(|abort| Stopped::Failed(unit.error(abort)))
    }

    /// One batch; if it fails for what it is about, its accounts one by one.
    async fn batch_or_each(
        &self,
        lease: &Lease,
        job: &Open,
        size: usize,
        go_on: &impl Fn() -> bool,
    ) -> Result<usize, Stopped> {
        match self.job_batch(lease, job, Turn::Work(size)).await {
            Err(Stopped::Failed(error)) if error.reason() == Reason::Internal => {}
            done => return done.map(|_| 1),
        }
        for at in 0..size {
            if !go_on() {
                return Ok(at);
            }
            let more = match self.job_batch(lease, job, Turn::Work(1)).await {
                Err(Stopped::Failed(error)) if error.reason() == Reason::Internal => {
                    tracing::error!(job = %job.id, "a job cannot decide an account; it passes it over");
                    self.job_batch(lease, job, Turn::PassOver).await?
                }
                done => done?,
            };
            if !more {
                return Ok(at + 1);
            }
        }
        Ok(size)
    }

    /// One batch of a job, whatever others there are: for tests as well. Says whether there is more to do.
    pub async fn one_batch(&self, lease: &Lease, job: &Open, size: usize) -> Result<bool, Stopped> {
        self.job_batch(lease, job, Turn::Work(size)).await
    }

    async fn job_batch(&self, lease: &Lease, job: &Open, turn: Turn) -> Result<bool, Stopped> {
        let deadline = Instant::now() + BATCH_TIME;
        // Run again after a lost commit, it finds the job one version on.
        let unit = self.db.unit("job", deadline).replayable(true);
        let done = self.on_tenant(&job.tenant, &unit, deadline, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.job_once(tx, &org, lease, job, turn).await))
                .await
        });
        done.await.map_err(Stopped::Failed)?.ok_or(Stopped::LeaseLost)
    }

    async fn job_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        lease: &Lease,
        open: &Open,
        turn: Turn,
    ) -> Result<Option<bool>, Abort> {
        if !lease::renew(tx, self.db.engine(), lease, LEASE_TIME).await? {
            return Ok(None);
        }
        let found = job::read(tx, org.key, open.id).await?;
        let Some(job) = found.filter(|job| job.state.is_open()) else {
            return Ok(Some(false));
        };
        let size = match turn {
            Turn::Work(size) => size,
            Turn::PassOver => 1,
        };
        let page = match job.work.source(job.phase) {
            Some(source) => match sieve(org, &source, job.create_time) {
                Ok(sieve) => {
                    self.job_page(tx, org, (&source, sieve.as_ref()), job.after, size)
                        .await?
                }
                // What its condition reads is gone; on an old snapshot it may only seem so.
                Err(error) => return self.give_up(tx, org, job, &error).await,
            },
            None => Vec::new(),
        };
        // Whoever was refused once is neither asked nor counted again.
        let known = if job.again() && job.refused > 0 {
            job::refused_among(tx, org.key, job.id, &page).await?
        } else {
            HashSet::new()
        };
        let new: Vec<_> = page
            .iter()
            .filter(|account| !known.contains(account))
            .copied()
            .collect();
        let settled = job.moved + job.refused;
        let (mut job, left) = match turn {
            Turn::Work(_) => self.work_on(tx, org, job, &new).await?,
            Turn::PassOver => (pass_over(tx, org.key, job, &new).await?, None),
        };
        // Those that are left go with the next batch, in its transaction.
        let whole = page.len();
        let page = match left {
            Some(first) => page.into_iter().take_while(|account| *account != first).collect(),
            None => page,
        };
        let found = job.moved + job.refused - settled;
        if job.work.passes() > 1 {
            job.turn += found;
        }
        if job.state.is_open() {
            let looked_at = i64::try_from(page.len()).unwrap_or(0);
            job.done += if job.again() { found } else { looked_at };
        }
        let all = page.len() == whole && whole < size;
        let job = self.advance(job, &page, all);
        job::update(tx, org.key, &job).await?;
        Ok(Some(job.state.is_open()))
    }

    /// Ends a job that cannot say any more which accounts it is about.
    async fn give_up(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        mut job: Job,
        error: &Error,
    ) -> Result<Option<bool>, Abort> {
        let loaded = subject::load(tx, org, None, None, &[]).await?;
        if loaded.ok_or_else(flow::unknown_tenant)?.revisions != org.revisions {
            return Err(Abort::Stale);
        }
        error.reason().as_str().clone_into(&mut job.reason);
        job.message = error.to_string();
        let job = job.ended(JobState::Failed, self.clock.now());
        job::update(tx, org.key, &job).await?;
        Ok(Some(false))
    }

    /// The job after these accounts: at the next one, or, if these were all of the part, at the next part or the end.
    fn advance(&self, mut job: Job, page: &[AccountId], all: bool) -> Job {
        let now = self.clock.now().max(job.update_time);
        if !job.state.is_open() {
            return job.ended(JobState::Failed, now);
        }
        job.state = JobState::Running;
        job.update_time = now;
        job.after = page.last().copied().or(job.after);
        if all { job.next_phase(now) } else { job }
    }

    /// Decides these accounts; also says with which one it stopped before all were, if it did.
    async fn work_on(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        mut job: Job,
        page: &[AccountId],
    ) -> Result<(Job, Option<AccountId>), Abort> {
        let loaded = subject::load(tx, org, None, job.actor.as_ref(), page).await?;
        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if loaded.revisions != org.revisions {
            return Err(Abort::Stale);
        }
        let principal = Principal::resolve(org, job.caller.clone(), job.actor.clone(), job.administers);
        let principal = match principal {
            Ok(principal) => principal,
            Err(refusal) => {
                job.state = JobState::Failed;
                refusal.reason.as_str().clone_into(&mut job.reason);
                job.message = refusal.message;
                return Ok((job, None));
            }
        };
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        if job.work == Work::RecomputeDeals {
            let job = self.recompute_deals(tx, &scene, &loaded.subjects, job, page).await?;
            return Ok((job, None));
        }
        let batch = Batch {
            scene,
            subjects: loaded.subjects,
        };
        let Decided {
            changes,
            holders,
            stopped,
        } = batch.decide(tx, &mut job, page).await?;
        let by = By {
            caller: &principal.caller,
            actor: principal.actor.as_ref(),
            now: scene.now,
        };
        apply::apply(tx, org.key, &changes, &holders, &by).await?;
        Ok((job, stopped))
    }
}

/// What becomes of the accounts of a page.
struct Decided {
    changes: Vec<Change>,
    /// The versions of the guard rows.
    holders: HashMap<UserId, i64>,
    /// The first account that is left for the next batch, since no more objects follow in this one.
    stopped: Option<AccountId>,
}

/// The accounts of a page, to be decided.
struct Batch<'a> {
    scene: Scene<'a>,
    subjects: HashMap<AccountId, Subject>,
}

impl Batch<'_> {
    /// Decides the accounts in their order, counts, and writes down what was refused.
    async fn decide(&self, tx: &Tx, job: &mut Job, page: &[AccountId]) -> Result<Decided, Abort> {
        let tenant = self.scene.org.key;
        let page = self.those_left(tx, job, page).await?;
        let follow = job.work.follow().to_vec();
        let item = |account: AccountId, wanted: Move| Item {
            account,
            etag: None,
            wanted,
            follow: follow.clone(),
        };
        let every = job.work.moves(job.phase, 0);
        let items = page
            .iter()
            .flat_map(|account| every.iter().map(|wanted| item(*account, wanted.clone())));
        let items: Vec<_> = items.collect();
        let gains = gains(&self.subjects, items.iter().map(|item| (&self.scene, item)));
        let mut holders = read_holders(tx, self.scene.org, self.scene.now, &self.subjects, &gains).await?;
        let wished = items.iter().map(|item| (self.scene.principal.actor.as_ref(), item));
        let mut followers = handover::count(tx, self.scene.org, &self.subjects, wished).await?;
        let (mut changes, mut refused, mut stopped) = (Vec::new(), Vec::new(), None);
        for account in page {
            if followers.is_full(account) {
                stopped = Some(account);
                break;
            }
            let subject = self.subjects.get(&account);
            let within = job.work.within();
            let subject = subject.filter(|subject| within.is_none() || subject.account.pool_id == within);
            let turn = usize::try_from(job.turn).unwrap_or(0);
            let wanted = job.work.moves(job.phase, turn);
            let count = wanted.len();
            let mut decided = Err(Error::internal());
            for (at, wanted) in wanted.into_iter().enumerate() {
                let item = item(account, wanted);
                let next = decide_next(&self.scene, subject, &mut holders, &mut followers, &item);
                match next {
                    // What stands in the way of the first one is told if there is something for everybody.
                    Err(error) if another_may(&error) => {
                        if at == 0 {
                            decided = Err(error);
                        }
                    }
                    next => {
                        if next.is_ok() && count > 1 {
                            job.turn = i64::try_from((turn + at + 1) % count).unwrap_or(0);
                        }
                        decided = next;
                        break;
                    }
                }
            }
            match decided {
                Ok(Decision::Change(change)) => {
                    job.moved += 1;
                    changes.push(*change);
                }
                Ok(Decision::Same(_)) => {}
                Err(error) => refused.push(refuse(job, account, &error)),
            }
        }
        handover::fill(tx, tenant, &mut changes, followers).await?;
        job::refuse(tx, tenant, job.id, &refused).await?;
        Ok(Decided {
            changes,
            holders: versions(&holders),
            stopped,
        })
    }

    /// Where somebody goes out of teams, those in which he still is. They were read after the accounts, so a team that
    /// changed in between fails the compare-and-set.
    async fn those_left(&self, tx: &Tx, job: &Job, page: &[AccountId]) -> Result<Vec<AccountId>, Abort> {
        let moves = job.work.moves(job.phase, 0);
        let Some(Move::LeaveTeam(user)) = moves.first() else {
            return Ok(page.to_vec());
        };
        let teams = extras::teams(tx, self.scene.org.key, page).await?;
        let is_member = |id: &&AccountId| {
            teams
                .get(id)
                .is_some_and(|team| team.iter().any(|(member, _)| member == user))
        };
        Ok(page.iter().filter(is_member).copied().collect())
    }
}

fn refuse(job: &mut Job, account: AccountId, error: &Error) -> RefusedItem {
    job.refused += 1;
    let message = match error {
        Error::Refused(refusals) => {
            let all: Vec<_> = refusals.iter().map(|refusal| refusal.message.as_str()).collect();
            all.join("; ")
        }
        Error::Invalid(_) => error.to_string(),
    };
    RefusedItem {
        seq: job.refused,
        account,
        reason: error.reason().as_str().to_owned(),
        message,
    }
}

async fn pass_over(tx: &Tx, tenant: TenantKey, mut job: Job, page: &[AccountId]) -> Result<Job, Abort> {
    let items: Vec<_> = page
        .iter()
        .map(|account| refuse(&mut job, *account, &Error::internal()))
        .collect();
    job::refuse(tx, tenant, job.id, &items).await?;
    Ok(job)
}
