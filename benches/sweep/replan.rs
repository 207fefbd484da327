//! How fast deadlines follow a change of rules, and how long people wait meanwhile who claim.

use crate::{
    Plan,
    claims::Claims,
    common::{
        Outcome,
        counters::Counters,
        load::Loader,
        report::{Report, Target},
        site::RULE_DAYS,
    },
    site::{Site, idle},
};
use chrono::TimeDelta;

/// Claims that are made while nothing else goes on.
const QUIET: usize = 1000;
/// Claims that may be made meanwhile.
const BUSY: u64 = 5000;

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    let counters = Counters::of(&plan.common.server).await?;
    eprintln!("a changed rule, while people claim");
    let site = Site::found(plan, "bench_replan").await?;
    let mut loader = Loader::start(&site.base).await?;
    idle(&mut loader, &site, plan.few()).await?;
    let lying = loader.free(QUIET as u64 + BUSY).await?;
    let lying = loader.ids(lying).await?;
    counters.analyze("bench_replan").await?;
    let (quiet, rest) = lying.split_at(QUIET);
    counters.quiet().await?;
    let quiet = Claims::start(&site.base.admin, quiet.to_vec())?.run(|| false).await?;
    site.change_rule(RULE_DAYS + 10).await?;
    let claims = Claims::start(&site.base.admin, rest.to_vec())?;
    counters.quiet().await?;
    let ((replanned, busy), counted) = counters.during(Box::pin(claims.beside(site.sweep()))).await?;
    let (_, replanned, seconds) = replanned?;
    assert!(replanned as u64 >= plan.few(), "every deadline is computed again");
    let rate = figure(replanned) / seconds;
    report.add("deadlines moved", rate, "accounts/s", Some(Target::AtLeast(5000.0)));
    report.add("claims meanwhile", figure(busy.count()), "claims", None);
    for (name, percent) in [("quiet claim, median", 50), ("quiet claim, 95 %", 95)] {
        report.add(name, quiet.percentile(percent), "ms", None);
    }
    let ratio = |percent| busy.percentile(percent) / quiet.percentile(percent);
    let target = Some(Target::AtMost(2.0));
    report.add("claim meanwhile, median over quiet", ratio(50), "x", target);
    report.add("claim meanwhile, 95 % over quiet", ratio(95), "x", None);
    report.count("moved", replanned as u64, &counted);
    site.base.clock.advance(TimeDelta::seconds(61));
    site.sweep().await?;
    site.base.stop().await;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn figure(number: usize) -> f64 {
    number as f64
}
