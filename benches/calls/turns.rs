//! The service and who works by hand, each with the same accounts in a database of its own; they take turns, so that what
//! else the machine does meets both.

use crate::{
    Plan,
    callers::Callers,
    common::{
        Outcome,
        counters::{Counted, Counters},
        load::Loader,
        runs::{Latency, Runs},
        site::{Setup, Site},
    },
    hand::Hand,
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};
use uuid::Uuid;

/// Accounts that nobody owns, each of which is claimed once.
const FREE: u64 = 120_000;

/// Accounts.
pub(crate) struct Stock {
    ids: Vec<Uuid>,
    next: AtomicUsize,
}

impl Stock {
    pub(crate) async fn fill(site: &Site, number: u64) -> Outcome<Self> {
        let mut loader = Loader::start(site).await?;
        let numbers = loader.free(number).await?;
        let ids = loader.ids(numbers).await?;
        Ok(Self {
            ids: ids.iter().map(|id| Uuid::try_parse(id)).collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// So many of those that are taken last: nobody owns them, so everybody may read them.
    pub(crate) fn last(&self, number: usize) -> Outcome<Vec<Uuid>> {
        let first = self.ids.len().checked_sub(number).ok_or("there are too few accounts")?;
        Ok(self.ids[first..].to_vec())
    }

    /// So many that were not used yet.
    pub(crate) fn take(&self, number: usize) -> Outcome<Vec<Uuid>> {
        let first = self.next.fetch_add(number, Ordering::Relaxed);
        let some = self.ids.get(first..first + number);
        Ok(some.ok_or("there are too few accounts for so many rounds")?.to_vec())
    }
}

/// Both of them.
pub(crate) struct Pair {
    pub(crate) site: Site,
    pub(crate) callers: Callers,
    pub(crate) hand: Hand,
    pub(crate) counters: Counters,
    pub(crate) of_service: Stock,
    pub(crate) of_hand: Stock,
}

impl Pair {
    pub(crate) async fn start(plan: &Plan) -> Outcome<Self> {
        eprintln!("{FREE} accounts to claim, for the service and for who works by hand");
        let setup = Setup {
            breaker: FREE,
            ..Setup::on(&plan.common.server)
        };
        let counters = Counters::of(&plan.common.server).await?;
        let site = Site::found(setup, "bench_calls").await?.0;
        let of_service = Stock::fill(&site, FREE).await?;
        let other = Site::found(Setup { relay: false, ..setup }, "bench_calls_hand")
            .await?
            .0;
        let of_hand = Stock::fill(&other, FREE).await?;
        let hand = Hand::connect(&other.url).await?;
        other.stop().await;
        for database in ["bench_calls", "bench_calls_hand"] {
            counters.analyze(database).await?;
        }
        Ok(Self {
            callers: Callers::start(&site.admin)?,
            site,
            hand,
            counters,
            of_service,
            of_hand,
        })
    }

    pub(crate) async fn stop(self) {
        self.site.stop().await;
    }
}

/// What one way took in all its rounds.
#[derive(Default)]
pub(crate) struct Took {
    pub(crate) runs: Runs,
    latencies: Vec<Latency>,
}

impl Took {
    /// Measures a run, which says how long its calls took, in milliseconds.
    pub(crate) async fn run(&mut self, counters: &Counters, work: impl Future<Output = Outcome<Vec<f64>>>) -> Outcome {
        counters.quiet().await?;
        let began = Instant::now();
        let timed = async { work.await.map(|took| (began.elapsed().as_secs_f64(), took)) };
        let ((seconds, took), counted) = counters.during(timed).await?;
        self.runs.add(seconds, &counted);
        self.latencies.push(Latency::of(took));
        Ok(())
    }

    /// The median of the rounds' percentiles, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let of_rounds = self.latencies.iter().map(|latency| latency.percentile(percent));
        Latency::of(of_rounds.collect()).percentile(50)
    }

    pub(crate) const fn counted(&self) -> &Counted {
        &self.runs.counted
    }
}
