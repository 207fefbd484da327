//! Whether a sweep costs what is due, and not what exists: the same number of due accounts in a large database and in one
//! that is a tenth of it, by the service and by hand. Both databases are on one server and filled before anything is
//! measured; what falls due is what the clock reaches. Rounds take turns, so that what else the machine does meets all.

use crate::{
    CONNECTIONS, Outcome, Plan,
    counters::{Counted, Counters},
    hand::Hand,
    load::Loader,
    report::Report,
    site::Site,
};
use chrono::TimeDelta;

/// What one kind of run took in all its rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) seconds: Vec<f64>,
    /// In all rounds together.
    pub(crate) counted: Counted,
}

impl Runs {
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let half = sorted.len() / 2;
        match (sorted.get(half), sorted.len() % 2) {
            (Some(upper), 0) => f64::midpoint(*upper, sorted[half - 1]),
            (Some(middle), _) => *middle,
            (None, _) => f64::NAN,
        }
    }
}

/// A database of one size, and what was measured on it.
struct Size {
    site: Site,
    hand: Hand,
    sweep: Runs,
    by_hand: Runs,
}

/// How often accounts fall due.
pub(crate) const fn groups(plan: &Plan) -> u64 {
    plan.rounds * 2 + 1
}

impl Size {
    async fn start(plan: &Plan, counters: &Counters, name: &str, accounts: u64) -> Outcome<Self> {
        eprintln!("{accounts} accounts");
        let site = Site::found(plan, name).await?;
        let mut loader = Loader::start(&site).await?;
        for hour in 1..=groups(plan) {
            loader.due(plan.due, i64::try_from(hour)?).await?;
        }
        loader.idle(accounts - groups(plan) * plan.due).await?;
        counters.analyze(name).await?;
        let hand = Hand::connect(&site.url, CONNECTIONS).await?;
        let mut size = Self {
            site,
            hand,
            sweep: Runs::default(),
            by_hand: Runs::default(),
        };
        // Connections are there, and statements known, before it counts.
        size.sweep(plan, counters).await?;
        size.sweep = Runs::default();
        Ok(size)
    }

    async fn sweep(&mut self, plan: &Plan, counters: &Counters) -> Outcome {
        self.site.clock.advance(TimeDelta::hours(1));
        counters.quiet().await?;
        let ((taken, _, seconds), counted) = counters.during(self.site.sweep()).await?;
        assert_eq!(taken as u64, plan.due, "what is due is taken");
        self.sweep.seconds.push(seconds);
        self.sweep.counted.add(&counted);
        Ok(())
    }

    async fn by_hand(&mut self, plan: &Plan, counters: &Counters) -> Outcome {
        self.site.clock.advance(TimeDelta::hours(1));
        counters.quiet().await?;
        let work = self.hand.reclaim(self.site.clock.now());
        let ((taken, seconds), counted) = counters.during(work).await?;
        assert_eq!(taken, plan.due, "what is due is taken by hand");
        self.by_hand.seconds.push(seconds);
        self.by_hand.counted.add(&counted);
        Ok(())
    }
}

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    let counters = Counters::of(&plan.server).await?;
    let mut few = Size::start(plan, &counters, "bench_few", plan.few()).await?;
    let mut all = Size::start(plan, &counters, "bench_all", plan.accounts).await?;
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        // Nobody is always first.
        let (first, second) = if round % 2 == 0 {
            (&mut few, &mut all)
        } else {
            (&mut all, &mut few)
        };
        first.sweep(plan, &counters).await?;
        second.sweep(plan, &counters).await?;
        first.by_hand(plan, &counters).await?;
        second.by_hand(plan, &counters).await?;
    }
    report.cost([&few.sweep, &all.sweep], [&few.by_hand, &all.by_hand]);
    few.site.stop().await;
    all.site.stop().await;
    Ok(())
}
