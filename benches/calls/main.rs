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

use common::{
    Outcome,
    report::{Report, Target},
};
use std::env;

/// What is measured.
#[derive(Clone, Debug)]
struct Plan {
    /// Of a server on which databases can be made.
    server: String,
    /// Of which lists are asked.
    accounts: u64,
    rounds: usize,
    /// How often each caller calls, beside what is usual.
    share: usize,
    out: Option<String>,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let mut plan = Self {
            server: env::var("TIDEPOOL_BENCH_SERVER_URL").unwrap_or_default(),
            accounts: 1_000_000,
            rounds: 5,
            share: 1,
            out: None,
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--accounts" => plan.accounts = value()?.parse()?,
                "--rounds" => plan.rounds = value()?.parse()?,
                "--json" => plan.out = Some(value()?),
                "--quick" => (plan.accounts, plan.rounds, plan.share) = (20_000, 2, 4),
                // What cargo says to every benchmark.
                "--bench" => {}
                other => {
                    let known = "--accounts N, --rounds N, --quick, --json FILE";
                    return Err(format!("unknown argument {other}: {known}").into());
                }
            }
        }
        if plan.server.is_empty() {
            return Err("TIDEPOOL_BENCH_SERVER_URL must name a server to fill: see scripts/bench-calls.sh".into());
        }
        if plan.rounds == 0 || plan.accounts < 20_000 {
            return Err("there must be a round, and 20,000 accounts".into());
        }
        Ok(plan)
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let plan = Plan::read()?;
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
    // Of the callers and of those who work by hand as well: they are in the same process.
    report.memory(Some(Target::AtMost(150.0)))?;
    pair.stop().await;
    Box::pin(embedded::measure(&plan, &mut report)).await?;
    Box::pin(lists::measure(&plan, &mut report)).await?;
    report.tell(plan.out.as_deref())
}
