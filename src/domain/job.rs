//! Jobs: one thing that is wanted of many accounts, done in batches after the call that wanted it.
//!
//! A job goes through its accounts by id, so it ends whatever arrives meanwhile. Whether it may be started is decided
//! here; every account is then decided by itself, like a single call of the one who started the job.

mod pace;

pub use pace::{BATCH, next_batch};

use super::{
    account::Status,
    account_list::{self, Among, Filter, Listing, Order, Scope},
    circulation::{
        Move, Scene,
        admit::{Obstacles, allow},
    },
    ids::{AccountId, CallerId, JobId, PoolId, UserId},
    pool::PoolState,
    principal::Principal,
    refusal::{Class, Reason, Refusal},
    related::handover::Follows,
};
use crate::domain::error::Error;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Nothing was done yet.
    Pending = 1,
    /// It is under way.
    Running = 2,
    /// All accounts were looked at.
    Succeeded = 3,
    /// It was ended by hand; what was done stays.
    Canceled = 4,
    /// It could not go on; what was done stays.
    Failed = 5,
}

impl JobState {
    /// The published and stored number.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The state with this number.
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Pending),
            2 => Some(Self::Running),
            3 => Some(Self::Succeeded),
            4 => Some(Self::Canceled),
            5 => Some(Self::Failed),
            _ => None,
        }
    }

    /// The published name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Canceled => "CANCELED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether there is more to do.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// Accounts of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The pool.
    pub pool: PoolId,
    /// Which of its accounts.
    pub filter: Filter,
    /// Or exactly these, by id.
    pub accounts: Vec<AccountId>,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Accounts are given to users, in turn.
    AssignMatching {
        /// Which accounts.
        selection: Selection,
        /// To whom.
        assignees: Vec<UserId>,
        /// Which objects follow each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        follow: Vec<Follows>,
    },
    /// Accounts go to another pool.
    TransferMatching {
        /// Which accounts.
        selection: Selection,
        /// Where to.
        target: PoolId,
        /// Without their owners.
        clear_owner: bool,
    },
    /// What somebody who left owns goes back to its pools, and he goes out of all teams.
    ReleaseOwner {
        /// Who left.
        user: UserId,
        /// Where accounts go that belong to no pool; otherwise as the rules of his department say, else nowhere.
        target: Option<PoolId>,
    },
    /// Deals of all accounts are counted again, under the present activity rules.
    RecomputeDeals,
    /// All of a pool goes to another one.
    TransferPool {
        /// Where from.
        source: PoolId,
        /// Where to.
        target: PoolId,
        /// Without their owners.
        clear_owner: bool,
    },
}

/// Where a job finds its accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a list.
    Listed(Box<Listing>, Among),
    /// Named one by one, sorted.
    Named(Vec<AccountId>),
}

/// Passes at most: whoever fills a pool as fast as a job empties it has to stop first.
const PASSES: i64 = 10;
const OWNED: &[Status] = &[Status::Unactivated, Status::Reporting, Status::Assigned];
const LIVE: &[Status] = &[
    Status::Unactivated,
    Status::Reporting,
    Status::Unassigned,
    Status::Assigned,
];
const KEPT: &[Status] = &[
    Status::Unactivated,
    Status::Reporting,
    Status::Unassigned,
    Status::Assigned,
    Status::Canceled,
    Status::Merged,
];

fn listing(scope: Scope, filter: Filter) -> Box<Listing> {
    Box::new(Listing {
        scope,
        filter,
        order: Order::Created,
        descending: false,
    })
}

fn lying_in(pool: PoolId, statuses: &[Status], filter: Filter) -> Source {
    let places = statuses.iter().map(|status| (Some(pool), *status)).collect();
    Source::Listed(listing(Scope::PoolAll(pool), filter), Among::Places(places))
}

impl Selection {
    fn source(&self, unless_named: &[Status]) -> Source {
        if !self.accounts.is_empty() {
            return Source::Named(self.accounts.clone());
        }
        let statuses = if self.filter.statuses.is_empty() {
            unless_named
        } else {
            &self.filter.statuses
        };
        lying_in(self.pool, statuses, self.filter.clone())
    }
}

impl Work {
    /// The stored and published number of its kind.
    #[must_use]
    pub const fn number(&self) -> i16 {
        match self {
            Self::AssignMatching { .. } => 1,
            Self::TransferMatching { .. } => 2,
            Self::ReleaseOwner { .. } => 3,
            Self::TransferPool { .. } => 4,
            Self::RecomputeDeals => 5,
        }
    }

    /// How many phases a pass through the accounts has.
    #[must_use]
    pub const fn parts(&self) -> i64 {
        match self {
            Self::ReleaseOwner { .. } => 2,
            _ => 1,
        }
    }

