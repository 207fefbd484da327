//! Whether a sweep costs what is due, and not what exists: the same number of due accounts in a large database and in one
//! that is a tenth of it, by the service and by hand. Both databases are on one server and filled before anything is
//! measured; what falls due is what the clock reaches. Rounds take turns, so that what else the machine does meets all.

use crate::{
    Plan,
    common::{
        Outcome,
        counters::Counters,
        load::Loader,
        report::{Report, Target},
        runs::Runs,
        spent::measured,
    },
    hand::Hand,
    site::{Site, due, idle},
};
use chrono::TimeDelta;

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
        let mut loader = Loader::start(&site.base).await?;
        for hour in 1..=groups(plan) {
            due(&mut loader, &site, plan.due, i64::try_from(hour)?).await?;
        }
        idle(&mut loader, &site, accounts - groups(plan) * plan.due).await?;
        counters.analyze(name).await?;
        let hand = Hand::connect(&site.base.url).await?;
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
        self.site.base.clock.advance(TimeDelta::hours(1));
        counters.quiet().await?;
        let ((taken, _, seconds), counted) = counters.during(self.site.sweep()).await?;
        assert_eq!(taken as u64, plan.due, "what is due is taken");
        self.sweep.add(seconds, &counted);
        Ok(())
    }

    async fn by_hand(&mut self, plan: &Plan, counters: &Counters) -> Outcome {
        self.site.base.clock.advance(TimeDelta::hours(1));
        counters.quiet().await?;
        let work = measured(self.hand.reclaim(self.site.base.clock.now()));
        let ((taken, seconds), counted) = counters.during(work).await?;
        assert_eq!(taken, plan.due, "what is due is taken by hand");
        self.by_hand.add(seconds, &counted);
        Ok(())
    }
}

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    let counters = Counters::of(&plan.common.server).await?;
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
    tell(plan, report, [&few.sweep, &all.sweep], [&few.by_hand, &all.by_hand]);
    few.site.base.stop().await;
    all.site.base.stop().await;
    Ok(())
}

/// Both sizes, the smaller one first; by the service, and by hand.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn tell(plan: &Plan, report: &mut Report, sweep: [&Runs; 2], hand: [&Runs; 2]) {
    for (name, runs) in [
        ("sweep, a tenth of the accounts", sweep[0]),
        ("sweep, all accounts", sweep[1]),
        ("by hand, a tenth of the accounts", hand[0]),
        ("by hand, all accounts", hand[1]),
    ] {
        report.add(name, plan.due as f64 / runs.median(), "accounts/s", None);
    }
    let ratio = hand[1].median() / sweep[1].median();
    let target = Some(Target::AtLeast(0.5));
    report.add("rate of the sweep over by hand", ratio, "x", target);
    let ratio = sweep[1].median() / sweep[0].median();
    let target = Some(Target::AtMost(1.3));
    report.add("time of the sweep, all over a tenth", ratio, "x", target);
    let by_hand = hand[1].median() / hand[0].median();
    report.add("time by hand, all over a tenth", by_hand, "x", None);
    for (name, runs) in [
        ("processor time of the sweep, likewise", sweep),
        ("processor time by hand, likewise", hand),
    ] {
        let [few, all] = runs.map(|runs| runs.counted.processor_time() as f64);
        report.add(name, all / few, "x", None);
    }
    for (name, runs) in [
        ("sweep/10", sweep[0]),
        ("sweep", sweep[1]),
        ("hand/10", hand[0]),
        ("hand", hand[1]),
    ] {
        report.count(name, plan.due * plan.rounds, &runs.counted);
    }
}
