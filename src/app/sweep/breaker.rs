//! Where reclaims are stopped, and how somebody lets them go on.
//!
//! Statement budget: a list 1 read of the revisions and 1; a confirmation 1 read of the revisions with the answer of a
//! repeated request, 1 read, 1 write, 1 event, 1 request row.

use crate::{
    app::{
        App,
        call::Call,
        flow::{self, Once, Reply},
        page::{self, List},
        tenant::check_etag,
    },
    domain::{
        breaker::Breaker,
        config_change::{Action, ConfigEvent},
        error::Error,
        ids::PoolId,
        refusal::{Reason, Refusal},
    },
    store::{breaker, config, request},
};

/// A breaker and what it is of: a pool, or all accounts outside pools.
pub type PoolBreaker = (Option<PoolId>, Breaker);

/// How the breakers of no pool are called in the history of the configuration.
const OUTSIDE: &str = "outside-pools";

/// Which reclaims are confirmed.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmReclaims {
    /// Of which pool; none means the accounts outside pools.
    pub pool: Option<PoolId>,
    /// How many more there may be.
    pub accounts: i64,
    /// The state that the caller saw.
    pub etag: Option<i64>,
}

impl App {
    /// The breakers of pools that the caller administers, by pool, those that stop first; and the token of the next page.
    pub async fn list_reclaim_breakers(
        &self,
        call: &Call,
        open_only: bool,
        size: usize,
        token: &str,
    ) -> Result<(Vec<PoolBreaker>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let list = List::new(call, "ListReclaimBreakers", &open_only);
        let after: Option<Option<PoolId>> = self.pages.open(&list, token)?;
        let unit = self.db.unit("ListReclaimBreakers", call.deadline);
        let all = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(breaker::all(&reader, org.key).await?)
        });
        let all = all.await.map_err(|abort| unit.error(abort))?;
        let administers = |pool: &Option<PoolId>| match pool {
            None => principal.crm_admin,
            Some(id) => org.pool(*id).is_some_and(|pool| principal.administers(&org, pool)),
        };
        let rows = all.into_iter().filter(|(pool, breaker)| {
            after.is_none_or(|after| *pool > after) && administers(pool) && (breaker.is_open() || !open_only)
        });
        let rows = rows.take(size + 1).collect();
        Ok(page::cut(&self.pages, &list, rows, size, |(pool, _)| *pool))
    }

    /// Lets so many more accounts of the pool be reclaimed.
    pub async fn confirm_reclaims(
        &self,
        call: &Call,
        once: &Once<'_, PoolBreaker>,
        input: &ConfirmReclaims,
    ) -> Result<Reply<PoolBreaker>, Error> {
        let unit = self
            .db
            .unit("ConfirmReclaims", call.deadline)
            .replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| {
                unit.tx(async |tx| {
                    if let Some(response) = flow::enter(tx, &org, once.key.as_ref()).await? {
                        return Ok(Reply::Replayed(response));
                    }
                    let principal = Self::principal(&org, call)?;
                    // Whoever is not to know of the pool is not told that it is there.
                    let pool = input.pool.map(|id| (id, org.pool(id)));
                    if let Some((id, pool)) = pool
                        && !pool.is_some_and(|pool| principal.sees_pool(&org, pool))
                    {
                        return Err(Error::not_found("pool", id).into());
                    }
                    // Rules are changed by CRM admins; who let a rule loose on a pool also answers for it.
                    principal.require_crm_admin().map_err(Error::from)?;
                    let old = breaker::one(tx, org.key, input.pool).await?;
                    let old = old.ok_or_else(|| {
                        let message = "nothing of this pool was reclaimed yet: there is nothing to confirm";
                        Error::from(Refusal::new(Reason::BreakerClosed, message))
                    })?;
                    check_etag(input.etag, old.version)?;
                    let now = self.clock.now();
                    let new = old.confirm(input.accounts, now).map_err(Error::from)?;
                    breaker::put(tx, org.key, &[(input.pool, new)].into()).await?;
                    let new = Breaker {
                        version: new.version + 1,
                        ..new
                    };
                    let resource = input.pool.map_or_else(|| OUTSIDE.to_owned(), |pool| pool.to_string());
                    let (before, after) = (old.told(), new.told());
                    let event = ConfigEvent::new(
                        "reclaim_breaker",
                        resource,
                        Action::Updated,
                        Some(&before),
                        Some(&after),
                    );
                    let by = config::By {
                        caller: &principal.caller,
                        actor: principal.actor.as_ref(),
                        now,
                    };
                    config::write_events(tx, org.key, &[event], &by, &self.ids).await?;
                    let answer = (input.pool, new);
                    if let Some(key) = &once.key {
                        request::remember(tx, org.key, key, (once.encode)(&answer), now).await?;
                    }
                    Ok(Reply::Done(answer))
                })
            })
            .await
        })
        .await
    }
}
