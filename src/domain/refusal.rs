//! Refusals: why something was not done, as data. All reasons travel to the caller; the first decides the status code.

use std::{collections::BTreeMap, time::Duration};

/// What kind of answer a reason gives; the gRPC status code follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The request itself is wrong, whatever the state.
    InvalidArgument,
    /// Nobody is known to have called.
    Unauthenticated,
    /// The caller or actor may not do this.
    PermissionDenied,
    /// There is no such thing, or none that the caller may know of.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// The state does not allow it; retrying does not help until something else changes.
    FailedPrecondition,
    /// A limit is reached.
    ResourceExhausted,
    /// Somebody else was faster; read again and decide again.
    Aborted,
    /// Beyond what there is.
    OutOfRange,
    /// Not now; the same call may work in a moment.
    Unavailable,
    /// The caller's time ran out.
    DeadlineExceeded,
    /// A fault of ours.
    Internal,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $class:ident;)*) => {
        /// Every published reason. The text form is the name in `ErrorReason` of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name),* }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The published name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What kind of answer it gives.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class),* }
            }
        }
    };
}

reasons! {
    /// A field is missing, malformed, too long or out of range.
    InvalidArgument = "INVALID_ARGUMENT", InvalidArgument;
    /// The field cannot be changed by an update.
    FieldNotUpdatable = "FIELD_NOT_UPDATABLE", InvalidArgument;
    /// The page token was not made for this list, or was changed.
    InvalidPageToken = "INVALID_PAGE_TOKEN", InvalidArgument;
    /// No identity came with the call, or not a usable one.
    Unauthenticated = "UNAUTHENTICATED", Unauthenticated;
    /// The caller's scopes do not cover the call.
    ScopeMissing = "SCOPE_MISSING", PermissionDenied;
    /// The actor may not do this.
    NotAuthorized = "NOT_AUTHORIZED", PermissionDenied;
    /// The actor is not an active user of the directory.
    ActorUnknown = "ACTOR_UNKNOWN", PermissionDenied;
    /// There is no such resource, or none that the caller may know of.
    NotFound = "NOT_FOUND", NotFound;
    /// A resource of this id or name is there already.
    AlreadyExists = "ALREADY_EXISTS", AlreadyExists;
    /// The resource changed since the etag was read.
    EtagMismatch = "ETAG_MISMATCH", Aborted;
    /// Others changed the same thing at the same time, again and again.
    Contention = "CONTENTION", Aborted;
    /// The request id was used before for another request.
    RequestIdReused = "REQUEST_ID_REUSED", FailedPrecondition;
    /// The pool still contains accounts.
    PoolNotEmpty = "POOL_NOT_EMPTY", FailedPrecondition;
    /// Other configuration refers to the pool.
    PoolReferenced = "POOL_REFERENCED", FailedPrecondition;
    /// Other records refer to the user, department or group.
    DirectoryReferenced = "DIRECTORY_REFERENCED", FailedPrecondition;
    /// The account was merged into another one.
    AccountMerged = "ACCOUNT_MERGED", FailedPrecondition;
    /// The call only makes sense for a user, and none was named.
    ActorRequired = "ACTOR_REQUIRED", PermissionDenied;
    /// The actor is neither a member nor an admin of the pool.
    NotPoolMember = "NOT_POOL_MEMBER", PermissionDenied;
    /// The account is not in a status that this starts from.
    InvalidStatus = "INVALID_STATUS", FailedPrecondition;
    /// The account belongs to no pool.
    NotAPoolAccount = "NOT_A_POOL_ACCOUNT", FailedPrecondition;
    /// The account belongs to a pool already.
    AlreadyInPool = "ALREADY_IN_POOL", FailedPrecondition;
    /// The account is in the target pool already.
    SamePool = "SAME_POOL", FailedPrecondition;
    /// The pool is out of use.
    PoolDisabled = "POOL_DISABLED", FailedPrecondition;
    /// Accounts of the pool are assigned, not claimed.
    PoolNotClaimable = "POOL_NOT_CLAIMABLE", FailedPrecondition;
    /// Somebody else was faster.
    AlreadyClaimed = "ALREADY_CLAIMED", FailedPrecondition;
    /// The actor gave the account up or lost it too short a time ago.
    ClaimCooldownActive = "CLAIM_COOLDOWN_ACTIVE", FailedPrecondition;
    /// Who would get the account is not an active user.
    AssigneeInactive = "ASSIGNEE_INACTIVE", FailedPrecondition;
    /// Who would get the account is not a member of its pool.
    AssigneeNotMember = "ASSIGNEE_NOT_MEMBER", FailedPrecondition;
    /// The owner would keep the account but is not a member of the target pool.
    OwnerNotMemberOfTarget = "OWNER_NOT_MEMBER_OF_TARGET", FailedPrecondition;
    /// The target pool is out of use, not permitted or not there.
    TargetPoolForbidden = "TARGET_POOL_FORBIDDEN", FailedPrecondition;
    /// The account belongs to no pool, so the call has to name one.
    TargetPoolRequired = "TARGET_POOL_REQUIRED", FailedPrecondition;
    /// The account goes back to the pool that it belongs to.
    TargetPoolMismatch = "TARGET_POOL_MISMATCH", FailedPrecondition;
    /// Accounts of the pool are not returned.
    ReturnNotAllowed = "RETURN_NOT_ALLOWED", FailedPrecondition;
    /// Returning needs a reason.
    ReturnReasonRequired = "RETURN_REASON_REQUIRED", FailedPrecondition;
    /// The reason cannot be chosen here.
    InvalidReturnReason = "INVALID_RETURN_REASON", FailedPrecondition;
    /// The reason needs a note.
    ReturnNoteRequired = "RETURN_NOTE_REQUIRED", FailedPrecondition;
    /// The user holds as many accounts as his retention limit allows.
    HoldingLimitReached = "HOLDING_LIMIT_REACHED", ResourceExhausted;
    /// The user holds as many accounts of the pool as it allows.
    PoolClaimLimitReached = "POOL_CLAIM_LIMIT_REACHED", ResourceExhausted;
    /// The user claimed as many accounts today as he may.
    DailyClaimLimitReached = "DAILY_CLAIM_LIMIT_REACHED", ResourceExhausted;
    /// The tenant has as many of these as it may.
    ConfigLimitReached = "CONFIG_LIMIT_REACHED", ResourceExhausted;
    /// The custom field is in use; disable it first.
    CustomFieldEnabled = "CUSTOM_FIELD_ENABLED", FailedPrecondition;
    /// Conditions of rules read the custom field.
    CustomFieldReferenced = "CUSTOM_FIELD_REFERENCED", FailedPrecondition;
    /// More hangs on the accounts than one account may have, or than is merged at once.
    MergeLimitReached = "MERGE_LIMIT_REACHED", ResourceExhausted;
    /// An account of this name is there already.
    DuplicateExact = "DUPLICATE_EXACT", AlreadyExists;
    /// Another account has this external id.
    ExternalIdTaken = "EXTERNAL_ID_TAKEN", AlreadyExists;
    /// The event's time lies too far ahead.
    OccurredInFuture = "OCCURRED_IN_FUTURE", InvalidArgument;
    /// The source told of another event under this id.
    EventIdReused = "EVENT_ID_REUSED", AlreadyExists;
    /// The business object belongs to another account.
    ObjectOfOtherAccount = "OBJECT_OF_OTHER_ACCOUNT", FailedPrecondition;
    /// Only canceled accounts are deleted.
    NotCanceled = "NOT_CANCELED", FailedPrecondition;
    /// Who would be in the related team is not an active user.
    TeamMemberInactive = "TEAM_MEMBER_INACTIVE", FailedPrecondition;
    /// The owner stands above the related team.
    TeamMemberIsOwner = "TEAM_MEMBER_IS_OWNER", FailedPrecondition;
    /// The related team has as many members as it may.
    TeamLimitReached = "TEAM_LIMIT_REACHED", ResourceExhausted;
    /// The list is filtered by a field that is hidden from the actor.
    FieldHidden = "FIELD_HIDDEN", PermissionDenied;
    /// The tenant does not let users edit names of accounts.
    NameChangeForbidden = "NAME_CHANGE_FORBIDDEN", FailedPrecondition;
    /// The user is active; accounts are released of those who left.
    UserActive = "USER_ACTIVE", FailedPrecondition;
    /// The job has ended.
    JobEnded = "JOB_ENDED", FailedPrecondition;
    /// The change makes clocks run differently, and does not say whether past days count.
    IncludePastDaysRequired = "INCLUDE_PAST_DAYS_REQUIRED", InvalidArgument;
    /// The last owner did not lose the account to a rule.
    ReclaimNotUndoable = "RECLAIM_NOT_UNDOABLE", FailedPrecondition;
    /// No clock runs that could be given more time.
    NoRetentionClock = "NO_RETENTION_CLOCK", FailedPrecondition;
    /// The owner was given as much time as the tenant allows.
    ExtensionLimitReached = "EXTENSION_LIMIT_REACHED", ResourceExhausted;
    /// The account is locked.
    AccountLocked = "ACCOUNT_LOCKED", FailedPrecondition;
    /// As many of the owner's accounts are locked as may be.
    LockLimitReached = "LOCK_LIMIT_REACHED", ResourceExhausted;
    /// Nobody may claim the account for the time being.
    AccountEmbargoed = "ACCOUNT_EMBARGOED", FailedPrecondition;
    /// More objects would follow the account than one call moves.
    RelatedObjectLimitReached = "RELATED_OBJECT_LIMIT_REACHED", ResourceExhausted;
    /// Reclaims of the pool are not stopped.
    BreakerClosed = "BREAKER_CLOSED", FailedPrecondition;
    /// Events after the position are no longer kept.
    EventsPurged = "EVENTS_PURGED", OutOfRange;
    /// No event has the position yet.
    EventsAhead = "EVENTS_AHEAD", OutOfRange;
    /// As many streams of events are open as may be.
    WatchLimitReached = "WATCH_LIMIT_REACHED", ResourceExhausted;
    /// Events came faster than they were read.
    SlowConsumer = "SLOW_CONSUMER", Aborted;
    /// The tenant takes activities of registered sources only.
    SourceNotRegistered = "SOURCE_NOT_REGISTERED", PermissionDenied;
    /// The source may tell of nothing for the time being.
    SourceDisabled = "SOURCE_DISABLED", PermissionDenied;
    /// The source is not registered for this kind of activity.
    KindNotAllowed = "KIND_NOT_ALLOWED", PermissionDenied;
    /// As many activities wait for their account as may.
    ParkingFull = "PARKING_FULL", ResourceExhausted;
    /// The operator allows no webhooks.
    WebhooksOff = "WEBHOOKS_OFF", FailedPrecondition;
    /// The operator does not allow the address of the webhook.
    WebhookTargetNotAllowed = "WEBHOOK_TARGET_NOT_ALLOWED", InvalidArgument;
    /// The server has as much work as it can take.
    ServerBusy = "SERVER_BUSY", Unavailable;
    /// The database does not answer.
    DatabaseUnavailable = "DATABASE_UNAVAILABLE", Unavailable;
    /// The connection broke while the change was being made durable: it may or may not have happened.
    OutcomeUnknown = "OUTCOME_UNKNOWN", Unavailable;
    /// The caller's deadline passed before the change was made; nothing was changed.
    DeadlineExceeded = "DEADLINE_EXCEEDED", DeadlineExceeded;
    /// A fault of the service.
    Internal = "INTERNAL", Internal;
    /// Pools offer the return reason that an update would remove.
    ReturnReasonReferenced = "RETURN_REASON_REFERENCED", FailedPrecondition;
    /// Exactly one kind of activity closes deals.
    ExactlyOneCloseAction = "EXACTLY_ONE_CLOSE_ACTION", InvalidArgument;
    /// The kind of activity is not there, or cannot be chosen for this.
    ActivityKindNotSelectable = "ACTIVITY_KIND_NOT_SELECTABLE", InvalidArgument;
    /// Rules or other kinds name the kind of activity.
    ActivityKindReferenced = "ACTIVITY_KIND_REFERENCED", FailedPrecondition;
    /// It is no amount of money in a currency that exists.
    InvalidMoney = "INVALID_MONEY", InvalidArgument;
}