    /// How often its accounts are gone through at most. Where all of them are wanted, again until there was nothing
    /// new: accounts that came in behind a pass are found by the next one.
    #[must_use]
    pub const fn passes(&self) -> i64 {
        match self {
            Self::ReleaseOwner { .. } | Self::TransferPool { .. } => PASSES,
            Self::AssignMatching { .. } | Self::TransferMatching { .. } | Self::RecomputeDeals => 1,
        }
    }

    /// Where the accounts of a phase are; nothing after the last phase of the last pass.
    #[must_use]
    pub fn source(&self, phase: i64) -> Option<Source> {
        if phase >= self.parts() * self.passes() {
            return None;
        }
        match (self, phase % self.parts()) {
            (Self::AssignMatching { selection, .. }, 0) => Some(selection.source(&[Status::Unassigned])),
            (Self::TransferMatching { selection, .. }, 0) => {
                Some(selection.source(&[Status::Unassigned, Status::Assigned]))
            }
            (Self::ReleaseOwner { user, .. }, 0) => Some(Source::Listed(
                listing(Scope::All, Filter::default()),
                Among::Owners(vec![user.clone()], OWNED.to_vec()),
            )),
            (Self::ReleaseOwner { user, .. }, 1) => Some(Source::Listed(
                listing(Scope::All, Filter::default()),
                Among::TeamOf(user.clone(), KEPT.to_vec()),
            )),
            (Self::RecomputeDeals, 0) => Some(Source::Listed(
                listing(Scope::All, Filter::default()),
                Among::Tenant(LIVE.to_vec()),
            )),
            (Self::TransferPool { source, .. }, 0) => Some(lying_in(*source, KEPT, Filter::default())),
            _ => None,
        }
    }

    /// The pool that its accounts have to be in.
    #[must_use]
    pub const fn within(&self) -> Option<PoolId> {
        match self {
            Self::AssignMatching { selection, .. } | Self::TransferMatching { selection, .. } => Some(selection.pool),
            Self::ReleaseOwner { .. } | Self::TransferPool { .. } | Self::RecomputeDeals => None,
        }
    }

    /// Which objects follow its accounts, beside contacts where the tenant lets them.
    #[must_use]
    pub fn follow(&self) -> &[Follows] {
        match self {
            Self::AssignMatching { follow, .. } => follow,
            _ => &[],
        }
    }

    /// What is tried with an account, in this order; `turn` is whose turn it is.
    #[must_use]
    pub fn moves(&self, phase: i64, turn: usize) -> Vec<Move> {
        match self {
            Self::AssignMatching { assignees, .. } => {
                let (before, from) = assignees.split_at(turn % assignees.len().max(1));
                from.iter().chain(before).cloned().map(Move::Assign).collect()
            }
            Self::TransferMatching {
                target, clear_owner, ..
            } => vec![Move::Transfer {
                target: *target,
                clear_owner: *clear_owner,
            }],
            Self::ReleaseOwner { user, target } if phase % self.parts() == 0 => vec![Move::Release {
                user: user.clone(),
                target: *target,
            }],
            Self::ReleaseOwner { user, .. } => vec![Move::LeaveTeam(user.clone())],
            // Nothing moves.
            Self::RecomputeDeals => vec![],
            Self::TransferPool {
                source,
                target,
                clear_owner,
            } => vec![Move::Relocate {
                source: *source,
                target: *target,
                clear_owner: *clear_owner,
            }],
        }
    }
}

/// Whether the refusal is about who would get the account, so that another one may.
#[must_use]
pub fn another_may(error: &Error) -> bool {
    let about_him = |refusal: &Refusal| {
        refusal.reason.class() == Class::ResourceExhausted
            || matches!(refusal.reason, Reason::AssigneeInactive | Reason::AssigneeNotMember)
    };
    matches!(error, Error::Refused(refusals) if refusals.iter().all(about_him))
}

