//! An account: a company, a group or a person, with its life status, its owner, its pool and its clock.

use super::{
    custom_field::FieldValue,
    ids::{AccountId, ExternalId, PoolId, ReasonId, UserId},
    retention::reminders::Reminded,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range};
use uuid::Uuid;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant = $number,)*
        }

        impl $name {
            /// The published and stored number.
            #[must_use]
            pub const fn number(self) -> i16 {
                self as i16
            }

            /// The value with this number.
            #[must_use]
            pub const fn from_number(number: i16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The published name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

numbered! {
    /// Where an account is in its life.
    Status {
        /// Its creation waits for approval.
        Unactivated = 1, "UNACTIVATED";
        /// Its deal registration waits for a check.
        Reporting = 2, "REPORTING";
        /// It lies in a pool, or in no pool, and waits for an owner.
        Unassigned = 3, "UNASSIGNED";
        /// It has an owner.
        Assigned = 4, "ASSIGNED";
        /// It was taken out of use; CRM admins see it and can restore it.
        Canceled = 5, "CANCELED";
        /// It was merged into another one.
        Merged = 6, "MERGED";
        /// It is gone; what is left tells who owned it when.
        Deleted = 7, "DELETED";
    }
}

numbered! {
    /// Whether deals were closed, derived from the closed business objects.
    DealStatus {
        /// None yet.
        Open = 0, "OPEN";
        /// One.
        Won = 1, "WON";
        /// Several.
        RepeatedlyWon = 2, "REPEATEDLY_WON";
    }
}

numbered! {
    /// What an account stands for.
    AccountKind {
        /// A company.
        Company = 1, "COMPANY";
        /// A group.
        Group = 2, "GROUP";
        /// A person.
        Person = 3, "PERSON";
    }
}

numbered! {
    /// How a tenure began.
    StartCause {
        /// The user claimed it.
        Claimed = 1, "CLAIMED";
        /// An admin assigned it.
        Assigned = 2, "ASSIGNED";
        /// The owner, his supervisor or a CRM admin handed it over.
        OwnerChanged = 3, "OWNER_CHANGED";
        /// It was created with the owner.
        Created = 4, "CREATED";
        /// A canceled account came back with its owner.
        Restored = 5, "RESTORED";
    }
}

numbered! {
    /// How a tenure ended.
    EndCause {
        /// The owner or his supervisor returned it.
        Returned = 1, "RETURNED";
        /// An admin of the pool took it back.
        Reclaimed = 2, "RECLAIMED";
        /// The sweep took it back.
        AutoReclaimed = 3, "AUTO_RECLAIMED";
        /// It was assigned to somebody else.
        Reassigned = 4, "REASSIGNED";
        /// It was handed over.
        OwnerChanged = 5, "OWNER_CHANGED";
        /// It was moved to another pool without its owner.
        Transferred = 6, "TRANSFERRED";
        /// The owner left.
        OwnerLeft = 7, "OWNER_LEFT";
        /// It was canceled.
        Canceled = 8, "CANCELED";
        /// It was merged into another account.
        Merged = 9, "MERGED";
    }
}

numbered! {
    /// How an account came to lie in its pool.
    EntryCause {
        /// It was created there.
        Created = 1, "CREATED";
        /// It was returned.
        Returned = 2, "RETURNED";
        /// An admin took it back.
        Reclaimed = 3, "RECLAIMED";
        /// The sweep took it back.
        AutoReclaimed = 4, "AUTO_RECLAIMED";
        /// It was moved there.
        Transferred = 5, "TRANSFERRED";
        /// Its owner left.
        OwnerLeft = 6, "OWNER_LEFT";
        /// It was put there.
        Added = 7, "ADDED";
        /// It was restored.
        Restored = 8, "RESTORED";
    }
}

numbered! {
    /// What a member of the related team is there for.
    TeamRole {
        /// Follows up together with the owner.
        JointFollowUp = 1, "JOINT_FOLLOW_UP";
        /// Looks after the account after the sale.
        AfterSales = 2, "AFTER_SALES";
        /// Takes part in another way.
        Participant = 3, "PARTICIPANT";
    }
}

numbered! {
    /// What a member of the related team may do.
    TeamAccess {
        /// Read.
        Read = 1, "READ";
        /// Read and change.
        ReadWrite = 2, "READ_WRITE";
    }
}

/// Where it is on the map, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// -90 to 90.
    pub latitude: f64,
    /// -180 to 180.
    pub longitude: f64,
}

/// What people know of the account. Empty text means that it is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// What it stands for.
    pub kind: AccountKind,
    /// Its name.
    pub name: String,
    /// Grade.
    pub grade: String,
    /// Industry.
    pub industry: String,
    /// Where it came from.
    pub source: String,
    /// Sales region.
    pub region: String,
    /// Telephone number.
    pub phone: String,
    /// E-mail address.
    pub email: String,
    /// Web site.
    pub website: String,
    /// Postal address.
    pub address: String,
    /// Where it is on the map.
    pub location: Option<Location>,
    /// Anything else.
    pub remark: String,
    /// Its id in another system, unique within the tenant.
    pub external_id: Option<ExternalId>,
}

