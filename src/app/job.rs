//! Jobs as those see them who want something of many accounts: started, looked at, ended.
//!
//! Statement budget of a start: 1 read of the revisions with the answer of a repeated request, 1 count and 1 page for
//! each part of the work (releasing has two), the writes of the directory where the user is deactivated, 1 for the job,
//! 1 request row. Reads: the revisions, and 1.

use super::{
    App,
    call::{Call, Scope},
    directory::deactivation,
    flow::{self, Once, Reply},
    page::{self, List},
};
use crate::{
    domain::{
        account_list::Sieve,
        circulation::Scene,
        error::Error,
        ids::{AccountId, JobId},
        job::{Job, JobState, RefusedItem, Source, Work, check},
        organisation::Organisation,
        principal::Principal,
        refusal::{Reason, Refusal},
    },
    store::{
        Abort, Tx,
        account_list::{self, Page, Position},
        config::{self, By},
        job::{self, Of},
        request,
    },
};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Accounts that a preview shows.
const SHOWN: usize = 10;

/// A job that is wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What of.
    pub work: Work,
    /// Whether the user whose accounts are released is made inactive.
    pub deactivate: bool,
    /// Only says what it would be about.
    pub validate_only: bool,
}

/// What came of starting a job.
#[derive(Clone, Debug)]
pub struct Started {
    /// The job, if it was started.
    pub job: Option<Job>,
    /// How many accounts it is about.
    pub total: i64,
    /// The first of them.
    pub first: Vec<AccountId>,
}

/// What is asked of the accounts of a job: always of the time at which it was started, so that an account neither comes
/// nor goes because the job takes long.
pub(super) fn sieve(org: &Organisation, source: &Source, started: DateTime<Utc>) -> Result<Option<Sieve>, Error> {
    match source {
        Source::Named(_) => Ok(None),
        Source::Listed(listing, _) => Sieve::of(org, listing, started, true),
    }
}

