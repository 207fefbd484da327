//! What the sweep costs on a private MariaDB: how fast it reclaims beside the same statements issued by hand, whether it
//! costs what is due and not what exists, how fast deadlines follow a change of rules while people claim, and how much
//! memory the server takes. Figures of one run are compared with each other, never with those of another machine.
//!
//! `make bench-sweep`; `scripts/bench-sweep.sh --accounts 20000` for trying.
#![expect(clippy::print_stderr, reason = "this is a report")]

mod claims;
#[path = "../common/mod.rs"]
mod common;
mod cost;
mod hand;
mod replan;
mod site;

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
    accounts: u64,
    /// How many fall due each time.
    due: u64,
    rounds: u64,
    out: Option<String>,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let mut plan = Self {
            server: env::var("TIDEPOOL_BENCH_SERVER_URL").unwrap_or_default(),
            accounts: 1_000_000,
            due: 0,
            rounds: 3,
            out: None,
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--accounts" => plan.accounts = value()?.parse()?,
                "--due" => plan.due = value()?.parse()?,
                "--rounds" => plan.rounds = value()?.parse()?,
                "--json" => plan.out = Some(value()?),
                // What cargo says to every benchmark.
                "--bench" => {}
                other => {
                    let known = "--accounts N, --due N, --rounds N, --json FILE";
                    return Err(format!("unknown argument {other}: {known}").into());
                }
            }
        }
        if plan.server.is_empty() {
            return Err("TIDEPOOL_BENCH_SERVER_URL must name a server to fill: see scripts/bench-sweep.sh".into());
        }
        if plan.due == 0 {
            plan.due = plan.accounts / 100;
        }
        if plan.due == 0 || plan.rounds == 0 || cost::groups(&plan) * plan.due > plan.few() {
            let message =
                "a tenth of the accounts must be enough for all that fall due: twice a round, and once before";
            return Err(message.into());
        }
        Ok(plan)
    }

    /// The smaller of the two sizes that are compared.
    const fn few(&self) -> u64 {
        self.accounts / 10
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let plan = Plan::read()?;
    let title = format!(
        "{} accounts and a tenth of that, {} of them due each time, medians of {} rounds",
        plan.accounts, plan.due, plan.rounds
    );
    let sizes = [("accounts", plan.accounts), ("due", plan.due), ("rounds", plan.rounds)];
    let mut report = Report::new(title, &sizes, "per account");
    Box::pin(cost::measure(&plan, &mut report)).await?;
    Box::pin(replan::measure(&plan, &mut report)).await?;
    report.memory(Some(Target::AtMost(150.0)))?;
    report.tell(plan.out.as_deref())
}
