//! What changes of rules, limits and definitions have in common: one row, one event, nothing where nothing changes.

use super::{flow::Facts, tenant::unknown_paths};
use crate::domain::{
    config_change::{Action, ConfigChange, ConfigEvent, Write},
    configured::{ConfigTable, Configured},
    error::Error,
    patch::merge,
    refusal::{Reason, Refusal},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// Which change is wanted.
#[derive(Clone, Debug)]
pub struct UpdateConfigured<T> {
    /// Of which row.
    pub id: Uuid,
    /// The new values.
    pub config: T,
    /// Which of them to take.
    pub paths: Vec<String>,
    /// The state that the caller saw.
    pub etag: Option<i64>,
}

impl<T: Serialize + DeserializeOwned> UpdateConfigured<T> {
    /// `old` with the values to take.
    pub(crate) fn merge(&self, old: &T) -> Result<T, Error> {
        merge(old, &self.config, &self.paths).map_err(|unknown| unknown_paths(&unknown))
    }
}

/// A new row.
pub(crate) fn create<T: Serialize + Clone>(
    facts: &Facts<'_>,
    table: ConfigTable,
    config: &T,
) -> (ConfigChange, Configured<T>) {
    let new = Configured::new(facts.ids.next(), config.clone(), facts.now);
    let event = ConfigEvent::new(table.as_str(), new.id, Action::Created, None, Some(config));
    let change = ConfigChange {
        writes: vec![Write::RowInsert(table, new.serialised())],
        events: vec![event],
    };
    (change, new)
}

/// The next version of a row, or the same one if `config` is what it was.
pub(crate) fn update<T: Serialize + Clone + PartialEq>(
    facts: &Facts<'_>,
    table: ConfigTable,
    old: &Configured<T>,
    config: T,
) -> (ConfigChange, Configured<T>) {
    if config == old.config {
        return (ConfigChange::default(), old.clone());
    }
    let event = ConfigEvent::new(
        table.as_str(),
        old.id,
        Action::Updated,
        Some(&old.config),
        Some(&config),
    );
    let new = old.with(config, facts.now);
    let change = ConfigChange {
        writes: vec![Write::RowUpdate(table, new.serialised())],
        events: vec![event],
    };
    (change, new)
}

/// A row that goes.
pub(crate) fn delete<T: Serialize>(table: ConfigTable, old: &Configured<T>) -> ConfigChange {
    let event = ConfigEvent::new(table.as_str(), old.id, Action::Deleted, Some(&old.config), None);
    ConfigChange {
        writes: vec![Write::RowDelete(table, old.id)],
        events: vec![event],
    }
}

/// Refuses one more than `limit` of what there are `used` of.
pub(crate) fn check_number(what: &str, used: usize, limit: usize) -> Result<(), Refusal> {
    if used < limit {
        return Ok(());
    }
    let message = format!("there are {used} {what} already, which is as many as a tenant may have");
    Err(Refusal::new(Reason::ConfigLimitReached, message)
        .with("limit", limit)
        .with("used", used))
}
