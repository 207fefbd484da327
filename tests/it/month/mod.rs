//! A month of random people, rules that change, clocks that are set forward or back, and workers that die: after every
//! pass of a worker the service and a naive model of it agree on every account, every reclaim and every reminder.
//!
//! Seeded, so that every run is the same. `TIDEPOOL_TEST_MONTH_SEEDS` asks for other seeds: one, `17`, or many, `1-50`.

mod company;
mod days;
mod naive;
mod plays;
mod start;
mod work;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use company::Company;
use days::Instant;
use naive::{Account, Done, Rules};
use rand::{Rng, rngs::StdRng};
use std::{env, ops::RangeInclusive};

const LENGTH: Days = Days::new(35);

/// Hours between two passes at most.
const HOURS: RangeInclusive<i64> = 1..=9;

/// Both sides, and what was done to them.
struct Month {
    seed: u64,
    random: StdRng,
    company: Company,
    rules: Rules,
    accounts: Vec<Account>,
    /// What is still to be found among the events of each account.
    expected: Vec<Vec<(Instant, Done)>>,
    /// What happened, and to which account; to none means to rules and workers.
    trail: Vec<(Option<usize>, String)>,
    /// What the sources told so far.
    told: Vec<plays::Told>,
    counts: Counts,
}

/// That it was a month in which something happened.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    plays: usize,
    changes: usize,
    crashes: usize,
    reclaimed: usize,
    reminded: usize,
    idle: usize,
    moved: usize,
}

impl Counts {
    fn numbers(&mut self) -> [&mut usize; 7] {
        [
            &mut self.plays,
            &mut self.changes,
            &mut self.crashes,
            &mut self.reclaimed,
            &mut self.reminded,
            &mut self.idle,
            &mut self.moved,
        ]
    }

    fn add(&mut self, mut other: Self) {
        for (number, more) in self.numbers().into_iter().zip(other.numbers()) {
            *number += *more;
        }
    }
}

impl Month {
    fn now(&self) -> Instant {
        self.company.now()
    }

    /// One of the replicas.
    fn replica(&mut self) -> usize {
        self.random.random_range(0..2)
    }

    fn note(&mut self, account: Option<usize>, what: String) {
        self.trail.push((account, format!("{:?} {what}", self.now())));
    }

    /// What the model says that people are told of the account now.
    fn expect(&mut self, account: usize, done: Vec<Done>) {
        let now = self.now();
        for done in done {
            match done {
                Done::Reclaimed(..) => self.counts.reclaimed += 1,
                Done::Reminded(..) => self.counts.reminded += 1,
                Done::Idle(..) => self.counts.idle += 1,
                Done::Moved(..) => self.counts.moved += 1,
            }
            self.note(Some(account), format!("expected: {done:?}"));
            self.expected[account].push((now, done));
        }
    }

    fn fail(&self, account: usize, what: &str) -> ! {
        let told: Vec<_> = self
            .trail
            .iter()
            .filter(|(of, _)| of.is_none_or(|of| of == account))
            .collect();
        let told: Vec<_> = told.into_iter().map(|(_, line)| line.as_str()).collect();
        panic!(
            "{what}\n{}\nThe month of account {account} ({}), TIDEPOOL_TEST_MONTH_SEEDS={}, now {:?}. Model: {:#?}",
            told.join("\n"),
            self.company.accounts[account],
            self.seed,
            self.now(),
            self.accounts[account],
        );
    }

    /// Both sides are the same.
    async fn compare(&mut self) {
        let at = self.replica();
        for (account, found) in self.company.state(at).await.into_iter().enumerate() {
            let (found, version) = (
                self.company.line(&found),
                found.ownership.unwrap().etag.parse().unwrap(),
            );
            let wanted = self.accounts[account].line(self.now());
            if found != wanted {
                self.fail(account, &format!("the model says {wanted}\n   service says {found}"));
            }
            let done = self.company.done(at, account, version).await;
            let wanted = std::mem::take(&mut self.expected[account]);
            if done != wanted {
                self.fail(account, &format!("the model says {wanted:#?}\nservice says {done:#?}"));
            }
        }
    }

    /// One seed from its first day to its last.
    async fn run(seed: u64, from: Instant) -> Counts {
        let mut month = Self::begin(seed, from).await;
        let until = from + LENGTH;
        let mut week = from;
        while month.now() < until {
            month.step().await;
            if month.now() - week > chrono::TimeDelta::days(7) {
                week = month.now();
                month.company.server.verify().await;
            }
        }
        for account in 0..month.accounts.len() {
            let tenures = month.company.tenures(account).await;
            if tenures != month.accounts[account].tenures {
                month.fail(account, &format!("the service says {tenures:#?}"));
            }
        }
        let counts = month.counts;
        month.company.close().await;
        counts
    }
}

/// The seeds that are asked for, or those of every run.
fn seeds(usual: RangeInclusive<u64>) -> RangeInclusive<u64> {
    let Ok(asked) = env::var("TIDEPOOL_TEST_MONTH_SEEDS") else {
        return usual;
    };
    let (first, last) = asked.split_once('-').unwrap_or((&asked, &asked));
    let number = |text: &str| text.trim().parse().expect("TIDEPOOL_TEST_MONTH_SEEDS is 17, or 1-50");
    number(first)..=number(last)
}

async fn months(usual: RangeInclusive<u64>, first: NaiveDate) {
    let from = days::instant(first.and_hms_opt(0, 0, 0).unwrap(), Tz::UTC);
    let mut all = Counts::default();
    for seed in seeds(usual) {
        let counts = Month::run(seed, from).await;
        crate::harness::say(&format!("a month from {first}, seed {seed}: {counts:?}"));
        all.add(counts);
    }
    assert!(
        all.numbers().iter().all(|number| **number > 0),
        "nothing happened: {all:?}"
    );
}

/// R133-R154, T20-T33, T40-T52, D01, D02, W15, W20, W22: clocks are set forward, in New York on 8 March, in Berlin on
/// the 29th.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_in_spring_goes_as_the_model_says() {
    months(1..=2, NaiveDate::from_ymd_opt(2026, 3, 1).unwrap()).await;
}

/// The same where they are set back, in Berlin on 25 October, in New York on 1 November.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_in_autumn_goes_as_the_model_says() {
    months(3..=4, NaiveDate::from_ymd_opt(2026, 10, 18).unwrap()).await;
}
