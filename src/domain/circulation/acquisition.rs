//! Who may hold more after a move, and what his limits have to say to it.

use super::{Move, Scene};
use crate::domain::{
    account::Account,
    ids::{PoolId, UserId},
    limits::{Held, How, Room, RoomLeft},
    refusal::Refusal,
};

/// Somebody may hold more after a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquisition {
    /// Who.
    pub user: UserId,
    /// The account as he holds it now, if it only moves between pools in his hands.
    pub from: Option<Held>,
    /// The account as he will hold it.
    pub to: Held,
    /// How he gets it.
    pub how: How,
}

impl Acquisition {
    /// Why he may not.
    #[must_use]
    pub fn check(&self, room: &Room) -> Vec<Refusal> {
        match self.from {
            None => room.check(self.to, self.how),
            Some(from) => room.check_move(from, self.to),
        }
    }

    /// What each limit that the account would come under still allows. What he holds already stands in its own way nowhere.
    #[must_use]
    pub fn room_left(&self, room: &Room) -> Vec<RoomLeft> {
        let mut room = room.clone();
        if let Some(from) = self.from {
            room.give_back(from);
        }
        room.left(self.to, self.how)
    }

    /// Notes that he does.
    pub fn take(&self, room: &mut Room) {
        if let Some(from) = self.from {
            room.give_back(from);
        }
        room.take(self.to, self.how);
    }
}

/// The account as limits see it.
#[must_use]
pub fn held(account: &Account, pool: Option<PoolId>) -> Held {
    Held {
        pool,
        won: account.is_won(),
    }
}

/// Who gains by the move. Moves that give nobody more than he has gain nobody.
#[must_use]
pub fn acquisition(scene: &Scene<'_>, account: &Account, wanted: &Move) -> Option<Acquisition> {
    let gain = |user: &UserId, how: How| {
        let to = held(account, account.pool_id);
        Some(Acquisition {
            user: user.clone(),
            from: None,
            to,
            how,
        })
    };
    let keep = |target: Option<PoolId>, clear_owner: bool| {
        let clears = |id: PoolId| {
            scene
                .org
                .pool(id)
                .is_some_and(|pool| pool.config.clear_owner_on_transfer_in)
        };
        let owner = account
            .owner
            .as_ref()
            .filter(|_| !clear_owner && !target.is_some_and(clears))?;
        let (from, to) = (Some(held(account, account.pool_id)), held(account, target));
        Some(Acquisition {
            user: owner.clone(),
            from,
            to,
            how: How::Given,
        })
    };
    match wanted {
        Move::Claim => gain(scene.principal.actor.as_ref()?, How::Claimed),
        Move::Assign(to) | Move::ChangeOwner(to) if account.owner.as_ref() != Some(to) => gain(to, How::Given),
        Move::Transfer { target, clear_owner }
        | Move::AddToPool { target, clear_owner }
        | Move::Relocate {
            target, clear_owner, ..
        } => keep(Some(*target), *clear_owner),
        Move::RemoveFromPool { clear_owner } => keep(None, *clear_owner),
        Move::Assign(_)
        | Move::ChangeOwner(_)
        | Move::Return { .. }
        | Move::Reclaim { .. }
        | Move::Release { .. }
        | Move::LeaveTeam(_) => None,
    }
}
