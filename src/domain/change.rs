//! A change of one account as data: how it is afterwards, what happens to tenures and team, and what is told of it.
//!
//! Every move of ownership, and every other change of an account, is one of these, and there is one place that applies
//! them: `store::apply`. So there is one format of history, one place where clocks restart, one place where events
//! arise, and exactly one event per version.

use super::{
    account::{Account, EndCause, Extras, StartCause, TeamAccess, TeamRole},
    ids::{AccountId, CallerId, ObjectId, PoolId, ReasonId, UserId},
    team::TeamMember,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// How a tenure ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenureEnd {
    /// Whose.
    pub user: UserId,
    /// How.
    pub cause: EndCause,
    /// The reason given.
    pub reason: Option<ReasonId>,
    /// What was written.
    pub note: String,
    /// The rule that ended it.
    pub rule_id: Option<Uuid>,
    /// When it was due.
    pub deadline: Option<DateTime<Utc>>,
    /// Whether it keeps the user from claiming the account again for a while.
    pub bans_claim: bool,
}

/// How a tenure begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenureStart {
    /// Whose.
    pub user: UserId,
    /// How.
    pub cause: StartCause,
}

/// What happens to the related team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TeamChange {
    /// Nothing.
    #[default]
    Keep,
    /// All members go. The owner is none of them, he stands above them.
    Clear,
    /// A member is added or gets another role or right.
    Put(UserId, TeamRole, TeamAccess),
    /// A member goes, if he is one.
    Remove(UserId),
    /// These are its members from now on.
    Replace(Vec<TeamMember>),
}

/// What becomes of an account's last automatic reclaim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastReclaim {
    /// Nothing.
    #[default]
    Keep,
    /// What became known later speaks against it: it is listed for those who can undo it.
    Disputed {
        /// The pool from which it took the account.
        origin: Option<PoolId>,
    },
    /// Nobody can undo it any more: it is no longer listed.
    Settled {
        /// The pool from which it took the account.
        origin: Option<PoolId>,
    },
    /// It is undone: the tenure that it ended goes on.
    Undone {
        /// The version of the account with which that tenure began.
        start_version: i64,
        /// The pool under which it was listed, if it was disputed.
        disputed: Option<Option<PoolId>>,
    },
}

impl LastReclaim {
    /// For an account that somebody gets, or that is gone.
    #[must_use]
    pub fn settled(before: &Account) -> Self {
        match &before.memory.reclaimed {
            Some(reclaimed) if before.disputed_time.is_some() => Self::Settled {
                origin: reclaimed.pool_id,
            },
            _ => Self::Keep,
        }
    }
}

/// A change of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The account that the decision was made on, unless it is new. What differs is written.
    pub before: Option<Account>,
    /// The account afterwards. Its version is one above the one before.
    pub after: Account,
    /// The tenure that ends.
    pub end: Option<TenureEnd>,
    /// The tenure that begins.
    pub start: Option<TenureStart>,
    /// What happens to the team.
    pub team: TeamChange,
    /// Tags and custom fields, if they change: what they are afterwards.
    pub extras: Option<Extras>,
    /// The pool that it enters from outside; its guard row is written.
    pub enters: Option<PoolId>,
    /// Who may hold more afterwards; his guard row is compared and set. Also who has one more of what else is counted for
    /// him, such as locks.
    pub gains: Option<UserId>,
    /// What becomes of its last automatic reclaim.
    pub last_reclaim: LastReclaim,
    /// What is told of it.
    pub event: Event,
}

impl Change {
    /// A change of the account itself, and of nothing that hangs on it.
    #[must_use]
    pub fn of(before: &Account, after: Account, event: Event) -> Self {
        Self {
            before: Some(before.clone()),
            ..Self::new(after, event)
        }
    }

    /// A new account, with nothing that hangs on it.
    #[must_use]
    pub const fn new(after: Account, event: Event) -> Self {
        Self {
            before: None,
            after,
            end: None,
            start: None,
            team: TeamChange::Keep,
            extras: None,
            enters: None,
            gains: None,
            last_reclaim: LastReclaim::Keep,
            event,
        }
    }
}

