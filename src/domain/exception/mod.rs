//! Exceptions from the rules of retention: one account is given back, given more time, locked, kept from being claimed.
//!
//! The order of checks is that of all moves: the account exists as far as the principal may know, he may do this; then
//! everything else that is in the way is collected.

pub mod absence;
pub mod dispute;
mod embargo;
mod extend;
mod lock;
pub mod pause;
pub mod undo;

use super::{
    account::Account,
    change::{Change, Effects, Event, EventKind},
    circulation::{
        Decision, Scene, Subject,
        admit::{is_owner, is_supervisor, known, own_pool},
    },
    history::Tenure,
    ids::AccountId,
    refusal::Violations,
};
use crate::domain::error::Error;
use chrono::{DateTime, Utc};

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The last automatic reclaim is undone.
    Undo {
        /// Why.
        note: String,
    },
    /// The owner gets more time.
    Extend {
        /// How many days.
        days: u32,
        /// Why.
        reason: String,
    },
    /// The account stays with its owner.
    Lock {
        /// Until when; `None` means until it is unlocked.
        until: Option<DateTime<Utc>>,
        /// Why.
        note: String,
    },
    /// It need not any more.
    Unlock {
        /// Why.
        note: String,
    },
    /// Nobody may claim it.
    SetEmbargo {
        /// Until when.
        until: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// It may be claimed again.
    ClearEmbargo {
        /// Why.
        note: String,
    },
}

/// What was read beside the account, as far as the wish needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its last two tenures, the newest first.
    pub tenures: Vec<Tenure>,
    /// How many accounts of its owner are locked now, this one included; counted a little beyond what may be.
    pub locked: u32,
}

/// Decides.
pub fn decide(
    scene: &Scene<'_>,
    subject: Option<&Subject>,
    id: AccountId,
    etag: Option<i64>,
    wish: &Wish,
    facts: &Facts,
) -> Result<Decision, Error> {
    let subject = match wish {
        // It may lie in a pool by now of which they know nothing.
        Wish::Undo { .. } => match subject.filter(|subject| undo::may(scene, &subject.account)) {
            Some(subject) => subject,
            None => known(scene, subject, id)?,
        },
        _ => known(scene, subject, id)?,
    };
    let account = &subject.account;
    let scene = &Scene {
        now: scene.now.max(account.update_time),
        ..*scene
    };
    match wish {
        Wish::Undo { note } => undo::undo(scene, account, etag, note, &facts.tenures),
        Wish::Extend { days, reason } => extend::extend(scene, account, etag, *days, reason),
        Wish::Lock { until, note } => lock::lock(scene, account, etag, *until, note, facts.locked),
        Wish::Unlock { note } => lock::unlock(scene, account, etag, note),
        Wish::SetEmbargo { until, reason } => embargo::set(scene, account, etag, *until, reason),
        Wish::ClearEmbargo { note } => embargo::clear(scene, account, etag, note),
    }
}

/// Whether the principal administers the account: by its pool, or as a CRM admin.
fn administers(scene: &Scene<'_>, account: &Account) -> bool {
    let pool = own_pool(scene, account);
    scene.principal.crm_admin || pool.is_some_and(|pool| scene.principal.administers(scene.org, pool))
}

/// Whether he stands above the owner, or administers the account.
fn oversees(scene: &Scene<'_>, account: &Account) -> bool {
    is_supervisor(scene, account) || administers(scene, account)
}

/// Whether he owns it, or oversees it.
fn keeps(scene: &Scene<'_>, account: &Account) -> bool {
    is_owner(scene, account) || oversees(scene, account)
}

/// Refuses a time that is over already.
fn ahead(scene: &Scene<'_>, field: &str, time: Option<DateTime<Utc>>) -> Result<(), Error> {
    if time.is_none_or(|time| time > scene.now) {
        return Ok(());
    }
    let mut violations = Violations::default();
    violations.add(field, "must lie in the future");
    Err(violations.into())
}

/// A change of the account that leaves it with whoever has it.
fn changed(before: &Account, after: Account, kind: EventKind, effects: Effects) -> Decision {
    let effects = Effects {
        days: effects.days,
        until: effects.until,
        note: effects.note,
        ..Effects::between(Some(before), &after)
    };
    Decision::Change(Box::new(Change::of(before, after, Event { kind, effects })))
}

/// What is told of it beside what differs.
fn told(until: Option<DateTime<Utc>>, note: &str) -> Effects {
    Effects {
        until: until.map(|until| until.timestamp_micros()),
        note: note.to_owned(),
        ..Effects::default()
    }
}

#[cfg(test)]
mod tests;
