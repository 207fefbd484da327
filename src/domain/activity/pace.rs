//! Follow-ups of one day of an account are judged together, so that many of them at once, or one every few minutes, are
//! no more than one: each counts that lies far enough from the last one before it that counts, until there are enough.
//!
//! What counts of a day is a function of all that happened on it, in the order in which it happened and not in which it
//! was told. So the last follow-up may also go back within its day, where something is told that came before it. The
//! first one of a day always counts, so it never goes back to another day. Two that happened at the same instant are
//! the same here: which of them counts changes nothing that is known.

use super::{Heard, takes};
use crate::domain::{
    account::Account,
    days::{day_start, next_day_start},
    exception::dispute,
    organisation::Organisation,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::{collections::BTreeSet, ops::Range};

/// What is asked of the follow-ups of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How far apart they lie at least.
    pub spacing: TimeDelta,
    /// How many count at most; any number if not set.
    pub per_day: Option<usize>,
}

impl Pace {
    /// When those happened that count, of all of a day, the earliest first.
    #[must_use]
    pub fn counted(self, of_day: &[DateTime<Utc>]) -> Vec<DateTime<Utc>> {
        let most = self.per_day.unwrap_or(usize::MAX);
        let mut counted: Vec<DateTime<Utc>> = Vec::new();
        for time in of_day {
            if counted.len() == most {
                break;
            }
            if counted.last().is_none_or(|last| *time - *last >= self.spacing) {
                counted.push(*time);
            }
        }
        counted
    }
}

/// A day: from its first instant to the next one's first.
pub type Day = Range<DateTime<Utc>>;

/// The day of the tenant in which an instant lies.
#[must_use]
pub fn day(org: &Organisation, at: DateTime<Utc>) -> Day {
    let tz = zone(org);
    day_start(at, tz)..next_day_start(at, tz)
}

/// Days of follow-ups are the tenant's, wherever the account lies: it may have moved in between.
const fn zone(org: &Organisation) -> Tz {
    org.tenant.settings.time_zone
}

/// When the follow-ups among these happened.
fn new<'a>(activities: &'a [Heard<'_>]) -> impl Iterator<Item = DateTime<Utc>> + 'a {
    let follow_ups = activities.iter().filter(|heard| heard.meaning.follow_up);
    follow_ups.map(|heard| heard.activity.occur_time)
}

/// The days of which everything is to be known that was told of the account before, by the first instant of each: that of
/// the last new follow-up, and that of the last one in a tenure that a rule ended; unless it is known of a later day.
#[must_use]
pub fn asked(org: &Organisation, account: &Account, activities: &[Heard<'_>]) -> Vec<Day> {
    if org.activity_rules.pace().is_none() || !takes(account) {
        return Vec::new();
    }
    let lost = dispute::lost_tenure(account);
    let last_lost = new(activities).filter(|time| lost.is_some_and(|lost| lost.lasted().contains(time)));
    let questions = [
        (new(activities).max(), account.last_follow_up_time),
        (last_lost.max(), lost.and_then(|lost| lost.last_follow_up_time)),
    ];
    let days = questions.into_iter().filter_map(|(new, last)| {
        let day = day(org, new?);
        last.is_none_or(|last| last < day.end).then_some((day.start, day.end))
    });
    let days: BTreeSet<_> = days.collect();
    days.into_iter().map(|(start, end)| start..end).collect()
}

/// When follow-ups of an account happened: those that are new, with all others of the days that matter.
#[derive(Clone, Debug)]
pub struct FollowUps {
    /// Whether anything is asked of those of a day together.
    judged: bool,
    tz: Tz,
    told: Vec<DateTime<Utc>>,
    counted: Vec<DateTime<Utc>>,
}

impl FollowUps {
    /// Judges them, day by day.
    #[must_use]
    pub fn new(org: &Organisation, told: impl IntoIterator<Item = DateTime<Utc>>) -> Self {
        let (pace, tz) = (org.activity_rules.pace(), zone(org));
        let mut told: Vec<_> = told.into_iter().collect();
        told.sort_unstable();
        let counted = match pace {
            None => told.clone(),
            Some(pace) => by_day(&told, tz).flat_map(|of_day| pace.counted(of_day)).collect(),
        };
        Self {
            judged: pace.is_some(),
            tz,
            told,
            counted,
        }
    }

    /// Those of new activities, with those that were told `before` of the days that were [`asked`] for.
    #[must_use]
    pub fn heard(org: &Organisation, activities: &[Heard<'_>], before: &[DateTime<Utc>]) -> Self {
        Self::new(org, new(activities).chain(before.iter().copied()))
    }

    /// Whether there are any of which each changes what is known of its day. Two who tell of the same day at the same time
    /// have to notice each other, also where neither of them moves a date.
    #[must_use]
    pub const fn are_judged(&self) -> bool {
        self.judged && !self.told.is_empty()
    }

    /// The first one since then that counts.
    #[must_use]
    pub fn first(&self, since: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.counted.iter().copied().find(|time| *time >= since)
    }

    /// The last one of those `within`, where `present` was the last so far. What was counted by other rules stays.
    #[must_use]
    pub fn last(
        &self,
        present: Option<DateTime<Utc>>,
        within: impl Fn(DateTime<Utc>) -> bool,
    ) -> Option<DateTime<Utc>> {
        let Some(latest) = self.told.iter().copied().rfind(|time| within(*time)) else {
            return present;
        };
        if !self.judged {
            return present.max(Some(latest));
        }
        let (start, end) = (day_start(latest, self.tz), next_day_start(latest, self.tz));
        let of_day = |time: &DateTime<Utc>| (start..end).contains(time) && within(*time);
        let Some(found) = self.counted.iter().copied().rfind(of_day) else {
            return present;
        };
        match present {
            Some(present) if present >= end => Some(present),
            Some(present) if present > found && self.told.binary_search(&present).is_err() => Some(present),
            _ => Some(found),
        }
    }
}

/// Instants in their order, as those of each day.
fn by_day(mut rest: &[DateTime<Utc>], tz: Tz) -> impl Iterator<Item = &[DateTime<Utc>]> {
    std::iter::from_fn(move || {
        let end = next_day_start(*rest.first()?, tz);
        let (of_day, after) = rest.split_at(rest.partition_point(|time| *time < end).max(1));
        rest = after;
        Some(of_day)
    })
}

#[cfg(test)]
mod tests;
