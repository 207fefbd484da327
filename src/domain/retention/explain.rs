//! Why an account is reclaimed when it is, or why it is not. Everything here was computed by [`look`]; what is added is
//! what it had no reason to mention: rules of other homes, what put an end off, which activity set an anchor.

use super::{
    calendar::Counting,
    clock::{AnchorCause, Basis, ClockFacts, Running},
    display::display_remaining,
    hold::{Absence, Holds, Span},
    look::{self, Look},
    matching::{Choice, Standing, StoredRule, choose},
    reminders::{Next, upcoming},
    rule::RuleHome,
    terms::{ReclaimAction, ReclaimTerms},
};
use crate::domain::{
    account::{Account, Lock},
    activity::{Kind, rules::ActivityRules},
    days::local_date,
    directory::User,
    organisation::Organisation,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::sync::Arc;

/// Reminders to come that are named.
const REMINDERS: usize = 30;

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has a deadline.
    Reclaim,
    /// No rule decides.
    NoRule,
    /// The rule that decides says no.
    NoReclaim,
    /// The rule that decides never does, as things are.
    Never,
    /// Somebody has to end what holds it.
    Held,
}

/// How one clock runs, and what put its end off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// How it runs.
    pub running: Running,
    /// Which days it counts.
    pub basis: Basis,
    /// Days that the owner was or is away, which do not count.
    pub absence_days: i64,
    /// When a win stopped it.
    pub stopped: Option<DateTime<Utc>>,
}

/// What holds an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold<'a> {
    /// Its lock.
    Lock(&'a Lock),
    /// A pause.
    Pause(Span),
}

/// The activity that something counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sought<'a> {
    /// When it happened.
    pub at: DateTime<Utc>,
    kinds: Kinds<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinds<'a> {
    FollowUp(&'a [String]),
    Win,
    These(&'a [String]),
}

impl Sought<'_> {
    /// Whether it can have been an activity of this kind.
    #[must_use]
    pub fn fits(&self, rules: &ActivityRules, kind: &Kind) -> bool {
        match self.kinds {
            Kinds::FollowUp([]) => rules.meaning(kind).follow_up,
            Kinds::Win => rules.meaning(kind).closes(),
            Kinds::FollowUp(kinds) | Kinds::These(kinds) => kinds.iter().any(|named| named == kind.as_str()),
        }
    }
}

/// Why an owned account is reclaimed when it is.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// What it comes to.
    pub outcome: Outcome,
    /// What the clock saw.
    pub look: Look<'a>,
    /// Rules of the owner's departments that were not asked.
    pub others: Vec<&'a Arc<StoredRule>>,
    /// Whose rules are for his accounts outside pools.
    pub departments: Choice,
    /// The zone in which days count.
    pub tz: Tz,
    /// How the rule counts time, if one decides.
    pub counting: Option<Counting<'a>>,
    /// The clock of follow-ups.
    pub follow_up: Option<Clock>,
    /// The clock of wins.
    pub close: Option<Clock>,
    /// The activity that the deadline counts from, or that stopped the clocks.
    pub activity: Option<Sought<'a>>,
    /// What holds the account or will, and whether the deadline waits for its end.
    pub holds: Vec<(Hold<'a>, bool)>,
    /// Leaves of the owner that put clocks off.
    pub absences: Vec<Absence>,
    /// Reminders to come.
    pub reminders: Vec<Next>,
    /// What is left of the time.
    pub remaining: Option<TimeDelta>,
    /// Whether that is displayed.
    pub displayed: bool,
}

/// Explains the clock of an account as the worker plans it at `now`; `None` where nobody owns it.
#[must_use]
pub fn explain<'a>(org: &'a Organisation, account: &'a Account, now: DateTime<Utc>) -> Option<Explanation<'a>> {
    let look = look::look(org, account, now)?;
    let owner = account.owner.as_ref()?;
    let tz = look::zone(org, account);
    let holds = look::holds(org, account, owner);
    let rule = look.matched.rule.map(|rule| &rule.config);
    let counting = rule.map(|rule| look::counting(org, account, &rule.terms));
    let facts = rule.and_then(|rule| look::facts(account, &rule.terms, rule.clock_floor));
    let steps = look.workings;
    let clock = |running: Option<Running>, basis| {
        let running = running?;
        Some(Clock {
            running,
            basis: running.over.map_or(basis, |over| over.basis),
            absence_days: absence_days(&running, &holds, counting.as_ref()?),
            stopped: account.last_won_time.filter(|_| running.over.is_none()),
        })
    };
    let (follow_up, close) = (
        clock(steps.follow_up, Basis::FollowUp),
        clock(steps.close, Basis::Close),
    );
    let clocks: Vec<_> = [follow_up, close].into_iter().flatten().collect();
    let deadline = steps.deadline;
    let reminders = rule.zip(deadline).map(|(rule, deadline)| {
        let time = org.tenant.settings.reminder_time;
        upcoming(
            &rule.terms,
            &deadline,
            account.clock.tenure.reminded,
            time,
            tz,
            now,
            REMINDERS,
        )
    });
    Some(Explanation {
        outcome: outcome(&look),
        others: others(org, org.directory.user(owner), &look),
        departments: choose(org, owner),
        activity: rule
            .zip(facts)
            .and_then(|(rule, facts)| sought(&rule.terms, &facts, &look, &clocks)),
        holds: in_force(account, &holds, &waits_for(&holds, &look, counting.as_ref()), now),
        absences: effective(&holds, &clocks),
        reminders: reminders.unwrap_or_default(),
        remaining: deadline.map(|deadline| (deadline.at - now).max(TimeDelta::zero())),
        displayed: display_remaining(deadline.map(|d| d.anchor), deadline.map(|d| d.at), now).is_some(),
        tz,
        counting,
        follow_up,
        close,
        look,
    })
}

