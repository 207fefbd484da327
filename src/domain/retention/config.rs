//! Everything of a tenant's configuration that clocks run on, compiled once per snapshot.

use super::{
    hold::{Absence, Span},
    matching::{Scope, StoredReminder, StoredRule, order},
    rule::RuleHome,
    terms::Recipient,
};
use crate::domain::{
    activity::Kind,
    condition::Schema,
    configured::Configured,
    ids::{DepartmentId, PoolId, UserId},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;

/// When a user is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAbsence {
    /// Who.
    pub user_id: UserId,
    /// When.
    #[serde(flatten)]
    pub absence: Absence,
    /// Why, for those who look it up.
    pub reason: String,
}

/// When nothing is reclaimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPause {
    /// In which pool; in none means everywhere.
    pub pool_id: Option<PoolId>,
    /// When.
    #[serde(flatten)]
    pub span: Span,
    /// Why, for those who look it up.
    pub reason: String,
}

/// Which department's rules are for the accounts of somebody who is in several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenDepartment {
    /// Who.
    pub user_id: UserId,
    /// Which department.
    pub department_id: DepartmentId,
}

/// The rows that it is compiled from.
#[derive(Clone, Debug, Default)]
pub struct RetentionRows {
    /// Reclaim rules.
    pub reclaim_rules: Vec<StoredRule>,
    /// Reminder rules.
    pub reminder_rules: Vec<StoredReminder>,
    /// Leaves of absence.
    pub absences: Vec<Configured<UserAbsence>>,
    /// Pauses.
    pub pauses: Vec<Configured<RetentionPause>>,
    /// Choices of departments.
    pub departments: Vec<Configured<ChosenDepartment>>,
}

/// What clocks run on.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    reclaim_rules: BTreeMap<RuleHome, Vec<Arc<StoredRule>>>,
    reminder_rules: BTreeMap<RuleHome, Vec<Arc<StoredReminder>>>,
    scopes: BTreeMap<Uuid, Scope>,
    absences: BTreeMap<UserId, Vec<Absence>>,
    pauses: BTreeMap<Option<PoolId>, Vec<Span>>,
    /// Leaves of absence as stored, by id.
    pub stored_absences: Vec<Arc<Configured<UserAbsence>>>,
    /// Pauses as stored, by id.
    pub stored_pauses: Vec<Arc<Configured<RetentionPause>>>,
    /// Which department's rules are for whom, by user.
    pub departments: BTreeMap<UserId, Arc<Configured<ChosenDepartment>>>,
    kinds: BTreeSet<String>,
    uses_extras: bool,
}

impl Retention {
    /// Compiles. A condition that cannot be compiled any more, since a custom field is gone, takes its own rule out of
    /// use and no other.
    #[must_use]
    pub fn compile(rows: RetentionRows, schema: &Schema<'_>) -> Self {
        let mut all = Self::default();
        let mut rules = rows.reclaim_rules;
        rules.sort_by_key(order);
        for rule in rules {
            let terms = &rule.config.terms;
            all.scope(rule.id, &terms.condition, terms.created_within_months, schema);
            if rule.config.enabled {
                all.kinds
                    .extend(terms.follow_up_kinds.iter().chain(&terms.reclaim_kinds).cloned());
            }
            let home = rule.config.home.clone();
            all.reclaim_rules.entry(home).or_default().push(Arc::new(rule));
        }
        for rule in rows.reminder_rules {
            let terms = &rule.config.terms;
            all.scope(rule.id, &terms.condition, terms.created_within_months, schema);
            let home = rule.config.home.clone();
            all.reminder_rules.entry(home).or_default().push(Arc::new(rule));
        }
        for stored in &rows.absences {
            let UserAbsence { user_id, absence, .. } = &stored.config;
            all.absences.entry(user_id.clone()).or_default().push(*absence);
        }
        for stored in &rows.pauses {
            let RetentionPause { pool_id, span, .. } = &stored.config;
            all.pauses.entry(*pool_id).or_default().push(*span);
        }
        all.absences.values_mut().for_each(|spans| spans.sort_unstable());
        // A pool without pauses of its own is looked up under none; one that has some has those of the tenant too.
        let everywhere = all.pauses.get(&None).cloned().unwrap_or_default();
        for (pool, spans) in &mut all.pauses {
            if pool.is_some() {
                spans.extend(&everywhere);
            }
            spans.sort_unstable();
        }
        let chosen = rows.departments.into_iter();
        all.departments = chosen.map(|row| (row.config.user_id.clone(), Arc::new(row))).collect();
        all.stored_absences = rows.absences.into_iter().map(Arc::new).collect();
        all.stored_pauses = rows.pauses.into_iter().map(Arc::new).collect();
        all
    }

