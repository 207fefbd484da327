//! How accounts change hands. One decision for each move, over data; nothing here reads or writes.
//!
//! Order of checks: the account exists as far as the principal may know, it was not merged, the principal may do this:
//! each of these stops at once. Then everything else that is in the way is collected: etag, status, and what the move
//! itself asks. A specific reason replaces the general one.

mod acquisition;
pub(in crate::domain) mod admit;
mod assign;
mod claim;
mod effect;
mod give_back;
mod leave;
mod pool_move;
mod relocate;
#[cfg(test)]
mod tests;

pub use acquisition::{Acquisition, acquisition, held};
pub(super) use admit::{Obstacles, allow, is_owner, is_supervisor, known};
pub use admit::{knows, merged, reads};
pub use effect::{clear_team, give_owner, lose_owner, successor, team_for};

use super::{
    account::{Account, Status, TeamAccess},
    change::Change,
    ids::{AccountId, PoolId, ReasonId, UserId},
    limits::Room,
    organisation::Organisation,
    principal::Principal,
    related::handover::Follows,
};
use crate::domain::error::Error;
use chrono::{DateTime, Utc};

/// What all decisions of a call are made on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The configuration.
    pub org: &'a Organisation,
    /// Who wants it.
    pub principal: &'a Principal,
    /// When, by the clock. A decision's own time is never before the account's last change.
    pub now: DateTime<Utc>,
}

/// The account that is to move, with what was read beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The account.
    pub account: Account,
    /// When the actor last lost it in a way that keeps him from claiming it again.
    pub banned_since: Option<DateTime<Utc>>,
    /// What the actor may do as a member of its team, or as a supervisor of one.
    pub team: Option<TeamAccess>,
    /// Whether services told of contacts of the account.
    pub has_contacts: bool,
}

/// What is wanted of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// The actor takes it out of the pool for himself.
    Claim,
    /// An admin gives it to somebody.
    Assign(UserId),
    /// It is handed over.
    ChangeOwner(UserId),
    /// It goes back to the pool.
    Return {
        /// Why, from the list.
        reason: Option<ReasonId>,
        /// In words.
        note: String,
        /// Which pool, for an account that belongs to none.
        target: Option<PoolId>,
    },
    /// An admin takes it back into the pool.
    Reclaim {
        /// In words.
        note: String,
    },
    /// It moves to another pool.
    Transfer {
        /// Which.
        target: PoolId,
        /// Without its owner, also where the target would let him keep it.
        clear_owner: bool,
    },
    /// It is put into a pool.
    AddToPool {
        /// Which.
        target: PoolId,
        /// Without its owner, also where the pool would let him keep it.
        clear_owner: bool,
    },
    /// It is taken out of its pool.
    RemoveFromPool {
        /// Whether it loses its owner.
        clear_owner: bool,
    },
    /// Its owner left: it goes back to its pool.
    Release {
        /// Who left. An account that is not his any more stays as it is.
        user: UserId,
        /// Which pool, for an account that belongs to none; otherwise the one that its rule reclaims into, else none.
        target: Option<PoolId>,
    },
    /// Somebody left: he goes out of its related team.
    LeaveTeam(UserId),
    /// Its whole pool moves to another one, it with it, in whatever status.
    Relocate {
        /// The pool that moves. An account that is not in it any more stays where it is.
        source: PoolId,
        /// Where to.
        target: PoolId,
        /// Without its owner, also where the target would let him keep it.
        clear_owner: bool,
    },
}

/// One account of a call and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which account.
    pub account: AccountId,
    /// The state that the caller saw.
    pub etag: Option<i64>,
    /// What is wanted.
    pub wanted: Move,
    /// Which objects of the old owner are to follow the account to its new one.
    pub follow: Vec<Follows>,
}

/// What a decision comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The account changes.
    Change(Box<Change>),
    /// It is that way already.
    Same(Box<Account>),
}

impl Decision {
    /// The account afterwards.
    #[must_use]
    pub fn account(&self) -> &Account {
        match self {
            Self::Change(change) => &change.after,
            Self::Same(account) => account,
        }
    }
}

/// Decides one move. `room` is what the user who would gain the account may still take; it is used up by a move that is
/// allowed, so that later items of the same call are decided on what is left.
pub fn decide(
    scene: &Scene<'_>,
    subject: Option<&Subject>,
    item: &Item,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let subject = match &item.wanted {
        // Nobody is told anything of these but those who may do this to accounts that they cannot read.
        Move::Release { .. } | Move::LeaveTeam(_) | Move::Relocate { .. } => subject
            .filter(|subject| subject.account.status != Status::Deleted)
            .ok_or_else(|| Error::not_found("account", item.account))?,
        _ => known(scene, subject, item.account)?,
    };
    let scene = &Scene {
        now: scene.now.max(subject.account.update_time),
        ..*scene
    };
    match &item.wanted {
        Move::Claim => claim::decide(scene, subject, item.etag, room),
        Move::Assign(to) => assign::assign(scene, subject, item.etag, to, room),
        Move::ChangeOwner(to) => assign::change_owner(scene, subject, item.etag, to, room),
        Move::Return { reason, note, target } => {
            give_back::give_back(scene, subject, item.etag, reason.as_ref(), note, *target)
        }
        Move::Reclaim { note } => give_back::reclaim(scene, subject, item.etag, note),
        Move::Transfer { target, clear_owner } => {
            pool_move::transfer(scene, subject, item.etag, *target, *clear_owner, room)
        }
        Move::AddToPool { target, clear_owner } => {
            pool_move::add(scene, subject, item.etag, *target, *clear_owner, room)
        }
        Move::RemoveFromPool { clear_owner } => pool_move::remove(scene, subject, item.etag, *clear_owner, room),
        Move::Release { user, target } => leave::release(scene, subject, user, *target),
        Move::LeaveTeam(user) => leave::leave_team(scene, subject, user),
        Move::Relocate {
            source,
            target,
            clear_owner,
        } => relocate::relocate(scene, subject, *source, *target, *clear_owner, room),
    }
}
