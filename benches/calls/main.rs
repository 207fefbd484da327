//! What calls cost on a private MariaDB beside the same statements issued by hand: claims by 1, 8, 32 and 64 callers, claims of
//! a hundred, five hundred callers for one account, reads of an account, pages of a list among a million. Figures of one run
//! are compared with each other, never with those of another machine.
//!
//! `make bench-calls`; `scripts/bench-calls.sh --quick` for trying.
#![expect(clippy::print_stderr, reason = "this is a report")]

mod callers;
mod claims;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses what it needs")]
mod common;
mod contest;
mod embedded;
mod hand;
mod lists;
mod process;
mod turns;

use clap::{Parser, value_parser};
use common::{
    Outcome,
    args::{Common, at_least},
    report::{Report, Target},
};
use std::path::PathBuf;

/// What is measured.
#[derive(Clone, Debug, Parser)]
struct Plan {
    #[command(flatten)]
    common: Common,
    /// Of which lists are asked
    #[arg(long, default_value = "1000000", default_value_if("quick", "true", "20000"), value_parser = value_parser!(u64).range(20_000..))]
    accounts: u64,
    /// Of each the median is told
    #[arg(long, default_value = "5", default_value_if("quick", "true", "2"), value_parser = at_least::<1>)]
    rounds: usize,
    /// The program whose size, start and memory are told, as it is released: scripts/bench-calls.sh builds it
    #[arg(long, value_name = "FILE", env = "TIDEPOOL_BENCH_PROGRAM", default_value = env!("CARGO_BIN_EXE_tidepool"))]
    program: PathBuf,
    /// A little of everything, for trying
    #[arg(long)]
    quick: bool,
}

impl Plan {
    /// How many of the usual number of calls are made.
    fn of(&self, calls: usize) -> usize {
        (calls / if self.quick { 4 } else { 1 }).max(1)
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let plan = Plan::parse();
    let title = format!(
        "medians of {} rounds; lists among {} accounts",
        plan.rounds, plan.accounts
    );
    let sizes = [("accounts", plan.accounts), ("rounds", plan.rounds as u64)];
    let mut report = Report::new(title, &sizes, "per call");
    process::measure(&plan, &mut report).await?;
    let pair = turns::Pair::start(&plan).await?;
    Box::pin(claims::measure(&plan, &pair, &mut report)).await?;
    Box::pin(contest::measure(&plan, &pair, &mut report)).await?;
    pair.stop().await;
    Box::pin(embedded::measure(&plan, &mut report)).await?;
    Box::pin(lists::measure(&plan, &mut report)).await?;
    // Of the callers and of those who work by hand as well: they are in the same process.
    report.memory(Some(Target::AtMost(150.0)))?;
    report.tell(plan.common.json.as_deref())
}
