//! Whether what people do costs what they do, and not what else there is: claims, pages of a list and a sweep of the same number of
//! accounts, where there are more and more accounts, pools and users. All sites are filled before anything is measured, and take
//! turns. Figures of one run are compared with each other, never with those of another machine.
//!
//! `make bench-growth`; `scripts/bench-growth.sh --quick` for trying.
#![expect(clippy::print_stderr, reason = "this is a report")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses what it needs")]
mod common;
mod place;

use common::{
    Outcome,
    counters::Counters,
    report::{Report, Target},
};
use place::{Place, Size};
use std::env;

/// What is measured.
#[derive(Clone, Debug)]
struct Plan {
    /// Of a server on which databases can be made.
    server: String,
    /// The largest number of accounts: the others are a tenth and a hundredth of it.
    accounts: u64,
    rounds: usize,
    out: Option<String>,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let mut plan = Self {
            server: env::var("TIDEPOOL_BENCH_SERVER_URL").unwrap_or_default(),
            accounts: 1_000_000,
            rounds: 5,
            out: None,
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--accounts" => plan.accounts = value()?.parse()?,
                "--rounds" => plan.rounds = value()?.parse()?,
                "--json" => plan.out = Some(value()?),
                "--quick" => (plan.accounts, plan.rounds) = (1_000_000, 2),
                // What cargo says to every benchmark.
                "--bench" => {}
                other => {
                    let known = "--accounts N, --rounds N, --quick, --json FILE";
                    return Err(format!("unknown argument {other}: {known}").into());
                }
            }
        }
        if plan.server.is_empty() {
            return Err("TIDEPOOL_BENCH_SERVER_URL must name a server to fill: see scripts/bench-growth.sh".into());
        }
        if plan.rounds == 0 || plan.rounds > place::ROUNDS || plan.accounts < 1_000_000 {
            let most = place::ROUNDS;
            return Err(format!("there must be 1 to {most} rounds, and 1,000,000 accounts at least").into());
        }
        Ok(plan)
    }

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

/// The names of the figures: claims, pages and sweeps, by what grows.
const NAMES: [[&str; 3]; 3] = [
    [
        "claim, 100 times the accounts",
        "page, 100 times the accounts",
        "sweep, 100 times the accounts",
    ],
    [
        "claim, 100 times the pools",
        "page, 100 times the pools",
        "sweep, 100 times the pools",
    ],
    [
        "claim, 1,000 times the users",
        "page, 1,000 times the users",
        "sweep, 1,000 times the users",
    ],
];
/// The names of what they took.
const TIMES: [[&str; 3]; 7] = [
    [
        "claims, a hundredth of the accounts",
        "pages, a hundredth of the accounts",
        "sweep, a hundredth of the accounts",
    ],
    [
        "claims, a tenth of the accounts",
        "pages, a tenth of the accounts",
        "sweep, a tenth of the accounts",
    ],
    ["claims, all accounts", "pages, all accounts", "sweep, all accounts"],
    ["claims, 1 pool", "pages, 1 pool", "sweep, 1 pool"],
    ["claims, 100 pools", "pages, 100 pools", "sweep, 100 pools"],
    ["claims, 10 users", "pages, 10 users", "sweep, 10 users"],
    ["claims, 10,000 users", "pages, 10,000 users", "sweep, 10,000 users"],
];

#[tokio::main]
async fn main() -> Outcome {
    let plan = Plan::read()?;
    let counters = Counters::of(&plan.server).await?;
    let mut places = Vec::new();
    for (at, size) in plan.sizes().into_iter().enumerate() {
        eprintln!(
            "{} accounts in {} pools of {} users",
            size.accounts, size.pools, size.users
        );
        let name = format!("bench_growth_{at}");
        places.push(Place::start(&plan.server, &name, size).await?);
        counters.analyze(&name).await?;
    }
    for place in &mut places {
        // Connections are there, and statements known, before it counts.
        place.measure(&counters).await?;
        place.forget();
    }
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        let number = places.len();
        for at in 0..number {
            // Nobody is always first.
            places[(at + round) % number].measure(&counters).await?;
        }
    }
    let title = format!("medians of {} rounds, up to {} accounts", plan.rounds, plan.accounts);
    let sizes = [("accounts", plan.accounts), ("rounds", plan.rounds as u64)];
    let mut report = Report::new(title, &sizes, "per account");
    for (place, names) in places.iter().zip(TIMES) {
        for (took, name) in place.medians().into_iter().zip(names) {
            report.add(name, took, "ms", None);
        }
    }
    for ((_, [few, _, many]), names) in GROWTHS.iter().zip(NAMES) {
        let (few, many) = (places[*few].medians(), places[*many].medians());
        for (at, name) in names.into_iter().enumerate() {
            report.add(name, many[at] / few[at], "x", Some(Target::AtMost(1.3)));
        }
    }
    for place in places {
        place.stop().await;
    }
    report.tell(plan.out.as_deref())
}
