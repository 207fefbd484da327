//! The rules of retention once more, as simply as they can be said: every account is looked at in every step, and
//! everything about it computed anew. Written from the worked examples, without the service's code.

use super::days::{Instant, day, last, minus, next, plus};
use chrono::{Months, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use std::collections::BTreeMap;

pub(super) type User = &'static str;

/// Where an account lies: in which pool, or outside of all.
pub(super) type Place = Option<usize>;

/// Everybody, and who is above him.
pub(super) const USERS: [(User, Option<User>); 5] = [
    ("ann", None),
    ("bob", Some("ann")),
    ("cid", Some("ann")),
    ("dan", None),
    ("eva", Some("dan")),
];

/// The zones in which days of the pools count, and who administers them.
pub(super) const POOLS: [(Tz, &[User]); 2] = [
    (chrono_tz::America::New_York, &["ann"]),
    (chrono_tz::Europe::Berlin, &["dan", "ann"]),
];

/// The zone outside pools.
pub(super) const ZONE: Tz = chrono_tz::America::New_York;

pub(super) fn zone(place: Place) -> Tz {
    place.map_or(ZONE, |pool| POOLS[pool].0)
}

fn nine() -> NaiveTime {
    NaiveTime::from_hms_opt(9, 0, 0).unwrap()
}

/// Who is reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Owner,
    Supervisor,
    Admins,
}

/// What a win does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Win {
    Exempts,
    Restarts,
}

/// A reclaim rule. Rules are asked in the order in which they are listed.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "as rules are")]
pub(super) struct Rule {
    pub(super) place: Place,
    /// For accounts of this grade only.
    pub(super) only: Option<&'static str>,
    /// For accounts that were created within so many months only.
    pub(super) months: Option<u32>,
    pub(super) enabled: bool,
    /// It reclaims nothing, and neither does any rule after it.
    pub(super) never: bool,
    pub(super) first: Option<u32>,
    pub(super) follow_up: Option<u32>,
    pub(super) close: Option<u32>,
    /// Of two clocks: whether both have to be over.
    pub(super) both: bool,
    pub(super) win: Option<Win>,
    /// Other days of one grade: without a follow-up.
    pub(super) grade: Option<(&'static str, u32)>,
    pub(super) max_hold: Option<u32>,
    pub(super) cutoff: Option<NaiveTime>,
    pub(super) floor: Option<Instant>,
    pub(super) reminders: Vec<(u32, Vec<Whom>)>,
    pub(super) daily: bool,
    /// Where reclaimed accounts go, if not where they came from.
    pub(super) target: Place,
}

/// A rule that reminds that nothing happens.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    pub(super) place: Place,
    pub(super) enabled: bool,
    pub(super) days: u32,
    pub(super) until_won: bool,
    pub(super) daily: bool,
    pub(super) whom: Vec<Whom>,
}

/// All rules, who is in the department that has some, and how long after a deadline an account is taken.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) reclaim: Vec<Rule>,
    pub(super) idle: Vec<Idle>,
    pub(super) sales: Vec<User>,
    pub(super) grace: TimeDelta,
}

/// Something that people are told, or that happens to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// By which rule, so many days before which deadline, and who.
    Reminded(usize, u32, Instant, Vec<User>),
    /// By which rule, and who.
    Idle(usize, Option<Instant>, Vec<User>),
    /// The deadline came nearer and is this one; who is told.
    Moved(Instant, Vec<User>),
    /// A rule took it from him.
    Reclaimed(User),
}

/// One ownership, once it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tenure {
    pub(super) user: User,
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// By which rule it ended, and its deadline.
    pub(super) reclaimed: Option<(usize, Instant)>,
}

/// What the model knows of an account.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) place: Place,
    created: Instant,
    pub(super) owner: Option<(User, Instant)>,
    pub(super) grade: &'static str,
    /// Of each kind of activity the last one.
    follow_ups: BTreeMap<&'static str, Instant>,
    /// Of each deal the latest news: when, by which event, and whether it is closed.
    pub(super) deals: BTreeMap<u32, (Instant, u32, bool)>,
    /// When it is reclaimed, and from when on that counts.
    pub(super) deadline: Option<(Instant, Instant)>,
    notice: Option<Instant>,
    reminded: Option<(Instant, u32)>,
    nudged: BTreeMap<usize, Instant>,
    pub(super) tenures: Vec<Tenure>,
}

