//! Retention: how long an owner keeps an account of a pool without following up or winning.
//!
//! [`rule`] is what is configured, [`matching`] says which rule decides, [`clock`] when it reclaims, [`notice`] what a
//! change of rules leaves to owners, [`display`] when the countdown is shown. [`plan`] and [`replan`] put them together;
//! countdown, reminder and sweep all read what these two computed, never a formula of their own.

pub mod clock;
pub mod display;
pub mod matching;
pub mod notice;
pub mod rule;

use super::{
    ids::{PoolId, ReclaimRuleId},
    organisation::Organisation,
};
use chrono::{DateTime, Utc};
use clock::{ClockFacts, Deadline, deadline};

/// What is stored with an account of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The rule that decides, also one that never reclaims.
    pub rule: Option<ReclaimRuleId>,
    /// When it reclaims; `None` means never.
    pub deadline: Option<Deadline>,
    /// Before this the account is not reclaimed. Goes into the [`ClockFacts`] of the tenure from now on.
    pub notice_floor: Option<DateTime<Utc>>,
}

/// The clock of an account in `pool` that has an owner: after an acquisition or an activity.
#[must_use]
pub fn plan(org: &Organisation, pool: Option<PoolId>, facts: &ClockFacts) -> Plan {
    let found = pool.and_then(|id| Some((org.pool(id)?, org.reclaim_rule(id)?)));
    Plan {
        rule: found.map(|(_, rule)| ReclaimRuleId(rule.id)),
        deadline: found.and_then(|(pool, rule)| deadline(&rule.config.terms, facts, org.zone(pool))),
        notice_floor: facts.notice_floor,
    }
}

/// The clock after anything but an acquisition or an activity: a change of rules, of the zone, of the pool while the
/// owner stays. `stored` is the deadline so far. Where the new one is earlier, the owner gets notice.
#[must_use]
pub fn replan(
    org: &Organisation,
    pool: Option<PoolId>,
    facts: &ClockFacts,
    stored: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Plan {
    let next = plan(org, pool, facts);
    let floor = next
        .deadline
        .and_then(|deadline| notice::floor(stored, deadline.at, now));
    match floor {
        None => next,
        Some(floor) => plan(
            org,
            pool,
            &ClockFacts {
                notice_floor: Some(floor),
                ..*facts
            },
        ),
    }
}

#[cfg(test)]
mod tests;
