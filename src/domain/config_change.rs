//! A change of configuration as data: rows to write and events that say who changed what. There is one place that
//! applies it, `store::config::apply`.

use super::{
    configured::{ConfigTable, Configured},
    directory::{Department, Entry, Group, User},
    ids::{PoolId, UserId},
    organisation::{Organisation, Revisions},
    patch::{FieldDiff, diff},
    pool::Pool,
    tenant::Tenant,
    webhook::ProgressWrite,
};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What lies in a pool, read in the transaction that may delete it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// How often something was brought in from outside; the delete compares it.
    pub entries: i64,
    /// How many accounts lie in it, whatever their status, counted up to [`Occupancy::COUNTED`].
    pub accounts: u64,
}

impl Occupancy {
    /// Where the counting of accounts ends.
    pub const COUNTED: u64 = 1001;
}

/// A row to write.
#[derive(Clone, Debug)]
pub enum Write {
    /// The tenant's settings.
    Tenant(Tenant),
    /// A new pool.
    PoolInsert(Pool),
    /// A pool with a new version.
    PoolUpdate(Pool),
    /// A pool that goes, provided that nothing came in since its occupancy was read.
    PoolDelete(PoolId, Occupancy),
    /// A new row of a table of rules, limits or definitions.
    RowInsert(ConfigTable, Configured<String>),
    /// A row of such a table with a new version.
    RowUpdate(ConfigTable, Configured<String>),
    /// A row of such a table that goes.
    RowDelete(ConfigTable, Uuid),
    /// A department, new or changed.
    Department(Entry<Department>),
    /// A group, new or changed.
    Group(Entry<Group>),
    /// A user, new or changed.
    User(Entry<User>),
    /// How far a webhook is, with its configuration.
    Webhook(ProgressWrite),
    /// The guard row of a user who is deactivated: no acquisition that was decided before can commit after.
    BlockHolder(UserId),
}

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Created,
    /// Fields changed.
    Updated,
    /// It was taken into use.
    Enabled,
    /// It was taken out of use.
    Disabled,
    /// It is gone.
    Deleted,
}

impl Action {
    /// As stored and published.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }
}

/// Who-changed-what, without the who and when, which the flow knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEvent {
    /// What kind of thing.
    pub resource_type: &'static str,
    /// Which one.
    pub resource: String,
    /// What was done.
    pub action: Action,
    /// Field by field.
    pub changes: BTreeMap<String, FieldDiff>,
}

impl ConfigEvent {
    /// The event of going from `old` to `new`.
    pub fn new<T: Serialize>(
        resource_type: &'static str,
        resource: impl ToString,
        action: Action,
        old: Option<&T>,
        new: Option<&T>,
    ) -> Self {
        Self {
            resource_type,
            resource: resource.to_string(),
            action,
            changes: diff(old, new),
        }
    }
}

/// Settings of tenants and pools that clocks run on.
const CLOCK_SETTINGS: &[&str] = &[
    "time_zone",
    "settings.default_cutoff",
    "settings.reminder_time",
    "settings.work_calendar",
];

/// Fields of users and departments that say whose rules are for an owner's accounts.
const DEPARTMENT_FIELDS: &[&str] = &["primary_department", "other_departments", "parent"];

/// What a decision about configuration comes to.
#[derive(Clone, Debug, Default)]
pub struct ConfigChange {
    /// Rows to write, in the order given.
    pub writes: Vec<Write>,
    /// One event per resource.
    pub events: Vec<ConfigEvent>,
}

impl ConfigChange {
    /// Whether nothing changes: then nothing is written and no revision rises.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether stored deadlines may have to move: something changed that clocks run on.
    #[must_use]
    pub fn moves_deadlines(&self, org: &Organisation) -> bool {
        let row = |write: &Write| match write {
            Write::RowInsert(table, _) | Write::RowUpdate(table, _) | Write::RowDelete(table, _) => {
                // What activities mean is decided when they come, and what was counted stays counted; webhooks only tell.
                !matches!(
                    table,
                    ConfigTable::LimitRule
                        | ConfigTable::ActivityRules
                        | ConfigTable::ActivityKind
                        | ConfigTable::ActivitySource
                        | ConfigTable::Webhook
                )
            }
            _ => false,
        };
        // What is new has no accounts yet.
        let events = self.events.iter().filter(|event| event.action != Action::Created);
        let changed = |field: &str| events.clone().any(|event| event.changes.contains_key(field));
        self.writes.iter().any(row)
            || CLOCK_SETTINGS.iter().any(|field| changed(field))
            || org.retention.looks_at_departments() && DEPARTMENT_FIELDS.iter().any(|field| changed(field))
    }

    /// The revisions after the change: each side rises only if something of it is written, and the configuration's
    /// wherever deadlines move.
    #[must_use]
    pub fn raise(&self, org: &Organisation) -> Revisions {
        let from = org.revisions;
        let directory = |write: &Write| {
            matches!(
                write,
                Write::Department(_) | Write::Group(_) | Write::User(_) | Write::BlockHolder(_)
            )
        };
        Revisions {
            config: from.config
                + i64::from(self.moves_deadlines(org) || self.writes.iter().any(|write| !directory(write))),
            directory: from.directory + i64::from(self.writes.iter().any(directory)),
        }
    }
}
