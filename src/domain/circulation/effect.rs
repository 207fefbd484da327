//! What moves do to an account, in one place each: getting an owner, losing him, and what happens to the team.

use super::{Scene, admit::own_pool};
use crate::domain::{
    account::{Account, EntryCause, Status},
    change::TeamChange,
    ids::{ReasonId, UserId},
    retention_plan,
};

/// The account one version on, changed now.
#[must_use]
pub fn successor(scene: &Scene<'_>, account: &Account) -> Account {
    Account {
        version: account.version + 1,
        update_time: scene.now.max(account.update_time),
        ..account.clone()
    }
}

/// Makes the user its owner.
pub fn give_owner(scene: &Scene<'_>, after: &mut Account, user: &UserId) {
    if after.owner.is_some() {
        // Whoever owned it until now gave no reason; what an owner before him gave is not his.
        after.last_end_reason = None;
        after.last_end_note.clear();
    }
    let now = after.update_time;
    retention_plan::end(after, now);
    let before = after.owner.take().or_else(|| after.last_owner.clone());
    // Only a change from one owner to a different one counts: the first owner and one who takes it back do not.
    if before.as_ref().is_some_and(|before| before != user) {
        after.transfer_count += 1;
    }
    after.last_owner = before;
    after.owner = Some(user.clone());
    after.owner_since = Some(scene.now.max(after.update_time));
    after.status = Status::Assigned;
    after.pool_entry_time = None;
    after.pool_entry_cause = None;
    after.disputed_time = None;
    after.memory.reclaimed = None;
    retention_plan::begin(scene.org, after);
}

/// Takes it from its owner; it waits from now on.
pub fn lose_owner(scene: &Scene<'_>, after: &mut Account, cause: EntryCause, reason: Option<&ReasonId>, note: &str) {
    let now = after.update_time;
    retention_plan::end(after, now);
    after.last_owner = after.owner.take().or_else(|| after.last_owner.take());
    after.owner_since = None;
    after.status = Status::Unassigned;
    after.pool_entry_time = Some(after.update_time);
    after.pool_entry_cause = Some(cause);
    after.last_end_reason = reason.cloned();
    note.clone_into(&mut after.last_end_note);
    after.lock = None;
    after.clock = retention_plan::stopped(scene.org);
}

/// Clear rule 1, by the pool that the account belonged to before, or the tenant's for accounts outside pools.
#[must_use]
pub fn clear_team(scene: &Scene<'_>, before: &Account) -> TeamChange {
    let clears = own_pool(scene, before).map_or(scene.org.tenant.settings.clear_team_on_owner_change, |pool| {
        pool.config.clear_team_on_owner_change
    });
    if clears { TeamChange::Clear } else { TeamChange::Keep }
}

/// The team when the account gets an owner: clear rule 1, and the owner is never a member beside it. `is_member` says
/// whether the new owner was one, where that is known.
#[must_use]
pub fn team_for(scene: &Scene<'_>, before: &Account, owner: &UserId, is_member: Option<bool>) -> TeamChange {
    match clear_team(scene, before) {
        TeamChange::Keep if is_member != Some(false) => TeamChange::Remove(owner.clone()),
        change => change,
    }
}
