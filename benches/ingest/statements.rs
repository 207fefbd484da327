//! Whether a batch costs what is told and not what exists: the statements of the same batches among few accounts and among
//! ten times as many. Without the relay, which looks for new events by the clock.

use crate::{
    Plan,
    callers::{calls, connect},
    common::{
        Outcome,
        counters::{Counted, Counters},
        report::{Report, Target},
        runs::Runs,
        site::Site,
    },
    mix::{BATCH, Teller, accounts},
    moments::Moments,
};

/// Batches that are not counted: connections are there, and statements known, before it counts.
const FIRST: usize = 4;

/// What is counted of all batches, and how many statements most of them took. What the service asks on its own, for work
/// that is due, falls into few of them.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn count(plan: &Plan, counters: &Counters, name: &str, number: u64) -> Outcome<(Counted, f64)> {
    eprintln!("{number} accounts, for counting statements");
    let site = Site::found(plan.setup(false), name).await?.0;
    let all = accounts(&site, number).await?;
    counters.analyze(name).await?;
    let clients = connect(&site, 1)?;
    // The same of both: as many accounts are told of.
    let told = usize::try_from(plan.few())?;
    let mut tellers = Teller::some("count", told, 1);
    tellers[0].begin(Moments::until(site.clock.now()).next());
    calls(&clients, &all, &mut tellers, (FIRST, BATCH)).await?;
    counters.quiet().await?;
    let mut statements = Runs::default();
    for _ in 0..plan.batches {
        let work = calls(&clients, &all, &mut tellers, (1, BATCH));
        let (_, counted) = counters.during(work).await?;
        statements.add(counted.of("Questions") as f64, &counted);
    }
    site.stop().await;
    let median = statements.median();
    Ok((statements.counted, median))
}

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    let counters = Counters::of(&plan.common.server).await?;
    let (few, of_few) = count(plan, &counters, "bench_few", plan.few()).await?;
    let (all, of_all) = count(plan, &counters, "bench_all", plan.accounts).await?;
    report.add("statements of a call of 500", of_all, "statements", None);
    let target = Some(Target::AtMost(1.0));
    report.add("the same, all accounts over a tenth", of_all / of_few, "x", target);
    for (name, counted) in [("500, few", &few), ("500, all", &all)] {
        report.count(name, (plan.batches * BATCH) as u64, counted);
    }
    Ok(())
}