/// What hangs on an account in tables of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Values of custom fields, by id of the definition.
    pub fields: BTreeMap<Uuid, FieldValue>,
}

/// The retention clock of an owned account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionClock {
    /// What the time runs from.
    pub anchor_time: Option<DateTime<Utc>>,
    /// When it is reclaimed.
    pub reclaim_time: Option<DateTime<Utc>>,
    /// When something is to be done about it next: it is reclaimed, somebody is reminded, or a condition that depends on
    /// time changes.
    pub wake_time: Option<DateTime<Utc>>,
    /// The rule that decides.
    pub rule_id: Option<Uuid>,
    /// Not before this, whatever the rule says.
    pub notice_floor: Option<DateTime<Utc>>,
    /// The configuration revision that it was computed under.
    pub planned_revision: i64,
    /// What happened to it in this tenure.
    pub tenure: TenureClock,
}

/// What happened to the clock in the owner's tenure. Ends with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenureClock {
    /// Since when the clocks run, where the tenure continues an earlier one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Until when the owner was given more time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_to: Option<DateTime<Utc>>,
    /// By how many days in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub extended_days: u32,
    /// The last advance reminder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminded: Option<Reminded>,
    /// When each reminder rule was last heard of.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nudged: BTreeMap<Uuid, DateTime<Utc>>,
}

impl TenureClock {
    /// Whether nothing happened to it.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Keeps an account with its owner: nobody moves it and nothing is reclaimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Who locked it.
    pub user: UserId,
    /// When.
    pub from: DateTime<Utc>,
    /// Until when; `None` means until it is unlocked.
    pub until: Option<DateTime<Utc>>,
}

impl Lock {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// An owner's tenure that ended lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastTenure {
    /// Whose.
    pub user: UserId,
    /// When his clocks began.
    pub since: DateTime<Utc>,
    /// When it ended.
    pub until: DateTime<Utc>,
}

/// What an owner lost to a rule, as it was then: what is needed to give it back, and to tell whether he should have lost
/// it. Kept until somebody owns the account again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reclaimed {
    /// Since when he owned it.
    pub owner_since: DateTime<Utc>,
    /// When he lost it.
    pub time: DateTime<Utc>,
    /// The pool that it belonged to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_id: Option<PoolId>,
    /// His clock.
    #[serde(default, skip_serializing_if = "TenureClock::is_empty")]
    pub tenure: TenureClock,
    /// Before when it could not be reclaimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_floor: Option<DateTime<Utc>>,
    /// The last follow-up before that is known by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_follow_up_time: Option<DateTime<Utc>>,
    /// The last win before that is known by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_won_time: Option<DateTime<Utc>>,
}

impl Reclaimed {
    /// While he owned it.
    #[must_use]
    pub const fn lasted(&self) -> Range<DateTime<Utc>> {
        self.owner_since..self.time
    }
}

