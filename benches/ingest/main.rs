//! How activities come in on a private MariaDB: how fast beside the same rows written by hand, in calls, in streams and in
//! many small calls at the same time; how many statements that takes; how soon a watcher has the event; and whether what
//! is told twice leaves everything as it was. Figures of one run are compared with each other, never with those of another
//! machine.
//!
//! `make bench-ingest` and `make bench-replay`; `scripts/bench-ingest.sh --quick` for trying.
#![expect(clippy::print_stderr, reason = "this is a report")]

mod callers;
#[path = "../common/mod.rs"]
mod common;
mod hand;
mod mix;
mod moments;
mod rates;
mod replay;
mod statements;
mod watch;

use common::{Outcome, report::Report, site::Setup};
use std::env;

/// What is told twice, unless it is said.
const REPLAYED: usize = 1_000_000;

/// What is measured.
#[derive(Clone, Debug)]
struct Plan {
    /// Of a server on which databases can be made.
    server: String,
    accounts: u64,
    /// Batches of 500 of each connection, each round.
    batches: usize,
    /// Calls of each of those who call at the same time, each round.
    calls: usize,
    /// Events that are watched.
    watched: usize,
    rounds: usize,
    /// Only what is told twice: so many.
    replay: Option<usize>,
    out: Option<String>,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let mut plan = Self {
            server: env::var("TIDEPOOL_BENCH_SERVER_URL").unwrap_or_default(),
            accounts: 100_000,
            batches: 20,
            calls: 100,
            watched: 2000,
            rounds: 5,
            replay: None,
            out: None,
        };
        let mut args = env::args().skip(1).peekable();
        while let Some(arg) = args.next() {
            if arg == "--replay" {
                let number = args.peek().and_then(|number| number.parse().ok());
                plan.replay = Some(number.unwrap_or(REPLAYED));
                args.next_if(|_| number.is_some());
                continue;
            }
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--accounts" => plan.accounts = value()?.parse()?,
                "--batches" => plan.batches = value()?.parse()?,
                "--calls" => plan.calls = value()?.parse()?,
                "--watched" => plan.watched = value()?.parse()?,
                "--rounds" => plan.rounds = value()?.parse()?,
                "--json" => plan.out = Some(value()?),
                "--quick" => {
                    (plan.accounts, plan.batches, plan.calls) = (10_000, 4, 15);
                    (plan.watched, plan.rounds) = (300, 2);
                }
                // What cargo says to every benchmark.
                "--bench" => {}
                other => {
                    let known = "--accounts N, --batches N, --calls N, --watched N, --rounds N, --quick, --replay [N], \
                                 --json FILE";
                    return Err(format!("unknown argument {other}: {known}").into());
                }
            }
        }
        if plan.server.is_empty() {
            return Err("TIDEPOOL_BENCH_SERVER_URL must name a server to fill: see scripts/bench-ingest.sh".into());
        }
        if plan.rounds == 0 || plan.batches == 0 || plan.calls == 0 || plan.watched == 0 {
            return Err("there must be something to measure".into());
        }
        if plan.accounts < 10_000 || plan.watched as u64 > plan.accounts {
            return Err("there must be 10,000 accounts, and as many as are watched".into());
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
            ..Setup::on(&self.server)
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
    report.memory(None)?;
    report.tell(plan.out.as_deref())
}
