//! Whether a batch costs what is told and not what exists: the statements of the same batches among few accounts and among
//! ten times as many. Without the relay, which looks for new events by the clock.

use crate::{
    Plan,
    callers::{calls, connect},
    common::{
        Outcome,
        counters::{Counted, Counters},
        report::{Report, Target},
        site::Site,
    },
    mix::{BATCH, Teller, accounts},
    moments::Moments,
};

/// Batches that are not counted: connections are there, and statements known, before it counts.
const FIRST: usize = 4;

/// What is counted of all batches.
async fn count(plan: &Plan, counters: &Counters, name: &str, number: u64) -> Outcome<Counted> {
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
    let work = calls(&clients, &all, &mut tellers, (plan.batches, BATCH));
    let (_, counted) = counters.during(work).await?;
    site.stop().await;
    Ok(counted)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    let counters = Counters::of(&plan.server).await?;
    let few = count(plan, &counters, "bench_few", plan.few()).await?;
    let all = count(plan, &counters, "bench_all", plan.accounts).await?;
    let statements = |counted: &Counted| counted.of("Questions") as f64;
    let each = statements(&all) / plan.batches as f64;
    report.add("statements of a call of 500", each, "statements", None);
    let ratio = statements(&all) / statements(&few);
    // The server asks the database now and then whether it is there.
    let target = Some(Target::AtMost(1.02));
    report.add("the same, all accounts over a tenth", ratio, "x", target);
    for (name, counted) in [("500, few", &few), ("500, all", &all)] {
        report.count(name, (plan.batches * BATCH) as u64, counted);
    }
    Ok(())
}
