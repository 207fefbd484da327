//! Five hundred callers want the same account at the same moment.

use crate::{
    Plan,
    common::{
        Outcome,
        report::{Report, Target},
    },
    turns::{Pair, Took},
};

const CALLERS: usize = 500;
/// How often, for each round: it is over in a moment.
const TIMES: usize = 4;

pub(crate) async fn measure(plan: &Plan, pair: &Pair, report: &mut Report) -> Outcome {
    let (mut service, mut hand) = (Took::default(), Took::default());
    for at in 0..plan.rounds * TIMES {
        let (of_service, of_hand) = (pair.of_service.take(1)?[0], pair.of_hand.take(1)?[0]);
        // The first ones do not count: connections are there afterwards.
        let (service, hand) = match at {
            0 => (&mut Took::default(), &mut Took::default()),
            _ => (&mut service, &mut hand),
        };
        // Nobody is always first.
        for serves in [at % 2 == 0, at % 2 == 1] {
            if serves {
                let all = pair.callers.all_for_one(CALLERS, of_service);
                service.run(&pair.counters, all).await?;
            } else {
                let all = pair.hand.all_for_one(CALLERS, of_hand);
                hand.run(&pair.counters, all).await?;
            }
        }
    }
    let (of_service, of_hand) = (service.percentile(50), hand.percentile(50));
    report.add("500 callers for one account, all answered", of_service, "ms", None);
    report.add("500 updates of one account by hand", of_hand, "ms", None);
    report.add(
        "500 for one, time over by hand",
        of_service / of_hand,
        "x",
        Some(Target::AtMost(2.0)),
    );
    let answers = ((plan.rounds * TIMES - 1) * CALLERS) as u64;
    report.count("500 for one", answers, service.counted());
    report.count("by hand", answers, hand.counted());
    Ok(())
}
