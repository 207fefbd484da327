//! Reminder rules: create, read, update, take into and out of use, delete.

use super::{
    App,
    call::Call,
    configured::{self, UpdateConfigured},
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    retention_rule::{administered, no_home},
    tenant::check_etag,
};
use crate::domain::{
    config_change::{Action, ConfigChange, ConfigEvent, Write},
    configured::ConfigTable,
    error::Error,
    organisation::Organisation,
    principal::Principal,
    retention::{
        matching::StoredReminder,
        reminder_rule::{ReminderRule, ReminderTerms},
        rule::RuleHome,
    },
};
use std::sync::Arc;
use uuid::Uuid;

const TABLE: ConfigTable = ConfigTable::ReminderRule;

/// The rule, if the principal may know of it.
fn find<'a>(org: &'a Organisation, principal: &Principal, id: Uuid) -> Result<&'a Arc<StoredReminder>, Error> {
    let missing = || Error::not_found("reminder rule", id);
    let mut rules = org.retention.all_reminder_rules();
    let rule = rules.find(|rule| rule.id == id).ok_or_else(missing)?;
    administered(org, principal, &rule.config.home, missing)?;
    Ok(rule)
}

/// The rule, for a change of it by a CRM admin who saw the state `etag`.
fn find_to_change<'a>(facts: &Facts<'a>, id: Uuid, etag: Option<i64>) -> Result<&'a StoredReminder, Error> {
    let rule = find(facts.org, facts.principal, id)?;
    facts.principal.require_crm_admin()?;
    check_etag(etag, rule.version)?;
    Ok(rule)
}

fn check(org: &Organisation, id: Option<Uuid>, rule: &ReminderRule) -> Result<(), Error> {
    let violations = rule.validate(org, id).within("reminder_rule");
    if violations.is_empty() {
        return Ok(());
    }
    Err(violations.into())
}

/// The rule in or out of use.
fn switched(facts: &Facts<'_>, old: &StoredReminder, enabled: bool) -> (ConfigChange, StoredReminder) {
    if old.config.enabled == enabled {
        return (ConfigChange::default(), old.clone());
    }
    let new = ReminderRule {
        enabled,
        ..old.config.clone()
    };
    let action = if enabled { Action::Enabled } else { Action::Disabled };
    let event = ConfigEvent::new(TABLE.as_str(), old.id, action, Some(&old.config), Some(&new));
    let row = old.with(new, facts.now);
    let change = ConfigChange {
        writes: vec![Write::RowUpdate(TABLE, row.serialised())],
        events: vec![event],
    };
    (change, row)
}

/// The end of all reminder rules of a pool that goes.
pub(crate) fn remove_all(org: &Organisation, home: &RuleHome, change: &mut ConfigChange) {
    for rule in org.retention.reminder_rules(home) {
        let ConfigChange { writes, events } = configured::delete(TABLE, rule);
        change.writes.extend(writes);
        change.events.extend(events);
    }
}

impl App {
    /// Creates a rule, in use at once.
    pub async fn create_reminder_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredReminder>,
        config: &ReminderRule,
    ) -> Result<Reply<StoredReminder>, Error> {
        self.configure(call, "CreateReminderRule", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            check(facts.org, None, config)?;
            Ok(configured::create(facts, TABLE, config))
        })
        .await
    }

    /// Reads a rule.
    pub async fn get_reminder_rule(&self, call: &Call, id: Uuid) -> Result<Arc<StoredReminder>, Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        find(&org, &principal, id).cloned()
    }

    /// The rules of a pool or a department by id, which is by creation, and the token of the next page.
    pub async fn list_reminder_rules(
        &self,
        call: &Call,
        home: &RuleHome,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<StoredReminder>>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        administered(&org, &principal, home, || no_home(home))?;
        let list = List::new(call, "ListReminderRules", home);
        let after: Option<Uuid> = self.pages.open(&list, token)?;
        let mut rules = org.retention.reminder_rules(home).to_vec();
        rules.sort_by_key(|rule| rule.id);
        let rest = rules
            .into_iter()
            .filter(|rule| after.is_none_or(|after| rule.id > after));
        let rows = rest.take(size + 1).collect();
        Ok(page::cut(&self.pages, &list, rows, size, |rule| rule.id))
    }

    /// Changes a rule.
    pub async fn update_reminder_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredReminder>,
        input: &UpdateConfigured<ReminderTerms>,
    ) -> Result<Reply<StoredReminder>, Error> {
        self.configure(call, "UpdateReminderRule", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, input.id, input.etag)?;
            let config = ReminderRule {
                terms: input.merge(&old.config.terms)?,
                ..old.config.clone()
            };
            check(facts.org, Some(input.id), &config)?;
            Ok(configured::update(facts, TABLE, old, config))
        })
        .await
    }

    /// Takes a rule into use, or out of use.
    pub async fn switch_reminder_rule(
        &self,
        call: &Call,
        once: &Once<'_, StoredReminder>,
        id: Uuid,
        etag: Option<i64>,
        enabled: bool,
    ) -> Result<Reply<StoredReminder>, Error> {
        let name = if enabled {
            "EnableReminderRule"
        } else {
            "DisableReminderRule"
        };
        self.configure(call, name, once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            Ok(switched(facts, old, enabled))
        })
        .await
    }

    /// Deletes a rule.
    pub async fn delete_reminder_rule(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteReminderRule", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            Ok((configured::delete(TABLE, old), ()))
        })
        .await
    }
}
