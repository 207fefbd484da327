//! The owner is given more time.

use super::{changed, oversees};
use crate::domain::{
    account::{Account, Status},
    change::{Effects, EventKind},
    circulation::{
        Decision, Scene,
        admit::{Obstacles, allow},
        successor,
    },
    error::Error,
    refusal::{Reason, Refusal},
    retention::look,
    retention_plan,
};
use chrono::{DateTime, Utc};

pub(super) fn extend(
    scene: &Scene<'_>,
    account: &Account,
    etag: Option<i64>,
    days: u32,
    reason: &str,
) -> Result<Decision, Error> {
    allow(
        oversees(scene, account),
        "those above the owner, admins of the pool and CRM admins",
    )?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.status(account, &[Status::Assigned]);
    let limit = scene.org.tenant.settings.max_extension_days;
    let used = account.clock.tenure.extended_days;
    let all = used.saturating_add(days);
    if all > limit {
        let message = format!("the tenant allows {limit} extra days in a tenure, of which {used} are given");
        obstacles.add(
            Refusal::new(Reason::ExtensionLimitReached, message)
                .with("limit", limit)
                .with("used", used),
        );
    }
    let mut after = successor(scene, account);
    retention_plan::replan(scene.org, &mut after, scene.now);
    let old = after.clock.reclaim_time;
    after.clock.tenure.extended_days = all;
    after.clock.tenure.extended_to = after.clock.tenure.extended_to.max(put_off(scene, &after, days));
    retention_plan::plan(scene.org, &mut after);
    // An activity upon which the rule reclaims at once is not put off either.
    if account.status == Status::Assigned && (old.is_none() || after.clock.reclaim_time <= old) {
        let message = "the account has no reclaim deadline that could be put off";
        obstacles.refuse(Reason::NoRetentionClock, message);
    }
    obstacles.clear()?;
    let effects = Effects {
        days: Some(days),
        until: after.clock.reclaim_time.map(|deadline| deadline.timestamp_micros()),
        note: reason.to_owned(),
        ..Effects::default()
    };
    Ok(changed(account, after, EventKind::RetentionExtended, effects))
}

/// So many days after the deadline, counted as the rule counts them.
fn put_off(scene: &Scene<'_>, account: &Account, days: u32) -> Option<DateTime<Utc>> {
    let look = look::look(scene.org, account, scene.now)?;
    let counting = look::counting(scene.org, account, &look.matched.rule?.config.terms);
    Some(counting.add(account.clock.reclaim_time?, days))
}

#[cfg(test)]
mod tests;
