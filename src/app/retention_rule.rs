//! Reclaim rules: create, read, update, reorder, take into and out of use, delete. Each change is one decision on the
//! snapshot, and the next snapshot carries the order in which a pool's rules are asked.

use super::{
    App,
    call::Call,
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    tenant::{check_etag, unknown_paths},
};
use crate::domain::{
    config_change::{Action, ConfigChange, ConfigEvent, Write},
    configured::ConfigTable,
    error::Error,
    ids::ReclaimRuleId,
    organisation::Organisation,
    patch::merge,
    principal::Principal,
    refusal::{Reason, Violations},
    retention::{
        matching::{StoredRule, order, rearrange},
        rule::{ReclaimRule, RuleHome},
        terms::ReclaimTerms,
    },
};
use chrono::{DateTime, Utc};
use std::sync::Arc;

const TABLE: ConfigTable = ConfigTable::ReclaimRule;
const NAME: &str = TABLE.as_str();

/// A new rule.
#[derive(Clone, Debug)]
pub struct CreateReclaimRule {
    /// Whose accounts it is for.
    pub home: RuleHome,
    /// Whether it is also for departments below that have no rules.
    pub include_sub_departments: bool,
    /// Whether days before it count.
    pub include_past_days: bool,
    /// The rest; priority 0 means after all others.
    pub terms: ReclaimTerms,
}

/// Which change is wanted.
#[derive(Clone, Debug)]
pub struct UpdateReclaimRule {
    /// Of which rule.
    pub id: ReclaimRuleId,
    /// The new values.
    pub terms: ReclaimTerms,
    /// Which of them to take.
    pub paths: Vec<String>,
    /// Whether days before the change count.
    pub include_past_days: Option<bool>,
    /// The state that the caller saw.
    pub etag: Option<i64>,
}

/// Which order is wanted.
#[derive(Clone, Debug)]
pub struct ReorderReclaimRules {
    /// Of whose rules.
    pub home: RuleHome,
    /// All of them, with the states that the caller saw.
    pub places: Vec<(ReclaimRuleId, Option<i64>)>,
}

/// Whether the principal may know of the pool and administers it; rules of departments are for CRM admins.
pub(super) fn administered(
    org: &Organisation,
    principal: &Principal,
    home: &RuleHome,
    missing: impl FnOnce() -> Error,
) -> Result<(), Error> {
    match home {
        RuleHome::Pool(id) => {
            let pool = org.pool(*id).filter(|pool| principal.sees_pool(org, pool));
            if !principal.administers(org, pool.ok_or_else(missing)?) {
                let message = "only admins of the pool and CRM admins may do this";
                return Err(Error::refused(Reason::NotAuthorized, message));
            }
        }
        RuleHome::Department(id) => {
            principal.require_crm_admin()?;
            org.directory.department(id).ok_or_else(missing)?;
        }
    }
    Ok(())
}

/// Says that a pool or department does not exist.
pub(super) fn no_home(home: &RuleHome) -> Error {
    match home {
        RuleHome::Pool(id) => Error::not_found("pool", id),
        RuleHome::Department(id) => Error::not_found("department", id),
    }
}

/// The rule, if the principal may know of it.
fn find<'a>(org: &'a Organisation, principal: &Principal, id: ReclaimRuleId) -> Result<&'a Arc<StoredRule>, Error> {
    let missing = || Error::not_found("reclaim rule", id);
    let rule = org.retention.reclaim_rule(id.0).ok_or_else(missing)?;
    administered(org, principal, &rule.config.home, missing)?;
    Ok(rule)
}

/// The rule, for a change of it by a CRM admin who saw the state `etag`.
fn find_to_change<'a>(facts: &Facts<'a>, id: ReclaimRuleId, etag: Option<i64>) -> Result<&'a StoredRule, Error> {
    let rule = find(facts.org, facts.principal, id)?;
    facts.principal.require_crm_admin()?;
    check_etag(etag, rule.version)?;
    Ok(rule)
}

fn check(org: &Organisation, id: Option<ReclaimRuleId>, rule: &ReclaimRule) -> Result<(), Error> {
    let violations = rule.validate(org, id).within("reclaim_rule");
    if violations.is_empty() {
        return Ok(());
    }
    Err(violations.into())
}

