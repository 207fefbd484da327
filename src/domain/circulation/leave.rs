//! Somebody leaves the organisation: what he owns goes back to its pools, and he goes out of all teams.
//!
//! Whoever releases a leaver need not know where each of his accounts is to go: an account that belongs to no pool goes
//! where it would have been reclaimed to, and waits outside pools where no rule says where that is.

use super::{
    Decision, Scene, Subject,
    admit::{Obstacles, allow},
    effect::{clear_team, lose_owner, successor},
    give_back::forbidden,
};
use crate::domain::{
    account::{Account, EndCause, EntryCause, Status},
    change::{Change, Effects, Event, EventKind, TeamChange, TenureEnd},
    error::Error,
    ids::{PoolId, UserId},
    pool::PoolState,
    refusal::{Reason, Refusal},
    retention::{look, matching},
};

fn check(scene: &Scene<'_>, obstacles: &mut Obstacles, user: &UserId) {
    if scene.org.directory.is_active(user) {
        let message = format!("{user} is an active user; deactivate him first");
        obstacles.add(Refusal::new(Reason::UserActive, message).with("user_id", user));
    }
}

/// Where the rule that decides over the account reclaims it to, if there is one and that pool is in use (D47).
fn by_rule(scene: &Scene<'_>, account: &Account) -> Option<PoolId> {
    let matched = matching::find(scene.org, account, scene.now, look::zone(scene.org, account));
    let target = matched.rule?.config.target()?;
    scene.org.pool(target).filter(|pool| pool.state == PoolState::Active)?;
    Some(target)
}

pub(super) fn release(
    scene: &Scene<'_>,
    subject: &Subject,
    user: &UserId,
    target: Option<PoolId>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    allow(scene.principal.crm_admin, "CRM admins and the identity system")?;
    if account.owner.as_ref() != Some(user) {
        return Ok(Decision::Same(Box::new(account.clone())));
    }
    let mut obstacles = Obstacles::new(account, None);
    check(scene, &mut obstacles, user);
    obstacles.status(account, &[Status::Assigned]);
    let enters = match (account.pool_id, target) {
        (Some(_), _) => None,
        (None, None) => by_rule(scene, account),
        (None, Some(id)) => {
            match scene.org.pool(id) {
                None => forbidden(&mut obstacles, id, "does not exist"),
                Some(pool) if pool.state == PoolState::Disabled => forbidden(&mut obstacles, id, "is out of use"),
                Some(_) => {}
            }
            Some(id)
        }
    };
    obstacles.clear()?;

    let mut after = successor(scene, account);
    after.pool_id = account.pool_id.or(enters);
    lose_owner(scene, &mut after, EntryCause::OwnerLeft, None, "");
    let mut effects = Effects::between(Some(account), &after);
    effects.end_cause = Some(EndCause::OwnerLeft.as_str());
    let end = TenureEnd {
        user: user.clone(),
        cause: EndCause::OwnerLeft,
        reason: None,
        note: String::new(),
        rule_id: None,
        deadline: account.clock.reclaim_time,
        // Whoever comes back did not give it up.
        bans_claim: false,
    };
    let kind = EventKind::Returned;
    Ok(Decision::Change(Box::new(Change {
        end: Some(end),
        team: clear_team(scene, account),
        enters,
        ..Change::of(account, after, Event { kind, effects })
    })))
}

/// For an account in whose team he is; the caller has looked.
pub(super) fn leave_team(scene: &Scene<'_>, subject: &Subject, user: &UserId) -> Result<Decision, Error> {
    let account = &subject.account;
    allow(scene.principal.crm_admin, "CRM admins and the identity system")?;
    let mut obstacles = Obstacles::new(account, None);
    check(scene, &mut obstacles, user);
    obstacles.clear()?;
    let after = successor(scene, account);
    let effects = Effects {
        member: Some(user.clone()),
        ..Effects::between(Some(account), &after)
    };
    let kind = EventKind::TeamChanged;
    Ok(Decision::Change(Box::new(Change {
        team: TeamChange::Remove(user.clone()),
        ..Change::of(account, after, Event { kind, effects })
    })))
}

#[cfg(test)]
mod tests;
