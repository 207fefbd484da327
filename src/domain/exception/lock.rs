//! An account is locked: it stays with its owner, whoever wants it and whatever the clock says.

use super::{ahead, changed, keeps, told};
use crate::domain::{
    account::{Account, Lock, Status},
    change::EventKind,
    circulation::{
        Decision, Scene,
        admit::{Obstacles, allow},
        successor,
    },
    error::Error,
    refusal::{Reason, Refusal},
    retention_plan,
};
use chrono::{DateTime, Utc};

const WHO: &str = "the owner, those above him, admins of the pool and CRM admins";

/// `locked` are all accounts of the owner that are locked, this one included.
pub(super) fn lock(
    scene: &Scene<'_>,
    account: &Account,
    etag: Option<i64>,
    until: Option<DateTime<Utc>>,
    note: &str,
    locked: u32,
) -> Result<Decision, Error> {
    allow(keeps(scene, account), WHO)?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.status(account, &[Status::Assigned]);
    let held = account.lock.as_ref().filter(|lock| lock.holds(scene.now));
    let limit = scene.org.tenant.settings.max_locks_per_user;
    // A lock that is only changed takes no place.
    if account.status == Status::Assigned && held.is_none() && locked >= limit {
        let message = format!("{locked} accounts of the owner are locked; the tenant allows {limit}");
        obstacles.add(
            Refusal::new(Reason::LockLimitReached, message)
                .with("limit", limit)
                .with("used", locked),
        );
    }
    obstacles.clear()?;
    ahead(scene, "expire_time", until)?;
    if held.is_some_and(|held| held.until == until) {
        return Ok(Decision::Same(Box::new(account.clone())));
    }
    let mut after = successor(scene, account);
    // A service that acts for nobody stands for the owner, whose account it is.
    let user = scene.principal.actor.clone().or_else(|| account.owner.clone());
    after.lock = user.map(|user| Lock {
        user,
        from: held.map_or(scene.now, |held| held.from),
        until,
    });
    retention_plan::replan(scene.org, &mut after, scene.now);
    let mut decision = changed(account, after, EventKind::Locked, told(until, note));
    if let Decision::Change(change) = &mut decision {
        // Who is locked for another one at the same time is noticed here, and notices this.
        change.gains.clone_from(&account.owner);
    }
    Ok(decision)
}

pub(super) fn unlock(scene: &Scene<'_>, account: &Account, etag: Option<i64>, note: &str) -> Result<Decision, Error> {
    allow(keeps(scene, account), WHO)?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.status(account, &[Status::Assigned]);
    obstacles.clear()?;
    if !account.lock.as_ref().is_some_and(|lock| lock.holds(scene.now)) {
        return Ok(Decision::Same(Box::new(account.clone())));
    }
    let mut after = successor(scene, account);
    after.lock = None;
    retention_plan::replan(scene.org, &mut after, scene.now);
    Ok(changed(account, after, EventKind::Unlocked, told(None, note)))
}

#[cfg(test)]
mod tests;