/// From when on days count after a change. Whoever changes how clocks run has to choose: it makes a great difference to
/// owners, and neither reading is the natural one.
fn floor(
    old: &ReclaimRule,
    include_past_days: Option<bool>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    match include_past_days {
        Some(true) => Ok(old.clock_floor),
        Some(false) => Ok(Some(now)),
        None => {
            let mut violations = Violations::default();
            let message = "must be set: true where days before the change count, false where all days begin anew";
            violations.add_as(Reason::IncludePastDaysRequired, "include_past_days", message);
            Err(violations.into())
        }
    }
}

/// Adds the step from `old` to `new` to the change, and gives the rule back as it is then.
fn step(
    change: &mut ConfigChange,
    facts: &Facts<'_>,
    old: &StoredRule,
    new: ReclaimRule,
    action: Action,
) -> StoredRule {
    if new == old.config {
        return old.clone();
    }
    let event = ConfigEvent::new(NAME, old.id, action, Some(&old.config), Some(&new));
    let row = old.with(new, facts.now);
    change.writes.push(Write::RowUpdate(TABLE, row.serialised()));
    change.events.push(event);
    row
}

/// Adds the end of the rule to the change.
pub(crate) fn remove(change: &mut ConfigChange, rule: &StoredRule) {
    change.writes.push(Write::RowDelete(TABLE, rule.id));
    let event = ConfigEvent::new(NAME, rule.id, Action::Deleted, Some(&rule.config), None);
    change.events.push(event);
}

/// Decides on a new rule.
pub(super) fn create(facts: &Facts<'_>, input: &CreateReclaimRule) -> Result<(ConfigChange, StoredRule), Error> {
    facts.principal.require_crm_admin()?;
    let mut terms = input.terms.clone();
    if terms.priority == 0 {
        let last = facts.org.reclaim_rules(&input.home).last();
        terms.priority = last.map_or(1, |rule| rule.config.terms.priority + 1);
    }
    let config = ReclaimRule {
        home: input.home.clone(),
        include_sub_departments: input.include_sub_departments,
        enabled: true,
        clock_floor: (!input.include_past_days).then_some(facts.now),
        terms,
    };
    check(facts.org, None, &config)?;
    let rule = StoredRule::new(facts.ids.next(), config, facts.now);
    let event = ConfigEvent::new(NAME, rule.id, Action::Created, None, Some(&rule.config));
    let change = ConfigChange {
        writes: vec![Write::RowInsert(TABLE, rule.serialised())],
        events: vec![event],
    };
    Ok((change, rule))
}

/// Decides on a change of a rule.
pub(super) fn update(facts: &Facts<'_>, input: &UpdateReclaimRule) -> Result<(ConfigChange, StoredRule), Error> {
    let old = find_to_change(facts, input.id, input.etag)?;
    let terms = merge(&old.config.terms, &input.terms, &input.paths).map_err(|paths| unknown_paths(&paths))?;
    let mut config = ReclaimRule {
        terms,
        ..old.config.clone()
    };
    check(facts.org, Some(input.id), &config)?;
    if old.config.terms.changes_clock(&config.terms) {
        config.clock_floor = floor(&old.config, input.include_past_days, facts.now)?;
    }
    let mut change = ConfigChange::default();
    let rule = step(&mut change, facts, old, config, Action::Updated);
    Ok((change, rule))
}

/// Decides on an order.
pub(super) fn reorder(
    facts: &Facts<'_>,
    input: &ReorderReclaimRules,
) -> Result<(ConfigChange, Vec<StoredRule>), Error> {
    administered(facts.org, facts.principal, &input.home, || no_home(&input.home))?;
    facts.principal.require_crm_admin()?;
    let ids: Vec<_> = input.places.iter().map(|(id, _)| *id).collect();
    let rules = rearrange(facts.org.reclaim_rules(&input.home), &ids)?;
    for (rule, (_, etag)) in rules.iter().zip(&input.places) {
        check_etag(*etag, rule.version)?;
    }
    let mut change = ConfigChange::default();
    let rules = (1..).zip(rules).map(|(priority, rule)| {
        let mut config = rule.config.clone();
        config.terms.priority = priority;
        step(&mut change, facts, rule, config, Action::Updated)
    });
    let rules = rules.collect();
    Ok((change, rules))
}

