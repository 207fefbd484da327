//! How fast deadlines follow a change of rules, and how long people wait meanwhile who claim.

use crate::{Outcome, Plan, claims::Claims, counters::Counters, load::Loader, report::Report, site::Site};
use chrono::TimeDelta;

/// Claims that are made while nothing else goes on.
const QUIET: usize = 1000;
/// Claims that may be made meanwhile.
const BUSY: u64 = 5000;

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    let counters = Counters::of(&plan.server).await?;
    eprintln!("a changed rule, while people claim");
    let site = Site::found(plan, "bench_replan").await?;
    let mut loader = Loader::start(&site).await?;
    loader.idle(plan.few()).await?;
    let lying = loader.lying(QUIET as u64 + BUSY).await?;
    counters.analyze("bench_replan").await?;
    let (quiet, rest) = lying.split_at(QUIET);
    counters.quiet().await?;
    let quiet = Claims::start(&site.admin, quiet.to_vec())?.run(|| false).await?;
    site.change_rule(crate::load::RULE_DAYS + 10).await?;
    let claims = Claims::start(&site.admin, rest.to_vec())?;
    counters.quiet().await?;
    let ((replanned, busy), counted) = counters.during(Box::pin(claims.beside(site.sweep()))).await?;
    let (_, replanned, seconds) = replanned?;
    assert!(replanned as u64 >= plan.few(), "every deadline is computed again");
    report.replan(replanned, seconds, &quiet, &busy, counted);
    site.clock.advance(TimeDelta::seconds(61));
    site.sweep().await?;
    site.stop().await;
    Ok(())
}
