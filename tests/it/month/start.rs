//! How a month begins: the rules and accounts of both sides, and how rules change.

use super::{
    Counts, Month,
    company::Company,
    days::Instant,
    naive::{Account, Idle, Place, Rule, Rules, Whom, Win},
};
use chrono::{NaiveTime, TimeDelta};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

const NORTH: Place = Some(0);
const SOUTH: Place = Some(1);

pub(super) const GRADES: [&str; 4] = ["", "A", "B", "C"];

fn clock(hour: u32, minute: u32) -> Option<NaiveTime> {
    NaiveTime::from_hms_opt(hour, minute, 0)
}

/// A rule of so many days without a follow-up.
fn rule(place: Place, follow_up: u32) -> Rule {
    Rule {
        place,
        only: None,
        months: None,
        enabled: true,
        never: false,
        first: None,
        follow_up: Some(follow_up),
        close: None,
        both: false,
        win: None,
        grade: None,
        max_hold: None,
        cutoff: None,
        floor: None,
        reminders: vec![],
        daily: false,
        target: None,
    }
}

fn rules(random: &mut StdRng) -> Rules {
    use Whom::{Admins, Owner, Supervisor};
    let reclaim = vec![
        Rule {
            only: Some("A"),
            months: Some(1),
            win: Some(Win::Exempts),
            reminders: vec![(1, vec![Owner])],
            ..rule(NORTH, 3)
        },
        Rule {
            first: Some(2),
            close: Some(9),
            grade: Some(("C", 7)),
            cutoff: *[None, clock(9, 0)].choose(random).unwrap(),
            reminders: vec![(3, vec![Owner]), (1, vec![Owner, Supervisor, Admins])],
            ..rule(NORTH, 5)
        },
        Rule {
            only: Some("B"),
            never: true,
            follow_up: None,
            ..rule(SOUTH, 0)
        },
        Rule {
            close: Some(6),
            both: true,
            win: Some(Win::Restarts),
            // At a time that is skipped or there twice when clocks are set in Berlin.
            cutoff: clock(2, 30),
            reminders: vec![(3, vec![Owner]), (2, vec![Supervisor, Owner]), (1, vec![Admins])],
            ..rule(SOUTH, 4)
        },
        Rule {
            cutoff: clock(2, 30),
            reminders: vec![(4, vec![Owner])],
            daily: true,
            target: NORTH,
            // What is owned from the first day on and left alone is due when clocks are set forward in New York.
            ..rule(None, 7)
        },
    ];
    let idle = vec![
        Idle {
            place: NORTH,
            enabled: true,
            days: 2,
            until_won: false,
            daily: true,
            whom: vec![Owner],
        },
        Idle {
            place: SOUTH,
            enabled: true,
            days: 3,
            until_won: true,
            daily: false,
            whom: vec![Supervisor, Owner],
        },
    ];
    let grace = TimeDelta::minutes(*[0, 5, 45].choose(random).unwrap());
    Rules {
        reclaim,
        idle,
        sales: vec![],
        grace,
    }
}

impl Rule {
    /// The same rule with other days.
    pub(super) fn changed(&self, random: &mut StdRng) -> Self {
        let mut new = self.clone();
        if random.random_bool(0.8) {
            let follow_up = random.random_range(1..=7);
            (new.follow_up, new.close) = match random.random_range(0..10) {
                0..4 => (Some(follow_up), None),
                4 => (None, Some(random.random_range(2..=12))),
                _ => (Some(follow_up), Some(random.random_range(2..=12))),
            };
            new.both = new.follow_up.is_some() && new.close.is_some() && random.random_bool(0.5);
            new.win = *[None, Some(Win::Exempts), Some(Win::Restarts)].choose(random).unwrap();
            new.cutoff = *[None, None, clock(9, 0), clock(2, 30), clock(1, 30), clock(0, 0)]
                .choose(random)
                .unwrap();
            new.max_hold = random.random_bool(0.15).then(|| random.random_range(5..=14));
            new.grade = (new.follow_up.is_some() && random.random_bool(0.5))
                .then(|| (*GRADES[1..].choose(random).unwrap(), random.random_range(1..=7)));
            let most = new.follow_up.into_iter().chain(new.grade.map(|(_, days)| days)).min();
            new.first = most
                .filter(|_| random.random_bool(0.4))
                .map(|most| random.random_range(1..=most));
        }
        let fewest = [new.follow_up, new.close, new.grade.map(|(_, days)| days)]
            .into_iter()
            .flatten()
            .min();
        let whom: &[Whom] = match self.place {
            // Of new customers only the owner is reminded.
            _ if self.months.is_some() => &[Whom::Owner],
            Some(_) => &[Whom::Owner, Whom::Supervisor, Whom::Admins],
            None => &[Whom::Owner, Whom::Supervisor],
        };
        new.reminders = (1..fewest.unwrap_or(1))
            .filter_map(|days| {
                let some: Vec<_> = whom.iter().copied().filter(|_| random.random_bool(0.5)).collect();
                (random.random_bool(0.4) && !some.is_empty()).then_some((days, some))
            })
            .take(3)
            .collect();
        new.daily = !new.reminders.is_empty() && random.random_bool(0.2);
        new
    }

    /// Whether clocks run differently, so that somebody says what becomes of past days.
    pub(super) fn same_clock(&self, other: &Self) -> bool {
        let clock = |rule: &Self| {
            let days = (
                rule.first,
                rule.follow_up,
                rule.close,
                rule.both,
                rule.grade,
                rule.max_hold,
            );
            (days, rule.win, rule.cutoff)
        };
        clock(self) == clock(other)
    }
}

impl Month {
    pub(super) async fn begin(seed: u64, from: Instant) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let rules = rules(&mut random);
        let mut company = Company::open(from).await;
        for rule in &rules.reclaim {
            company.create_rule(rule).await;
        }
        for idle in &rules.idle {
            company.create_idle(idle).await;
        }
        let mut month = Self {
            seed,
            random,
            company,
            rules,
            accounts: vec![],
            expected: vec![],
            trail: vec![],
            told: vec![],
            counts: Counts::default(),
        };
        for user in ["bob", "cid", "dan"] {
            month.company.department(0, user, true).await;
            month.rules.sales.push(user);
        }
        for at in 0..24 {
            let (place, owner) = [(NORTH, ""), (SOUTH, ""), (None, "bob"), (NORTH, "eva")][at % 4];
            month.company.account(place, owner).await;
            let mut account = Account::lying(place, from);
            if !owner.is_empty() {
                account.get(owner, &month.rules, from);
            }
            month.accounts.push(account);
            month.expected.push(vec![]);
        }
        month
    }
}
