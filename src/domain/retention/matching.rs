//! Which rule decides over an account: of its pool's rules the first in use whose condition it meets; outside pools
//! those of the department that the owner's accounts come under.

use super::{
    reminder_rule::ReminderRule,
    rule::{ReclaimRule, RuleHome},
};
use crate::domain::{
    account::Account,
    condition::{Condition, Record, Schema},
    configured::Configured,
    ids::{DepartmentId, ReclaimRuleId, UserId},
    organisation::Organisation,
    refusal::Violations,
    text::check_unique,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::sync::Arc;
use uuid::Uuid;

/// A reclaim rule as stored.
pub type StoredRule = Configured<ReclaimRule>;

/// A reminder rule as stored.
pub type StoredReminder = Configured<ReminderRule>;

/// What rules are ordered by: priority, 1 first; then creation, then id.
#[must_use]
pub const fn order(rule: &StoredRule) -> (u32, DateTime<Utc>, Uuid) {
    (rule.config.terms.priority, rule.create_time, rule.id)
}

/// The accounts that a rule is for: those that meet its condition and were created within its window.
#[derive(Clone, Debug)]
pub struct Scope {
    parts: Vec<Condition>,
    broken: bool,
}

impl Scope {
    /// Compiles a rule's condition and window; `None` where it is for all accounts.
    #[must_use]
    pub fn compile(condition: &str, window: Option<u32>, schema: &Schema<'_>) -> Option<Self> {
        let window = window.map(|months| format!("created_within_months({months})"));
        let texts = [Some(condition).filter(|text| !text.is_empty()), window.as_deref()];
        let parts = texts.into_iter().flatten().map(|text| Condition::restore(text, schema));
        let parts: Vec<_> = parts.collect();
        if parts.is_empty() {
            return None;
        }
        Some(Self {
            broken: parts.iter().any(Result::is_err),
            parts: parts.into_iter().flatten().collect(),
        })
    }

    /// Whether it looks at tags or custom fields.
    #[must_use]
    pub fn uses_extras(&self) -> bool {
        self.parts.iter().any(Condition::uses_extras)
    }

    /// Whether it looks at this custom field.
    #[must_use]
    pub fn reads_custom(&self, id: Uuid) -> bool {
        self.parts.iter().any(|part| part.reads_custom(id))
    }

    /// Whether it looks at the owner's departments.
    #[must_use]
    pub fn uses_departments(&self) -> bool {
        self.parts.iter().any(Condition::uses_departments)
    }

    fn holds(&self, record: &Record<'_>, now: DateTime<Utc>, tz: Tz) -> bool {
        !self.broken && self.parts.iter().all(|part| part.holds(record, now, tz))
    }

    fn next_change(&self, record: &Record<'_>, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        let changes = self.parts.iter().filter_map(|part| part.next_change(record, now, tz));
        changes.min().filter(|_| !self.broken)
    }
}

/// Why a rule decides over an account, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It decides.
    Decides,
    /// It is not in use.
    Disabled,
    /// The account does not meet its condition.
    OutOfScope,
    /// It would, had not one of higher priority.
    Outranked,
    /// Its condition means nothing any more.
    Broken,
}

/// What became of the question.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// Whose rules were asked, if any.
    pub home: Option<RuleHome>,
    /// The rule that decides.
    pub rule: Option<&'a Arc<StoredRule>>,
    /// Every rule that was asked, in their order.
    pub asked: Vec<(&'a Arc<StoredRule>, Standing)>,
    /// When the answer may change by the passing of time alone.
    pub until: Option<DateTime<Utc>>,
}

/// Looks for the rule that decides over an owned account at `now`.
#[must_use]
pub fn find<'a>(org: &'a Organisation, account: &Account, now: DateTime<Utc>, tz: Tz) -> Match<'a> {
    let home = home(org, account);
    let mut found = Match {
        home: home.clone().map(|(home, _)| home),
        rule: None,
        asked: Vec::new(),
        until: None,
    };
    let Some((home, above)) = home else { return found };
    let mut asker = Asker::new(org, account, now, tz);
    for rule in org.retention.reclaim_rules(&home) {
        if above && !rule.config.include_sub_departments {
            continue;
        }
        let standing = if !rule.config.enabled {
            Standing::Disabled
        } else if found.rule.is_some() {
            match org.retention.scope_of(rule.id) {
                Some(scope) if !scope.holds(&asker.record(), now, tz) => Standing::OutOfScope,
                _ => Standing::Outranked,
            }
        } else {
            asker.ask(rule.id)
        };
        if standing == Standing::Decides {
            found.rule = Some(rule);
        }
        found.asked.push((rule, standing));
    }
    found.until = asker.until;
    found
}

/// The reminder rules in use whose condition the account meets at `now`, and when that may change by time alone.
#[must_use]
pub fn reminders<'a>(
    org: &'a Organisation,
    account: &Account,
    now: DateTime<Utc>,
    tz: Tz,
) -> (Vec<&'a Arc<StoredReminder>>, Option<DateTime<Utc>>) {
    let homes: Vec<(RuleHome, bool)> = match account.pool_id {
        Some(pool) => vec![(RuleHome::Pool(pool), false)],
        None => owner_departments(org, account)
            .flat_map(|own| {
                let lineage = org.directory.department_and_above(own);
                lineage.map(move |id| (RuleHome::Department(id.clone()), id != own))
            })
            .collect(),
    };
    let mut asker = Asker::new(org, account, now, tz);
    let mut found: Vec<&Arc<StoredReminder>> = Vec::new();
    for (home, above) in homes {
        for rule in org.retention.reminder_rules(&home) {
            let asked = rule.config.enabled && (!above || rule.config.include_sub_departments);
            if asked && !found.iter().any(|known| known.id == rule.id) && asker.ask(rule.id) == Standing::Decides {
                found.push(rule);
            }
        }
    }
    (found, asker.until)
}

