//! Sources of activities: services register themselves, CRM admins look after all of them.

use super::{
    App,
    call::{Call, Scope},
    configured,
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    tenant::check_etag,
};
use crate::domain::{
    activity_source::{ActivitySource, SOURCES_MAX, StoredSource},
    config_change::{Action, ConfigChange, ConfigEvent, Write},
    configured::ConfigTable,
    error::Error,
    ids::CallerId,
    organisation::Organisation,
    refusal::{Reason, Refusal},
};
use std::sync::Arc;

const TABLE: ConfigTable = ConfigTable::ActivitySource;

/// What is to be registered.
#[derive(Clone, Debug)]
pub struct Register {
    /// Under which name; nobody's means the calling service.
    pub name: Option<CallerId>,
    /// Name for people.
    pub display_name: String,
    /// What it may tell of.
    pub kinds: Vec<String>,
}

fn find<'a>(org: &'a Organisation, name: &CallerId) -> Option<&'a Arc<StoredSource>> {
    org.activity_sources.iter().find(|source| source.config.name == *name)
}

fn missing(name: &CallerId) -> Error {
    Error::not_found("activity source", name)
}

/// The source, for a change of it by a CRM admin who saw the state `etag`.
fn find_to_change<'a>(facts: &Facts<'a>, name: &CallerId, etag: Option<i64>) -> Result<&'a Arc<StoredSource>, Error> {
    facts.principal.require_crm_admin()?;
    let source = find(facts.org, name).ok_or_else(|| missing(name))?;
    check_etag(etag, source.version)?;
    Ok(source)
}

/// A service registers nobody but itself.
fn refuse_others(facts: &Facts<'_>, call: &Call, name: &CallerId) -> Result<(), Refusal> {
    let itself = call.actor.is_none() && call.has(Scope::Ingest) && call.caller == *name;
    if facts.principal.crm_admin || itself {
        return Ok(());
    }
    let message = "services register themselves; other sources are registered by CRM admins";
    Err(Refusal::new(Reason::NotAuthorized, message))
}

/// Who holds a service's credential gets no more out of it than the service registered for.
fn refuse_widening(facts: &Facts<'_>, old: &ActivitySource, kinds: &[String]) -> Result<(), Refusal> {
    let beyond = old.beyond(kinds);
    if facts.principal.crm_admin || beyond.is_empty() {
        return Ok(());
    }
    // As many as fit into the details.
    let named = beyond[..beyond.len().min(10)].join(",");
    let message = format!(
        "only CRM admins let a source tell of more than it is registered for; {} kind(s) are beyond that",
        beyond.len()
    );
    Err(Refusal::new(Reason::NotAuthorized, message).with("kinds", named))
}

fn register(facts: &Facts<'_>, call: &Call, input: &Register) -> Result<(ConfigChange, StoredSource), Error> {
    let name = input.name.as_ref().unwrap_or(&call.caller);
    refuse_others(facts, call, name)?;
    let old = find(facts.org, name);
    let mut new = ActivitySource {
        name: name.clone(),
        display_name: input.display_name.clone(),
        kinds: input.kinds.clone(),
        enabled: old.is_none_or(|old| old.config.enabled),
    };
    let violations = new.validate();
    if !violations.is_empty() {
        return Err(violations.within("activity_source").into());
    }
    // Registering again in another order changes nothing.
    new.kinds.sort();
    let Some(old) = old else {
        configured::check_number("activity sources", facts.org.activity_sources.len(), SOURCES_MAX)?;
        return Ok(configured::create(facts, TABLE, &new));
    };
    refuse_widening(facts, &old.config, &new.kinds)?;
    Ok(configured::update(facts, TABLE, old, new))
}

/// The source in or out of use.
fn switched(facts: &Facts<'_>, old: &StoredSource, enabled: bool) -> (ConfigChange, StoredSource) {
    if old.config.enabled == enabled {
        return (ConfigChange::default(), old.clone());
    }
    let new = ActivitySource {
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

impl App {
    /// Registers a source, or changes what is registered.
    pub async fn register_activity_source(
        &self,
        call: &Call,
        once: &Once<'_, StoredSource>,
        input: &Register,
    ) -> Result<Reply<StoredSource>, Error> {
        self.configure(call, "RegisterActivitySource", once, Ask::Nothing, |facts| {
            register(facts, call, input)
        })
        .await
    }

    /// Reads a source: a CRM admin any, a service itself.
    pub async fn get_activity_source(&self, call: &Call, name: &CallerId) -> Result<Arc<StoredSource>, Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let itself = principal.actor.is_none() && principal.caller == *name;
        let source = find(&org, name).filter(|_| itself || principal.crm_admin);
        source.cloned().ok_or_else(|| missing(name))
    }

    /// The sources by name, and the token of the next page.
    pub async fn list_activity_sources(
        &self,
        call: &Call,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<StoredSource>>, String), Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?.require_crm_admin()?;
        let list = List::new(call, "ListActivitySources", &());
        let after: Option<CallerId> = self.pages.open(&list, token)?;
        let mut sources = org.activity_sources.clone();
        sources.sort_by(|a, b| a.config.name.cmp(&b.config.name));
        let rest = sources
            .into_iter()
            .filter(|source| after.as_ref().is_none_or(|after| source.config.name > *after));
        let rows = rest.take(size + 1).collect();
        Ok(page::cut(&self.pages, &list, rows, size, |source| {
            source.config.name.clone()
        }))
    }

    /// Lets a source tell, or not.
    pub async fn switch_activity_source(
        &self,
        call: &Call,
        once: &Once<'_, StoredSource>,
        name: &CallerId,
        etag: Option<i64>,
        enabled: bool,
    ) -> Result<Reply<StoredSource>, Error> {
        let flow = if enabled {
            "EnableActivitySource"
        } else {
            "DisableActivitySource"
        };
        self.configure(call, flow, once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, name, etag)?;
            Ok(switched(facts, old, enabled))
        })
        .await
    }

    /// Forgets what is registered of a source.
    pub async fn delete_activity_source(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        name: &CallerId,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteActivitySource", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, name, etag)?;
            Ok((configured::delete(TABLE, old), ()))
        })
        .await
    }
}