/// Refuses what may not be started, and what could not end well for any account.
pub fn check(scene: &Scene<'_>, work: &Work, deactivate: bool) -> Result<(), Error> {
    let org = scene.org;
    let mut obstacles = Obstacles::default();
    match work {
        Work::AssignMatching {
            selection, assignees, ..
        } => {
            account_list::decide(
                scene,
                &listing(Scope::PoolAll(selection.pool), selection.filter.clone()),
            )?;
            for user in assignees {
                if !org.directory.is_active(user) {
                    let message = format!("{user} is not an active user");
                    obstacles.add(Refusal::new(Reason::AssigneeInactive, message).with("assignee", user));
                } else if org
                    .pool(selection.pool)
                    .is_some_and(|pool| !pool.can_hold(&org.directory, user))
                {
                    let message = format!("{user} is not a member of the pool");
                    obstacles.add(Refusal::new(Reason::AssigneeNotMember, message).with("assignee", user));
                }
            }
            if org
                .pool(selection.pool)
                .is_some_and(|pool| pool.state == PoolState::Disabled)
            {
                obstacles.refuse(Reason::PoolDisabled, "the pool is out of use");
            }
        }
        Work::TransferMatching { selection, target, .. } => {
            account_list::decide(
                scene,
                &listing(Scope::PoolAll(selection.pool), selection.filter.clone()),
            )?;
            check_target(scene, &mut obstacles, Some(selection.pool), *target);
        }
        Work::ReleaseOwner { user, target } => {
            allow(scene.principal.crm_admin, "CRM admins and the identity system")?;
            let entry = org.directory.user(user);
            let entry = entry.ok_or_else(|| Error::not_found("user", user))?;
            if entry.active && !deactivate {
                let message = format!("{user} is an active user; deactivate him first, or with this call");
                obstacles.add(Refusal::new(Reason::UserActive, message).with("user_id", user));
            }
            if let Some(target) = target {
                check_target(scene, &mut obstacles, None, *target);
            }
        }
        Work::RecomputeDeals => allow(scene.principal.crm_admin, "CRM admins")?,
        Work::TransferPool { source, target, .. } => {
            let sees = |id: PoolId| org.pool(id).filter(|pool| scene.principal.sees_pool(org, pool));
            let from = sees(*source).ok_or_else(|| Error::not_found("pool", source))?;
            let to = sees(*target).ok_or_else(|| Error::not_found("pool", target))?;
            let administers = |pool| scene.principal.administers(org, pool);
            allow(
                administers(from) && administers(to),
                "CRM admins and admins of both pools",
            )?;
            check_target(scene, &mut obstacles, Some(*source), *target);
        }
    }
    obstacles.clear()
}

fn check_target(scene: &Scene<'_>, obstacles: &mut Obstacles, source: Option<PoolId>, target: PoolId) {
    let why = match scene.org.pool(target) {
        _ if source == Some(target) => {
            return obstacles.refuse(Reason::SamePool, "the accounts are in this pool already");
        }
        None => "does not exist",
        Some(pool) if pool.state == PoolState::Disabled => "is out of use",
        Some(_) => return,
    };
    let message = format!("the target pool {why}");
    obstacles.add(Refusal::new(Reason::TargetPoolForbidden, message).with("pool_id", target));
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// How far it is.
    pub state: JobState,
    /// What is wanted.
    pub work: Work,
    /// Whether whoever started it may everything although no user stands behind him.
    pub administers: bool,
    /// The service that started it.
    pub caller: CallerId,
    /// The user that it acted for.
    pub actor: Option<UserId>,
    /// Which part of the work it is at, those of earlier passes counted.
    pub phase: i64,
    /// The last account of that part that it is done with.
    pub after: Option<AccountId>,
    /// Whose turn it is; in work that goes through its accounts again, how many this pass has found.
    pub turn: i64,
    /// How many accounts there were when it was started.
    pub total: i64,
    /// How many it is done with.
    pub done: i64,
    /// How many of these changed.
    pub moved: i64,
    /// How many of these were refused.
    pub refused: i64,
    /// Why it failed; empty if it did not.
    pub reason: String,
    /// The same in words.
    pub message: String,
    /// Raised by every change.
    pub version: i64,
    /// When it was started.
    pub create_time: DateTime<Utc>,
    /// When it last went on.
    pub update_time: DateTime<Utc>,
    /// When it ended.
    pub finish_time: Option<DateTime<Utc>>,
}

/// An account that a job could not do its work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedItem {
    /// Its number among those of the job.
    pub seq: i64,
    /// The account.
    pub account: AccountId,
    /// Why: a published reason.
    pub reason: String,
    /// The same in words.
    pub message: String,
}

impl Job {
    /// Whether the principal may know of it.
    #[must_use]
    pub fn is_shown_to(&self, principal: &Principal) -> bool {
        principal.crm_admin
            || self.actor == principal.actor && (self.actor.is_some() || self.caller == principal.caller)
    }

    /// Whether accounts that were refused come up again: then they are passed over in silence.
    #[must_use]
    pub const fn again(&self) -> bool {
        self.phase >= self.work.parts()
    }

    /// The job at the end of a phase: at the next one, or all of it done.
    #[must_use]
    pub fn next_phase(mut self, now: DateTime<Utc>) -> Self {
        self.phase += 1;
        self.after = None;
        let mut more = self.work.source(self.phase).is_some();
        if self.phase % self.work.parts() == 0 {
            // After a pass that found nothing there is none, and after the only one neither.
            more &= self.turn > 0;
            self.turn = 0;
        }
        if more {
            self
        } else {
            self.ended(JobState::Succeeded, now)
        }
    }

    /// The job, ended now.
    #[must_use]
    pub fn ended(mut self, state: JobState, now: DateTime<Utc>) -> Self {
        self.state = state;
        self.finish_time = Some(now);
        self.update_time = now;
        self
    }
}

#[cfg(test)]
mod tests;
