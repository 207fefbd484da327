//! The races between processes. On SQLite, which serves one process, between two connections to it.

use super::{Deployed, serve_all, stop_all};
use crate::{
    races::{
        have_ten_days, overdue, race_to_change_a_rule, race_to_claim, race_to_claim_back, race_to_delete,
        race_to_sweep, race_to_the_limit, storm_of_copies, to_be_claimed,
    },
    world::World,
};
use chrono::Timelike;
use tidepool::clock::Clock;

/// A zone in which the day is neither young nor old, so that it does not end during a test.
fn zone_at_noon() -> &'static str {
    match Clock::System.now().hour() {
        6..18 => "UTC",
        // Half a day from there, in winter and in summer.
        _ => "Etc/GMT-12",
    }
}

/// W5, L24: of 64 who claim one account at once over two processes exactly one gets it, in each of 100 rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_claimant_wins() {
    let deployed = Deployed::of(World::start().await).await;
    let (processes, site) = serve_all(&deployed, 2).await;
    race_to_claim(&site, 100).await;
    stop_all(processes).await;
    deployed.end().await;
}

/// L23, R128, W11, W21, W22, W24: over three processes no limit is passed, nobody claims what he just returned, copies of a
/// request get one answer, no account comes into a deleted pool, no deadline of an old rule stays, and a follow-up in time saves
/// the account from two sweeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promises_hold_over_three_processes() {
    let world = World::start().await;
    let swept = overdue(&world, 80).await;
    let deployed = Deployed::of(world).await;
    let (processes, site) = serve_all(&deployed, 3).await;
    race_to_sweep(&site, &swept, Clock::System.now(), async || deployed.sweep().await).await;
    race_to_the_limit(&site, zone_at_noon()).await;
    race_to_claim_back(&site, 20).await;
    storm_of_copies(&site).await;
    race_to_delete(&site).await;
    let (ids, rule) = to_be_claimed(&site).await;
    race_to_change_a_rule(&site, &ids, rule).await;
    deployed.sweep().await;
    have_ten_days(&site, &ids).await;
    stop_all(processes).await;
    deployed.end().await;
}
