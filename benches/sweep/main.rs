//! What the sweep costs on a private MariaDB: how fast it reclaims beside the same statements issued by hand, whether it
//! costs what is due and not what exists, how fast deadlines follow a change of rules while people claim, and how much
//! memory the server takes. Figures of one run are compared with each other, never with those of another machine.
//!
//! `make bench-sweep`; `scripts/bench-sweep.sh --accounts 20000` for trying.
#![expect(clippy::print_stderr, reason = "this is a report")]

mod claims;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses what it needs")]
mod common;
mod cost;
mod hand;
mod replan;
mod site;

use clap::{Parser, value_parser};
use common::{
    Outcome,
    args::Common,
    report::{Report, Target},
};

/// What is measured.
#[derive(Clone, Debug, Parser)]
struct Plan {
    #[command(flatten)]
    common: Common,
    /// The larger of the two sizes that are compared
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u64,
    /// How many fall due each time; a hundredth of the accounts if it is not said
    #[arg(long, default_value_t = 0)]
    due: u64,
    /// Of each the median is told
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u64).range(1..))]
    rounds: u64,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let mut plan = Self::parse();
        if plan.due == 0 {
            plan.due = plan.accounts / 100;
        }
        if plan.due == 0 || cost::groups(&plan) * plan.due > plan.few() {
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
    report.tell(plan.common.json.as_deref())
}