/// What clocks look at beside follow-ups and wins. Never searched, so it is kept in one piece.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClockMemory {
    /// When an activity of each kind happened last, of the kinds that rules ask for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kind_times: BTreeMap<String, DateTime<Utc>>,
    /// The last tenures, the latest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenures: Vec<PastTenure>,
    /// What the last owner lost to a rule, while nobody has owned the account since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reclaimed: Option<Reclaimed>,
}

/// An account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Raised by every change; the etag.
    pub version: i64,
    /// Where it is in its life.
    pub status: Status,
    /// Where it was when it was canceled.
    pub status_before_cancel: Option<Status>,
    /// Who owns it.
    pub owner: Option<UserId>,
    /// Who owned it last, before the owner or before nobody.
    pub last_owner: Option<UserId>,
    /// Since when the owner owns it.
    pub owner_since: Option<DateTime<Utc>>,
    /// The pool that it belongs to, also while it is owned.
    pub pool_id: Option<PoolId>,
    /// Since when it has been waiting in the pool.
    pub pool_entry_time: Option<DateTime<Utc>>,
    /// How it came to wait there.
    pub pool_entry_cause: Option<EntryCause>,
    /// The reason that the last owner gave for returning it.
    pub last_end_reason: Option<ReasonId>,
    /// What he wrote.
    pub last_end_note: String,
    /// How often it went from one owner to a different one.
    pub transfer_count: i64,
    /// Whether deals were closed.
    pub deal_status: DealStatus,
    /// How many.
    pub won_count: i64,
    /// When the last one was.
    pub last_won_time: Option<DateTime<Utc>>,
    /// When somebody last followed up, other than by a deal.
    pub last_follow_up_time: Option<DateTime<Utc>>,
    /// When the last of its contracts ends.
    pub contract_end_time: Option<DateTime<Utc>>,
    /// What keeps it with its owner.
    pub lock: Option<Lock>,
    /// Nobody may claim it before.
    pub embargo_time: Option<DateTime<Utc>>,
    /// When something became known that would have saved it from its last reclaim, had it been known before.
    pub disputed_time: Option<DateTime<Utc>>,
    /// The account that it was merged into.
    pub merged_into: Option<AccountId>,
    /// Its retention clock.
    pub clock: RetentionClock,
    /// What that runs on beside all of this.
    pub memory: ClockMemory,
    /// Tags and custom fields, where rules ask for them; empty elsewhere.
    pub extras: Extras,
    /// What people know of it.
    pub profile: Profile,
    /// Who created it.
    pub creator: Option<UserId>,
    /// When.
    pub create_time: DateTime<Utc>,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
}

impl Account {
    /// A new account that nobody owns and that lies nowhere.
    #[must_use]
    pub fn new(id: AccountId, profile: Profile, creator: Option<UserId>, now: DateTime<Utc>) -> Self {
        Self {
            id,
            version: 0,
            status: Status::Unassigned,
            status_before_cancel: None,
            owner: None,
            last_owner: None,
            owner_since: None,
            pool_id: None,
            pool_entry_time: None,
            pool_entry_cause: None,
            last_end_reason: None,
            last_end_note: String::new(),
            transfer_count: 0,
            deal_status: DealStatus::Open,
            won_count: 0,
            last_won_time: None,
            last_follow_up_time: None,
            contract_end_time: None,
            lock: None,
            embargo_time: None,
            disputed_time: None,
            merged_into: None,
            clock: RetentionClock::default(),
            memory: ClockMemory::default(),
            extras: Extras::default(),
            profile,
            creator,
            create_time: now,
            update_time: now,
        }
    }

    /// When somebody last followed up, as people are shown it: a deal that counts is a follow-up while it stands.
    #[must_use]
    pub fn last_follow_up(&self) -> Option<DateTime<Utc>> {
        self.last_follow_up_time.max(self.last_won_time)
    }

    /// Whether deals were closed.
    #[must_use]
    pub fn is_won(&self) -> bool {
        self.deal_status != DealStatus::Open
    }
}
