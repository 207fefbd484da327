//! A rule that reminds of accounts with which nothing happens, whether or not they are ever reclaimed.

use super::{
    rule::{RuleHome, check_admins, check_condition, check_recipients},
    terms::Recipient,
};
use crate::domain::{
    organisation::Organisation,
    refusal::Violations,
    text::{DAYS, MONTHS, NAME_MAX, check_range, check_text},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Rules of a pool or a department at most.
const MAX_RULES: usize = 20;

/// A reminder rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderRule {
    /// Whose accounts it is for. Never changes.
    #[serde(flatten)]
    pub home: RuleHome,
    /// Whether it is also for departments below that have no rules. Never changes.
    #[serde(default)]
    pub include_sub_departments: bool,
    /// Whether it is in use.
    pub enabled: bool,
    /// The rest.
    #[serde(flatten)]
    pub terms: ReminderTerms,
}

/// The part of a reminder rule that updates change. Field names are those of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReminderTerms {
    /// Name for people, or empty.
    pub display_name: String,
    /// Which accounts it is for, in the language of conditions; empty means all.
    pub condition: String,
    /// Only for accounts that were created within so many months.
    pub created_within_months: Option<u32>,
    /// Days without a follow-up or a win.
    pub idle_days: u32,
    /// Whether a win in the tenure ends it.
    pub until_won: bool,
    /// Whether it is repeated every day until something happens.
    pub repeat_daily: bool,
    /// Who is reminded.
    pub recipients: Vec<Recipient>,
}

impl ReminderTerms {
    /// Owners of new customers are reminded every day (R190).
    #[must_use]
    pub const fn repeats(&self) -> bool {
        self.repeat_daily || self.created_within_months.is_some()
    }
}

impl ReminderRule {
    /// Everything that is wrong with the rule, in the organisation that it is for.
    #[must_use]
    pub fn validate(&self, org: &Organisation, id: Option<Uuid>) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        let (field, exists) = match &self.home {
            RuleHome::Pool(pool) => ("pool_id", org.pool(*pool).is_some()),
            RuleHome::Department(department) => ("department_id", org.directory.department(department).is_some()),
        };
        if !exists {
            v.add(field, "does not exist");
        }
        if self.include_sub_departments && self.home.pool().is_some() {
            v.add("include_sub_departments", "is for rules of departments only");
        }
        if id.is_none() && org.retention.reminder_rules(&self.home).len() >= MAX_RULES {
            v.add(
                field,
                format!("has {MAX_RULES} reminder rules, which is the most it can have"),
            );
        }
        let terms = &self.terms;
        let mut rules = org.retention.all_reminder_rules();
        let kept = rules
            .find(|rule| Some(rule.id) == id)
            .map(|rule| rule.config.terms.condition.as_str());
        check_text(v, "display_name", &terms.display_name, NAME_MAX);
        check_condition(v, org, &terms.condition, kept);
        check_range(v, "created_within_months", terms.created_within_months, &MONTHS);
        check_range(v, "idle_days", Some(terms.idle_days), &DAYS);
        check_recipients(v, "recipients", &terms.recipients, terms.created_within_months);
        check_admins(v, "recipients", &terms.recipients, &self.home);
        violations
    }
}
