//! A reclaim rule: what is configured for a pool, and everything that can be wrong with it.

use super::matching::StoredRule;
use crate::domain::{
    ids::{PoolId, ReclaimRuleId},
    organisation::Organisation,
    pool::PoolState,
    refusal::Violations,
    text::{DAYS, NAME_MAX, check_range, check_text},
};
use serde::{Deserialize, Serialize};

/// Rules of a pool at most.
pub const MAX_RULES: usize = 100;
const PRIORITIES: std::ops::RangeInclusive<u32> = 1..=9999;

/// What a rule does to the accounts that it decides over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReclaimAction {
    /// Reclaims them when its time is over.
    #[default]
    Reclaim,
    /// Nothing, and no rule after it does either.
    NoReclaim,
}

/// Which of two clocks reclaims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Whichever is over first.
    Either,
    /// Only when both are over.
    Both,
}

/// What a win in the owner's tenure does to a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterWin {
    /// Stops it for the rest of the tenure.
    Exempt,
    /// Starts it anew.
    Restart,
}

/// The part of a rule that updates change. Field names are those of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimTerms {
    /// Name for people, or empty.
    pub display_name: String,
    /// 1 is the highest; unique within the pool.
    pub priority: u32,
    /// What the rule does.
    pub action: ReclaimAction,
    /// Days without a follow-up.
    pub follow_up_days: Option<u32>,
    /// Days to the first follow-up of a tenure, where it is sooner expected than later ones.
    pub first_contact_days: Option<u32>,
    /// Days without a win.
    pub close_days: Option<u32>,
    /// How the two work together. There is no default: both readings are in use.
    pub combine: Option<Combine>,
    /// What a win does to the clock of `close_days`, or to the only clock there is; see [`Self::after_win`].
    pub after_win: Option<AfterWin>,
    /// Into which pool accounts are reclaimed; none means the one they are in.
    pub target_pool_id: Option<PoolId>,
}

/// A reclaim rule of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimRule {
    /// Whose accounts it is for. Never changes.
    pub pool_id: PoolId,
    /// Whether it is in use.
    pub enabled: bool,
    /// The rest.
    #[serde(flatten)]
    pub terms: ReclaimTerms,
}

impl ReclaimTerms {
    /// What a win does. A win is what the clock of `close_days` waits for, so it stops that one unless it is told to
    /// start anew; for the clock of `follow_up_days` it is one more follow-up, unless it is told otherwise of a rule
    /// that has no other clock.
    #[must_use]
    pub fn after_win(&self) -> AfterWin {
        self.after_win.unwrap_or(match self.close_days {
            Some(_) => AfterWin::Exempt,
            None => AfterWin::Restart,
        })
    }

    fn check_days(&self, v: &mut Violations) {
        let days = [
            ("follow_up_days", self.follow_up_days),
            ("first_contact_days", self.first_contact_days),
            ("close_days", self.close_days),
        ];
        for (field, value) in days {
            check_range(v, field, value, &DAYS);
        }
        match (self.first_contact_days, self.follow_up_days) {
            (Some(_), None) => v.add(
                "first_contact_days",
                "needs follow_up_days, which count from the first follow-up on",
            ),
            (Some(first), Some(later)) if first > later => {
                v.add("first_contact_days", "must not be more than follow_up_days");
            }
            _ => {}
        }
        let clocks = (self.follow_up_days.is_some(), self.close_days.is_some());
        match self.combine {
            None if clocks == (true, true) => v.add(
                "combine",
                "must be chosen where follow_up_days and close_days are both set: EITHER of them reclaims, or only BOTH",
            ),
            Some(_) if clocks != (true, true) => {
                v.add("combine", "must not be set unless follow_up_days and close_days both are");
            }
            _ => {}
        }
        if clocks == (false, false) && self.first_contact_days.is_none() {
            v.add(
                "follow_up_days",
                "follow_up_days or close_days must be set, or the action be NO_RECLAIM",
            );
        }
    }

    fn check_unused(&self, v: &mut Violations) {
        let set = [
            ("follow_up_days", self.follow_up_days.is_some()),
            ("first_contact_days", self.first_contact_days.is_some()),
            ("close_days", self.close_days.is_some()),
            ("combine", self.combine.is_some()),
            ("after_win", self.after_win.is_some()),
            ("target_pool_id", self.target_pool_id.is_some()),
        ];
        for (field, _) in set.into_iter().filter(|(_, set)| *set) {
            v.add(field, "must not be set where the action is NO_RECLAIM");
        }
    }
}

impl ReclaimRule {
    /// Into which pool it reclaims.
    #[must_use]
    pub fn target(&self) -> PoolId {
        self.terms.target_pool_id.unwrap_or(self.pool_id)
    }

    /// Everything that is wrong with the rule, in the organisation that it is for. `id` is its own, if it is there.
    #[must_use]
    pub fn validate(&self, org: &Organisation, id: Option<ReclaimRuleId>) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        let terms = &self.terms;
        if org.pool(self.pool_id).is_none() {
            v.add("pool_id", format!("pool {} does not exist", self.pool_id));
        }
        let others = org.reclaim_rules(self.pool_id);
        if id.is_none() && others.len() >= MAX_RULES {
            v.add(
                "pool_id",
                format!("the pool has {MAX_RULES} reclaim rules, which is the most it can have"),
            );
        }
        check_text(v, "display_name", &terms.display_name, NAME_MAX);
        check_range(v, "priority", Some(terms.priority), &PRIORITIES);
        let same =
            |rule: &&StoredRule| rule.config.terms.priority == terms.priority && Some(ReclaimRuleId(rule.id)) != id;
        if let Some(rule) = others.iter().map(AsRef::as_ref).find(same) {
            v.add(
                "priority",
                format!(
                    "is that of rule {} already; ReorderReclaimRules changes several at once",
                    rule.id
                ),
            );
        }
        match terms.action {
            ReclaimAction::Reclaim => terms.check_days(v),
            ReclaimAction::NoReclaim => terms.check_unused(v),
        }
        if let Some(target) = terms.target_pool_id {
            let wrong = match org.pool(target) {
                _ if target == self.pool_id => Some("is the rule's own pool; leave it empty for that".to_owned()),
                None => Some(format!("pool {target} does not exist")),
                Some(pool) if pool.state != PoolState::Active => Some(format!("pool {target} is disabled")),
                Some(_) => None,
            };
            if let Some(wrong) = wrong {
                v.add("target_pool_id", wrong);
            }
        }
        violations
    }
}

#[cfg(test)]
mod tests;
