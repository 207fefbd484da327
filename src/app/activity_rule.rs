//! What activities mean in a tenant: the rules are read and changed, kinds are defined, and deals are counted again.

use super::{
    App,
    call::Call,
    configured::{self, UpdateConfigured},
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    tenant::{check_etag, unknown_paths},
};
use crate::domain::{
    activity::{
        kinds::{ActivityKind, KINDS_MAX, Traits},
        rules::{ActivityRules, KindNow, RuleConfig},
    },
    config_change::{Action, ConfigChange, ConfigEvent, Write},
    configured::{ConfigTable, Configured},
    error::Error,
    organisation::Organisation,
    patch::merge,
    refusal::{Reason, Refusal, Violations},
};
use std::sync::Arc;
use uuid::Uuid;

const TABLE: ConfigTable = ConfigTable::ActivityKind;

type Rules = Configured<RuleConfig>;

/// Which change of the rules is wanted.
#[derive(Clone, Debug)]
pub struct UpdateRules {
    /// The new values.
    pub config: RuleConfig,
    /// Which of them to take.
    pub paths: Vec<String>,
    /// The state that the caller saw.
    pub etag: Option<i64>,
    /// Only says what the rules would be.
    pub validate_only: bool,
}

fn check(violations: Violations, within: &str) -> Result<(), Error> {
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations.within(within).into())
    }
}

/// The kind, for a change of it by a CRM admin who saw the state `etag`.
fn find_to_change<'a>(
    facts: &Facts<'a>,
    id: Uuid,
    etag: Option<i64>,
) -> Result<&'a Arc<Configured<ActivityKind>>, Error> {
    let kind = facts.org.activity_rules.defined(id);
    let kind = kind.ok_or_else(|| Error::not_found("activity_kind", id))?;
    facts.principal.require_crm_admin()?;
    check_etag(etag, kind.version)?;
    Ok(kind)
}

fn closes(rules: &ActivityRules) -> impl Fn(&str) -> bool {
    |name| rules.named(name).is_some_and(Traits::can_close)
}

/// Refuses to take away what others name.
fn refuse_if_named(references: &[String]) -> Result<(), Error> {
    if references.is_empty() {
        return Ok(());
    }
    // As many as fit into the details.
    let named = references.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    let message = format!("other configuration names the kind; change that first: {named}");
    let refusal = Refusal::new(Reason::ActivityKindReferenced, message);
    Err(refusal
        .with("references", named)
        .with("reference_count", references.len())
        .into())
}

/// Everything that names the kind.
fn references(org: &Organisation, kind: &str) -> Vec<String> {
    let rules = org.retention.rules_naming(kind);
    let rules = rules.map(|id| format!("reclaim_rule {id}"));
    org.activity_rules.naming(kind).into_iter().chain(rules).collect()
}

fn update_rules(facts: &Facts<'_>, input: &UpdateRules) -> Result<(ConfigChange, Rules), Error> {
    facts.principal.require_crm_admin()?;
    let known = &facts.org.activity_rules;
    let old = &known.rules;
    check_etag(input.etag, old.version)?;
    let config = merge(&old.config, &input.config, &input.paths).map_err(|unknown| unknown_paths(&unknown))?;
    check(known.validate(&config), "activity_rules")?;
    if config == old.config {
        return Ok((ConfigChange::default(), old.clone()));
    }
    let event = ConfigEvent::new(
        ConfigTable::ActivityRules.as_str(),
        &facts.org.name,
        Action::Updated,
        Some(&old.config),
        Some(&config),
    );
    let mut new = old.with(config, facts.now);
    let write = if known.stored {
        Write::RowUpdate(ConfigTable::ActivityRules, new.serialised())
    } else {
        new.create_time = facts.now;
        Write::RowInsert(ConfigTable::ActivityRules, new.serialised())
    };
    let change = ConfigChange {
        writes: vec![write],
        events: vec![event],
    };
    Ok((change, new))
}

impl App {
    /// Reads the rules.
    pub async fn get_activity_rules(&self, call: &Call) -> Result<Rules, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        Ok(org.activity_rules.rules.clone())
    }

    /// Changes the rules.
    pub async fn update_activity_rules(
        &self,
        call: &Call,
        once: &Once<'_, Rules>,
        input: &UpdateRules,
    ) -> Result<Reply<Rules>, Error> {
        // Only looking leaves no trace, so there is nothing to replay.
        let once = Once {
            key: once.key.clone().filter(|_| !input.validate_only),
            encode: once.encode,
        };
        self.configure(call, "UpdateActivityRules", &once, Ask::Nothing, |facts| {
            let (change, rules) = update_rules(facts, input)?;
            if input.validate_only {
                return Ok((ConfigChange::default(), rules));
            }
            Ok((change, rules))
        })
        .await
    }

    /// All kinds by name, with what they mean, and the token of the next page.
    pub async fn list_activity_kinds(
        &self,
        call: &Call,
        size: usize,
        token: &str,
    ) -> Result<(Vec<KindNow>, String), Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        let list = List::new(call, "ListActivityKinds", &());
        let after: Option<String> = self.pages.open(&list, token)?;
        let all = org.activity_rules.all_now();
        let rest = all.filter(|kind| after.as_ref().is_none_or(|after| kind.traits.name > *after));
        let rows = rest.take(size + 1).collect();
        Ok(page::cut(&self.pages, &list, rows, size, |kind| {
            kind.traits.name.clone()
        }))
    }

    /// Defines a kind.
    pub async fn create_activity_kind(
        &self,
        call: &Call,
        once: &Once<'_, KindNow>,
        config: &ActivityKind,
    ) -> Result<Reply<KindNow>, Error> {
        self.configure(call, "CreateActivityKind", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            let rules = &facts.org.activity_rules;
            check(config.validate(closes(rules)), "activity_kind")?;
            if let Some(kind) = rules.defined_as(&config.name) {
                let message = format!("the kind {} is defined already", config.name);
                let refusal = Refusal::new(Reason::AlreadyExists, message);
                return Err(refusal.with("activity_kind_id", kind.id).into());
            }
            configured::check_number("kinds of activities", rules.kinds.len(), KINDS_MAX)?;
            let (change, kind) = configured::create(facts, TABLE, config);
            Ok((change, rules.own(&kind)))
        })
        .await
    }

    /// Changes a kind. What others name it for, it goes on to be.
    pub async fn update_activity_kind(
        &self,
        call: &Call,
        once: &Once<'_, KindNow>,
        input: &UpdateConfigured<ActivityKind>,
    ) -> Result<Reply<KindNow>, Error> {
        self.configure(call, "UpdateActivityKind", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, input.id, input.etag)?;
            let config = input.merge(&old.config)?;
            let rules = &facts.org.activity_rules;
            check(old.config.validate_change(&config, closes(rules)), "activity_kind")?;
            let chosen = |field: &str| field == "activity_rules.follow_up_kinds";
            let mut naming = rules.naming(&old.config.name);
            naming.retain(|field| {
                if chosen(field) {
                    !config.follow_up_selectable
                } else {
                    !config.close_selectable
                }
            });
            refuse_if_named(&naming)?;
            let (change, kind) = configured::update(facts, TABLE, old, config);
            Ok((change, rules.own(&kind)))
        })
        .await
    }

    /// Deletes a kind that nothing names. Activities of the kind stay, and mean nothing.
    pub async fn delete_activity_kind(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteActivityKind", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            refuse_if_named(&references(facts.org, &old.config.name))?;
            Ok((configured::delete(TABLE, old), ()))
        })
        .await
    }
}
