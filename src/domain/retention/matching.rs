//! The order of a pool's rules, and which of them decides over an account: the first that is in use.

use super::rule::ReclaimRule;
use crate::domain::{configured::Configured, ids::ReclaimRuleId, refusal::Violations, text::check_unique};
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

/// The rules in the order of `places`, or what is wrong with it: it must name each of them once and no other.
pub fn rearrange<'a>(
    rules: &'a [Arc<StoredRule>],
    places: &[ReclaimRuleId],
) -> Result<Vec<&'a StoredRule>, Violations> {
    let mut violations = Violations::default();
    check_unique(&mut violations, "places", places);
    let mut found = Vec::with_capacity(places.len());
    for (at, id) in places.iter().enumerate() {
        match rules.iter().find(|rule| rule.id == id.0) {
            Some(rule) => found.push(rule.as_ref()),
            None => violations.add(
                format!("places[{at}].reclaim_rule_id"),
                format!("the pool has no reclaim rule {id}"),
            ),
        }
    }
    for missing in rules.iter().filter(|rule| !places.contains(&ReclaimRuleId(rule.id))) {
        let description = format!("must name rule {} too: all rules of the pool, each once", missing.id);
        violations.add("places", description);
    }
    if violations.is_empty() {
        Ok(found)
    } else {
        Err(violations)
    }
}