fn outcome(look: &Look<'_>) -> Outcome {
    match look.matched.rule {
        None => Outcome::NoRule,
        Some(rule) if rule.config.terms.action == ReclaimAction::NoReclaim => Outcome::NoReclaim,
        Some(_) if look.workings.deadline.is_some() => Outcome::Reclaim,
        Some(_) if look.workings.held_until.is_some() => Outcome::Held,
        Some(_) => Outcome::Never,
    }
}

/// Whole days between the end that the clock would have had and the one that it has.
fn absence_days(running: &Running, holds: &Holds<'_>, counting: &Counting<'_>) -> i64 {
    let Some(over) = running.over else { return 0 };
    let end = counting.add(over.anchor, running.days);
    let put_off = holds.absent(over.anchor, end, counting.tz);
    (local_date(put_off, counting.tz) - local_date(end, counting.tz)).num_days()
}

/// The leaves that lie in the time of a clock.
fn effective(holds: &Holds<'_>, clocks: &[Clock]) -> Vec<Absence> {
    let within = |absence: &&Absence| {
        let mut overs = clocks.iter().filter_map(|clock| clock.running.over);
        overs.any(|over| absence.from < over.at && over.anchor < absence.until)
    };
    holds.absences.iter().filter(within).copied().collect()
}

/// The holds that put the deadline off, one after the other.
fn waits_for(holds: &Holds<'_>, look: &Look<'_>, counting: Option<&Counting<'_>>) -> Vec<Span> {
    let unheld = look.workings.unheld.zip(counting);
    unheld.map_or_else(Vec::new, |(at, counting)| holds.hold(at, counting).1)
}

fn in_force<'a>(account: &'a Account, holds: &Holds<'_>, waits: &[Span], now: DateTime<Utc>) -> Vec<(Hold<'a>, bool)> {
    let waits = |span: Span| waits.contains(&span);
    let lock = account
        .lock
        .as_ref()
        .zip(holds.lock)
        .map(|(lock, span)| (Hold::Lock(lock), span));
    let pauses = holds.pauses.iter().map(|span| (Hold::Pause(*span), *span));
    let mut all: Vec<_> = lock.into_iter().chain(pauses).collect();
    all.retain(|(_, span)| span.until.is_none_or(|until| now < until));
    all.sort_by_key(|(_, span)| *span);
    all.into_iter().map(|(hold, span)| (hold, waits(span))).collect()
}

/// The activity to look for, if it was one.
fn sought<'a>(terms: &'a ReclaimTerms, facts: &ClockFacts, look: &Look<'_>, clocks: &[Clock]) -> Option<Sought<'a>> {
    let Some(deadline) = look.workings.deadline else {
        let at = clocks.iter().find_map(|clock| clock.stopped)?;
        return Some(Sought { at, kinds: Kinds::Win });
    };
    let (at, kinds) = match (deadline.basis, deadline.cause) {
        (Basis::ReclaimKind, _) => (facts.last_trigger?, Kinds::These(&terms.reclaim_kinds)),
        (_, AnchorCause::FollowUp) => (deadline.anchor, Kinds::FollowUp(&terms.follow_up_kinds)),
        (_, AnchorCause::Win) => (deadline.anchor, Kinds::Win),
        (_, AnchorCause::OwnerSince | AnchorCause::ClockFloor) => return None,
    };
    Some(Sought { at, kinds })
}

/// The rules of the owner's departments and of those above that were not asked, each once.
fn others<'a>(org: &'a Organisation, owner: Option<&'a User>, look: &Look<'_>) -> Vec<&'a Arc<StoredRule>> {
    let mut others: Vec<&Arc<StoredRule>> = Vec::new();
    for own in owner.into_iter().flat_map(User::departments) {
        for department in org.directory.department_and_above(own) {
            for rule in org.retention.reclaim_rules(&RuleHome::Department(department.clone())) {
                let asked = look.matched.asked.iter().any(|(asked, _)| asked.id == rule.id);
                if !asked && !others.iter().any(|known| known.id == rule.id) {
                    others.push(rule);
                }
            }
        }
    }
    others
}

/// Why a rule that was not asked does not decide; `None` means that it is for other accounts.
#[must_use]
pub fn standing_of_other(rule: &StoredRule) -> Option<Standing> {
    (!rule.config.enabled).then_some(Standing::Disabled)
}

#[cfg(test)]
pub(super) mod tests;

#[cfg(test)]
mod properties;