    /// The rows that it was compiled from.
    #[must_use]
    pub fn rows(&self) -> RetentionRows {
        fn own<T: Clone>(rows: impl Iterator<Item = impl AsRef<T>>) -> Vec<T> {
            rows.map(|row| row.as_ref().clone()).collect()
        }
        RetentionRows {
            reclaim_rules: own(self.all_reclaim_rules()),
            reminder_rules: own(self.all_reminder_rules()),
            absences: own(self.stored_absences.iter()),
            pauses: own(self.stored_pauses.iter()),
            departments: own(self.departments.values()),
        }
    }

    fn scope(&mut self, id: Uuid, condition: &str, window: Option<u32>, schema: &Schema<'_>) {
        if let Some(scope) = Scope::compile(condition, window, schema) {
            self.uses_extras |= scope.uses_extras();
            self.scopes.insert(id, scope);
        }
    }

    /// The reclaim rules of a pool or a department in the order in which they are asked.
    #[must_use]
    pub fn reclaim_rules(&self, home: &RuleHome) -> &[Arc<StoredRule>] {
        self.reclaim_rules.get(home).map_or(&[], Vec::as_slice)
    }

    /// All reclaim rules.
    pub fn all_reclaim_rules(&self) -> impl Iterator<Item = &Arc<StoredRule>> {
        self.reclaim_rules.values().flatten()
    }

    /// The reclaim rule, if there is one.
    #[must_use]
    pub fn reclaim_rule(&self, id: Uuid) -> Option<&Arc<StoredRule>> {
        self.all_reclaim_rules().find(|rule| rule.id == id)
    }

    /// The reminder rules of a pool or a department.
    #[must_use]
    pub fn reminder_rules(&self, home: &RuleHome) -> &[Arc<StoredReminder>] {
        self.reminder_rules.get(home).map_or(&[], Vec::as_slice)
    }

    /// All reminder rules.
    pub fn all_reminder_rules(&self) -> impl Iterator<Item = &Arc<StoredReminder>> {
        self.reminder_rules.values().flatten()
    }

    /// The accounts that a rule is for, unless it is for all.
    #[must_use]
    pub fn scope_of(&self, rule: Uuid) -> Option<&Scope> {
        self.scopes.get(&rule)
    }

    /// The rules, in use or not, whose conditions look at this custom field, by id.
    #[must_use]
    pub fn rules_reading(&self, custom_field: Uuid) -> Vec<Uuid> {
        let reading = self.scopes.iter().filter(|(_, scope)| scope.reads_custom(custom_field));
        reading.map(|(rule, _)| *rule).collect()
    }

    /// When the user is away, by time.
    #[must_use]
    pub fn absences(&self, user: &UserId) -> &[Absence] {
        self.absences.get(user).map_or(&[], Vec::as_slice)
    }

    /// When nothing is reclaimed in the pool, or outside pools, by time.
    #[must_use]
    pub fn pauses(&self, pool: Option<PoolId>) -> &[Span] {
        let own = self.pauses.get(&pool).or_else(|| self.pauses.get(&None));
        own.map_or(&[], Vec::as_slice)
    }

    /// Whether a reclaim rule in use names this kind.
    #[must_use]
    pub fn names(&self, kind: &Kind) -> bool {
        self.kinds.contains(kind.as_str())
    }

    /// The reclaim rules that name this kind, in use or not.
    pub fn rules_naming<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Uuid> + 'a {
        let named = move |kinds: &[String]| kinds.iter().any(|named| named == kind);
        let rules = self.all_reclaim_rules();
        let naming = rules.filter(move |rule| {
            let terms = &rule.config.terms;
            named(&terms.follow_up_kinds) || named(&terms.reclaim_kinds)
        });
        naming.map(|rule| rule.id)
    }

    /// Whether a reclaim rule in use takes accounts at once upon an activity of this kind.
    #[must_use]
    pub fn reclaims_upon(&self, kind: &Kind) -> bool {
        let mut rules = self.all_reclaim_rules().filter(|rule| rule.config.enabled);
        self.names(kind)
            && rules.any(|rule| {
                rule.config
                    .terms
                    .reclaim_kinds
                    .iter()
                    .any(|named| named == kind.as_str())
            })
    }

    /// Whether it matters to clocks in which departments owners are.
    #[must_use]
    pub fn looks_at_departments(&self) -> bool {
        let of_department = |home: &RuleHome| home.pool().is_none();
        self.reclaim_rules.keys().any(of_department)
            || self.reminder_rules.keys().any(of_department)
            || self.scopes.values().any(Scope::uses_departments)
    }

    /// Whether members of related teams are reminded.
    #[must_use]
    pub fn reminds_teams(&self) -> bool {
        let team = |recipients: &[Recipient]| recipients.contains(&Recipient::Team);
        let mut reclaim = self.all_reclaim_rules().flat_map(|rule| &rule.config.terms.reminders);
        reclaim.any(|reminder| team(&reminder.recipients))
            || self
                .all_reminder_rules()
                .any(|rule| team(&rule.config.terms.recipients))
    }

    /// Whether rules look at tags or custom fields.
    #[must_use]
    pub const fn uses_extras(&self) -> bool {
        self.uses_extras
    }
}

#[cfg(test)]
mod tests;
