//! What flows have in common: the snapshot that a decision is made on, the answer of a repeated request, and the whole
//! of every change of configuration.
//!
//! Statement budget of a change of configuration: 1 read (2 where facts are asked for), then the tenant, the rows
//! (100 per statement), the events (100 per statement), and the request row.

use super::{App, call::Call};
use crate::{
    domain::{
        config_change::{ConfigChange, Occupancy},
        error::Error,
        ids::{PoolId, TenantName},
        organisation::{Organisation, Revisions},
        principal::Principal,
        refusal::Reason,
    },
    id::Ids,
    store::{
        Abort, Deadline, Tx, Unit, config,
        request::{self, Found, RequestKey},
        request_batch,
    },
};
use chrono::{DateTime, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// How often a decision is made again on a newer snapshot before the caller is told that too much moves.
const SNAPSHOTS: usize = 5;

/// How a request is answered once, however often it is sent.
pub struct Once<'a, T> {
    /// The request, if it has an id.
    pub key: Option<RequestKey>,
    /// The bytes of the answer.
    pub encode: &'a (dyn Fn(&T) -> Vec<u8> + Send + Sync),
}

/// What a mutation answers.
#[derive(Debug)]
pub enum Reply<T> {
    /// It was done now.
    Done(T),
    /// It was done before, and answered with these bytes.
    Replayed(Vec<u8>),
}

/// What a decision about configuration is made on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The configuration as it is.
    pub org: &'a Organisation,
    /// Who wants the change.
    pub principal: &'a Principal,
    /// When.
    pub now: DateTime<Utc>,
    /// Makes ids for new things.
    pub ids: &'a Ids,
    /// What was asked for with [`Ask`].
    pub occupancy: Option<Occupancy>,
}

/// What a decision needs to know beyond the snapshot.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// Nothing.
    Nothing,
    /// What lies in a pool.
    Occupancy(PoolId),
}

/// The answer to a call for a tenant that does not exist. The tenant comes from the credential, so that is what is wrong.
pub(crate) fn unknown_tenant() -> Error {
    Error::refused(Reason::Unauthenticated, "the tenant of this credential does not exist")
}

/// The answer to a request whose id another request had.
pub(crate) fn reused() -> Error {
    let message = "the request id was used before for another request; use a new one";
    Error::refused(Reason::RequestIdReused, message)
}

/// The answer that was given before, or the certainty that `org` is what was committed when the revisions were read.
pub(crate) fn current(org: &Organisation, revisions: Revisions, found: Found) -> Result<Option<Vec<u8>>, Abort> {
    match found {
        Found::Answer(response) => Ok(Some(response)),
        Found::Other => Err(reused().into()),
        Found::Nothing if revisions != org.revisions => Err(Abort::Stale),
        Found::Nothing => Ok(None),
    }
}

/// That none of these requests was answered since that was looked for. For what was refused on rows that were read later: they
/// may be those that the same request wrote, sent twice at the same time. One statement, none for no requests.
pub(crate) async fn still_open(tx: &Tx, org: &Organisation, keys: &[&RequestKey]) -> Result<(), Abort> {
    let found = request_batch::find(tx, org.key, keys).await?;
    if found.is_empty() { Ok(()) } else { Err(Abort::Moved) }
}

/// How a mutation begins that reads nothing else with it.
pub(crate) async fn enter(tx: &Tx, org: &Organisation, key: Option<&RequestKey>) -> Result<Option<Vec<u8>>, Abort> {
    let (revisions, found) = request::enter(tx, org.key, key).await?.ok_or_else(unknown_tenant)?;
    current(org, revisions, found)
}

impl App {
    /// Who the call is made for, by the directory of `org`.
    pub(crate) fn principal(org: &Organisation, call: &Call) -> Result<Principal, Error> {
        Ok(Principal::resolve(
            org,
            call.caller.clone(),
            call.actor.clone(),
            call.administers(),
        )?)
    }

