//! What keeps an account from being reclaimed for a while although its days are over: the owner's leave, during which
//! days do not run; pauses and locks, during which nothing is taken.

use super::calendar::Counting;
use crate::domain::days::put_off;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A span of time, from its first instant on and up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Its first instant.
    #[serde(rename = "start_time")]
    pub from: DateTime<Utc>,
    /// The first instant after it; `None` where nobody knows yet.
    #[serde(rename = "end_time")]
    pub until: Option<DateTime<Utc>>,
}

impl Span {
    /// Whether `t` lies in it.
    #[must_use]
    pub fn contains(&self, t: DateTime<Utc>) -> bool {
        self.from <= t && self.until.is_none_or(|until| t < until)
    }
}

/// When an owner is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Absence {
    /// From then on.
    #[serde(rename = "start_time")]
    pub from: DateTime<Utc>,
    /// He is back then.
    #[serde(rename = "end_time")]
    pub until: DateTime<Utc>,
}

/// What holds the accounts of an owner in a pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holds<'a> {
    /// When the owner was or is away, by time.
    pub absences: &'a [Absence],
    /// When nothing is reclaimed, by time.
    pub pauses: &'a [Span],
    /// Since when and until when the account is locked. It holds what was due before as well.
    pub lock: Option<Span>,
}

impl Holds<'_> {
    /// No holds.
    pub const NONE: Holds<'static> = Holds {
        absences: &[],
        pauses: &[],
        lock: None,
    };

    /// When days are over that began at `anchor` and would have been over at `end`, had the owner been there.
    pub(super) fn absent(&self, anchor: DateTime<Utc>, end: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
        let (mut end, mut counted) = (end, anchor);
        for absence in self.absences {
            // Where leaves overlap, a day is not missed twice.
            let from = absence.from.max(counted);
            if from >= end {
                continue;
            }
            if absence.until > from {
                end = put_off(end, from, absence.until, tz);
                counted = absence.until;
            }
        }
        end
    }

    /// What an account waits for that is due at `t`. What was due when it was locked was not taken then, so a lock is as
    /// good as one from the beginning; for pauses see `retention_plan::hold_overdue`.
    fn held(&self, t: DateTime<Utc>) -> Option<&Span> {
        let lock = self.lock.iter().find(|lock| lock.until.is_none_or(|until| t < until));
        lock.or_else(|| self.pauses.iter().find(|pause| pause.contains(t)))
    }

    /// When an account that is due at `t` can be taken, and what it waits for, one after the other; the time is `None`
    /// where somebody has to end the last one first.
    pub(super) fn hold(&self, t: DateTime<Utc>, counting: &Counting<'_>) -> (Option<DateTime<Utc>>, Vec<Span>) {
        let (mut t, mut held) = (t, Vec::new());
        // Each hold moves the deadline out of itself for good, so this ends.
        while let Some(span) = self.held(t) {
            held.push(*span);
            match span.until {
                None => return (None, held),
                Some(until) => t = counting.effective(until),
            }
        }
        (Some(t), held)
    }
}

#[cfg(test)]
mod tests;
