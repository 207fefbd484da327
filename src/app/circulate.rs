//! Accounts change hands: every single and bulk move is this one flow.
//!
//! Statement budget for n accounts, `k = ceil(n / 128)`: k reads of the accounts with the revisions, bans and the answer
//! of a repeated request; k reads of guard rows with what limits count, where somebody gains; k writes each of accounts,
//! guard rows, tenures and events as the moves need them; one request row. A claim is 2 reads and 4 writes. Where objects
//! may follow, what `handover` says.

use super::{
    App,
    call::Call,
    flow::{self, Once, Reply},
    handover,
    holders::{Holder, gains, read_holders, versions},
    tally,
};
use crate::{
    domain::{
        account::Account,
        change::Change,
        circulation::{Decision, Item, Scene, Subject, acquisition, decide, held},
        error::Error,
        ids::{AccountId, UserId},
        limits::RoomLeft,
        organisation::Organisation,
        refusal::{Class, Refusal},
        related::handover::Followers,
    },
    store::{
        Abort, Tx, apply,
        config::By,
        request::{self, RequestKey},
        subject,
    },
};
use std::{collections::HashMap, sync::Arc};

/// What one refused item means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// There are no others: the call itself is refused.
    Single,
    /// Nothing: each is decided for itself.
    Each,
    /// None of them moves.
    Atomic,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// The moves, each account once, in the order in which they are decided.
    pub items: Vec<Item>,
    /// What one refused item means for the others.
    pub mode: Mode,
    /// Only says what would be answered.
    pub validate_only: bool,
}

/// "May I?"
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Everything in the way.
    pub refusals: Vec<Refusal>,
    /// What the limits still allow.
    pub rooms: Vec<RoomLeft>,
}

/// What came of one item.
#[derive(Clone, Debug)]
pub struct ItemOutcome {
    /// Of which account.
    pub account: AccountId,
    /// The account afterwards if it moved, nothing if it was only held back by others, or why it was refused.
    pub moved: Result<Option<Account>, Error>,
    /// With `validate_only`: what would be answered.
    pub admission: Option<Admission>,
    /// Contacts that do not follow, since the account has too many.
    pub left_behind: u32,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether anything was changed.
    pub applied: bool,
    /// One per item, in their order.
    pub items: Vec<ItemOutcome>,
}

impl App {
    /// Makes the moves.
    pub async fn circulate(
        &self,
        call: &Call,
        name: &'static str,
        once: &Once<'_, Outcome>,
        bulk: &Bulk,
    ) -> Result<Reply<Outcome>, Error> {
        // Only looking leaves no trace, so there is nothing to replay.
        let key = once.key.as_ref().filter(|_| !bulk.validate_only);
        let unit = self.db.unit(name, call.deadline).replayable(key.is_some());
        let reply = self
            .on_snapshot(call, &unit, |org| async move {
                unit.retry(|| unit.tx(async |tx| self.move_once(tx, &org, call, key, once, bulk).await))
                    .await
            })
            .await;
        tally::moves(name, bulk, &reply);
        reply
    }

    async fn move_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        key: Option<&RequestKey>,
        once: &Once<'_, Outcome>,
        bulk: &Bulk,
    ) -> Result<Reply<Outcome>, Abort> {
        let mut subjects = HashMap::with_capacity(bulk.items.len());
        for chunk in bulk.items.chunks(subject::CHUNK) {
            let ids: Vec<_> = chunk.iter().map(|item| item.account).collect();
            let loaded = subject::load(tx, org, key, call.actor.as_ref(), &ids).await?;
            let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
            if let Some(response) = flow::current(org, loaded.revisions, loaded.found)? {
                return Ok(Reply::Replayed(response));
            }
            subjects.extend(loaded.subjects);
        }
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let gains = gains(&subjects, bulk.items.iter().map(|item| (&scene, item)));
        let mut holders = read_holders(tx, org, scene.now, &subjects, &gains).await?;
        let wished = bulk.items.iter().map(|item| (principal.actor.as_ref(), item));
        let mut followers = handover::count(tx, org, &subjects, wished).await?;
        let (mut outcome, mut changes) = decide_all(&scene, &subjects, &mut holders, &mut followers, bulk);
        // With `validate_only` only that there is no such account is left here as an error.
        if let (Mode::Single, Some(Err(error))) = (bulk.mode, outcome.items.first().map(|item| &item.moved)) {
            return Err(error.clone().into());
        }
        outcome.applied = outcome.applied && !changes.is_empty();
        if outcome.applied {
            handover::fill(tx, org.key, &mut changes, followers).await?;
            let by = By {
                caller: &principal.caller,
                actor: principal.actor.as_ref(),
                now: scene.now,
            };
            apply::apply(tx, org.key, &changes, &versions(&holders), &by).await?;
        }
        if let Some(key) = key {
            request::remember(tx, org.key, key, (once.encode)(&outcome), scene.now).await?;
        }
        Ok(Reply::Done(outcome))
    }
}