    /// The snapshot of what is committed now, for reads that are answered from it.
    pub(crate) async fn organisation(&self, call: &Call) -> Result<Arc<Organisation>, Error> {
        let org = self.snapshots.current(&call.tenant, call.deadline).await;
        let org = org.map_err(|abort| self.db.unit("read configuration", call.deadline).error(abort))?;
        org.ok_or_else(unknown_tenant)
    }

    /// Runs `decide` on the snapshot at hand, and again on a newer one for as long as it finds it stale.
    pub(crate) async fn on_snapshot<T, F>(
        &self,
        call: &Call,
        unit: &Unit<'_>,
        decide: impl FnMut(Arc<Organisation>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Abort>>,
    {
        self.on_tenant(&call.tenant, unit, call.deadline, decide).await
    }

    /// The same for work that nobody called for.
    pub(crate) async fn on_tenant<T, F>(
        &self,
        tenant: &TenantName,
        unit: &Unit<'_>,
        deadline: Deadline,
        mut decide: impl FnMut(Arc<Organisation>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Abort>>,
    {
        let found = self.snapshots.at_hand(tenant, deadline).await;
        let mut org = found.map_err(|abort| unit.error(abort))?.ok_or_else(unknown_tenant)?;
        for _ in 0..SNAPSHOTS {
            match decide(org.clone()).await {
                Err(Abort::Stale) => {
                    let newer = self.snapshots.newer_than(&org, deadline).await;
                    org = newer.map_err(|abort| unit.error(abort))?.ok_or_else(unknown_tenant)?;
                }
                decided => return decided.map_err(|abort| unit.error(abort)),
            }
        }
        Err(unit.error(Abort::Stale))
    }

    /// Changes configuration: `decide` says what, everything else is here.
    pub(crate) async fn configure<T: Send>(
        &self,
        call: &Call,
        name: &'static str,
        once: &Once<'_, T>,
        ask: Ask,
        decide: impl Fn(&Facts<'_>) -> Result<(ConfigChange, T), Error> + Sync,
    ) -> Result<Reply<T>, Error> {
        // What the last run decided is what was committed.
        let last = Mutex::new(None);
        let told = |facts: &Facts<'_>| {
            let (change, answer) = decide(facts)?;
            let response = (once.encode)(&answer);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            Ok((change, response))
        };
        let replayed = self.configured(call, name, once.key.as_ref(), ask, &told).await?;
        if let Some(response) = replayed {
            return Ok(Reply::Replayed(response));
        }
        let answer = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        answer.map(Reply::Done).ok_or_else(Error::internal)
    }

    /// The same for every type of answer, so that it is built once: answers what was answered before, if it was. `decide` says
    /// what is to be answered later, too.
    async fn configured(
        &self,
        call: &Call,
        name: &'static str,
        key: Option<&RequestKey>,
        ask: Ask,
        decide: &Decide<'_>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let unit = self.db.unit(name, call.deadline).replayable(key.is_some());
        let turn = self.snapshots.turn(&call.tenant, call.deadline).await;
        let _turn = turn.map_err(|abort| unit.error(abort))?;
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| {
                unit.tx(async |tx| {
                    if let Some(response) = enter(tx, &org, key).await? {
                        return Ok(Some(response));
                    }
                    let occupancy = match ask {
                        Ask::Nothing => None,
                        Ask::Occupancy(pool) => config::occupancy(tx, org.key, pool).await?,
                    };
                    let principal = Self::principal(&org, call)?;
                    let now = self.clock.now();
                    let facts = Facts {
                        org: &org,
                        principal: &principal,
                        now,
                        ids: &self.ids,
                        occupancy,
                    };
                    let (change, response) = decide(&facts)?;
                    if !change.is_empty() {
                        let by = config::By {
                            caller: &principal.caller,
                            actor: principal.actor.as_ref(),
                            now,
                        };
                        config::apply(tx, &org, &change, &by, &self.ids).await?;
                    }
                    if let Some(key) = key {
                        request::remember(tx, org.key, key, response, now).await?;
                    }
                    Ok(None)
                })
            })
            .await
        })
        .await
    }
}

/// A change of configuration and the bytes of its answer.
type Decide<'a> = dyn Fn(&Facts<'_>) -> Result<(ConfigChange, Vec<u8>), Error> + Sync + 'a;