/// Decides on taking a rule into use.
pub(super) fn enable(
    facts: &Facts<'_>,
    id: ReclaimRuleId,
    etag: Option<i64>,
    include_past_days: Option<bool>,
) -> Result<(ConfigChange, StoredRule), Error> {
    let old = find_to_change(facts, id, etag)?;
    let mut change = ConfigChange::default();
    if old.config.enabled {
        return Ok((change, old.clone()));
    }
    // Everything it refers to is as it was when it was saved: see `reclaim_rules_into`.
    let config = ReclaimRule {
        enabled: true,
        clock_floor: floor(&old.config, include_past_days, facts.now)?,
        ..old.config.clone()
    };
    let rule = step(&mut change, facts, old, config, Action::Enabled);
    Ok((change, rule))
}

/// Decides on taking a rule out of use.
pub(super) fn disable(
    facts: &Facts<'_>,
    id: ReclaimRuleId,
    etag: Option<i64>,
) -> Result<(ConfigChange, StoredRule), Error> {
    let old = find_to_change(facts, id, etag)?;
    let config = ReclaimRule {
        enabled: false,
        ..old.config.clone()
    };
    let mut change = ConfigChange::default();
    let rule = step(&mut change, facts, old, config, Action::Disabled);
    Ok((change, rule))
}

/// Decides on the end of a rule.
pub(super) fn delete(facts: &Facts<'_>, id: ReclaimRuleId, etag: Option<i64>) -> Result<(ConfigChange, ()), Error> {
    let old = find_to_change(facts, id, etag)?;
    let mut change = ConfigChange::default();
    remove(&mut change, old);
    Ok((change, ()))
}

impl App {
    /// Creates a rule, in use at once.
    pub async fn create_reclaim_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredRule>,
        input: &CreateReclaimRule,
    ) -> Result<Reply<StoredRule>, Error> {
        self.configure(call, "CreateReclaimRule", once, Ask::Nothing, |facts| {
            create(facts, input)
        })
        .await
    }

    /// Reads a rule.
    pub async fn get_reclaim_rule(&self, call: &Call, id: ReclaimRuleId) -> Result<Arc<StoredRule>, Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        find(&org, &principal, id).cloned()
    }

    /// The rules of a pool or a department in the order in which they are asked, and the token of the next page.
    pub async fn list_reclaim_rules(
        &self,
        call: &Call,
        home: &RuleHome,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<StoredRule>>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        administered(&org, &principal, home, || no_home(home))?;
        let list = List::new(call, "ListReclaimRules", home);
        let after = self.pages.open(&list, token)?;
        let rest = org.reclaim_rules(home).iter();
        let rest = rest.skip_while(|rule| after.is_some_and(|after| order(rule) <= after));
        let rows = rest.take(size + 1).cloned().collect();
        Ok(page::cut(&self.pages, &list, rows, size, |rule| order(rule)))
    }

    /// Changes a rule.
    pub async fn update_reclaim_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredRule>,
        input: &UpdateReclaimRule,
    ) -> Result<Reply<StoredRule>, Error> {
        self.configure(call, "UpdateReclaimRule", once, Ask::Nothing, |facts| {
            update(facts, input)
        })
        .await
    }

    /// Gives the rules of a pool a new order. Answers all of them in it.
    pub async fn reorder_reclaim_rules(
        &self,
        call: &Call,
        once: &Once<'_, Vec<StoredRule>>,
        input: &ReorderReclaimRules,
    ) -> Result<Reply<Vec<StoredRule>>, Error> {
        self.configure(call, "ReorderReclaimRules", once, Ask::Nothing, |facts| {
            reorder(facts, input)
        })
        .await
    }

    /// Takes a rule into use.
    pub async fn enable_reclaim_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredRule>,
        id: ReclaimRuleId,
        etag: Option<i64>,
        include_past_days: Option<bool>,
    ) -> Result<Reply<StoredRule>, Error> {
        self.configure(call, "EnableReclaimRule", once, Ask::Nothing, |facts| {
            enable(facts, id, etag, include_past_days)
        })
        .await
    }

    /// Takes a rule out of use.
    pub async fn disable_reclaim_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredRule>,
        id: ReclaimRuleId,
        etag: Option<i64>,
    ) -> Result<Reply<StoredRule>, Error> {
        self.configure(call, "DisableReclaimRule", once, Ask::Nothing, |facts| {
            disable(facts, id, etag)
        })
        .await
    }

    /// Deletes a rule.
    pub async fn delete_reclaim_rule(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        id: ReclaimRuleId,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteReclaimRule", once, Ask::Nothing, |facts| {
            delete(facts, id, etag)
        })
        .await
    }
}