impl Rule {
    fn takes_effect(&self, t: Instant, tz: Tz) -> Instant {
        self.cutoff.map_or(t, |time| next(t, time, tz))
    }

    /// Anchor and end of so many days.
    fn run(&self, anchor: Instant, days: u32, tz: Tz) -> (Instant, Instant) {
        (anchor, self.takes_effect(plus(anchor, days, tz), tz))
    }

    /// Anchor and deadline, if there is one.
    fn due(&self, account: &Account, since: Instant, tz: Tz) -> Option<(Instant, Instant)> {
        if self.never {
            return None;
        }
        let start = since.max(self.floor.unwrap_or(since));
        let won = account.won();
        let won_now = won.is_some_and(|won| won >= since);
        let follow_up = self.follow_up.and_then(|days| {
            // A win is a follow-up too, unless it is the end of it.
            if self.close.is_none() && self.win == Some(Win::Exempts) && won_now {
                return None;
            }
            let last = account.followed_up().max(won);
            let days = self
                .grade
                .filter(|(grade, _)| *grade == account.grade)
                .map_or(days, |(_, days)| days);
            match self.first {
                Some(first) if last.is_none_or(|last| last < since) => Some(self.run(start, first, tz)),
                _ => Some(self.run(start.max(last.unwrap_or(start)), days, tz)),
            }
        });
        let close = self.close.and_then(|days| match self.win {
            Some(Win::Restarts) => Some(self.run(start.max(won.unwrap_or(start)), days, tz)),
            _ if won_now => None,
            _ => Some(self.run(start, days, tz)),
        });
        let clocks = match (self.follow_up.is_some(), self.close.is_some()) {
            (true, false) => follow_up,
            (false, true) => close,
            _ => match (follow_up, close) {
                (Some(one), Some(other)) if self.both => Some(if other.1 > one.1 { other } else { one }),
                (Some(one), Some(other)) => Some(if other.1 < one.1 { other } else { one }),
                (one, other) if !self.both => one.or(other),
                _ => None,
            },
        };
        let cap = self.max_hold.map(|days| self.run(since, days, tz));
        match (clocks, cap) {
            (Some(clocks), Some(cap)) => Some(if cap.1 < clocks.1 { cap } else { clocks }),
            (clocks, cap) => clocks.or(cap),
        }
    }
}

impl Account {
    pub(super) fn lying(place: Place, created: Instant) -> Self {
        Self {
            place,
            created,
            ..Self::default()
        }
    }

    pub(super) fn closed(&self) -> impl Iterator<Item = Instant> {
        self.deals.values().filter(|(.., closed)| *closed).map(|(at, ..)| *at)
    }

    pub(super) fn followed_up(&self) -> Option<Instant> {
        self.follow_ups.values().max().copied()
    }

    pub(super) fn won(&self) -> Option<Instant> {
        self.closed().max()
    }