/// Asks conditions about one account, and remembers when an answer may change.
struct Asker<'a> {
    org: &'a Organisation,
    account: &'a Account,
    now: DateTime<Utc>,
    tz: Tz,
    until: Option<DateTime<Utc>>,
}

impl<'a> Asker<'a> {
    fn new(org: &'a Organisation, account: &'a Account, now: DateTime<Utc>, tz: Tz) -> Self {
        Self {
            org,
            account,
            now,
            tz,
            until: None,
        }
    }

    fn record(&self) -> Record<'a> {
        Record::new(self.account, &self.account.extras, &self.org.directory)
    }

    fn ask(&mut self, rule: Uuid) -> Standing {
        let Some(scope) = self.org.retention.scope_of(rule) else {
            return Standing::Decides;
        };
        let changes = scope.next_change(&self.record(), self.now, self.tz);
        self.until = [self.until, changes].into_iter().flatten().min();
        if scope.broken {
            Standing::Broken
        } else if scope.holds(&self.record(), self.now, self.tz) {
            Standing::Decides
        } else {
            Standing::OutOfScope
        }
    }
}

fn owner_departments<'a>(org: &'a Organisation, account: &Account) -> impl Iterator<Item = &'a DepartmentId> {
    let owner = account.owner.as_ref().and_then(|owner| org.directory.user(owner));
    owner.into_iter().flat_map(crate::domain::directory::User::departments)
}

/// Whose rules decide over the account, and whether that is a department above the owner's own.
fn home(org: &Organisation, account: &Account) -> Option<(RuleHome, bool)> {
    if let Some(pool) = account.pool_id {
        return Some((RuleHome::Pool(pool), false));
    }
    let choice = choose(org, account.owner.as_ref()?);
    let (department, above) = choice.chosen?;
    Some((RuleHome::Department(department), above))
}

/// The departments whose rules could be for the accounts of a user, and which of them are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Each with whether it stands above one of his own.
    pub candidates: Vec<(DepartmentId, bool)>,
    /// The one whose rules are.
    pub chosen: Option<(DepartmentId, bool)>,
    /// Whether somebody chose it; otherwise, of several, his primary department's or that of the highest priority is.
    pub explicit: bool,
    /// Whether one of the candidates is his primary department's, which then is chosen unless somebody chose another.
    pub primary: bool,
}

impl Choice {
    /// Whether somebody should choose.
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        self.candidates.len() > 1 && !self.explicit
    }
}

/// The departments whose rules could be for the accounts of `user` outside pools.
#[must_use]
pub fn choose(org: &Organisation, user: &UserId) -> Choice {
    let Some(owner) = org.directory.user(user) else {
        return Choice::default();
    };
    let mut candidates: Vec<(DepartmentId, bool)> = Vec::new();
    let mut primary = None;
    for own in owner.departments() {
        let found = org
            .directory
            .department_and_above(own)
            .find(|id| first_rule(org, id, *id != own).is_some());
        let Some(found) = found else { continue };
        if owner.primary_department.as_ref() == Some(own) {
            primary = Some(found.clone());
        }
        match candidates.iter_mut().find(|(id, _)| id == found) {
            // His own department's rules are all for him, also those that are not for the departments below.
            Some((_, above)) => *above &= found != own,
            None => candidates.push((found.clone(), found != own)),
        }
    }
    let chosen = org.retention.departments.get(user).map(|row| &row.config.department_id);
    let explicit = candidates.iter().find(|(id, _)| Some(id) == chosen).cloned();
    let by_primary = candidates.iter().find(|(id, _)| Some(id) == primary.as_ref()).cloned();
    let by_priority = || {
        candidates
            .iter()
            .min_by_key(|(id, above)| first_rule(org, id, *above))
            .cloned()
    };
    Choice {
        explicit: explicit.is_some(),
        primary: by_primary.is_some(),
        chosen: explicit.or(by_primary).or_else(by_priority),
        candidates,
    }
}

/// The order of the department's first rule in use; of those for departments below only, where asked.
fn first_rule(org: &Organisation, id: &DepartmentId, above: bool) -> Option<(u32, DateTime<Utc>, Uuid)> {
    let rules = org.retention.reclaim_rules(&RuleHome::Department(id.clone()));
    let mut used = rules
        .iter()
        .filter(|rule| rule.config.enabled && (!above || rule.config.include_sub_departments));
    used.next().map(|rule| order(rule))
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
                format!("is no reclaim rule of these: {id}"),
            ),
        }
    }
    for missing in rules.iter().filter(|rule| !places.contains(&ReclaimRuleId(rule.id))) {
        let description = format!("must name rule {} too: all rules, each once", missing.id);
        violations.add("places", description);
    }
    if violations.is_empty() {
        Ok(found)
    } else {
        Err(violations)
    }
}

#[cfg(test)]
mod tests;
