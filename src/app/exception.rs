//! One account is excepted from the rules: its reclaim undone, its owner given more time, locked, kept from being claimed.
//!
//! Statement budget: 1 read of the account with the revisions and the answer of a repeated request; of an undo 1 read of
//! tenures and 1 of the guard row, of a lock 1 of the guard row with the number of locks; then as `store::apply` says for
//! one change; one request row.

use super::{
    App,
    call::Call,
    circulate::Admission,
    flow::{self, Once, Reply},
};
use crate::{
    domain::{
        account::{Account, Status},
        circulation::{Decision, Scene},
        error::Error,
        exception::{self, Facts, Wish},
        ids::{AccountId, UserId},
        limits::{Count, Counted},
        organisation::Organisation,
        refusal::Class,
    },
    store::{self, Abort, Tx, apply, config::By, holdings, request, subject},
};
use chrono::{DateTime, Utc};
use std::{collections::HashMap, slice, sync::Arc};

/// Which account, in which state, and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Except {
    /// Which.
    pub account: AccountId,
    /// The state that the caller saw.
    pub etag: Option<i64>,
    /// What is wanted.
    pub wish: Wish,
    /// Only says what would be answered.
    pub validate_only: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Excepted {
    /// The account afterwards, and when that was.
    Done(Box<Account>, DateTime<Utc>),
    /// Only what would be answered.
    Looked(Admission),
}

impl App {
    /// Makes the exception.
    pub async fn except(
        &self,
        call: &Call,
        name: &'static str,
        once: &Once<'_, Excepted>,
        input: &Except,
    ) -> Result<Reply<Excepted>, Error> {
        let unit = self.db.unit(name, call.deadline).replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.except_once(tx, &org, call, once, input).await))
                .await
        })
        .await
    }

    async fn except_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        once: &Once<'_, Excepted>,
        input: &Except,
    ) -> Result<Reply<Excepted>, Abort> {
        // Only looking leaves no trace, so there is nothing to replay.
        let key = once.key.as_ref().filter(|_| !input.validate_only);
        let loaded = subject::load(tx, org, key, call.actor.as_ref(), &[input.account]).await?;
        let mut loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if let Some(response) = flow::current(org, loaded.revisions, loaded.found)? {
            return Ok(Reply::Replayed(response));
        }
        let subject = loaded.subjects.remove(&input.account);
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let mut holders = HashMap::new();
        let facts = match &subject {
            Some(subject) => read(tx, &scene, &subject.account, &input.wish, &mut holders).await?,
            None => Facts::default(),
        };
        let (id, etag) = (input.account, input.etag);
        let decided = exception::decide(&scene, subject.as_ref(), id, etag, &input.wish, &facts);
        if input.validate_only {
            return looked(decided).map(Reply::Done).map_err(Into::into);
        }
        let decision = decided?;
        let account = decision.account().clone();
        if let Decision::Change(change) = decision {
            let by = By {
                caller: &principal.caller,
                actor: principal.actor.as_ref(),
                now: scene.now,
            };
            apply::apply(tx, org.key, slice::from_ref(&change), &holders, &by).await?;
        }
        let done = Excepted::Done(Box::new(account), scene.now);
        if let Some(key) = key {
            request::remember(tx, org.key, key, (once.encode)(&done), scene.now).await?;
        }
        Ok(Reply::Done(done))
    }
}

/// What the decision needs beside the account. Who may hold more afterwards is counted in the same statement as his guard
/// row's version.
async fn read(
    tx: &Tx,
    scene: &Scene<'_>,
    account: &Account,
    wish: &Wish,
    holders: &mut HashMap<UserId, i64>,
) -> Result<Facts, Abort> {
    let mut facts = Facts::default();
    let tenant = scene.org.key;
    let at = scene.now.max(account.update_time);
    let (user, count) = match wish {
        Wish::Undo { .. } => {
            facts.tenures = store::history::tenures(tx, tenant, account.id, None, 2).await?;
            // Statements see different states: somebody got it since it was read.
            let runs = facts.tenures.first().is_some_and(|last| last.end.is_none());
            if runs && account.status == Status::Unassigned {
                return Err(Abort::Moved);
            }
            (facts.tenures.first().map(|last| last.user.clone()), None)
        }
        Wish::Lock { .. } => {
            // To what is more than allowed even where limits were lowered, so that the refusal can say how many there are.
            let cap = scene.org.tenant.settings.max_locks_per_user.saturating_add(1000);
            let what = Counted::Locked { at };
            (account.owner.clone(), Some(Count { what, cap }))
        }
        _ => return Ok(facts),
    };
    let Some(user) = user else { return Ok(facts) };
    let wanted = (user, count.into_iter().collect());
    let mut read = holdings::read(tx, tenant, slice::from_ref(&wanted)).await?;
    // Guard rows come with users of the directory; whoever is none of them is refused by the decision.
    if let Some(holder) = read.remove(&wanted.0) {
        facts.locked = count.map_or(0, |count| holder.counts.get(count.what));
        holders.insert(wanted.0, holder.version);
    }
    Ok(facts)
}

/// What was seen by only looking. That there is no such account, or that the request is wrong, is no admission.
fn looked(decided: Result<Decision, Error>) -> Result<Excepted, Error> {
    let refusals = match decided {
        Ok(_) => Vec::new(),
        Err(Error::Refused(refusals))
            if refusals
                .first()
                .is_none_or(|first| first.reason.class() != Class::NotFound) =>
        {
            refusals
        }
        Err(error) => return Err(error),
    };
    Ok(Excepted::Looked(Admission {
        refusals,
        rooms: Vec::new(),
    }))
}
