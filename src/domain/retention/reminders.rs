//! When owners and those above them are told, before an account is lost or when nothing happens with it.
//!
//! A reminder is due or it is not: what was sent is part of the state that this is computed from, so that a restart, a
//! second worker or a moved deadline neither loses nor repeats one.

use super::{
    clock::Deadline,
    terms::{AdvanceReminder, Recipient, ReclaimTerms},
};
use crate::domain::days::{add_days, last_at, next_at, sub_days};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The last advance reminder that was sent, and for which deadline: another deadline arms all of them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// The deadline.
    pub deadline: DateTime<Utc>,
    /// How many days before it.
    pub days_before: u32,
}

/// A reminder that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When. May lie in the past: then it is sent at once.
    pub at: DateTime<Utc>,
    /// How many days before the deadline.
    pub days_before: u32,
}

/// The next advance reminder of an account, if there is one to come.
#[must_use]
pub fn next(
    terms: &ReclaimTerms,
    deadline: &Deadline,
    sent: Option<Reminded>,
    time: NaiveTime,
    tz: Tz,
    now: DateTime<Utc>,
) -> Option<Next> {
    let sent = sent.filter(|sent| sent.deadline == deadline.at);
    let below = sent.map_or(u32::MAX, |sent| sent.days_before);
    let mut due = None;
    for days_before in distances(terms) {
        if days_before >= below {
            continue;
        }
        let full_days = sub_days(deadline.at, days_before, tz);
        // A reminder from before the days began would remind of nothing.
        if full_days < deadline.anchor {
            continue;
        }
        let next = Next {
            at: last_at(full_days, time, tz),
            days_before,
        };
        if next.at > now {
            return due.or(Some(next));
        }
        // Of several that are due only the nearest one is sent.
        due = Some(next);
    }
    due
}

/// The reminders still to come, in time, up to `limit`, for those who ask what will happen.
#[must_use]
pub fn upcoming(
    terms: &ReclaimTerms,
    deadline: &Deadline,
    sent: Option<Reminded>,
    time: NaiveTime,
    tz: Tz,
    now: DateTime<Utc>,
    limit: usize,
) -> Vec<Next> {
    let mut all = Vec::new();
    let (mut sent, mut now) = (sent, now);
    while all.len() < limit
        && let Some(found) = next(terms, deadline, sent, time, tz, now)
    {
        sent = Some(Reminded {
            deadline: deadline.at,
            days_before: found.days_before,
        });
        now = now.max(found.at);
        all.push(found);
    }
    all
}

/// How many days before the deadline, the most first.
fn distances(terms: &ReclaimTerms) -> Vec<u32> {
    let mut days: Vec<u32> = terms.reminders.iter().map(|reminder| reminder.days_before).collect();
    days.sort_unstable_by(|a, b| b.cmp(a));
    match days.first() {
        Some(first) if repeats(terms) => (1..=*first).rev().collect(),
        _ => days,
    }
}

/// Owners of new customers are reminded every day, until they do something (R190).
fn repeats(terms: &ReclaimTerms) -> bool {
    terms.repeat_daily || terms.created_within_months.is_some()
}

/// Who gets the reminder `days_before` the deadline: whoever the last of the configured ones reaches by then.
#[must_use]
pub fn recipients(terms: &ReclaimTerms, days_before: u32) -> Vec<Recipient> {
    let reached = terms
        .reminders
        .iter()
        .filter(|reminder| reminder.days_before >= days_before);
    let nearest = reached.min_by_key(|reminder| reminder.days_before);
    nearest.map_or_else(Vec::new, |AdvanceReminder { recipients, .. }| recipients.clone())
}

/// The next reminder that nothing happens with an account: `days` after `anchor`, then every day if it is repeated.
/// `sent` is when the last one was.
#[must_use]
pub fn next_nudge(
    anchor: DateTime<Utc>,
    days: u32,
    repeat_daily: bool,
    sent: Option<DateTime<Utc>>,
    time: NaiveTime,
    tz: Tz,
) -> Option<DateTime<Utc>> {
    let due = add_days(anchor, days, tz);
    match sent.filter(|sent| *sent >= anchor) {
        None => Some(due),
        Some(sent) if repeat_daily => Some(next_at(sent.max(due) + TimeDelta::microseconds(1), time, tz, |_| true)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