/// One reason, with what a caller needs to act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The same in words.
    pub message: String,
    /// Facts such as `limit`, `used`, `blocked_until`.
    pub metadata: BTreeMap<&'static str, String>,
    /// After which time alone, without anything else changing, the reason is gone; `None` if never.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal without facts.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            retry_after: None,
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.metadata.insert(key, value.to_string());
        self
    }

    /// Says that time alone takes the reason away.
    #[must_use]
    pub const fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `users[3].supervisor`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
    /// [`Reason::InvalidArgument`] unless a more specific one is published.
    pub reason: Reason,
}

/// Collects everything that is wrong with a request, so that the caller learns all of it at once.
#[derive(Clone, Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// How many are noted at most. A message of a megabyte can be wrong in half a million places, which would take a
    /// hundred times its size to note; an answer has room for some dozens.
    pub const MAX: usize = 5000;

    /// Notes one.
    pub fn add(&mut self, field: impl Into<String>, description: impl ToString) {
        self.add_as(Reason::InvalidArgument, field, description);
    }

    /// Notes one with a specific reason.
    pub fn add_as(&mut self, reason: Reason, field: impl Into<String>, description: impl ToString) {
        if self.0.len() == Self::MAX {
            return;
        }
        self.0.push(Violation {
            field: field.into(),
            description: description.to_string(),
            reason,
        });
    }

    /// Keeps the value, or notes why there is none.
    pub fn check<T>(&mut self, field: impl Into<String>, value: Result<T, impl ToString>) -> Option<T> {
        value.map_err(|error| self.add(field, error)).ok()
    }

    /// The same, with the fields as parts of `message`.
    #[must_use]
    pub fn within(mut self, message: &str) -> Self {
        for violation in &mut self.0 {
            violation.field = format!("{message}.{}", violation.field);
        }
        self
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything noted, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}
