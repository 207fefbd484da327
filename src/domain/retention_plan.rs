//! Puts the retention clock of an account where it belongs, whatever happened to the account.

use super::{
    account::{Account, RetentionClock, Status},
    organisation::Organisation,
    retention::{self, Plan, clock::ClockFacts},
};
use chrono::{DateTime, Utc};

fn facts(account: &Account) -> Option<ClockFacts> {
    let owner_since = account.owner_since.filter(|_| account.status == Status::Assigned)?;
    Some(ClockFacts {
        last_follow_up: account.last_follow_up_time,
        last_won: account.last_won_time,
        notice_floor: account.clock.notice_floor,
        ..ClockFacts::new(owner_since)
    })
}

fn store(org: &Organisation, after: &mut Account, plan: Option<Plan>) {
    let planned_revision = org.revisions.config;
    after.clock = plan.map_or(
        RetentionClock {
            planned_revision,
            ..RetentionClock::default()
        },
        |plan| RetentionClock {
            anchor_time: plan.deadline.map(|deadline| deadline.anchor),
            reclaim_time: plan.deadline.map(|deadline| deadline.at),
            rule_id: plan.rule.map(|rule| rule.0),
            notice_floor: plan.notice_floor,
            planned_revision,
        },
    );
}

/// After an acquisition or an activity.
pub fn plan(org: &Organisation, after: &mut Account) {
    let plan = facts(after).map(|facts| retention::plan(org, after.pool_id, &facts));
    store(org, after, plan);
}

/// After anything else: where the deadline comes nearer, the owner gets notice.
pub fn replan(org: &Organisation, after: &mut Account, now: DateTime<Utc>) {
    let stored = after.clock.reclaim_time;
    let plan = facts(after).map(|facts| retention::replan(org, after.pool_id, &facts, stored, now));
    store(org, after, plan);
}
