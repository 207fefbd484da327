//! A reclaim rule: what is configured for a pool or a department, and everything that can be wrong with it.

use super::{
    matching::StoredRule,
    terms::{Combine, GradeDays, Recipient, ReclaimAction, ReclaimTerms, RuleDays},
};
use crate::domain::{
    activity::Kind,
    condition::{Condition, Schema},
    ids::{DepartmentId, PoolId, ReclaimRuleId},
    organisation::Organisation,
    pool::PoolState,
    refusal::Violations,
    text::{DAYS, LABEL_MAX, MONTHS, NAME_MAX, check_len, check_range, check_required_text, check_text, check_unique},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Rules of a pool or a department at most.
pub const MAX_RULES: usize = 100;
/// Grades with days of their own, kinds, reminders of a rule at most.
const MAX_GRADES: usize = 50;
const MAX_KINDS: usize = 50;
const MAX_REMINDERS: usize = 10;
const PRIORITIES: std::ops::RangeInclusive<u32> = 1..=9999;

/// Whose accounts a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleHome {
    /// Those of a pool.
    #[serde(rename = "pool_id")]
    Pool(PoolId),
    /// Those outside pools of the members of a department.
    #[serde(rename = "department_id")]
    Department(DepartmentId),
}

impl RuleHome {
    /// The pool, if it is one.
    #[must_use]
    pub const fn pool(&self) -> Option<PoolId> {
        match self {
            Self::Pool(id) => Some(*id),
            Self::Department(_) => None,
        }
    }
}

/// A reclaim rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimRule {
    /// Whose accounts it is for. Never changes.
    #[serde(flatten)]
    pub home: RuleHome,
    /// Whether it is also for departments below that have no rules. Never changes.
    #[serde(default)]
    pub include_sub_departments: bool,
    /// Whether it is in use.
    pub enabled: bool,
    /// Days before this do not count.
    #[serde(default)]
    pub clock_floor: Option<DateTime<Utc>>,
    /// The rest.
    #[serde(flatten)]
    pub terms: ReclaimTerms,
}

impl ReclaimRule {
    /// Into which pool it reclaims; `None` cannot be saved.
    #[must_use]
    pub fn target(&self) -> Option<PoolId> {
        self.terms.target_pool_id.or(self.home.pool())
    }

    /// Everything that is wrong with the rule, in the organisation that it is for. `id` is its own, if it is there.
    #[must_use]
    pub fn validate(&self, org: &Organisation, id: Option<ReclaimRuleId>) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        let terms = &self.terms;
        self.check_home(v, org, id);
        check_text(v, "display_name", &terms.display_name, NAME_MAX);
        // One that stays as it is stays valid, also where a field that it reads was disabled since.
        let kept = id.and_then(|id| org.retention.reclaim_rule(id.0));
        check_condition(
            v,
            org,
            &terms.condition,
            kept.map(|kept| kept.config.terms.condition.as_str()),
        );
        check_range(v, "created_within_months", terms.created_within_months, &MONTHS);
        match terms.action {
            ReclaimAction::Reclaim => {
                check_days(v, terms);
                check_kinds(v, "follow_up_kinds", &terms.follow_up_kinds);
                check_kinds(v, "reclaim_kinds", &terms.reclaim_kinds);
                check_reminders(v, terms);
            }
            ReclaimAction::NoReclaim => check_unused(v, terms),
        }
        self.check_target(v, org);
        for (at, reminder) in terms.reminders.iter().enumerate() {
            check_admins(
                v,
                &format!("reminders[{at}].recipients"),
                &reminder.recipients,
                &self.home,
            );
        }
        violations
    }

    fn check_home(&self, v: &mut Violations, org: &Organisation, id: Option<ReclaimRuleId>) {
        let (field, of) = match &self.home {
            RuleHome::Pool(pool) => {
                if org.pool(*pool).is_none() {
                    v.add("pool_id", format!("pool {pool} does not exist"));
                }
                if self.include_sub_departments {
                    v.add("include_sub_departments", "is for rules of departments only");
                }
                ("pool_id", "pool")
            }
            RuleHome::Department(department) => {
                if org.directory.department(department).is_none() {
                    v.add("department_id", format!("department {department} does not exist"));
                }
                ("department_id", "department")
            }
        };
        let others = org.reclaim_rules(&self.home);
        if id.is_none() && others.len() >= MAX_RULES {
            v.add(
                field,
                format!("the {of} has {MAX_RULES} reclaim rules, which is the most it can have"),
            );
        }
        let priority = self.terms.priority;
        check_range(v, "priority", Some(priority), &PRIORITIES);
        let same = |rule: &&StoredRule| rule.config.terms.priority == priority && Some(ReclaimRuleId(rule.id)) != id;
        if let Some(rule) = others.iter().map(AsRef::as_ref).find(same) {
            v.add(
                "priority",
                format!(
                    "is that of rule {} already; ReorderReclaimRules changes several at once",
                    rule.id
                ),
            );
        }
    }

    fn check_target(&self, v: &mut Violations, org: &Organisation) {
        let Some(target) = self.terms.target_pool_id else {
            if self.home.pool().is_none() && self.terms.action == ReclaimAction::Reclaim {
                v.add(
                    "target_pool_id",
                    "must be set: accounts outside pools need one to go to",
                );
            }
            return;
        };
        let wrong = match org.pool(target) {
            _ if self.home.pool() == Some(target) => Some("is the rule's own pool; leave it empty for that".to_owned()),
            None => Some(format!("pool {target} does not exist")),
            Some(pool) if pool.state != PoolState::Active => Some(format!("pool {target} is disabled")),
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            v.add("target_pool_id", wrong);
        }
    }
}

