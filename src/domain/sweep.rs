//! What the worker does with an account whose time has come: decided again, on the account as it is and the rules as
//! they are. A preview of what it would do at another time is the same decision.

use super::{
    account::{Account, EndCause, EntryCause, Status},
    change::{Change, Effects, Event, EventKind, ReminderEffect, TenureEnd},
    circulation::{Scene, clear_team, lose_owner, successor},
    exception,
    ids::UserId,
    organisation::Organisation,
    pool::PoolState,
    retention::{
        look::{self, Look},
        reminders::{self, Reminded},
        terms::Recipient,
    },
    retention_plan,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its time is over: the owner loses it.
    Reclaim(Box<Change>),
    /// Somebody is reminded.
    Remind(Box<Change>),
    /// Its deadline is another one by now.
    Replan(Box<Change>),
    /// Its time is over, and something keeps it with its owner for now.
    Held(Hold),
    /// Nothing is to be done before this time.
    Leave(Option<DateTime<Utc>>),
}

/// What keeps an account with its owner although its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Late events may still save it, until then.
    Grace(DateTime<Utc>),
    /// A required source has not told everything up to the deadline.
    Source,
    /// Reclaims of its pool are stopped until somebody confirms them.
    Breaker,
    /// Nobody works; they do from then on.
    Hours(DateTime<Utc>),
}

impl Hold {
    /// When to look again; `None` where that is no matter of time.
    #[must_use]
    pub const fn until(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Grace(until) | Self::Hours(until) => Some(until),
            Self::Source | Self::Breaker => None,
        }
    }
}

/// Under which circumstances accounts may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What events may need to arrive.
    pub grace: TimeDelta,
    /// Until when all required sources have told everything; `None` where none is required.
    pub watermark: Option<DateTime<Utc>>,
    /// Whether nothing is taken before somebody confirms it.
    pub stopped: bool,
}

impl Terms {
    /// Nothing to wait for.
    #[must_use]
    pub const fn at_once(grace: TimeDelta) -> Self {
        Self {
            grace,
            watermark: None,
            stopped: false,
        }
    }

    /// What holds an account with this deadline that is no matter of time.
    #[must_use]
    pub fn hold(&self, deadline: DateTime<Utc>) -> Option<Hold> {
        // What the sources have not told yet may have happened before the deadline.
        if self.watermark.is_some_and(|heard| heard < deadline) {
            return Some(Hold::Source);
        }
        self.stopped.then_some(Hold::Breaker)
    }
}

/// Decides. `team` are the members of the account's team, where some of them may be reminded.
#[must_use]
pub fn decide(scene: &Scene<'_>, account: &Account, team: &[UserId], terms: Terms) -> Verdict {
    if account.status != Status::Assigned {
        return Verdict::Leave(None);
    }
    let now = scene.now.max(account.update_time);
    let mut planned = successor(scene, account);
    // Where rules changed since the deadline was computed, the owner gets notice; otherwise this computes the same.
    let noticed = retention_plan::replan(scene.org, &mut planned, now);
    retention_plan::hold_overdue(scene.org, &mut planned, now);
    let Some(look) = look::look(scene.org, &planned, now) else {
        return Verdict::Leave(None);
    };
    let due = planned.clock.reclaim_time.filter(|deadline| *deadline <= now);
    if let Some(deadline) = due {
        return match taken_from(scene.org, &planned, &look, deadline, now, terms) {
            None => Verdict::Reclaim(Box::new(reclaim(scene, account, &planned))),
            Some(hold) if same_clock(account, &planned) => Verdict::Held(hold),
            Some(_) => Verdict::Replan(Box::new(replanned(scene, account, planned, noticed))),
        };
    }
    if !same_clock(account, &planned) {
        return Verdict::Replan(Box::new(replanned(scene, account, planned, noticed)));
    }
    match remind(scene, &planned, &look, team, now) {
        Some((after, reminder)) => Verdict::Remind(Box::new(reminded(account, after, reminder))),
        None => Verdict::Leave(planned.clock.wake_time),
    }
}

/// Recomputes the clock after a change of rules: the change that anybody sees, or when to look at it next.
#[must_use]
pub fn replan(scene: &Scene<'_>, account: &Account) -> Verdict {
    if account.status != Status::Assigned {
        return Verdict::Leave(None);
    }
    let mut planned = successor(scene, account);
    let now = scene.now.max(account.update_time);
    let noticed = retention_plan::replan(scene.org, &mut planned, now);
    if same_clock(account, &planned) {
        return Verdict::Leave(planned.clock.wake_time);
    }
    Verdict::Replan(Box::new(replanned(scene, account, planned, noticed)))
}

/// `None` if the account is taken now; otherwise what keeps it.
fn taken_from(
    org: &Organisation,
    account: &Account,
    look: &Look<'_>,
    deadline: DateTime<Utc>,
    now: DateTime<Utc>,
    terms: Terms,
) -> Option<Hold> {
    let from = deadline + terms.grace;
    if now < from {
        return Some(Hold::Grace(from));
    }
    if let Some(hold) = terms.hold(deadline) {
        return Some(hold);
    }
    let rule = look.matched.rule?;
    let counting = look::counting(org, account, &rule.config.terms);
    let working = counting.working(now);
    (working > now).then_some(Hold::Hours(working))
}

/// Whether what people see of the clock is as it was.
fn same_clock(account: &Account, planned: &Account) -> bool {
    let visible = |account: &Account| {
        let clock = &account.clock;
        (clock.anchor_time, clock.reclaim_time, clock.rule_id, clock.notice_floor)
    };
    visible(account) == visible(planned)
}

