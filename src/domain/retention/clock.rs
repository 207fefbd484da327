//! When a rule reclaims an account: anchors, the two clocks, how they combine, what puts the end off.
//!
//! Nothing here depends on the order in which facts became known: they merge by maximum, and the deadline follows from
//! the merged facts alone. Every step is kept in [`Workings`], from which a deadline is explained.

use super::{
    calendar::Counting,
    hold::{Holds, Span},
    terms::{AfterWin, Combine, ReclaimAction, ReclaimTerms},
};
use chrono::{DateTime, Utc};

/// What the clocks of an account run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockFacts {
    /// When the owner's clocks began: with his tenure, or with an earlier one of his that this one continues.
    pub owner_since: DateTime<Utc>,
    /// The last follow-up that counts, whoever owned the account then.
    pub last_follow_up: Option<DateTime<Utc>>,
    /// The last win that was not reversed, likewise.
    pub last_won: Option<DateTime<Utc>>,
    /// The last activity upon which the rule reclaims at once, likewise.
    pub last_trigger: Option<DateTime<Utc>>,
    /// When the last contract ends.
    pub contract_end: Option<DateTime<Utc>>,
    /// Until when the owner was given more time.
    pub extended_to: Option<DateTime<Utc>>,
    /// Before this the account is not reclaimed, because a change of rules came in between. Of this tenure only.
    pub notice_floor: Option<DateTime<Utc>>,
    /// Days before this do not count, because a change of the rule started anew.
    pub clock_floor: Option<DateTime<Utc>>,
}

impl ClockFacts {
    /// The facts at the beginning of a tenure of an account to which nothing happened yet.
    #[must_use]
    pub const fn new(owner_since: DateTime<Utc>) -> Self {
        Self {
            owner_since,
            last_follow_up: None,
            last_won: None,
            last_trigger: None,
            contract_end: None,
            extended_to: None,
            notice_floor: None,
            clock_floor: None,
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

    /// From when days count, if nothing happened.
    fn start(&self) -> Anchor {
        Anchor::at(self.owner_since, AnchorCause::OwnerSince).later(self.clock_floor, AnchorCause::ClockFloor)
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
    /// `max_hold_days`.
    MaxHold,
    /// None: an activity of one of `reclaim_kinds`.
    ReclaimKind,
}

/// What days are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorCause {
    /// The beginning of the tenure.
    OwnerSince,
    /// The last follow-up.
    FollowUp,
    /// The last win.
    Win,
    /// A change of the rule that did not include past days.
    ClockFloor,
}

/// From when days are counted, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub cause: AnchorCause,
}

impl Anchor {
    const fn at(at: DateTime<Utc>, cause: AnchorCause) -> Self {
        Self { at, cause }
    }

    /// The later of the two.
    fn later(self, at: Option<DateTime<Utc>>, cause: AnchorCause) -> Self {
        match at {
            Some(at) if at > self.at => Self { at, cause },
            _ => self,
        }
    }
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
    /// What they count from.
    pub cause: AnchorCause,
}

/// How one clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// How many days it counts.
    pub days: u32,
    /// When it is over; `None` means never.
    pub over: Option<Deadline>,
}

/// Every step on the way to a deadline. A step that has nothing to say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workings {
    /// The clock of `follow_up_days` or `first_contact_days`.
    pub follow_up: Option<Running>,
    /// The clock of `close_days`.
    pub close: Option<Running>,
    /// When the hard cap takes the account, whatever the clocks say.
    pub max_hold: Option<DateTime<Utc>>,
    /// Until when the owner was given more time.
    pub extended_to: Option<DateTime<Utc>>,
    /// Before when a contract keeps the account from being reclaimed.
    pub contract_floor: Option<DateTime<Utc>>,
    /// Before when notice of a changed rule does.
    pub notice_floor: Option<DateTime<Utc>>,
    /// When it would be reclaimed if neither a lock nor a pause held it.
    pub unheld: Option<DateTime<Utc>>,
    /// Until when a lock or a pause holds it, where the deadline would fall into it; of several, one after the other, the
    /// last one.
    pub held_until: Option<Span>,
    /// When it is reclaimed; `None` means never, or not before somebody ends what holds it.
    pub deadline: Option<Deadline>,
}

