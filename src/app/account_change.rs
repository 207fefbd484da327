//! One account changes other than by moving between owners and pools: canceled, restored, deleted, its team.
//!
//! Statement budget: 1 read of the account with the revisions and the answer of a repeated request; 1 read of the guard
//! row with what limits count (restore with an owner), or of the team (changes of the team); then as `store::apply` says
//! for one change; one request row.

use super::{
    App,
    call::Call,
    flow::{self, Once, Reply},
};
use crate::{
    domain::{
        account::Account,
        circulation::{Decision, Scene, Subject},
        error::Error,
        ids::{AccountId, UserId},
        lifecycle,
        limits::{How, Room, UserLimits},
        organisation::Organisation,
        team::{self, TeamWish},
    },
    store::{self, Abort, Tx, apply, config::By, holdings, request, subject},
};
use std::{collections::HashMap, sync::Arc};

/// What is wanted of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It is taken out of use.
    Cancel,
    /// It comes back.
    Restore {
        /// Without the owner that it had.
        clear_owner: bool,
    },
    /// It is deleted.
    Delete,
    /// Its team changes.
    Team(TeamWish),
}

/// Which account, in which state, and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeAccount {
    /// Which.
    pub account: AccountId,
    /// The state that the caller saw.
    pub etag: Option<i64>,
    /// What is wanted.
    pub wish: Wish,
}

impl App {
    /// Makes the change and answers the account afterwards.
    pub async fn change_account(
        &self,
        call: &Call,
        name: &'static str,
        once: &Once<'_, Account>,
        input: &ChangeAccount,
    ) -> Result<Reply<Account>, Error> {
        let unit = self.db.unit(name, call.deadline).replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.change_once(tx, &org, call, once, input).await))
                .await
        })
        .await
    }

    async fn change_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        once: &Once<'_, Account>,
        input: &ChangeAccount,
    ) -> Result<Reply<Account>, Abort> {
        let loaded = subject::load(tx, org, once.key.as_ref(), call.actor.as_ref(), &[input.account]).await?;
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
        let decision = decide(tx, &scene, subject.as_ref(), input, &mut holders).await?;
        let account = decision.account().clone();
        if let Decision::Change(change) = decision {
            let by = By {
                caller: &principal.caller,
                actor: principal.actor.as_ref(),
                now: scene.now,
            };
            apply::apply(tx, org.key, &[*change], &holders, &by).await?;
        }
        if let Some(key) = &once.key {
            request::remember(tx, org.key, key, (once.encode)(&account), scene.now).await?;
        }
        Ok(Reply::Done(account))
    }
}

async fn decide(
    tx: &Tx,
    scene: &Scene<'_>,
    subject: Option<&Subject>,
    input: &ChangeAccount,
    holders: &mut HashMap<UserId, i64>,
) -> Result<Decision, Abort> {
    let ChangeAccount {
        account: id,
        etag,
        wish,
    } = input;
    let change = match wish {
        Wish::Cancel => lifecycle::cancel(scene, subject, *id, *etag)?,
        Wish::Delete => lifecycle::delete(scene, subject, *id, *etag)?,
        Wish::Restore { clear_owner } => {
            let mut room = match subject {
                Some(subject) => read_room(tx, scene, subject, *clear_owner, holders).await?,
                None => None,
            };
            lifecycle::restore(scene, subject, *id, *etag, *clear_owner, room.as_mut())?
        }
        Wish::Team(wish) => {
            let members = match subject {
                Some(_) => store::team::list(tx, scene.org.key, *id).await?,
                None => Vec::new(),
            };
            return Ok(team::decide(scene, subject, *id, *etag, &members, wish)?);
        }
    };
    Ok(Decision::Change(Box::new(change)))
}

/// What the owner that it had may still take, in the same statement as his guard row's version.
async fn read_room(
    tx: &Tx,
    scene: &Scene<'_>,
    subject: &Subject,
    clear_owner: bool,
    holders: &mut HashMap<UserId, i64>,
) -> Result<Option<Room>, Abort> {
    let gain = lifecycle::restoration(&subject.account, clear_owner);
    // Guard rows come with users of the directory; whoever is none of them is refused by the decision.
    let Some(gain) = gain.filter(|gain| scene.org.directory.users.contains_key(&gain.user)) else {
        return Ok(None);
    };
    let limits = UserLimits::of(scene.org, &gain.user, [gain.to.pool], How::Given, scene.now);
    let wanted = [(gain.user.clone(), limits.counts(0))];
    let mut facts = holdings::read(tx, scene.org.key, &wanted).await?;
    let facts = facts.remove(&gain.user).ok_or(Abort::Stale)?;
    holders.insert(gain.user, facts.version);
    Ok(Some(Room::new(limits, facts.counts)))
}
