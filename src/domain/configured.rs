//! What rules, limits and definitions have in common: an id, a version, a configuration, two times.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// The tables whose rows are nothing but that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigTable {
    /// Retention limits.
    LimitRule,
    /// Reclaim rules.
    ReclaimRule,
    /// Definitions of custom account fields.
    CustomField,
    /// Rules that remind of accounts with which nothing happens.
    ReminderRule,
    /// Leaves of absence.
    UserAbsence,
    /// Times at which nothing is reclaimed.
    RetentionPause,
    /// Whose rules are for users in several departments.
    ChosenDepartment,
    /// Services that tell of activities.
    ActivitySource,
    /// What activities mean, one row at most.
    ActivityRules,
    /// Kinds of activities.
    ActivityKind,
    /// Where events are sent.
    Webhook,
}

impl ConfigTable {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::LimitRule,
        Self::ReclaimRule,
        Self::CustomField,
        Self::ReminderRule,
        Self::UserAbsence,
        Self::RetentionPause,
        Self::ChosenDepartment,
        Self::ActivitySource,
        Self::ActivityRules,
        Self::ActivityKind,
        Self::Webhook,
    ];

    /// The table's name, which is also the `resource_type` of its events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LimitRule => "limit_rule",
            Self::ReclaimRule => "reclaim_rule",
            Self::CustomField => "custom_field",
            Self::ReminderRule => "reminder_rule",
            Self::UserAbsence => "user_absence",
            Self::RetentionPause => "retention_pause",
            Self::ChosenDepartment => "chosen_department",
            Self::ActivitySource => "activity_source",
            Self::ActivityRules => "activity_rules",
            Self::ActivityKind => "activity_kind",
            Self::Webhook => "webhook",
        }
    }
}

/// A row of such a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured<T> {
    /// Its id.
    pub id: Uuid,
    /// Raised by every update; the etag.
    pub version: i64,
    /// What is configured.
    pub config: T,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When it was last updated.
    pub update_time: DateTime<Utc>,
}

impl<T: Serialize + Clone> Configured<T> {
    /// A new row.
    pub const fn new(id: Uuid, config: T, now: DateTime<Utc>) -> Self {
        Self {
            id,
            version: 1,
            config,
            create_time: now,
            update_time: now,
        }
    }

    /// The next version of the row.
    #[must_use]
    pub fn with(&self, config: T, now: DateTime<Utc>) -> Self {
        Self {
            config,
            version: self.version + 1,
            update_time: now,
            ..self.clone()
        }
    }

    /// The row with its configuration serialised, as it is stored.
    #[must_use]
    pub fn serialised(&self) -> Configured<String> {
        Configured {
            id: self.id,
            version: self.version,
            // Configurations have string keys only and cannot fail.
            config: serde_json::to_string(&self.config).unwrap_or_default(),
            create_time: self.create_time,
            update_time: self.update_time,
        }
    }
}
