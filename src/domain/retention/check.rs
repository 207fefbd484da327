//! Whether the stored clock of an account is the one that the rules give.

use crate::domain::{
    account::{Account, RetentionClock},
    organisation::Organisation,
    retention_plan,
};
use chrono::{DateTime, Utc};

/// What is wrong with a stored clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its deadline, its anchor or its rule.
    Deadline,
    /// When the worker looks at the account: too late, or never although something is to come.
    Wake,
}

/// Looks for faults in the clock of an assigned account at `now`. One that waits for the worker, since its time has come,
/// is none: the worker decides it again.
#[must_use]
pub fn faults(org: &Organisation, account: &Account, now: DateTime<Utc>) -> Vec<Fault> {
    let stored = &account.clock;
    if stored.wake_time.is_some_and(|wake| wake <= now) {
        return Vec::new();
    }
    let mut again = Account {
        update_time: now.max(account.update_time),
        ..account.clone()
    };
    retention_plan::plan(org, &mut again);
    let seen = |clock: &RetentionClock| (clock.reclaim_time, clock.anchor_time, clock.rule_id);
    // What is due already may be left alone for a while, until it can be taken.
    let waits = stored.reclaim_time.is_some_and(|at| at <= now) && stored.wake_time.is_some();
    let wakes = match (stored.wake_time, again.clock.wake_time) {
        (None, None) => true,
        // Too early costs a look; too late is never found.
        (Some(stored), Some(due)) => stored <= due,
        (None, Some(_)) | (Some(_), None) => false,
    };
    let mut faults = Vec::new();
    faults.extend((seen(stored) != seen(&again.clock)).then_some(Fault::Deadline));
    faults.extend((!wakes && !waits).then_some(Fault::Wake));
    faults
}

#[cfg(test)]
mod tests;
