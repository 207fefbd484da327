//! An organisation and the settings that hold for all its pools.

use super::{
    ids::{CallerId, ReasonId},
    refusal::Violations,
    retention::calendar::{Cutoff, NINE, WorkCalendar},
    text::{DAYS, LABEL_MAX, LIMITS, NAME_MAX, check_len, check_range, check_required_text, check_unique},
};
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Who may create accounts with an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreatePermission {
    /// Every active user for himself, supervisors also for those below them.
    #[default]
    AnyUser,
    /// CRM admins only.
    CrmAdmins,
}

/// Who sees the business objects of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelatedVisibility {
    /// Of each its owner, those above him, and those whom its service names.
    #[default]
    OwnersOnly,
    /// Everybody who reads all of the account.
    AccountReaders,
}

/// A reason for returning an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnReason {
    /// Id within the tenant.
    pub id: ReasonId,
    /// What people read.
    pub display_name: String,
    /// Whether it can be chosen now.
    pub enabled: bool,
    /// Whether choosing it needs a note.
    pub note_required: bool,
}

/// Settings of a tenant.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as the API has them")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettings {
    /// Name for people.
    pub display_name: String,
    /// Zone of day boundaries and calendar days where a pool names none.
    pub time_zone: Tz,
    /// Whether those who may edit an account may change its name.
    #[serde(rename = "settings.users_may_edit_names")]
    pub users_may_edit_names: bool,
    /// Who may create accounts with an owner.
    #[serde(rename = "settings.create_permission")]
    pub create_permission: CreatePermission,
    /// Claims per user and day over all pools.
    #[serde(rename = "settings.daily_claim_limit")]
    pub daily_claim_limit: Option<u32>,
    /// Whether a change of owner outside pools removes the related team.
    #[serde(rename = "settings.clear_team_on_owner_change")]
    pub clear_team_on_owner_change: bool,
    /// Whether returning needs a reason.
    #[serde(rename = "settings.return_reason_required")]
    pub return_reason_required: bool,
    /// The reasons to choose from.
    #[serde(rename = "settings.return_reasons")]
    pub return_reasons: Vec<ReturnReason>,
    /// When reclaims take effect where a rule does not say.
    #[serde(rename = "settings.default_cutoff", default = "usual::cutoff")]
    pub default_cutoff: Cutoff,
    /// The local time of day at which reminders go out.
    #[serde(rename = "settings.reminder_time", default = "usual::reminder_time")]
    pub reminder_time: NaiveTime,
    /// The days on which the company works.
    #[serde(rename = "settings.work_calendar", default)]
    pub work_calendar: WorkCalendar,
    /// Days by which a tenure can be extended in all; 0 means not at all.
    #[serde(rename = "settings.max_extension_days", default = "usual::extension_days")]
    pub max_extension_days: u32,
    /// Accounts that a user can keep locked at the same time; 0 means none.
    #[serde(rename = "settings.max_locks_per_user", default = "usual::locks")]
    pub max_locks_per_user: u32,
    /// Sources without whose news nothing is reclaimed.
    #[serde(rename = "settings.required_sources", default)]
    pub required_sources: Vec<CallerId>,
    /// The share of a pool's owned accounts that are reclaimed within a day without somebody confirming it, percent.
    #[serde(rename = "settings.breaker_percent", default = "usual::breaker_percent")]
    pub breaker_percent: u32,
    /// How many are, whatever the share.
    #[serde(rename = "settings.breaker_accounts", default = "usual::breaker_accounts")]
    pub breaker_accounts: u32,
    /// Who sees the business objects of an account.
    #[serde(rename = "settings.related_object_visibility", default)]
    pub related_object_visibility: RelatedVisibility,
    /// Whether contacts go with the account to its next owner.
    #[serde(rename = "settings.contacts_follow_owner", default = "usual::contacts_follow")]
    pub contacts_follow_owner: bool,
    /// Whether services tell of activities only if they are registered.
    #[serde(rename = "settings.sources_must_register", default)]
    pub sources_must_register: bool,
}

/// What tenants have that were stored before there were these settings, and new ones start with.
mod usual {
    use super::{Cutoff, NINE, NaiveTime};

    pub(super) const fn cutoff() -> Cutoff {
        Cutoff::USUAL
    }

    pub(super) const fn reminder_time() -> NaiveTime {
        NINE
    }

    pub(super) const fn extension_days() -> u32 {
        30
    }

    pub(super) const fn locks() -> u32 {
        10
    }

    pub(super) const fn contacts_follow() -> bool {
        true
    }

    pub(super) const fn breaker_percent() -> u32 {
        20
    }

    pub(super) const fn breaker_accounts() -> u32 {
        1000
    }
}

/// Sources that can be required at most.
pub const MAX_SOURCES: usize = 50;

impl TenantSettings {
    /// What a new tenant starts with.
    #[must_use]
    pub fn new(display_name: String, time_zone: Tz) -> Self {
        Self {
            display_name,
            time_zone,
            users_may_edit_names: false,
            create_permission: CreatePermission::default(),
            daily_claim_limit: None,
            clear_team_on_owner_change: false,
            return_reason_required: false,
            return_reasons: Vec::new(),
            default_cutoff: usual::cutoff(),
            reminder_time: usual::reminder_time(),
            work_calendar: WorkCalendar::default(),
            max_extension_days: usual::extension_days(),
            max_locks_per_user: usual::locks(),
            required_sources: Vec::new(),
            breaker_percent: usual::breaker_percent(),
            breaker_accounts: usual::breaker_accounts(),
            related_object_visibility: RelatedVisibility::default(),
            contacts_follow_owner: usual::contacts_follow(),
            sources_must_register: false,
        }
    }

    /// Everything that is wrong with the settings.
    #[must_use]
    pub fn validate(&self) -> Violations {
        let mut violations = Violations::default();
        check_required_text(&mut violations, "display_name", &self.display_name, NAME_MAX);
        check_range(
            &mut violations,
            "settings.daily_claim_limit",
            self.daily_claim_limit,
            &LIMITS,
        );
        let field = "settings.return_reasons";
        check_len(&mut violations, field, self.return_reasons.len(), 100);
        check_unique(
            &mut violations,
            field,
            self.return_reasons.iter().map(|reason| &reason.id),
        );
        for (at, reason) in self.return_reasons.iter().enumerate() {
            let field = format!("{field}[{at}].display_name");
            check_required_text(&mut violations, &field, &reason.display_name, LABEL_MAX);
        }
        self.work_calendar.check(&mut violations, "settings.work_calendar");
        let numbers = [
            ("settings.max_extension_days", self.max_extension_days, 0..=*DAYS.end()),
            ("settings.max_locks_per_user", self.max_locks_per_user, LIMITS),
            ("settings.breaker_percent", self.breaker_percent, 1..=100),
            ("settings.breaker_accounts", self.breaker_accounts, 1..=1_000_000),
        ];
        for (field, number, range) in numbers {
            check_range(&mut violations, field, Some(number), &range);
        }
        let field = "settings.required_sources";
        check_len(&mut violations, field, self.required_sources.len(), MAX_SOURCES);
        check_unique(&mut violations, field, &self.required_sources);
        if self.return_reason_required && !self.return_reasons.iter().any(|reason| reason.enabled) {
            violations.add(
                "settings.return_reason_required",
                "needs at least one enabled return reason",
            );
        }
        violations
    }
}

/// A tenant as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its settings.
    pub settings: TenantSettings,
    /// Raised by every update of the settings.
    pub version: i64,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When its settings were last updated.
    pub update_time: DateTime<Utc>,
}
