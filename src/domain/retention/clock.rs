//! When a rule reclaims an account: anchors, the two clocks, how they combine.
//!
//! Nothing here depends on the order in which facts became known: they merge by maximum, and the deadline follows from
//! the merged facts alone.

use super::rule::{AfterWin, Combine, ReclaimAction, ReclaimTerms};
use crate::domain::days::add_days;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// What the clocks of an account run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockFacts {
    /// When the owner's tenure began.
    pub owner_since: DateTime<Utc>,
    /// The last follow-up, whoever owned the account then.
    pub last_follow_up: Option<DateTime<Utc>>,
    /// The last win that was not reversed, likewise.
    pub last_won: Option<DateTime<Utc>>,
    /// Before this the account is not reclaimed, because a change of rules came in between. Of this tenure only.
    pub notice_floor: Option<DateTime<Utc>>,
}

impl ClockFacts {
    /// The facts at the beginning of a tenure of an account to which nothing happened yet.
    #[must_use]
    pub const fn new(owner_since: DateTime<Utc>) -> Self {
        Self {
            owner_since,
            last_follow_up: None,
            last_won: None,
            notice_floor: None,
        }
    }

    /// And a follow-up at `t`; the latest counts, in whatever order they come in.
    #[must_use]
    pub fn and_follow_up(self, t: DateTime<Utc>) -> Self {
        Self {
            last_follow_up: self.last_follow_up.max(Some(t)),
            ..self
        }
    }

    /// And a win at `t`, likewise.
    #[must_use]
    pub fn and_win(self, t: DateTime<Utc>) -> Self {
        Self {
            last_won: self.last_won.max(Some(t)),
            ..self
        }
    }

    /// Whether `t` lies in the owner's tenure. What happened before is somebody else's merit.
    fn in_tenure(&self, t: Option<DateTime<Utc>>) -> bool {
        t.is_some_and(|t| t >= self.owner_since)
    }
}

/// Which days ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// `first_contact_days`.
    FirstContact,
    /// `follow_up_days`.
    FollowUp,
    /// `close_days`.
    Close,
}

/// When an account is reclaimed, and why then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// From when the days count.
    pub anchor: DateTime<Utc>,
    /// When they are over.
    pub at: DateTime<Utc>,
    /// Which days.
    pub basis: Basis,
}

impl Deadline {
    fn after(anchor: DateTime<Utc>, days: u32, tz: Tz, basis: Basis) -> Self {
        Self {
            anchor,
            at: add_days(anchor, days, tz),
            basis,
        }
    }
}

/// When the account is reclaimed under these terms; `None` means never.
#[must_use]
pub fn deadline(terms: &ReclaimTerms, facts: &ClockFacts, tz: Tz) -> Option<Deadline> {
    if terms.action == ReclaimAction::NoReclaim {
        return None;
    }
    let clocks = (
        terms.follow_up_days.map(|days| follow_up(terms, days, facts, tz)),
        terms.close_days.map(|days| close(terms, days, facts, tz)),
    );
    let due = match clocks {
        (None, None) => None,
        (Some(only), None) | (None, Some(only)) => only,
        (Some(follow_up), Some(close)) => combine(terms.combine, follow_up, close),
    }?;
    // Always last: whatever the clocks say, the notice that was given is kept.
    Some(Deadline {
        at: due.at.max(facts.notice_floor.unwrap_or(due.at)),
        ..due
    })
}

/// The clock of `follow_up_days`; `None` means never.
fn follow_up(terms: &ReclaimTerms, days: u32, facts: &ClockFacts, tz: Tz) -> Option<Deadline> {
    // Beside another clock, `after_win` is about that one.
    if terms.close_days.is_none() && terms.after_win() == AfterWin::Exempt && facts.in_tenure(facts.last_won) {
        return None;
    }
    // A win is a follow-up too.
    let last = facts.last_follow_up.max(facts.last_won);
    Some(match terms.first_contact_days {
        Some(first) if !facts.in_tenure(last) => Deadline::after(facts.owner_since, first, tz, Basis::FirstContact),
        _ => {
            let anchor = facts.owner_since.max(last.unwrap_or(facts.owner_since));
            Deadline::after(anchor, days, tz, Basis::FollowUp)
        }
    })
}

/// The clock of `close_days`; `None` means never.
fn close(terms: &ReclaimTerms, days: u32, facts: &ClockFacts, tz: Tz) -> Option<Deadline> {
    let won = facts.last_won.filter(|won| facts.in_tenure(Some(*won)));
    let anchor = match (won, terms.after_win()) {
        (Some(_), AfterWin::Exempt) => return None,
        (Some(won), AfterWin::Restart) => won,
        (None, _) => facts.owner_since,
    };
    Some(Deadline::after(anchor, days, tz, Basis::Close))
}

/// Never is later than every deadline. At a tie the follow-up clock gives its name.
fn combine(how: Option<Combine>, follow_up: Option<Deadline>, close: Option<Deadline>) -> Option<Deadline> {
    let (Some(follow_up), Some(close)) = (follow_up, close) else {
        return match how {
            Some(Combine::Either) => follow_up.or(close),
            // Not chosen cannot be saved; if it could, the owner would keep the account longer.
            Some(Combine::Both) | None => None,
        };
    };
    let follow_up_decides = match how {
        Some(Combine::Either) => follow_up.at <= close.at,
        Some(Combine::Both) | None => follow_up.at >= close.at,
    };
    Some(if follow_up_decides { follow_up } else { close })
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod properties;
