//! How activities come in on a private MariaDB: how fast beside the same rows written by hand, in calls, in streams and in
//! many small calls at the same time; how many statements that takes; how soon a watcher has the event; and whether what
//! is told twice leaves everything as it was. Figures of one run are compared with each other, never with those of another
//! machine.
//!
//! `make bench-ingest` and `make bench-replay`; `scripts/bench-ingest.sh --quick` for trying.
#![expect(clippy::print_stderr, reason = "this is a report")]

mod callers;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses what it needs")]
mod common;
mod hand;
mod mix;
mod moments;
mod rates;
mod replay;
mod statements;
mod watch;

use clap::{Parser, value_parser};
use common::{
    Outcome,
    args::{Common, at_least},
    report::{Report, Target},
    site::Setup,
};

/// What is measured.
#[derive(Clone, Debug, Parser)]
struct Plan {
    #[command(flatten)]
    common: Common,
    /// The larger of the two sizes that are compared
    #[arg(long, default_value = "100000", default_value_if("quick", "true", "10000"), value_parser = value_parser!(u64).range(10_000..))]
    accounts: u64,
    /// Batches of 500 of each connection, each round
    #[arg(long, default_value = "20", default_value_if("quick", "true", "4"), value_parser = at_least::<1>)]
    batches: usize,
    /// Calls of each of those who call at the same time, each round
    #[arg(long, default_value = "100", default_value_if("quick", "true", "15"), value_parser = at_least::<1>)]
    calls: usize,
    /// Events that are watched, of an account each
    #[arg(long, default_value = "2000", default_value_if("quick", "true", "300"), value_parser = at_least::<1>)]
    watched: usize,
    /// Of each the median is told
    #[arg(long, default_value = "5", default_value_if("quick", "true", "2"), value_parser = at_least::<1>)]
    rounds: usize,
    /// Only what is told twice: so many
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1000000")]
    replay: Option<usize>,
    /// A little of everything, for trying
    #[arg(long)]
    quick: bool,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let plan = Self::parse();
        if plan.watched as u64 > plan.accounts {
            return Err("there must be as many accounts as are watched".into());
        }
        Ok(plan)
    }

    /// The smaller of the two sizes that are compared.
    const fn few(&self) -> u64 {
        self.accounts / 10
    }

    fn setup(&self, relay: bool) -> Setup<'_> {
        Setup {
            breaker: self.accounts,
            relay,
            ..Setup::on(&self.common.server)
        }
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let plan = Plan::read()?;
    let mut report;
    if let Some(number) = plan.replay {
        let title = format!("{number} activities in streams, told twice");
        report = Report::new(title, &[("activities", number as u64)], "per activity");
        Box::pin(replay::measure(&plan, number, &mut report)).await?;
    } else {
        let title = format!(
            "{} accounts, {} batches of 500 on each of 4 connections, {} calls by each of 64 callers, medians of {} rounds",
            plan.accounts, plan.batches, plan.calls, plan.rounds
        );
        let sizes = [
            ("accounts", plan.accounts),
            ("batches", plan.batches as u64),
            ("calls", plan.calls as u64),
            ("rounds", plan.rounds as u64),
        ];
        report = Report::new(title, &sizes, "per activity");
        Box::pin(statements::measure(&plan, &mut report)).await?;
        let served = Box::pin(rates::measure(&plan, &mut report)).await?;
        Box::pin(watch::measure(&plan, &mut report, served)).await?;
    }
    report.memory(Some(Target::AtMost(150.0)))?;
    report.tell(plan.common.json.as_deref())
}