fn check_rule_days(v: &mut Violations, within: &str, days: RuleDays) {
    let all = [
        ("follow_up_days", days.follow_up),
        ("first_contact_days", days.first_contact),
        ("close_days", days.close),
    ];
    for (field, value) in all {
        check_range(v, &format!("{within}{field}"), value, &DAYS);
    }
}

fn check_days(v: &mut Violations, terms: &ReclaimTerms) {
    let days = terms.days;
    check_rule_days(v, "", days);
    check_range(v, "max_hold_days", terms.max_hold_days, &DAYS);
    check_range(v, "contract_end_days", terms.contract_end_days, &DAYS);
    check_range(v, "no_restart_days", terms.no_restart_days, &DAYS);
    match (days.first_contact, days.follow_up) {
        (Some(_), None) => v.add(
            "first_contact_days",
            "needs follow_up_days, which count from the first follow-up on",
        ),
        (Some(first), Some(later)) if first > later => {
            v.add("first_contact_days", "must not be more than follow_up_days");
        }
        _ => {}
    }
    let clocks = (days.follow_up.is_some(), days.close.is_some());
    match terms.combine {
        None if clocks == (true, true) => v.add(
            "combine",
            "must be chosen where follow_up_days and close_days are both set: EITHER of them reclaims, or only BOTH",
        ),
        Some(Combine::Either | Combine::Both) if clocks != (true, true) => {
            v.add(
                "combine",
                "must not be set unless follow_up_days and close_days both are",
            );
        }
        _ => {}
    }
    let other = days.first_contact.is_some() || terms.max_hold_days.is_some() || !terms.reclaim_kinds.is_empty();
    if clocks == (false, false) && !other {
        v.add(
            "follow_up_days",
            "follow_up_days, close_days, max_hold_days or reclaim_kinds must be set, or the action be NO_RECLAIM",
        );
    }
    check_grades(v, terms);
}

fn check_grades(v: &mut Violations, terms: &ReclaimTerms) {
    check_len(v, "grade_days", terms.grade_days.len(), MAX_GRADES);
    check_unique(v, "grade_days", terms.grade_days.iter().map(|own| &own.grade));
    // Each is looked up among all: of more than may be there none is worth that.
    for (at, GradeDays { grade, days }) in terms.grade_days.iter().enumerate().take(MAX_GRADES) {
        let within = format!("grade_days[{at}].");
        check_required_text(v, &format!("{within}grade"), grade, LABEL_MAX);
        check_rule_days(v, &within, *days);
        if *days == RuleDays::default() {
            v.add(
                format!("{within}follow_up_days"),
                "at least one number of days must be set",
            );
        }
        let general = terms.days;
        if days.follow_up.is_some() && general.follow_up.is_none() {
            v.add(
                format!("{within}follow_up_days"),
                "needs follow_up_days of the rule, for accounts of all other grades",
            );
        }
        if days.close.is_some() && general.close.is_none() {
            v.add(
                format!("{within}close_days"),
                "needs close_days of the rule, for accounts of all other grades",
            );
        }
        let own = terms.days_of(grade);
        match (own.first_contact, own.follow_up) {
            (Some(_), None) if days.first_contact.is_some() => {
                v.add(format!("{within}first_contact_days"), "needs follow_up_days");
            }
            (Some(first), Some(later)) if first > later && *days != RuleDays::default() => v.add(
                format!("{within}first_contact_days"),
                format!("{first} days to the first contact are more than the {later} follow_up_days of this grade"),
            ),
            _ => {}
        }
    }
}