    /// The rule that decides over it at `now`.
    fn rule<'a>(&self, rules: &'a Rules, now: Instant) -> Option<(usize, &'a Rule)> {
        let (owner, _) = self.owner?;
        if self.place.is_none() && !rules.sales.contains(&owner) {
            return None;
        }
        let tz = zone(self.place);
        let meets = |rule: &Rule| {
            rule.enabled
                && rule.place == self.place
                && rule.only.is_none_or(|grade| grade == self.grade)
                && rule
                    .months
                    .is_none_or(|months| day(self.created, tz) >= day(now, tz) - Months::new(months))
        };
        rules.reclaim.iter().enumerate().find(|(_, rule)| meets(rule))
    }

    /// After an activity or at the beginning of a tenure.
    fn plan(&mut self, rules: &Rules, now: Instant) {
        let tz = zone(self.place);
        self.deadline = self
            .owner
            .zip(self.rule(rules, now))
            .and_then(|((_, since), (_, rule))| {
                let (anchor, due) = rule.due(self, since, tz)?;
                let noticed = self.notice.map_or(due, |notice| rule.takes_effect(notice, tz));
                Some((anchor, due.max(noticed)))
            });
    }

    fn ends(&self) -> Option<Instant> {
        self.deadline.map(|(_, at)| at)
    }

    /// After anything that the owner did not do: what comes nearer leaves him a day, and he is told.
    fn settle(&mut self, rules: &Rules, now: Instant) -> Vec<Done> {
        let before = self.ends();
        self.plan(rules, now);
        let soon = now + TimeDelta::hours(24);
        match self.ends() {
            Some(next) if next < soon && before.is_none_or(|before| next < before) => {
                self.notice = Some(soon);
                self.plan(rules, now);
                vec![Done::Moved(self.ends().unwrap(), self.people(&[Whom::Owner]))]
            }
            _ => vec![],
        }
    }

    fn people(&self, whom: &[Whom]) -> Vec<User> {
        let mut people: Vec<User> = vec![];
        let owner = self.owner.unwrap().0;
        for whom in whom {
            let some = match whom {
                Whom::Owner => vec![owner],
                Whom::Supervisor => {
                    let above = USERS.iter().find(|(user, _)| *user == owner);
                    above.and_then(|(_, above)| *above).into_iter().collect()
                }
                Whom::Admins => self.place.map_or(vec![], |pool| POOLS[pool].1.to_vec()),
            };
            people.extend(
                some.into_iter()
                    .filter(|user| !people.contains(user))
                    .collect::<Vec<_>>(),
            );
        }
        people
    }

    /// Somebody gets it.
    pub(super) fn get(&mut self, user: User, rules: &Rules, now: Instant) {
        self.lose(now, None);
        self.owner = Some((user, now));
        self.plan(rules, now);
    }

    /// Nobody has it any more.
    pub(super) fn lose(&mut self, now: Instant, reclaimed: Option<(usize, Instant)>) {
        if let Some((user, since)) = self.owner.take() {
            let until = now;
            self.tenures.push(Tenure {
                user,
                since,
                until,
                reclaimed,
            });
        }
        (self.deadline, self.notice, self.reminded) = (None, None, None);
        self.nudged.clear();
    }

    /// It moves and stays with its owner, or waits elsewhere.
    pub(super) fn go(&mut self, place: Place, rules: &Rules, now: Instant) -> Vec<Done> {
        self.place = place;
        self.settle(rules, now)
    }

    pub(super) fn grade(&mut self, grade: &'static str, rules: &Rules, now: Instant) -> Vec<Done> {
        self.grade = grade;
        self.settle(rules, now)
    }

    /// A follow-up becomes known.
    pub(super) fn follow_up(&mut self, kind: &'static str, at: Instant, rules: &Rules, now: Instant) -> Vec<Done> {
        // What is older than the last one of its kind is no news.
        if self.follow_ups.get(kind).is_some_and(|last| at <= *last) {
            return vec![];
        }
        self.hear(rules, now, |account| {
            account.follow_ups.insert(kind, at);
        })
    }

    /// Something becomes known of a deal.
    pub(super) fn deal(&mut self, deal: u32, news: (Instant, u32, bool), rules: &Rules, now: Instant) -> Vec<Done> {
        self.hear(rules, now, |account| {
            let (at, event, _) = news;
            let latest = account.deals.entry(deal).or_insert(news);
            if (at, event) > (latest.0, latest.1) {
                *latest = news;
            }
        })
    }

    fn hear(&mut self, rules: &Rules, now: Instant, learn: impl FnOnce(&mut Self)) -> Vec<Done> {
        let told = self.settle(rules, now);
        let settled = self.ends();
        learn(self);
        self.plan(rules, now);
        // Whoever has more time by what he did need not hear of what would have been.
        if self.ends() == settled { told } else { vec![] }
    }

    /// What a worker does at `now`.
    pub(super) fn pass(&mut self, rules: &Rules, now: Instant) -> Vec<Done> {
        let Some((owner, _)) = self.owner else { return vec![] };
        let mut done = self.settle(rules, now);
        if let Some((id, rule)) = self.rule(rules, now)
            && let Some((anchor, deadline)) = self.deadline
        {
            if deadline <= now {
                if deadline + rules.grace <= now {
                    done.push(Done::Reclaimed(owner));
                    self.lose(now, Some((id, deadline)));
                    self.place = rule.target.or(self.place);
                }
                return done;
            }
            if let Some((days, whom)) = self.reminder(rule, anchor, deadline, now) {
                self.reminded = Some((deadline, days));
                done.push(Done::Reminded(id, days, deadline, self.people(&whom)));
            }
        }
        for (id, idle) in rules.idle.iter().enumerate() {
            if self.idle_at(id, idle).is_some_and(|at| at <= now) {
                self.nudged.insert(id, now);
                done.push(Done::Idle(id, self.ends(), self.people(&idle.whom)));
            }
        }
        done
    }

    /// The nearest of the reminders that are due and were not sent, and who gets it.
    fn reminder(&self, rule: &Rule, anchor: Instant, deadline: Instant, now: Instant) -> Option<(u32, Vec<Whom>)> {
        let all = rule.distances().into_iter().filter(|days| {
            let sent = self.reminded.is_some_and(|(of, sent)| of == deadline && sent <= *days);
            !sent && minus(deadline, *days, zone(self.place)) >= anchor && self.reminds(deadline, *days) <= now
        });
        let days = all.min()?;
        // Of the configured ones the last that has been reached by then.
        let reached = rule.reminders.iter().filter(|(before, _)| *before >= days);
        let (_, whom) = reached.min_by_key(|(before, _)| *before).unwrap();
        Some((days, whom.clone()))
    }

    /// So many full days before the deadline, at nine.
    fn reminds(&self, deadline: Instant, days: u32) -> Instant {
        let tz = zone(self.place);
        last(minus(deadline, days, tz), nine(), tz)
    }

    fn idle_at(&self, id: usize, idle: &Idle) -> Option<Instant> {
        let (_, since) = self.owner?;
        let won = self.won();
        if idle.place != self.place || !idle.enabled || idle.until_won && won >= Some(since) {
            return None;
        }
        let tz = zone(self.place);
        let anchor = since.max(self.followed_up().max(won).unwrap_or(since));
        let due = plus(anchor, idle.days, tz);
        match self.nudged.get(&id).filter(|sent| **sent >= anchor) {
            None => Some(due),
            Some(sent) if idle.daily => Some(next(*sent.max(&due) + TimeDelta::microseconds(1), nine(), tz)),
            Some(_) => None,
        }
    }

    /// What is shown of the time that is left: it is, when less than 30 % are.
    pub(super) fn remaining(&self, now: Instant) -> Option<TimeDelta> {
        let (anchor, deadline) = self.deadline?;
        let micros = |time: TimeDelta| time.num_microseconds().unwrap();
        let (left, total) = (micros(deadline - now), micros(deadline - anchor));
        (left <= 0 || left * 10 < total * 3).then(|| (deadline - now).max(TimeDelta::zero()))
    }

    /// When something is going to happen, as far as anybody knows now.
    pub(super) fn moments(&self, rules: &Rules, now: Instant) -> Vec<Instant> {
        let mut moments = vec![];
        let midnight = next(now, NaiveTime::MIN, zone(self.place));
        let of = |t: Instant| self.rule(rules, t).map(|(id, _)| id);
        if of(now) != of(midnight) {
            moments.push(midnight);
        }
        if let Some((deadline, (_, rule))) = self.ends().zip(self.rule(rules, now)) {
            moments.extend([deadline, deadline + rules.grace]);
            moments.extend(rule.distances().into_iter().map(|days| self.reminds(deadline, days)));
        }
        let idle = rules.idle.iter().enumerate();
        moments.extend(idle.filter_map(|(id, idle)| self.idle_at(id, idle)));
        moments
    }
}

impl Rule {
    /// How many days before a deadline it reminds.
    fn distances(&self) -> Vec<u32> {
        let configured: Vec<_> = self.reminders.iter().map(|(days, _)| *days).collect();
        match configured.iter().max() {
            Some(first) if self.daily || self.months.is_some() => (1..=*first).collect(),
            _ => configured,
        }
    }
}
