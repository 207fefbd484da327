//! Which rule decides over an account: the first one in the order of priority.

use super::rule::ReclaimRule;
use crate::domain::configured::Configured;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use uuid::Uuid;

/// A pool's rule as stored.
pub type StoredRule = Configured<ReclaimRule>;

/// What rules are ordered by: priority, 1 first; then creation, then id.
#[must_use]
pub const fn order(rule: &StoredRule) -> (u32, DateTime<Utc>, Uuid) {
    (rule.config.terms.priority, rule.create_time, rule.id)
}

/// Of the pool's rules, in their order, the one that decides: the first that is enabled. It may be one that never
/// reclaims; none after it is looked at all the same.
#[must_use]
pub fn effective_rule(rules: &[Arc<StoredRule>]) -> Option<&Arc<StoredRule>> {
    rules.iter().find(|rule| rule.config.enabled)
}
