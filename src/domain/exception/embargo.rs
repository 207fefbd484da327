//! An account that nobody may claim for a while: somebody complained, or does not want to be called. Admins assign it all
//! the same, since they know why.

use super::{administers, ahead, changed, told};
use crate::domain::{
    account::{Account, Status},
    change::EventKind,
    circulation::{
        Decision, Scene,
        admit::{Obstacles, allow},
        successor,
    },
    error::Error,
};
use chrono::{DateTime, Utc};

const WHO: &str = "admins of the pool and CRM admins";
const LIVE: &[Status] = &[
    Status::Unactivated,
    Status::Reporting,
    Status::Unassigned,
    Status::Assigned,
];

pub(super) fn set(
    scene: &Scene<'_>,
    account: &Account,
    etag: Option<i64>,
    until: DateTime<Utc>,
    reason: &str,
) -> Result<Decision, Error> {
    enter(scene, account, etag)?;
    ahead(scene, "until", Some(until))?;
    if account.embargo_time == Some(until) {
        return Ok(Decision::Same(Box::new(account.clone())));
    }
    let mut after = successor(scene, account);
    after.embargo_time = Some(until);
    Ok(changed(
        account,
        after,
        EventKind::EmbargoSet,
        told(Some(until), reason),
    ))
}

pub(super) fn clear(scene: &Scene<'_>, account: &Account, etag: Option<i64>, note: &str) -> Result<Decision, Error> {
    enter(scene, account, etag)?;
    if account.embargo_time.is_none_or(|until| scene.now >= until) {
        return Ok(Decision::Same(Box::new(account.clone())));
    }
    let mut after = successor(scene, account);
    after.embargo_time = None;
    Ok(changed(account, after, EventKind::EmbargoCleared, told(None, note)))
}

fn enter(scene: &Scene<'_>, account: &Account, etag: Option<i64>) -> Result<(), Error> {
    allow(administers(scene, account), WHO)?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.status(account, LIVE);
    obstacles.clear()
}

#[cfg(test)]
mod tests;