fn check_kinds(v: &mut Violations, field: &str, kinds: &[String]) {
    check_len(v, field, kinds.len(), MAX_KINDS);
    check_unique(v, field, kinds);
    for (at, kind) in kinds.iter().enumerate() {
        if let Err(error) = Kind::parse(kind) {
            v.add(format!("{field}[{at}]"), error.to_string());
        }
    }
}

fn check_reminders(v: &mut Violations, terms: &ReclaimTerms) {
    check_len(v, "reminders", terms.reminders.len(), MAX_REMINDERS);
    check_unique(
        v,
        "reminders",
        terms.reminders.iter().map(|reminder| reminder.days_before),
    );
    if terms.repeat_daily && terms.reminders.is_empty() {
        v.add("repeat_daily", "needs at least one of `reminders`, which it repeats");
    }
    let grades = terms.grade_days.iter().take(MAX_GRADES);
    let grades = grades.map(|own| terms.days_of(&own.grade));
    let fewest = grades
        .chain([terms.days])
        .filter_map(RuleDays::fewest)
        .min()
        .or(terms.max_hold_days);
    for (at, reminder) in terms.reminders.iter().enumerate() {
        let field = format!("reminders[{at}]");
        let days = reminder.days_before;
        check_range(v, &format!("{field}.days_before"), Some(days), &DAYS);
        match fewest {
            Some(fewest) if days >= fewest => v.add(
                format!("{field}.days_before"),
                format!("must be less than the days of the rule, of which there are {fewest} at the fewest"),
            ),
            None => v.add(
                format!("{field}.days_before"),
                "the rule counts no days before which it could remind",
            ),
            Some(_) => {}
        }
        check_recipients(
            v,
            &format!("{field}.recipients"),
            &reminder.recipients,
            terms.created_within_months,
        );
    }
}

/// Checks the condition of a rule; `kept` is the one that it had so far.
pub(super) fn check_condition(v: &mut Violations, org: &Organisation, condition: &str, kept: Option<&str>) {
    if condition.is_empty() || kept == Some(condition) {
        return;
    }
    if let Err(problem) = Condition::compile(condition, &Schema::of(org)) {
        v.add("condition", problem.to_string());
    }
}

/// Checks who is reminded. Of new customers only the owner is (R190).
pub(super) fn check_recipients(v: &mut Violations, field: &str, recipients: &[Recipient], window: Option<u32>) {
    if recipients.is_empty() {
        v.add(field, "must name who is reminded");
    }
    check_unique(v, field, recipients);
    if window.is_some() && recipients.iter().any(|recipient| *recipient != Recipient::Owner) {
        v.add(
            field,
            "must be the owner alone where created_within_months is set: new customers are their owner's business",
        );
    }
}

/// Outside pools nobody administers anything.
pub(super) fn check_admins(v: &mut Violations, field: &str, recipients: &[Recipient], home: &RuleHome) {
    if home.pool().is_none() && recipients.contains(&Recipient::PoolAdmins) {
        v.add(
            field,
            "must not name POOL_ADMINS for accounts outside pools, which have none",
        );
    }
}

fn check_unused(v: &mut Violations, terms: &ReclaimTerms) {
    let set = [
        ("follow_up_days", terms.days.follow_up.is_some()),
        ("first_contact_days", terms.days.first_contact.is_some()),
        ("close_days", terms.days.close.is_some()),
        ("grade_days", !terms.grade_days.is_empty()),
        ("combine", terms.combine.is_some()),
        ("after_win", terms.after_win.is_some()),
        ("cutoff", terms.cutoff.is_some()),
        (
            "day_counting",
            terms.day_counting != super::calendar::DayCounting::default(),
        ),
        ("max_hold_days", terms.max_hold_days.is_some()),
        ("contract_end_days", terms.contract_end_days.is_some()),
        ("follow_up_kinds", !terms.follow_up_kinds.is_empty()),
        ("reclaim_kinds", !terms.reclaim_kinds.is_empty()),
        ("no_restart_days", terms.no_restart_days.is_some()),
        ("target_pool_id", terms.target_pool_id.is_some()),
        ("reminders", !terms.reminders.is_empty()),
        ("repeat_daily", terms.repeat_daily),
    ];
    for (field, _) in set.into_iter().filter(|(_, set)| *set) {
        v.add(field, "must not be set where the action is NO_RECLAIM");
    }
}

#[cfg(test)]
mod tests;