/// Decides one item on what those before it leave.
pub(super) fn decide_next(
    scene: &Scene<'_>,
    subject: Option<&Subject>,
    holders: &mut HashMap<UserId, Holder>,
    followers: &mut Followers,
    item: &Item,
) -> Result<Decision, Error> {
    let gain = subject.and_then(|subject| acquisition(scene, &subject.account, &item.wanted));
    let holder = gain.as_ref().and_then(|gain| holders.get_mut(&gain.user));
    if let Some(refusal) = followers.refusal(item.account) {
        // Told where nothing else is in the way, and then nobody's room is used up.
        let mut room = holder.map(|holder| holder.room.clone());
        return match decide(scene, subject, item, room.as_mut())? {
            Decision::Change(_) => Err(refusal.into()),
            same @ Decision::Same(_) => Ok(same),
        };
    }
    let mut decided = decide(scene, subject, item, holder.map(|holder| &mut holder.room));
    if let Ok(Decision::Change(change)) = &mut decided {
        change.event.effects.contacts_left_behind = followers.take(item.account);
        let before = subject.map(|subject| held(&subject.account, subject.account.pool_id));
        let loser = change.end.as_ref().and_then(|end| holders.get_mut(&end.user));
        if let (Some(before), Some(loser)) = (before, loser) {
            loser.room.give_back(before);
        }
    }
    decided
}

fn decide_all(
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    holders: &mut HashMap<UserId, Holder>,
    followers: &mut Followers,
    bulk: &Bulk,
) -> (Outcome, Vec<Change>) {
    let mut items = Vec::with_capacity(bulk.items.len());
    let mut changes = Vec::with_capacity(bulk.items.len());
    for item in &bulk.items {
        let subject = subjects.get(&item.account);
        let gain = subject.and_then(|subject| acquisition(scene, &subject.account, &item.wanted));
        let holder = gain.as_ref().and_then(|gain| holders.get(&gain.user));
        let rooms = match (&gain, &holder) {
            (Some(gain), Some(holder)) if bulk.validate_only => gain.room_left(&holder.room),
            _ => Vec::new(),
        };
        let decided = decide_next(scene, subject, holders, followers, item);
        let left_behind = match &decided {
            Ok(Decision::Change(change)) => change.event.effects.contacts_left_behind,
            _ => 0,
        };
        items.push(if bulk.validate_only {
            ItemOutcome {
                left_behind,
                ..looked(item.account, decided, rooms)
            }
        } else {
            let moved = decided.map(|decision| {
                let account = decision.account().clone();
                if let Decision::Change(change) = decision {
                    changes.push(*change);
                }
                Some(account)
            });
            ItemOutcome {
                account: item.account,
                moved,
                admission: None,
                left_behind,
            }
        });
    }
    let refused = items.iter().any(|item| item.moved.is_err());
    if refused && bulk.mode == Mode::Atomic {
        changes.clear();
        for item in &mut items {
            if let Ok(account) = &mut item.moved {
                *account = None;
                item.left_behind = 0;
            }
        }
        return (Outcome { applied: false, items }, changes);
    }
    (
        Outcome {
            applied: !bulk.validate_only,
            items,
        },
        changes,
    )
}

/// What was seen by only looking. That there is no such account is an answer of its own, not something in the way.
fn looked(account: AccountId, decided: Result<Decision, Error>, rooms: Vec<RoomLeft>) -> ItemOutcome {
    let (moved, refusals) = match decided {
        Ok(_) => (Ok(None), Vec::new()),
        Err(Error::Refused(refusals))
            if refusals
                .first()
                .is_none_or(|first| first.reason.class() != Class::NotFound) =>
        {
            (Ok(None), refusals)
        }
        Err(error) => (Err(error), Vec::new()),
    };
    // What others may still take is not for those who may not make the move.
    let denied = |refusal: &Refusal| refusal.reason.class() == Class::PermissionDenied;
    let rooms = if refusals.iter().any(denied) { Vec::new() } else { rooms };
    let admission = moved.is_ok().then_some(Admission { refusals, rooms });
    ItemOutcome {
        account,
        moved,
        admission,
        left_behind: 0,
    }
}
