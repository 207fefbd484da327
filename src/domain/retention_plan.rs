//! Puts the retention clock of an account where it belongs, whatever happened to the account.

use super::{
    account::{Account, PastTenure, RetentionClock, TenureClock},
    days::sub_days,
    organisation::Organisation,
    retention::{look, notice},
};
use chrono::{DateTime, Utc};

/// Tenures that an account remembers, for owners who pass it to and fro.
const TENURES: usize = 8;

fn store(org: &Organisation, after: &mut Account, now: DateTime<Utc>) {
    let planned_revision = org.revisions.config;
    let clock = look::look(org, after, now).map(|look| RetentionClock {
        anchor_time: look.workings.deadline.map(|deadline| deadline.anchor),
        reclaim_time: look.workings.deadline.map(|deadline| deadline.at),
        wake_time: look.wake_time(),
        rule_id: look.matched.rule.map(|rule| rule.id),
        notice_floor: after.clock.notice_floor,
        planned_revision,
        tenure: after.clock.tenure.clone(),
    });
    after.clock = clock.unwrap_or_else(|| stopped(org));
}

/// The clock of an account that nobody owns.
#[must_use]
pub fn stopped(org: &Organisation) -> RetentionClock {
    RetentionClock {
        planned_revision: org.revisions.config,
        ..RetentionClock::default()
    }
}

/// At the beginning of a tenure. Where the owner had the account not long ago, a rule may let his old clock go on.
pub fn begin(org: &Organisation, after: &mut Account) {
    after.clock = stopped(org);
    let (Some(owner), Some(owner_since)) = (&after.owner, after.owner_since) else {
        return;
    };
    let last = after
        .memory
        .tenures
        .iter()
        .rev()
        .find(|past| past.user == *owner)
        .cloned();
    plan(org, after);
    let Some(last) = last else { return };
    let rule = after.clock.rule_id.and_then(|id| org.retention.reclaim_rule(id));
    let Some(days) = rule.and_then(|rule| rule.config.terms.no_restart_days) else {
        return;
    };
    if last.until < sub_days(owner_since, days, look::zone(org, after)) {
        return;
    }
    after.clock.tenure.since = Some(last.since);
    plan(org, after);
    // He is not to lose it in the moment in which he gets it.
    let due = after.clock.reclaim_time;
    if let Some(floor) = due.and_then(|next| notice::floor(None, next, after.update_time)) {
        after.clock.notice_floor = Some(floor);
        plan(org, after);
    }
}

/// At the end of a tenure: remembers it. `account` still has its owner.
pub fn end(account: &mut Account, now: DateTime<Utc>) {
    let (Some(user), Some(owner_since)) = (account.owner.clone(), account.owner_since) else {
        return;
    };
    let tenures = &mut account.memory.tenures;
    tenures.retain(|past| past.user != user);
    tenures.push(PastTenure {
        user,
        since: account.clock.tenure.since.unwrap_or(owner_since),
        until: now,
    });
    let surplus = tenures.len().saturating_sub(TENURES);
    tenures.drain(..surplus);
    account.clock.tenure = TenureClock::default();
}

/// An account that is overdue while a pause runs was not taken before it began, so it waits for its end like all others:
/// from now on it is due now, which the pause holds.
pub fn hold_overdue(org: &Organisation, after: &mut Account, now: DateTime<Utc>) {
    let pauses = org.retention.pauses(after.pool_id);
    let overdue = after.clock.reclaim_time.is_some_and(|deadline| deadline <= now);
    if overdue && pauses.iter().any(|pause| pause.contains(now)) {
        after.clock.notice_floor = Some(now);
        store(org, after, now);
    }
}

/// After an activity, and wherever else a deadline may come as it comes.
pub fn plan(org: &Organisation, after: &mut Account) {
    let now = after.update_time;
    store(org, after, now);
}

/// After anything else, at `now`: where the deadline comes nearer, the owner gets notice. Answers whether it did.
pub fn replan(org: &Organisation, after: &mut Account, now: DateTime<Utc>) -> bool {
    let stored = after.clock.reclaim_time;
    store(org, after, now);
    let floor = after
        .clock
        .reclaim_time
        .and_then(|next| notice::floor(stored, next, now));
    if let Some(floor) = floor {
        after.clock.notice_floor = Some(floor);
        store(org, after, now);
    }
    floor.is_some()
}

#[cfg(test)]
mod tests;