/// When the account, of this grade, is reclaimed under these terms, and how that came.
#[must_use]
pub fn workings(
    terms: &ReclaimTerms,
    grade: &str,
    facts: &ClockFacts,
    counting: &Counting<'_>,
    holds: &Holds<'_>,
) -> Workings {
    if terms.action == ReclaimAction::NoReclaim {
        return Workings::default();
    }
    let days = terms.days_of(grade);
    let run = |anchor: Anchor, days: u32, basis: Basis| Deadline {
        anchor: anchor.at,
        at: counting.effective(holds.absent(anchor.at, counting.add(anchor.at, days), counting.tz)),
        basis,
        cause: anchor.cause,
    };
    let mut steps = Workings {
        follow_up: days.follow_up.map(|days_between| {
            let (days, over) = follow_up(terms, facts, days.first_contact, days_between, &run);
            Running { days, over }
        }),
        close: days.close.map(|days| Running {
            days,
            over: close(terms, facts).map(|anchor| run(anchor, days, Basis::Close)),
        }),
        ..Workings::default()
    };
    let mut due = match (steps.follow_up, steps.close) {
        (None, None) => None,
        (Some(only), None) | (None, Some(only)) => only.over,
        (Some(follow_up), Some(close)) => combine(terms.combine, follow_up.over, close.over),
    };
    if let Some(days) = terms.max_hold_days {
        let cap = run(
            Anchor::at(facts.owner_since, AnchorCause::OwnerSince),
            days,
            Basis::MaxHold,
        );
        steps.max_hold = Some(cap.at);
        due = Some(due.filter(|due| due.at <= cap.at).unwrap_or(cap));
    }
    steps.extended_to = facts.extended_to.map(|until| counting.effective(until));
    let contract = terms.contract_end_days.zip(facts.contract_end);
    steps.contract_floor = contract.map(|(days, end)| counting.effective(counting.add(end, days)));
    due = due.map(|due| due.not_before(steps.extended_to).not_before(steps.contract_floor));
    if let Some(at) = facts.last_trigger.filter(|at| *at >= facts.start().at) {
        let (anchor, cause) = (facts.owner_since, AnchorCause::OwnerSince);
        let basis = Basis::ReclaimKind;
        let at_once = Deadline {
            anchor,
            at,
            basis,
            cause,
        };
        due = Some(due.filter(|due| due.at <= at).unwrap_or(at_once));
    }
    // Last: whatever the clocks say, the notice that was given is kept, and what is held is held.
    steps.notice_floor = facts.notice_floor.map(|floor| counting.effective(floor));
    due = due.map(|due| due.not_before(steps.notice_floor));
    if let Some(unheld) = due {
        let (until, held) = holds.hold(unheld.at, counting);
        steps.unheld = Some(unheld.at);
        steps.held_until = held.last().copied();
        due = until.map(|at| Deadline { at, ..unheld });
    }
    steps.deadline = due;
    steps
}

impl Deadline {
    fn not_before(self, floor: Option<DateTime<Utc>>) -> Self {
        Self {
            at: self.at.max(floor.unwrap_or(self.at)),
            ..self
        }
    }
}

/// The clock of `follow_up_days`, and how many days it counts.
fn follow_up(
    terms: &ReclaimTerms,
    facts: &ClockFacts,
    first: Option<u32>,
    days: u32,
    run: &impl Fn(Anchor, u32, Basis) -> Deadline,
) -> (u32, Option<Deadline>) {
    // Beside another clock, `after_win` is about that one.
    if terms.days.close.is_none() && terms.after_win() == AfterWin::Exempt && facts.in_tenure(facts.last_won) {
        return (days, None);
    }
    // A win is a follow-up too.
    let last = facts.last_follow_up.max(facts.last_won);
    match first {
        Some(first) if !facts.in_tenure(last) => (first, Some(run(facts.start(), first, Basis::FirstContact))),
        _ => {
            let anchor = facts.start().later(facts.last_follow_up, AnchorCause::FollowUp);
            let anchor = anchor.later(facts.last_won, AnchorCause::Win);
            (days, Some(run(anchor, days, Basis::FollowUp)))
        }
    }
}

/// What the clock of `close_days` counts from; `None` means that it stands still.
fn close(terms: &ReclaimTerms, facts: &ClockFacts) -> Option<Anchor> {
    let won = facts.last_won.filter(|won| facts.in_tenure(Some(*won)));
    match (won, terms.after_win()) {
        (Some(_), AfterWin::Exempt) => None,
        (won, _) => Some(facts.start().later(won, AnchorCause::Win)),
    }
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
