//! A thousand calls that are cancelled at random moments: claims, returns and follow-ups. What was acknowledged is there,
//! nothing is half done, no connection is gone.

use crate::{
    activities::told,
    harness::say,
    rig::{rests, serves_in_parallel},
    storm::seed,
    world::{World, claim, give_back, open_pool},
};
use futures::StreamExt;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use tidepool::rpc::proto;
use tokio::time::{Instant, timeout};
use tonic::Request;

const CALLS: usize = 1000;

/// A thousand cancelled calls lose no acknowledged write and leak no connection; `verify` runs at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cancelled_calls_lose_and_leak_nothing() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, CALLS).await;
    let mut random = StdRng::seed_from_u64(seed());
    // A third of the accounts has an owner who returns them, another third one who is followed up.
    for id in ids.iter().skip(CALLS / 3) {
        world.user("cid").circulation().claim_account(claim(id)).await.unwrap();
    }
    let began = Instant::now();
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&ids[0]))
        .await
        .unwrap();
    let usual = began.elapsed();
    let now = world.server.clock.now();
    // Sixteen calls at a time wait for each other: about half of the callers lose patience.
    let patience: Vec<_> = (0..CALLS)
        .map(|_| usual.mul_f64(random.random_range(0.0..30.0)))
        .collect();
    let answers: BTreeMap<usize, Option<bool>> = futures::stream::iter((1..CALLS).zip(patience))
        .map(|(at, patience)| {
            let (world, id) = (&world, &ids[at]);
            async move {
                let call = async {
                    if at < CALLS / 3 {
                        let mut request = Request::new(claim(id));
                        // Half of the callers say before how long they wait, half just leave.
                        if at % 2 == 0 {
                            request.set_timeout(patience);
                        }
                        world.user("bob").circulation().claim_account(request).await.is_ok()
                    } else if at < 2 * CALLS / 3 {
                        world
                            .user("cid")
                            .circulation()
                            .return_account(give_back(id))
                            .await
                            .is_ok()
                    } else {
                        let activities = vec![told(&format!("e{at}"), id, "sales_record.created", now)];
                        let request = proto::RecordActivitiesRequest {
                            activities,
                            ..Default::default()
                        };
                        world
                            .source("crm")
                            .activities()
                            .record_activities(request)
                            .await
                            .is_ok()
                    }
                };
                (at, timeout(patience, call).await.ok())
            }
        })
        .buffer_unordered(16)
        .collect()
        .await;
    serves_in_parallel(world.server.db()).await;
    rests(world.server.db()).await;

    let mut acknowledged = 0;
    for (at, answer) in &answers {
        if *answer != Some(true) {
            continue;
        }
        acknowledged += 1;
        let account = world.account(&ids[*at]).await;
        let owner = account.ownership.unwrap().owner;
        match *at {
            at if at < CALLS / 3 => assert_eq!(owner, "bob", "claim {at} was acknowledged and is lost"),
            at if at < 2 * CALLS / 3 => assert_eq!(owner, "", "return {at} was acknowledged and is lost"),
            at => assert!(
                account.last_follow_up_time.is_some(),
                "follow-up {at} was acknowledged and is lost"
            ),
        }
    }
    let cancelled = answers.values().filter(|answer| answer.is_none()).count();
    assert!(
        acknowledged > 0 && cancelled > 0,
        "{acknowledged} acknowledged, {cancelled} cancelled"
    );
    say(&format!(
        "{acknowledged} of {CALLS} were acknowledged, {cancelled} cancelled"
    ));
    world.stop().await;
}
