//! Claims of accounts by callers at the same time, one by one and a hundred at once, and reads of accounts.

use crate::{
    Plan,
    callers::{assign_many, claim, claim_many, get},
    common::{
        Outcome,
        report::{Report, Target},
    },
    hand::Work,
    turns::{Pair, Took},
};

/// What is measured, and how.
struct Figure {
    name: &'static str,
    rate: &'static str,
    by_hand: &'static str,
    median: &'static str,
    slowest: &'static str,
    what: What,
    /// Callers, accounts of a call, and calls of each caller.
    shape: (usize, usize, usize),
    least: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Claim,
    ClaimMany,
    AssignMany,
    Get,
}

const FIGURES: [Figure; 7] = [
    Figure {
        name: "claim, 1 caller, rate over by hand",
        rate: "claims, 1 caller",
        by_hand: "by hand, 1 caller",
        median: "claim, 1 caller, median",
        slowest: "claim, 1 caller, 99 %",
        what: What::Claim,
        shape: (1, 1, 1_200),
        least: 0.6,
    },
    Figure {
        name: "claim, 8 callers, likewise",
        rate: "claims, 8 callers",
        by_hand: "by hand, 8 callers",
        median: "claim, 8 callers, median",
        slowest: "claim, 8 callers, 99 %",
        what: What::Claim,
        shape: (8, 1, 200),
        least: 0.6,
    },
    Figure {
        name: "claim, 32 callers, likewise",
        rate: "claims, 32 callers",
        by_hand: "by hand, 32 callers",
        median: "claim, 32 callers, median",
        slowest: "claim, 32 callers, 99 %",
        what: What::Claim,
        shape: (32, 1, 80),
        least: 0.6,
    },
    Figure {
        name: "claim, 64 callers, likewise",
        rate: "claims, 64 callers",
        by_hand: "by hand, 64 callers",
        median: "claim, 64 callers, median",
        slowest: "claim, 64 callers, 99 %",
        what: What::Claim,
        shape: (64, 1, 60),
        least: 0.6,
    },
    Figure {
        name: "claim of 100, 4 callers, likewise",
        rate: "accounts in claims of 100",
        by_hand: "by hand, 100 at once",
        median: "claim of 100, median",
        slowest: "claim of 100, 99 %",
        what: What::ClaimMany,
        shape: (4, 100, 8),
        least: 0.5,
    },
    Figure {
        name: "assign of 100, 4 callers, likewise",
        rate: "accounts in assignments of 100",
        by_hand: "by hand, 100 assigned at once",
        median: "assign of 100, median",
        slowest: "assign of 100, 99 %",
        what: What::AssignMany,
        shape: (4, 100, 8),
        least: 0.5,
    },
    Figure {
        name: "get, 8 callers, likewise",
        rate: "accounts read, 8 callers",
        by_hand: "by hand, read by key, 8 callers",
        median: "get, 8 callers, median",
        slowest: "get, 8 callers, 99 %",
        what: What::Get,
        shape: (8, 1, 500),
        least: 0.4,
    },
];

/// One run of the service, and one by hand, with as many accounts.
async fn run(plan: &Plan, pair: &Pair, figure: &Figure, took: &mut [Took; 2], service_first: bool) -> Outcome {
    let (callers, size, calls) = figure.shape;
    let number = callers * size * plan.of(calls);
    for service in [service_first, !service_first] {
        let stock = if service { &pair.of_service } else { &pair.of_hand };
        // What is only read is there for the next round as well.
        let ids = match figure.what {
            What::Get => stock.last(number)?,
            What::Claim | What::ClaimMany | What::AssignMany => stock.take(number)?,
        };
        let shape = (callers, size);
        let took = &mut took[usize::from(!service)];
        match (figure.what, service) {
            (What::Claim, true) => took.run(&pair.counters, pair.callers.each(shape, ids, claim)).await?,
            (What::ClaimMany, true) => {
                took.run(&pair.counters, pair.callers.each(shape, ids, claim_many))
                    .await?;
            }
            (What::AssignMany, true) => {
                took.run(&pair.counters, pair.callers.each(shape, ids, assign_many))
                    .await?;
            }
            (What::Get, true) => took.run(&pair.counters, pair.callers.each(shape, ids, get)).await?,
            (What::Claim | What::ClaimMany | What::AssignMany, false) => {
                took.run(&pair.counters, pair.hand.each(Work::Claim, shape, ids))
                    .await?;
            }
            (What::Get, false) => took.run(&pair.counters, pair.hand.each(Work::Get, shape, ids)).await?,
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn measure(plan: &Plan, pair: &Pair, report: &mut Report) -> Outcome {
    // Connections are there, and statements known, before it counts.
    for figure in &FIGURES {
        run(plan, pair, figure, &mut Default::default(), true).await?;
    }
    let mut all: [[Took; 2]; 7] = Default::default();
    for round in 0..plan.rounds {
        eprintln!("claims, round {} of {}", round + 1, plan.rounds);
        for (figure, took) in FIGURES.iter().zip(&mut all) {
            run(plan, pair, figure, took, round % 2 == 0).await?;
        }
    }
    for (figure, [service, hand]) in FIGURES.iter().zip(&all) {
        let (callers, size, calls) = figure.shape;
        let number = (callers * size * plan.of(calls)) as f64;
        report.add(figure.rate, number / service.runs.median(), "a second", None);
        report.add(figure.by_hand, number / hand.runs.median(), "a second", None);
        let ratio = hand.runs.median() / service.runs.median();
        report.add(figure.name, ratio, "x", Some(Target::AtLeast(figure.least)));
        report.add(figure.median, service.percentile(50), "ms", None);
        report.add(figure.slowest, service.percentile(99), "ms", None);
    }
    let cost = |took: &Took| took.counted().processor_time() as f64;
    for (at, name) in [
        (3, "processor time of a claim, 64 callers, likewise"),
        (4, "processor time of a claim of 100, likewise"),
        (5, "processor time of an assign of 100, likewise"),
        (6, "processor time of get, likewise"),
    ] {
        report.add(name, cost(&all[at][0]) / cost(&all[at][1]), "x", None);
    }
    for (at, name) in [
        (0, "claim, 1"),
        (3, "claim, 64"),
        (4, "claim, 100"),
        (5, "assign, 100"),
        (6, "get"),
    ] {
        let (callers, size, calls) = FIGURES[at].shape;
        let number = (callers * size * plan.of(calls) * plan.rounds) as u64;
        report.count(name, number, all[at][0].counted());
        report.count("by hand", number, all[at][1].counted());
    }
    Ok(())
}
