//! An automatic reclaim is taken back: the owner has the account again as if he had never lost it, with a day at least.

use super::changed;
use crate::domain::{
    account::{Account, EndCause, Reclaimed, RetentionClock, Status},
    change::{Effects, EventKind, LastReclaim, TeamChange},
    circulation::{
        Decision, Scene,
        admit::{Obstacles, allow},
        successor,
    },
    error::Error,
    history::{EndedTenure, Tenure},
    ids::{PoolId, UserId},
    organisation::Organisation,
    pool::PoolState,
    refusal::{Reason, Refusal},
    retention_plan,
};

/// What is to be remembered of an account that its owner is about to lose to a rule.
#[must_use]
pub fn remember(account: &Account) -> Option<Reclaimed> {
    let owner_since = account.owner_since?;
    let within = |time: &chrono::DateTime<chrono::Utc>| *time >= owner_since;
    Some(Reclaimed {
        owner_since,
        time: account.update_time,
        pool_id: account.pool_id,
        tenure: account.clock.tenure.clone(),
        notice_floor: account.clock.notice_floor,
        last_follow_up_time: account.last_follow_up_time.filter(within),
        last_won_time: account.last_won_time.filter(within),
    })
}

/// The pool from which the account was reclaimed. Of reclaims from before this was remembered it is where it lies.
fn origin(account: &Account) -> Option<PoolId> {
    let reclaimed = account.memory.reclaimed.as_ref();
    reclaimed.map_or(account.pool_id, |reclaimed| reclaimed.pool_id)
}

/// Whether the principal may undo it: CRM admins, and admins of the pool that it came from.
pub(super) fn may(scene: &Scene<'_>, account: &Account) -> bool {
    let pool = origin(account).and_then(|id| scene.org.pool(id));
    scene.principal.crm_admin
        || !matches!(account.status, Status::Canceled | Status::Merged | Status::Deleted)
            && pool.is_some_and(|pool| scene.principal.administers(scene.org, pool))
}

/// The account as the owner had it, but for its clock.
pub(super) fn restored(account: &Account, reclaimed: &Reclaimed, owner: &UserId) -> Account {
    let mut after = account.clone();
    after.owner = Some(owner.clone());
    after.owner_since = Some(reclaimed.owner_since);
    after.status = Status::Assigned;
    after.pool_id = reclaimed.pool_id;
    after.pool_entry_time = None;
    after.pool_entry_cause = None;
    after.disputed_time = None;
    after.memory.reclaimed = None;
    after.memory.tenures.retain(|past| past.user != *owner);
    after.clock = RetentionClock {
        tenure: reclaimed.tenure.clone(),
        ..RetentionClock::default()
    };
    after
}

/// Where it goes: to where it came from, unless that is no place for accounts any more.
fn place(org: &Organisation, account: &Account) -> Option<PoolId> {
    let origin = origin(account);
    let usable = |id: PoolId| org.pool(id).is_some_and(|pool| pool.state == PoolState::Active);
    if origin.is_none_or(usable) {
        origin
    } else {
        account.pool_id
    }
}

pub(super) fn undo(
    scene: &Scene<'_>,
    account: &Account,
    etag: Option<i64>,
    note: &str,
    tenures: &[Tenure],
) -> Result<Decision, Error> {
    allow(
        may(scene, account),
        "admins of the pool that it came from and CRM admins",
    )?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.status(account, &[Status::Unassigned]);
    let last = tenures.first();
    let end = last.and_then(|last| last.end.as_ref());
    if account.status == Status::Unassigned && end.is_none_or(|end| end.cause != EndCause::AutoReclaimed) {
        obstacles.add(not_reclaimed(end));
    }
    if let Some(owner) = last.map(|last| &last.user)
        && account.status == Status::Unassigned
        && !scene.org.directory.is_active(owner)
    {
        let message = format!("{owner}, who owned the account, is not an active user");
        obstacles.add(Refusal::new(Reason::AssigneeInactive, message).with("assignee", owner));
    }
    obstacles.clear()?;
    // Without a tenure it was refused.
    let last = last.ok_or_else(Error::internal)?;

    let reclaimed = account.memory.reclaimed.clone().unwrap_or_else(|| Reclaimed {
        owner_since: last.start_time,
        time: account.update_time,
        pool_id: account.pool_id,
        tenure: crate::domain::account::TenureClock::default(),
        notice_floor: None,
        last_follow_up_time: None,
        last_won_time: None,
    });
    let mut after = restored(&successor(scene, account), &reclaimed, &last.user);
    after.owner_since = Some(last.start_time);
    after.pool_id = place(scene.org, account);
    // What he knew of the owner before him when he got it.
    let before = tenures.get(1);
    let ended = before.and_then(|before| before.end.as_ref());
    after.last_owner = before.map(|before| before.user.clone());
    after.last_end_reason = ended.and_then(|ended| ended.reason.clone());
    after.last_end_note = ended.map(|ended| ended.note.clone()).unwrap_or_default();
    // Its deadline is over: the notice gives him a day.
    retention_plan::replan(scene.org, &mut after, scene.now);

    let enters = after.pool_id.filter(|id| Some(*id) != account.pool_id);
    let effects = Effects {
        note: note.to_owned(),
        ..Effects::default()
    };
    let mut decision = changed(account, after, EventKind::ReclaimUndone, effects);
    if let Decision::Change(change) = &mut decision {
        change.enters = enters;
        change.gains = Some(last.user.clone());
        change.team = TeamChange::Remove(last.user.clone());
        change.last_reclaim = LastReclaim::Undone {
            start_version: last.start_version,
            disputed: account.disputed_time.map(|_| reclaimed.pool_id),
        };
    }
    Ok(decision)
}

fn not_reclaimed(end: Option<&EndedTenure>) -> Refusal {
    let message = "the last owner did not lose the account to a reclaim rule";
    let refusal = Refusal::new(Reason::ReclaimNotUndoable, message);
    match end {
        Some(end) => refusal.with("end_cause", end.cause.as_str()),
        None => refusal,
    }
}

#[cfg(test)]
mod tests;
