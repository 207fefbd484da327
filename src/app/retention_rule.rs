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
    ids::{PoolId, ReclaimRuleId},
    organisation::Organisation,
    patch::merge,
    pool::Pool,
    principal::Principal,
    refusal::Reason,
    retention::{
        matching::{StoredRule, order, rearrange},
        rule::{ReclaimRule, ReclaimTerms},
    },
};
use std::sync::Arc;

const TABLE: ConfigTable = ConfigTable::ReclaimRule;
const NAME: &str = TABLE.as_str();

/// A new rule.
#[derive(Clone, Debug)]
pub struct CreateReclaimRule {
    /// Whose accounts it is for.
    pub pool_id: PoolId,
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
    /// The state that the caller saw.
    pub etag: Option<i64>,
}

/// Which order is wanted.
#[derive(Clone, Debug)]
pub struct ReorderReclaimRules {
    /// Of which pool's rules.
    pub pool_id: PoolId,
    /// All of them, with the states that the caller saw.
    pub places: Vec<(ReclaimRuleId, Option<i64>)>,
}

/// The pool, if the principal may know of it and administers it.
fn administered<'a>(
    org: &'a Organisation,
    principal: &Principal,
    id: PoolId,
    missing: impl FnOnce() -> Error,
) -> Result<&'a Pool, Error> {
    let pool = org.pool(id).filter(|pool| principal.sees_pool(org, pool));
    let pool = pool.ok_or_else(missing)?;
    if !principal.administers(org, pool) {
        let message = "only admins of the pool and CRM admins may do this";
        return Err(Error::refused(Reason::NotAuthorized, message));
    }
    Ok(pool)
}

/// The rule, if the principal may know of it.
fn find<'a>(org: &'a Organisation, principal: &Principal, id: ReclaimRuleId) -> Result<&'a Arc<StoredRule>, Error> {
    let missing = || Error::not_found("reclaim rule", id);
    let mut rules = org.reclaim_rules.values().flatten();
    let rule = rules.find(|rule| rule.id == id.0).ok_or_else(missing)?;
    administered(org, principal, rule.config.pool_id, missing)?;
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

impl App {
    /// Creates a rule, in use at once.
    pub async fn create_reclaim_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredRule>,
        input: &CreateReclaimRule,
    ) -> Result<Reply<StoredRule>, Error> {
        self.configure(call, "CreateReclaimRule", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            let mut terms = input.terms.clone();
            if terms.priority == 0 {
                let last = facts.org.reclaim_rules(input.pool_id).last();
                terms.priority = last.map_or(1, |rule| rule.config.terms.priority + 1);
            }
            let config = ReclaimRule {
                pool_id: input.pool_id,
                enabled: true,
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
        })
        .await
    }

    /// Reads a rule.
    pub async fn get_reclaim_rule(&self, call: &Call, id: ReclaimRuleId) -> Result<Arc<StoredRule>, Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        find(&org, &principal, id).cloned()
    }

    /// The rules of a pool in the order in which they are asked, and the token of the next page.
    pub async fn list_reclaim_rules(
        &self,
        call: &Call,
        pool: PoolId,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<StoredRule>>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        administered(&org, &principal, pool, || Error::not_found("pool", pool))?;
        let list = List::new(call, "ListReclaimRules", &pool);
        let after = self.pages.open(&list, token)?;
        let rest = org.reclaim_rules(pool).iter();
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
            let old = find_to_change(facts, input.id, input.etag)?;
            let terms = merge(&old.config.terms, &input.terms, &input.paths).map_err(|paths| unknown_paths(&paths))?;
            let config = ReclaimRule { terms, ..old.config };
            check(facts.org, Some(input.id), &config)?;
            let mut change = ConfigChange::default();
            let rule = step(&mut change, facts, old, config, Action::Updated);
            Ok((change, rule))
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
            let pool = input.pool_id;
            administered(facts.org, facts.principal, pool, || Error::not_found("pool", pool))?;
            facts.principal.require_crm_admin()?;
            let ids: Vec<_> = input.places.iter().map(|(id, _)| *id).collect();
            let rules = rearrange(facts.org.reclaim_rules(pool), &ids)?;
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
        })
        .await
    }

    /// Takes a rule into or out of use.
    pub async fn set_reclaim_rule_enabled(
        &self,
        call: &Call,
        once: &Once<'_, StoredRule>,
        id: ReclaimRuleId,
        etag: Option<i64>,
        enabled: bool,
    ) -> Result<Reply<StoredRule>, Error> {
        let (name, action) = if enabled {
            ("EnableReclaimRule", Action::Enabled)
        } else {
            ("DisableReclaimRule", Action::Disabled)
        };
        self.configure(call, name, once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            // Everything it refers to is as it was when it was saved: see `reclaim_rules_into`.
            let config = ReclaimRule {
                enabled,
                ..old.config.clone()
            };
            let mut change = ConfigChange::default();
            let rule = step(&mut change, facts, old, config, action);
            Ok((change, rule))
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
            let old = find_to_change(facts, id, etag)?;
            let mut change = ConfigChange::default();
            remove(&mut change, old);
            Ok((change, ()))
        })
        .await
    }
}