impl App {
    /// Starts a job.
    pub async fn start_job(
        &self,
        call: &Call,
        name: &'static str,
        once: &Once<'_, Started>,
        wish: &Wish,
    ) -> Result<Reply<Started>, Error> {
        let unit = self
            .db
            .unit(name, call.deadline)
            .replayable(once.key.is_some() && !wish.validate_only);
        let _turn = if wish.deactivate {
            let turn = self.snapshots.turn(&call.tenant, call.deadline).await;
            Some(turn.map_err(|abort| unit.error(abort))?)
        } else {
            None
        };
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.start_once(tx, &org, call, once, wish).await))
                .await
        })
        .await
    }

    async fn start_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        once: &Once<'_, Started>,
        wish: &Wish,
    ) -> Result<Reply<Started>, Abort> {
        // Only looking leaves no trace, so there is nothing to replay.
        let key = once.key.as_ref().filter(|_| !wish.validate_only);
        if let Some(response) = flow::enter(tx, org, key).await? {
            return Ok(Reply::Replayed(response));
        }
        // The identity system releases those who left, and nothing else.
        let releases = matches!(wish.work, Work::ReleaseOwner { .. });
        let administers = call.administers() || releases && call.actor.is_none() && call.has(Scope::Directory);
        let principal =
            Principal::resolve(org, call.caller.clone(), call.actor.clone(), administers).map_err(Error::from)?;
        let now = self.clock.now();
        let scene = Scene {
            org,
            principal: &principal,
            now,
        };
        check(&scene, &wish.work, wish.deactivate)?;
        let (total, first) = self.preview(tx, org, &wish.work, now).await?;
        let mut started = Started {
            job: None,
            total,
            first,
        };
        if wish.validate_only {
            return Ok(Reply::Done(started));
        }
        if let (true, Work::ReleaseOwner { user, .. }) = (wish.deactivate, &wish.work) {
            let (change, _) = deactivation(&org.directory, user, None, now)?;
            if !change.is_empty() {
                let by = By {
                    caller: &principal.caller,
                    actor: principal.actor.as_ref(),
                    now,
                };
                config::apply(tx, org, &change, &by, &self.ids).await?;
            }
        }
        let job = Job {
            id: JobId(self.ids.next()),
            state: JobState::Pending,
            work: wish.work.clone(),
            administers,
            caller: principal.caller,
            actor: principal.actor,
            phase: 0,
            after: None,
            turn: 0,
            total,
            done: 0,
            moved: 0,
            refused: 0,
            reason: String::new(),
            message: String::new(),
            version: 1,
            create_time: now,
            update_time: now,
            finish_time: None,
        };
        job::create(tx, org.key, &job).await?;
        started.job = Some(job);
        if let Some(key) = key {
            request::remember(tx, org.key, key, (once.encode)(&started), now).await?;
        }
        Ok(Reply::Done(started))
    }

    async fn preview(
        &self,
        tx: &Tx,
        org: &Organisation,
        work: &Work,
        now: DateTime<Utc>,
    ) -> Result<(i64, Vec<AccountId>), Abort> {
        let (mut total, mut first) = (0, Vec::new());
        for phase in 0..work.parts() {
            let Some(source) = work.source(phase) else { break };
            let sieve = sieve(org, &source, now).map_err(|error| error.within("selection"))?;
            total += match &source {
                Source::Named(accounts) => i64::try_from(accounts.len()).unwrap_or(i64::MAX),
                Source::Listed(listing, among) => {
                    let list = Page {
                        listing,
                        among,
                        sieve: sieve.as_ref(),
                        after: None,
                        size: 0,
                    };
                    account_list::count(tx, self.db.engine(), org.key, list).await?
                }
            };
            let room = SHOWN.saturating_sub(first.len());
            if room > 0 {
                first.extend(self.job_page(tx, org, (&source, sieve.as_ref()), None, room).await?);
            }
        }
        Ok((total, first))
    }

    /// The next accounts of a job, by id.
    pub(super) async fn job_page(
        &self,
        tx: &Tx,
        org: &Organisation,
        (source, sieve): (&Source, Option<&Sieve>),
        after: Option<AccountId>,
        size: usize,
    ) -> Result<Vec<AccountId>, Abort> {
        match source {
            Source::Named(accounts) => {
                let rest = accounts.iter().filter(|id| after.is_none_or(|after| **id > after));
                Ok(rest.take(size).copied().collect())
            }
            Source::Listed(listing, among) => {
                let after = after.map(|after| Position {
                    key: account_list::Key::Id,
                    id: after.0,
                });
                let page = Page {
                    listing,
                    among,
                    sieve,
                    after: after.as_ref(),
                    size,
                };
                let found = account_list::find(tx, self.db.engine(), org.key, page).await?;
                Ok(found.iter().map(Position::account).collect())
            }
        }
    }

    async fn shown_job(&self, call: &Call, id: JobId) -> Result<(Arc<Organisation>, Job), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let unit = self.db.unit("read job", call.deadline);
        let job = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(job::read(&reader, org.key, id).await?)
        });
        let job = job.await.map_err(|abort| unit.error(abort))?;
        let job = job.filter(|job| job.is_shown_to(&principal));
        Ok((org, job.ok_or_else(|| Error::not_found("job", id))?))
    }

    /// Reads a job.
    pub async fn get_job(&self, call: &Call, id: JobId) -> Result<Job, Error> {
        Ok(self.shown_job(call, id).await?.1)
    }

    /// Lists jobs, the latest first: all for CRM admins, their own for others.
    pub async fn list_jobs(&self, call: &Call, size: usize, token: &str) -> Result<(Vec<Job>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let list = List::new(call, "ListJobs", &());
        let before: Option<JobId> = self.pages.open(&list, token)?;
        let of = match &principal.actor {
            _ if principal.crm_admin => Of::All,
            Some(actor) => Of::Actor(actor),
            None => Of::Caller(&principal.caller),
        };
        let unit = self.db.unit("ListJobs", call.deadline);
        let jobs = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(job::list(&reader, org.key, of, before, size + 1).await?)
        });
        let jobs = jobs.await.map_err(|abort| unit.error(abort))?;
        Ok(page::cut(&self.pages, &list, jobs, size, |job| job.id))
    }

    /// Lists the accounts that a job was refused on, in the order in which they were.
    pub async fn list_job_items(
        &self,
        call: &Call,
        id: JobId,
        size: usize,
        token: &str,
    ) -> Result<(Vec<RefusedItem>, String), Error> {
        let (org, _) = self.shown_job(call, id).await?;
        let list = List::new(call, "ListJobItems", &id);
        let after: Option<i64> = self.pages.open(&list, token)?;
        let unit = self.db.unit("ListJobItems", call.deadline);
        let items = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(job::items(&reader, org.key, id, after.unwrap_or(0), size + 1).await?)
        });
        let items = items.await.map_err(|abort| unit.error(abort))?;
        let weigh = |item: &RefusedItem| item.message.len() + 100;
        Ok(page::cut_by_weight(
            &self.pages,
            &list,
            items,
            size,
            |item| item.seq,
            weigh,
        ))
    }

    /// Ends a job; the batch that is under way either was committed before or is not.
    pub async fn cancel_job(
        &self,
        call: &Call,
        once: &Once<'_, Job>,
        id: JobId,
        etag: Option<i64>,
    ) -> Result<Reply<Job>, Error> {
        let unit = self.db.unit("CancelJob", call.deadline).replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.cancel_once(tx, &org, call, once, (id, etag)).await))
                .await
        })
        .await
    }

    async fn cancel_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        once: &Once<'_, Job>,
        (id, etag): (JobId, Option<i64>),
    ) -> Result<Reply<Job>, Abort> {
        if let Some(response) = flow::enter(tx, org, once.key.as_ref()).await? {
            return Ok(Reply::Replayed(response));
        }
        let principal = Self::principal(org, call)?;
        let job = job::read(tx, org.key, id).await?;
        let job = job.filter(|job| job.is_shown_to(&principal));
        let job = job.ok_or_else(|| Error::not_found("job", id))?;
        super::tenant::check_etag(etag, job.version)?;
        if !job.state.is_open() {
            let state = job.state.as_str();
            let refusal = Refusal::new(Reason::JobEnded, format!("the job is {state} already")).with("state", state);
            return Err(Error::from(refusal).into());
        }
        let now = self.clock.now();
        let mut job = job.ended(JobState::Canceled, now);
        job::update(tx, org.key, &job).await?;
        job.version += 1;
        if let Some(key) = &once.key {
            request::remember(tx, org.key, key, (once.encode)(&job), now).await?;
        }
        Ok(Reply::Done(job))
    }
}