/// What happened to an account. The text form is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was created.
    Created,
    /// Somebody claimed it.
    Claimed,
    /// It was assigned from the pool.
    Assigned,
    /// It was handed over, or assigned to somebody else.
    OwnerChanged,
    /// It was returned.
    Returned,
    /// It was taken back.
    Reclaimed,
    /// It was moved to another pool.
    Transferred,
    /// It was put into a pool.
    AddedToPool,
    /// It was taken out of its pool.
    RemovedFromPool,
    /// Its profile changed.
    Updated,
    /// Its team changed.
    TeamChanged,
    /// Activities changed what is known of follow-ups and deals.
    ActivityRecorded,
    /// Its deals were counted again.
    DealsRecomputed,
    /// Its deadline moved because rules did.
    Replanned,
    /// Somebody was reminded of it.
    Reminded,
    /// It was canceled.
    Canceled,
    /// It was restored.
    Restored,
    /// Others were merged into it.
    Merged,
    /// It was merged into another one.
    MergedAway,
    /// It was deleted.
    Deleted,
    /// An automatic reclaim was undone.
    ReclaimUndone,
    /// Something became known that would have kept an automatic reclaim from happening.
    ReclaimDisputed,
    /// The owner was given more time.
    RetentionExtended,
    /// It was locked, or its lock changed.
    Locked,
    /// It was unlocked.
    Unlocked,
    /// Nobody may claim it for a while.
    EmbargoSet,
    /// It may be claimed again.
    EmbargoCleared,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Created,
        Self::Claimed,
        Self::Assigned,
        Self::OwnerChanged,
        Self::Returned,
        Self::Reclaimed,
        Self::Transferred,
        Self::AddedToPool,
        Self::RemovedFromPool,
        Self::Updated,
        Self::TeamChanged,
        Self::ActivityRecorded,
        Self::DealsRecomputed,
        Self::Replanned,
        Self::Reminded,
        Self::Canceled,
        Self::Restored,
        Self::Merged,
        Self::MergedAway,
        Self::Deleted,
        Self::ReclaimUndone,
        Self::ReclaimDisputed,
        Self::RetentionExtended,
        Self::Locked,
        Self::Unlocked,
        Self::EmbargoSet,
        Self::EmbargoCleared,
    ];

    /// As stored and published.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "account.created",
            Self::Claimed => "account.claimed",
            Self::Assigned => "account.assigned",
            Self::OwnerChanged => "account.owner_changed",
            Self::Returned => "account.returned",
            Self::Reclaimed => "account.reclaimed",
            Self::Transferred => "account.transferred",
            Self::AddedToPool => "account.added_to_pool",
            Self::RemovedFromPool => "account.removed_from_pool",
            Self::Updated => "account.updated",
            Self::TeamChanged => "account.team_changed",
            Self::ActivityRecorded => "account.activity_recorded",
            Self::DealsRecomputed => "account.deals_recomputed",
            Self::Replanned => "account.replanned",
            Self::Reminded => "account.reminded",
            Self::Canceled => "account.canceled",
            Self::Restored => "account.restored",
            Self::Merged => "account.merged",
            Self::MergedAway => "account.merged_away",
            Self::Deleted => "account.deleted",
            Self::ReclaimUndone => "account.reclaim_undone",
            Self::ReclaimDisputed => "account.reclaim_disputed",
            Self::RetentionExtended => "account.retention_extended",
            Self::Locked => "account.locked",
            Self::Unlocked => "account.unlocked",
            Self::EmbargoSet => "account.embargo_set",
            Self::EmbargoCleared => "account.embargo_cleared",
        }
    }
}

/// What is told of a change. Field values are not in it, only their names: an event outlives the personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// What came of it.
    pub effects: Effects,
}

/// A reminder. Whoever delivers messages takes it from the account's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReminderEffect {
    /// Of what: the deadline comes nearer, the deadline was moved, nothing happens with the account.
    pub kind: &'static str,
    /// By which rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<Uuid>,
    /// How many full days before the deadline, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_before: Option<u32>,
    /// The deadline, in microseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
    /// Who is reminded.
    pub recipients: Vec<UserId>,
}

/// An object that went to the account's new owner with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelatedEffect {
    /// The service that tells of it.
    pub source: CallerId,
    /// What it is.
    pub object_type: String,
    /// Its id within the source.
    pub object_id: ObjectId,
    /// Whose it was.
    pub old: UserId,
    /// Whose it is.
    pub new: UserId,
}

/// What came of a change: only what differs from before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// The status before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<(&'static str, &'static str)>,
    /// The owner before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<(Option<UserId>, Option<UserId>)>,
    /// The pool before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<(Option<PoolId>, Option<PoolId>)>,
    /// The reclaim deadline after, in microseconds since the epoch, if it moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reclaim_time: Option<Option<i64>>,
    /// How the tenure ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_cause: Option<&'static str>,
    /// The reason given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonId>,
    /// The profile fields that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Whether the name changed although the tenant does not let users edit names.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub name_lock_overridden: bool,
    /// Who is to be reminded of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder: Option<ReminderEffect>,
    /// The team member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<UserId>,
    /// By how many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Until when, in microseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Objects that follow the account. They are written with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedEffect>,
    /// The accounts that were merged into it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<AccountId>,
    /// The account that it was merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<AccountId>,
    /// Contacts that would have followed, and were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub contacts_left_behind: u32,
    /// Whether the first follow-up of the tenure put the deadline off, only in the last hours before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub late_follow_up: bool,
    /// Why, in words. Kept beside the event, so that it can go with the account.
    #[serde(skip)]
    pub note: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Effects {
    /// What differs in ownership between two states.
    #[must_use]
    pub fn between(before: Option<&Account>, after: &Account) -> Self {
        let status = before.map(|before| before.status);
        let owner = before.and_then(|before| before.owner.clone());
        let pool = before.and_then(|before| before.pool_id);
        let reclaim = before.and_then(|before| before.clock.reclaim_time);
        let before_status = status.map_or("", super::account::Status::as_str);
        Self {
            status: (status != Some(after.status)).then(|| (before_status, after.status.as_str())),
            pool: (pool != after.pool_id).then_some((pool, after.pool_id)),
            owner: (owner != after.owner).then(|| (owner, after.owner.clone())),
            reclaim_time: (reclaim != after.clock.reclaim_time)
                .then(|| after.clock.reclaim_time.map(|time| time.timestamp_micros())),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever follows the stream names kinds by their text: none may be missing.
    #[test]
    fn every_kind_of_event_is_listed() {
        let named = include_str!("change.rs")
            .lines()
            .filter(|line| line.trim_start().starts_with("Self::") && line.contains(" => \"account."));
        assert_eq!(named.count(), EventKind::ALL.len());
    }
}