/// The account after the reminder that is due, if one is.
fn remind(
    scene: &Scene<'_>,
    planned: &Account,
    look: &Look<'_>,
    team: &[UserId],
    now: DateTime<Utc>,
) -> Option<(Account, ReminderEffect)> {
    let deadline = look.workings.deadline;
    let mut after = planned.clone();
    let effect = if let Some((next, deadline)) = look.reminder.filter(|next| next.at <= now).zip(deadline) {
        let rule = look.matched.rule?;
        after.clock.tenure.reminded = Some(Reminded {
            deadline: deadline.at,
            days_before: next.days_before,
        });
        let recipients = reminders::recipients(&rule.config.terms, next.days_before);
        ReminderEffect {
            kind: "DEADLINE",
            rule_id: Some(rule.id),
            days_before: Some(next.days_before),
            deadline: Some(deadline.at.timestamp_micros()),
            recipients: people(scene.org, planned, &recipients, team),
        }
    } else {
        let nudge = look.nudge.as_ref().filter(|nudge| nudge.at <= now)?;
        after.clock.tenure.nudged.insert(nudge.rule.id, now);
        ReminderEffect {
            kind: "IDLE",
            rule_id: Some(nudge.rule.id),
            days_before: None,
            deadline: deadline.map(|deadline| deadline.at.timestamp_micros()),
            recipients: people(scene.org, planned, &nudge.rule.config.terms.recipients, team),
        }
    };
    // Rules that are gone are forgotten here: nothing else looks at them.
    let known = |id: &uuid::Uuid| scene.org.retention.all_reminder_rules().any(|rule| rule.id == *id);
    after.clock.tenure.nudged.retain(|id, _| known(id));
    retention_plan::plan(scene.org, &mut after);
    Some((after, effect))
}

/// Who the recipients are, each once, those first who are named first. People who left are not reminded.
#[must_use]
pub fn people(org: &Organisation, account: &Account, recipients: &[Recipient], team: &[UserId]) -> Vec<UserId> {
    let mut people = Vec::new();
    let owner = account.owner.as_ref();
    for recipient in recipients {
        match recipient {
            Recipient::Owner => people.extend(owner.cloned()),
            Recipient::Supervisor => {
                let above = owner.and_then(|owner| org.directory.user(owner)?.supervisor.clone());
                people.extend(above);
            }
            Recipient::Team => people.extend_from_slice(team),
            Recipient::PoolAdmins => {
                let pool = account.pool_id.and_then(|id| org.pool(id));
                people.extend(
                    pool.into_iter()
                        .flat_map(|pool| pool.config.administrators.iter().cloned()),
                );
            }
        }
    }
    let mut seen = BTreeSet::new();
    people.retain(|user| org.directory.is_active(user) && seen.insert(user.clone()));
    people
}

/// What the owner is told where `replan` gave him notice: whoever is to lose an account sooner than he thought learns it at
/// once, whatever the rule says of reminders, and by whatever change that came.
#[must_use]
pub fn notice(org: &Organisation, after: &Account) -> ReminderEffect {
    ReminderEffect {
        kind: "DEADLINE_MOVED",
        rule_id: after.clock.rule_id,
        days_before: None,
        deadline: after.clock.reclaim_time.map(|deadline| deadline.timestamp_micros()),
        recipients: people(org, after, &[Recipient::Owner], &[]),
    }
}

fn replanned(scene: &Scene<'_>, account: &Account, after: Account, noticed: bool) -> Change {
    let mut effects = Effects::between(Some(account), &after);
    effects.reminder = noticed.then(|| notice(scene.org, &after));
    let kind = EventKind::Replanned;
    Change::of(account, after, Event { kind, effects })
}

fn reminded(account: &Account, after: Account, reminder: ReminderEffect) -> Change {
    let mut effects = Effects::between(Some(account), &after);
    effects.reminder = Some(reminder);
    let kind = EventKind::Reminded;
    Change::of(account, after, Event { kind, effects })
}

fn reclaim(scene: &Scene<'_>, account: &Account, planned: &Account) -> Change {
    let rule = planned.clock.rule_id;
    let end = account.owner.clone().map(|user| TenureEnd {
        user,
        cause: EndCause::AutoReclaimed,
        reason: None,
        note: String::new(),
        rule_id: rule,
        deadline: planned.clock.reclaim_time,
        bans_claim: true,
    });
    let mut after = successor(scene, account);
    lose_owner(scene, &mut after, EntryCause::AutoReclaimed, None, "");
    after.memory.reclaimed = exception::undo::remember(planned);
    // Saving a rule makes sure of its target; should it be gone all the same, the account stays in its own pool.
    let rule = rule.and_then(|id| scene.org.retention.reclaim_rule(id));
    let target = rule.and_then(|rule| rule.config.target());
    let target = target.filter(|id| scene.org.pool(*id).is_some_and(|pool| pool.state == PoolState::Active));
    let enters = target.filter(|target| Some(*target) != account.pool_id);
    after.pool_id = enters.or(account.pool_id);
    let mut effects = Effects::between(Some(account), &after);
    effects.end_cause = Some(EndCause::AutoReclaimed.as_str());
    let kind = EventKind::Reclaimed;
    Change {
        end,
        team: clear_team(scene, account),
        enters,
        ..Change::of(account, after, Event { kind, effects })
    }
}

#[cfg(test)]
mod tests;
