//! Everything that there is to know of the retention of one owned account at one moment.

use super::{
    calendar::{Counting, DayCounting},
    clock::{ClockFacts, Workings, workings},
    hold::{Holds, Span},
    matching::{self, Match, StoredReminder},
    reminders::{self, Next},
    terms::ReclaimTerms,
};
use crate::domain::{
    account::{Account, Status},
    ids::UserId,
    organisation::Organisation,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::sync::Arc;

/// What there is to know.
#[derive(Debug)]
pub struct Look<'a> {
    /// Which rule decides, and which do not.
    pub matched: Match<'a>,
    /// How its deadline comes about.
    pub workings: Workings,
    /// The next advance reminder.
    pub reminder: Option<Next>,
    /// The next reminder that nothing happens.
    pub nudge: Option<Nudge<'a>>,
    /// The reminder rules that are for it, each with when it reminds next.
    pub reminder_rules: Vec<(&'a Arc<StoredReminder>, Option<DateTime<Utc>>)>,
    /// When reminder rules may apply differently by the passing of time alone.
    nudges_until: Option<DateTime<Utc>>,
}

/// A reminder that nothing happens.
#[derive(Debug)]
pub struct Nudge<'a> {
    /// By which rule.
    pub rule: &'a Arc<StoredReminder>,
    /// When.
    pub at: DateTime<Utc>,
}

impl Look<'_> {
    /// When the next reminder goes out.
    #[must_use]
    pub fn remind_time(&self) -> Option<DateTime<Utc>> {
        let times = [
            self.reminder.map(|next| next.at),
            self.nudge.as_ref().map(|nudge| nudge.at),
        ];
        times.into_iter().flatten().min()
    }

    /// When something is to be done next.
    #[must_use]
    pub fn wake_time(&self) -> Option<DateTime<Utc>> {
        let deadline = self.workings.deadline.map(|deadline| deadline.at);
        let times = [deadline, self.remind_time(), self.matched.until, self.nudges_until];
        times.into_iter().flatten().min()
    }
}

/// The zone in which days of the account count.
#[must_use]
pub fn zone(org: &Organisation, account: &Account) -> Tz {
    let pool = account.pool_id.and_then(|id| org.pool(id));
    pool.map_or(org.tenant.settings.time_zone, |pool| org.zone(pool))
}

/// How the rule counts time for the account.
#[must_use]
pub fn counting<'a>(org: &'a Organisation, account: &Account, terms: &ReclaimTerms) -> Counting<'a> {
    let settings = &org.tenant.settings;
    Counting {
        tz: zone(org, account),
        cutoff: terms.cutoff.unwrap_or(settings.default_cutoff),
        calendar: (terms.day_counting == DayCounting::Business).then_some(&settings.work_calendar),
    }
}

/// What the clocks of the account run on, under the rule with these terms and this floor.
#[must_use]
pub fn facts(account: &Account, terms: &ReclaimTerms, clock_floor: Option<DateTime<Utc>>) -> Option<ClockFacts> {
    let owner_since = account.owner_since.filter(|_| account.status == Status::Assigned)?;
    let last_of = |kinds: &[String]| {
        let times = kinds.iter().filter_map(|kind| account.memory.kind_times.get(kind));
        times.max().copied()
    };
    Some(ClockFacts {
        owner_since: since(account, terms).unwrap_or(owner_since),
        last_follow_up: if terms.follow_up_kinds.is_empty() {
            account.last_follow_up_time
        } else {
            last_of(&terms.follow_up_kinds)
        },
        last_won: account.last_won_time,
        last_trigger: last_of(&terms.reclaim_kinds),
        contract_end: account.contract_end_time,
        extended_to: account.clock.tenure.extended_to,
        notice_floor: account.clock.notice_floor,
        clock_floor,
    })
}

/// When the clocks of an earlier tenure of the owner began, if this one goes on with them: he had the account within
/// `no_restart_days` before (X17).
fn since(account: &Account, terms: &ReclaimTerms) -> Option<DateTime<Utc>> {
    terms.no_restart_days.and(account.clock.tenure.since)
}

/// What holds the account of this owner.
#[must_use]
pub fn holds<'a>(org: &'a Organisation, account: &Account, owner: &UserId) -> Holds<'a> {
    Holds {
        absences: org.retention.absences(owner),
        pauses: org.retention.pauses(account.pool_id),
        lock: account.lock.as_ref().map(|lock| Span {
            from: lock.from,
            until: lock.until,
        }),
    }
}

/// Looks at an account as it is at `now`; `None` where no clock runs, since nobody owns it.
#[must_use]
pub fn look<'a>(org: &'a Organisation, account: &Account, now: DateTime<Utc>) -> Option<Look<'a>> {
    let owner = account.owner.as_ref().filter(|_| account.status == Status::Assigned)?;
    let owner_since = account.owner_since?;
    let tz = zone(org, account);
    let matched = matching::find(org, account, now, tz);
    let holds = holds(org, account, owner);
    let time = org.tenant.settings.reminder_time;
    let (mut steps, mut reminder) = (Workings::default(), None);
    if let Some(rule) = matched.rule {
        let terms = &rule.config.terms;
        let counting = counting(org, account, terms);
        let facts = facts(account, terms, rule.config.clock_floor)?;
        steps = workings(terms, &account.profile.grade, &facts, &counting, &holds);
        let sent = account.clock.tenure.reminded;
        reminder = steps
            .deadline
            .and_then(|deadline| reminders::next(terms, &deadline, sent, time, tz, now));
    }
    let (rules, nudges_until) = matching::reminders(org, account, now, tz);
    let last = account
        .last_follow_up_time
        .max(account.last_won_time)
        .unwrap_or(owner_since);
    let anchor = owner_since.max(last);
    let next = |rule: &StoredReminder| {
        let terms = &rule.config.terms;
        if terms.until_won && account.last_won_time.is_some_and(|won| won >= owner_since) {
            return None;
        }
        let sent = account.clock.tenure.nudged.get(&rule.id).copied();
        reminders::next_nudge(anchor, terms.idle_days, terms.repeats(), sent, time, tz)
    };
    let reminder_rules: Vec<_> = rules.into_iter().map(|rule| (rule, next(rule))).collect();
    let nudges = reminder_rules
        .iter()
        .filter_map(|(rule, at)| Some(Nudge { rule, at: (*at)? }));
    Some(Look {
        nudge: nudges.min_by_key(|nudge| (nudge.at, nudge.rule.id)),
        reminder_rules,
        matched,
        workings: steps,
        reminder,
        nudges_until,
    })
}
