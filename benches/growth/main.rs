//! Whether what people do costs what they do, and not what else there is: claims, pages of a list and a sweep of the same number of
//! accounts, where there are more and more accounts, pools and users. All sites are filled before anything is measured, and take
//! turns. Figures of one run are compared with each other, never with those of another machine.
//!
//! `make bench-growth`; `scripts/bench-growth.sh --quick` for trying.
#![expect(clippy::print_stderr, reason = "this is a report")]

#[path = "../sweep/hand.rs"]
mod by_hand;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses what it needs")]
mod common;
mod place;

use clap::{Parser, value_parser};
use common::{
    Outcome,
    args::Common,
    counters::Counters,
    report::{Report, Target},
};
use place::{Place, Size};

/// What is measured.
#[derive(Clone, Debug, Parser)]
struct Plan {
    #[command(flatten)]
    common: Common,
    /// The largest number of accounts: the others are a tenth and a hundredth of it
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1_000_000..))]
    accounts: u64,
    /// Of each the median is told
    #[arg(long, default_value = "15", default_value_if("quick", "true", "2"), value_parser = value_parser!(u64).range(1..=place::ROUNDS))]
    rounds: u64,
    /// Few rounds, for trying
    #[arg(long)]
    quick: bool,
}

impl Plan {
    /// Every site, the one in the middle once.
    const fn sizes(&self) -> [Size; 7] {
        let middle = self.accounts / 10;
        [
            Size {
                accounts: middle / 10,
                pools: 10,
                users: 1000,
            },
            Size {
                accounts: middle,
                pools: 10,
                users: 1000,
            },
            Size {
                accounts: self.accounts,
                pools: 10,
                users: 1000,
            },
            Size {
                accounts: middle,
                pools: 1,
                users: 1000,
            },
            Size {
                accounts: middle,
                pools: 100,
                users: 1000,
            },
            Size {
                accounts: middle,
                pools: 10,
                users: 10,
            },
            Size {
                accounts: middle,
                pools: 10,
                users: 10_000,
            },
        ]
    }
}

/// What grows: from which site to which one over which one.
const GROWTHS: [(&str, [usize; 3]); 3] = [("accounts", [0, 1, 2]), ("pools", [3, 1, 4]), ("users", [5, 1, 6])];

/// The names of the figures: claims, pages, sweeps and sweeps by hand, by what grows.
const NAMES: [[&str; 4]; 3] = [
    [
        "claim, 100 times the accounts",
        "page, 100 times the accounts",
        "sweep, 100 times the accounts",
        "sweep by hand, 100 times the accounts",
    ],
    [
        "claim, 100 times the pools",
        "page, 100 times the pools",
        "sweep, 100 times the pools",
        "sweep by hand, 100 times the pools",
    ],
    [
        "claim, 1,000 times the users",
        "page, 1,000 times the users",
        "sweep, 1,000 times the users",
        "sweep by hand, 1,000 times the users",
    ],
];
/// The names of what they took.
const TIMES: [[&str; 4]; 7] = [
    [
        "claims, a hundredth of the accounts",
        "pages, a hundredth of the accounts",
        "sweep, a hundredth of the accounts",
        "sweep by hand, a hundredth of the accounts",
    ],
    [
        "claims, a tenth of the accounts",
        "pages, a tenth of the accounts",
        "sweep, a tenth of the accounts",
        "sweep by hand, a tenth of the accounts",
    ],
    [
        "claims, all accounts",
        "pages, all accounts",
        "sweep, all accounts",
        "sweep by hand, all accounts",
    ],
    [
        "claims, 1 pool",
        "pages, 1 pool",
        "sweep, 1 pool",
        "sweep by hand, 1 pool",
    ],
    [
        "claims, 100 pools",
        "pages, 100 pools",
        "sweep, 100 pools",
        "sweep by hand, 100 pools",
    ],
    [
        "claims, 10 users",
        "pages, 10 users",
        "sweep, 10 users",
        "sweep by hand, 10 users",
    ],
    [
        "claims, 10,000 users",
        "pages, 10,000 users",
        "sweep, 10,000 users",
        "sweep by hand, 10,000 users",
    ],
];

#[tokio::main]
async fn main() -> Outcome {
    let plan = Plan::parse();
    let counters = Counters::of(&plan.common.server).await?;
    let mut places = Vec::new();
    for (at, size) in plan.sizes().into_iter().enumerate() {
        eprintln!(
            "{} accounts in {} pools of {} users",
            size.accounts, size.pools, size.users
        );
        let name = format!("bench_growth_{at}");
        places.push(Place::start(&plan.common.server, &name, size).await?);
        counters.rebuild(&name).await?;
        counters.analyze(&name).await?;
    }
    for place in &mut places {
        // Connections are there, and statements known, before it counts.
        place.measure(&counters).await?;
        place.forget();
    }
    for (round, shift) in (1..=plan.rounds).zip(0..) {
        eprintln!("round {round} of {}", plan.rounds);
        let number = places.len();
        for at in 0..number {
            // Nobody is always first.
            places[(at + shift) % number].measure(&counters).await?;
        }
    }
    let title = format!("medians of {} rounds, up to {} accounts", plan.rounds, plan.accounts);
    let sizes = [("accounts", plan.accounts), ("rounds", plan.rounds)];
    let mut report = Report::new(title, &sizes, "per account");
    for (place, names) in places.iter().zip(TIMES) {
        for (took, name) in place.medians().into_iter().zip(names) {
            report.add(name, took, "ms", None);
        }
    }
    for ((_, [few, _, many]), names) in GROWTHS.iter().zip(NAMES) {
        let (few, many) = (places[*few].medians(), places[*many].medians());
        for (at, name) in names.into_iter().enumerate() {
            // By hand it is what the database makes of more.
            let target = (at < 3).then_some(Target::AtMost(1.3));
            report.add(name, many[at] / few[at], "x", target);
        }
    }
    for place in places {
        place.stop().await;
    }
    report.tell(plan.common.json.as_deref())
}
