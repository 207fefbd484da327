//! The rules of retention once more, as simply as they can be said: every account is looked at in every step, and
//! everything about it computed anew. Written from the worked examples, without the service's code.

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// The rule of the pool.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) enabled: bool,
    pub(super) follow_up: u32,
    pub(super) first_contact: Option<u32>,
    /// Days without a win, and whether both clocks have to be over.
    pub(super) close: Option<(u32, bool)>,
    pub(super) grades: BTreeMap<&'static str, u32>,
    pub(super) nine: bool,
    pub(super) floor: Option<DateTime<Utc>>,
    pub(super) reminders: Vec<u32>,
}

/// What the model knows of an account.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) owner: Option<&'static str>,
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) follow_up: Option<DateTime<Utc>>,
    pub(super) won: Option<DateTime<Utc>>,
    pub(super) grade: &'static str,
    pub(super) deadline: Option<DateTime<Utc>>,
    notice: Option<DateTime<Utc>>,
    anchor: Option<DateTime<Utc>>,
    reminded: Option<(DateTime<Utc>, u32)>,
}

/// What a pass of the worker does with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Done {
    /// So many days before which deadline.
    Reminded(u32, DateTime<Utc>),
    Reclaimed,
}

fn instant(local: NaiveDateTime, tz: Tz) -> DateTime<Utc> {
    let mut local = local;
    loop {
        match tz.from_local_datetime(&local) {
            LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => return t.to_utc(),
            // The clocks skip it: the first minute that they show.
            LocalResult::None => local = local.with_minute_floor() + TimeDelta::minutes(1),
        }
    }
}

trait MinuteFloor {
    fn with_minute_floor(self) -> Self;
}

impl MinuteFloor for NaiveDateTime {
    fn with_minute_floor(self) -> Self {
        let seconds = self.and_utc().timestamp();
        DateTime::from_timestamp(seconds - seconds.rem_euclid(60), 0).unwrap().naive_utc()
    }
}

fn plus(t: DateTime<Utc>, days: u32, tz: Tz) -> DateTime<Utc> {
    instant(t.with_timezone(&tz).naive_local() + Days::new(days.into()), tz)
}

fn minus(t: DateTime<Utc>, days: u32, tz: Tz) -> DateTime<Utc> {
    instant(t.with_timezone(&tz).naive_local() - Days::new(days.into()), tz)
}

fn nine_on(t: DateTime<Utc>, day: i64, tz: Tz) -> DateTime<Utc> {
    let date = t.with_timezone(&tz).date_naive() + TimeDelta::days(day);
    instant(date.and_time(NaiveTime::from_hms_opt(9, 0, 0).unwrap()), tz)
}

impl Rule {
    fn takes_effect(&self, t: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
        if !self.nine {
            return t;
        }
        (0..3).map(|day| nine_on(t, day, tz)).find(|nine| *nine >= t).unwrap()
    }

    /// From when it counts, and when the account is due.
    fn due(&self, account: &Held, tz: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let since = account.since.filter(|_| self.enabled)?;
        let start = since.max(self.floor.unwrap_or(since));
        let last = account.follow_up.max(account.won);
        let in_tenure = last.is_some_and(|last| last >= since);
        let days = self.grades.get(account.grade).copied().unwrap_or(self.follow_up);
        let (anchor, days) = match self.first_contact {
            Some(first) if !in_tenure => (start, first),
            _ => (start.max(last.unwrap_or(start)), days),
        };
        let follow_up = (anchor, self.takes_effect(plus(anchor, days, tz), tz));
        let Some((close, both)) = self.close else {
            return Some(follow_up);
        };
        // A win in the tenure stops the clock of wins.
        let close = (account.won.is_none_or(|won| won < since))
            .then(|| (start, self.takes_effect(plus(start, close, tz), tz)));
        match (close, both) {
            (Some(close), true) if close.1 > follow_up.1 => Some(close),
            (Some(close), false) if close.1 < follow_up.1 => Some(close),
            (None, true) => None,
            _ => Some(follow_up),
        }
    }

    fn with_notice(&self, account: &Held, tz: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let (anchor, due) = self.due(account, tz)?;
        let floor = account.notice.map_or(due, |notice| self.takes_effect(notice, tz));
        Some((anchor, due.max(floor)))
    }
}

impl Held {
    /// After an activity or at the beginning of a tenure.
    pub(super) fn plan(&mut self, rule: &Rule, tz: Tz) {
        let due = rule.with_notice(self, tz);
        self.anchor = due.map(|(anchor, _)| anchor);
        self.deadline = due.map(|(_, deadline)| deadline);
    }

    /// After anything else: what comes nearer leaves a day.
    pub(super) fn replan(&mut self, rule: &Rule, tz: Tz, now: DateTime<Utc>) {
        let before = self.deadline;
        self.plan(rule, tz);
        let soon = now + TimeDelta::hours(24);
        if self.deadline.is_some_and(|next| next < soon && before.is_none_or(|before| next < before)) {
            self.notice = Some(soon);
            self.plan(rule, tz);
        }
    }

    pub(super) fn get(&mut self, owner: &'static str, rule: &Rule, tz: Tz, now: DateTime<Utc>) {
        *self = Self {
            owner: Some(owner),
            since: Some(now),
            follow_up: self.follow_up,
            won: self.won,
            grade: self.grade,
            ..Self::default()
        };
        self.plan(rule, tz);
    }

    pub(super) fn lose(&mut self) {
        *self = Self {
            follow_up: self.follow_up,
            won: self.won,
            grade: self.grade,
            ..Self::default()
        };
    }

    /// What a pass at `now` does.
    pub(super) fn pass(&mut self, rule: &Rule, tz: Tz, now: DateTime<Utc>) -> Option<Done> {
        self.owner?;
        self.replan(rule, tz, now);
        let (anchor, deadline) = self.anchor.zip(self.deadline)?;
        if deadline <= now {
            self.lose();
            return Some(Done::Reclaimed);
        }
        let sent = self.reminded.filter(|(of, _)| *of == deadline).map_or(u32::MAX, |(_, days)| days);
        let due = rule.reminders.iter().filter(|days| {
            let full = minus(deadline, **days, tz);
            let at = [nine_on(full, 0, tz), nine_on(full, -1, tz)].into_iter().find(|at| *at <= full);
            **days < sent && full >= anchor && at.unwrap() <= now
        });
        let nearest = *due.min()?;
        self.reminded = Some((deadline, nearest));
        Some(Done::Reminded(nearest, deadline))
    }
}
