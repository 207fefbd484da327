//! Who may hold more after a move, and which of his limits the move has to respect.

use super::{Move, Scene};
use crate::domain::{
    account::Account,
    ids::{PoolId, UserId},
};

/// Which limits a move has to respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The user's holding limit.
    pub holding: bool,
    /// The pool's limit per member.
    pub pool: bool,
    /// The daily limits: only own claims count toward them.
    pub daily: bool,
}

/// Somebody may hold more after a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquisition {
    /// Who.
    pub user: UserId,
    /// The pool that the account belongs to afterwards.
    pub pool: Option<PoolId>,
    /// Whether the account is won.
    pub won: bool,
    /// Which limits have to be respected.
    pub checks: Checks,
}

/// Who gains by the move. Moves that give nobody more than he has gain nobody.
#[must_use]
pub fn acquisition(scene: &Scene<'_>, account: &Account, wanted: &Move) -> Option<Acquisition> {
    let won = account.is_won();
    let gain = |user: &UserId, pool: Option<PoolId>, holding: bool, daily: bool| {
        let checks = Checks { holding, pool: pool.is_some(), daily };
        Some(Acquisition { user: user.clone(), pool, won, checks })
    };
    let keeps = |target: PoolId, clear_owner: bool| {
        let clears = clear_owner || scene.org.pool(target).is_some_and(|pool| pool.config.clear_owner_on_transfer_in);
        account.owner.as_ref().filter(|_| !clears)
    };
    match wanted {
        Move::Claim => gain(scene.principal.actor.as_ref()?, account.pool_id, true, true),
        Move::Assign(to) | Move::ChangeOwner(to) if account.owner.as_ref() != Some(to) => {
            gain(to, account.pool_id, true, false)
        }
        // Between pools the holding count does not change; into a pool it can only fall.
        Move::Transfer { target, clear_owner } | Move::AddToPool { target, clear_owner } => {
            gain(keeps(*target, *clear_owner)?, Some(*target), false, false)
        }
        // Out of a pool it can rise, where pool accounts do not count.
        Move::RemoveFromPool { clear_owner: false } => gain(account.owner.as_ref()?, None, true, false),
        Move::Assign(_) | Move::ChangeOwner(_) | Move::Return { .. } | Move::Reclaim { .. } | Move::RemoveFromPool { .. } => None,
    }
}
