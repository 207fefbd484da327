//! Who may know of an account, and what every move checks first.

use super::{Scene, Subject};
use crate::domain::{
    account::{Account, Status},
    error::Error,
    ids::{AccountId, UserId},
    pool::Pool,
    refusal::{Reason, Refusal},
};

/// Whether the principal may read the account with all its fields.
///
/// Members of a pool read its unclaimed accounts too, but without hidden fields; that is `knows`.
#[must_use]
pub fn reads(scene: &Scene<'_>, subject: &Subject) -> bool {
    let account = &subject.account;
    match account.status {
        Status::Deleted => false,
        Status::Canceled | Status::Merged => scene.principal.crm_admin,
        _ => {
            scene.principal.crm_admin
                || is_owner(scene, account)
                || is_supervisor(scene, account)
                || subject.team.is_some()
                || own_pool(scene, account).is_some_and(|pool| scene.principal.administers(scene.org, pool))
        }
    }
}

/// Whether the principal may know that the account exists. Whoever lost a race for an account in a pool that he sees
/// may be told so, although he can no longer read it.
#[must_use]
pub fn knows(scene: &Scene<'_>, subject: &Subject) -> bool {
    let live = !matches!(
        subject.account.status,
        Status::Canceled | Status::Merged | Status::Deleted
    );
    reads(scene, subject)
        || live
            && own_pool(scene, &subject.account).is_some_and(|pool| pool.shows_unclaimed() && is_member(scene, pool))
}

/// The account, if the principal may know of it and it can move at all.
pub(in crate::domain) fn known<'a>(
    scene: &Scene<'_>,
    subject: Option<&'a Subject>,
    id: AccountId,
) -> Result<&'a Subject, Error> {
    let subject = subject
        .filter(|subject| knows(scene, subject))
        .ok_or_else(|| Error::not_found("account", id))?;
    if subject.account.status == Status::Merged {
        return Err(merged(&subject.account).into());
    }
    Ok(subject)
}

/// That the account was merged, and into which one.
#[must_use]
pub fn merged(account: &Account) -> Refusal {
    let refusal = Refusal::new(Reason::AccountMerged, "the account was merged into another one");
    match account.merged_into {
        Some(survivor) => refusal.with("merged_into", survivor),
        None => refusal,
    }
}

/// The pool that the account belongs to.
pub(in crate::domain) fn own_pool<'a>(scene: &Scene<'a>, account: &Account) -> Option<&'a Pool> {
    account.pool_id.and_then(|id| scene.org.pool(id))
}

pub(in crate::domain) fn is_owner(scene: &Scene<'_>, account: &Account) -> bool {
    scene.principal.actor.is_some() && scene.principal.actor == account.owner
}

pub(in crate::domain) fn is_supervisor(scene: &Scene<'_>, account: &Account) -> bool {
    match (&scene.principal.actor, &account.owner) {
        (Some(actor), Some(owner)) => scene.org.directory.supervises(actor, owner),
        _ => false,
    }
}

pub(in crate::domain) fn is_member(scene: &Scene<'_>, pool: &Pool) -> bool {
    scene
        .principal
        .actor
        .as_ref()
        .is_some_and(|actor| belongs(scene, pool, actor))
}

/// Whether the user can own accounts of the pool.
pub(in crate::domain) fn belongs(scene: &Scene<'_>, pool: &Pool, user: &UserId) -> bool {
    pool.can_hold(&scene.org.directory, user)
}

/// Refuses for good: the principal may not do this.
pub(in crate::domain) fn allow(allowed: bool, who: &str) -> Result<(), Error> {
    if allowed {
        return Ok(());
    }
    Err(Error::refused(Reason::NotAuthorized, format!("only {who} may do this")))
}

/// What is in the way, collected.
#[derive(Debug, Default)]
pub(in crate::domain) struct Obstacles(Vec<Refusal>);

impl Obstacles {
    /// Begins with what every move checks: the etag.
    pub(in crate::domain) fn new(account: &Account, etag: Option<i64>) -> Self {
        let mut obstacles = Self::default();
        if etag.is_some_and(|etag| etag != account.version) {
            obstacles.add(Refusal::new(
                Reason::EtagMismatch,
                "the account was changed since it was read; read it again",
            ));
        }
        obstacles
    }

    /// Notes a lock, which whoever wants to take the account from its owner has to open first.
    pub(in crate::domain) fn unlocked(&mut self, scene: &Scene<'_>, account: &Account) {
        if let Some(lock) = account.lock.as_ref().filter(|lock| lock.holds(scene.now)) {
            let message = format!("{} locked the account; unlock it first", lock.user);
            let mut refusal = Refusal::new(Reason::AccountLocked, message).with("locked_by", &lock.user);
            if let Some(until) = lock.until {
                refusal = refusal.with("locked_until", until.to_rfc3339());
            }
            self.add(refusal);
        }
    }

    pub(in crate::domain) fn add(&mut self, refusal: Refusal) {
        self.0.push(refusal);
    }

    pub(in crate::domain) fn refuse(&mut self, reason: Reason, message: impl Into<String>) {
        self.add(Refusal::new(reason, message));
    }

    pub(in crate::domain) fn extend(&mut self, refusals: Vec<Refusal>) {
        self.0.extend(refusals);
    }

    /// Notes a status that the move does not start from.
    pub(in crate::domain) fn status(&mut self, account: &Account, allowed: &[Status]) {
        if !allowed.contains(&account.status) {
            let names: Vec<_> = allowed.iter().map(|status| status.as_str()).collect();
            let names = names.join(", ");
            let current = account.status.as_str();
            let message = format!("the account is {current}; this needs {names}");
            self.add(
                Refusal::new(Reason::InvalidStatus, message)
                    .with("current", current)
                    .with("allowed", names),
            );
        }
    }

    /// Ends the checks: nothing was in the way, or all of it.
    /// All of it, each with the account that it is about.
    pub(in crate::domain) fn of(self, account: AccountId) -> Vec<Refusal> {
        let refusals = self.0.into_iter();
        refusals.map(|refusal| refusal.with("account_id", account)).collect()
    }

    pub(in crate::domain) fn clear(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Refused(self.0))
        }
    }
}
