//! Promises that must hold whoever is faster.

use crate::world::{World, claim, open_pool};
use tidepool::rpc::proto::Pool;
use tokio::task::JoinSet;

/// W5, L24: of many who claim one account at once exactly one gets it, every time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_claimant_wins() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 20).await;
    for id in &ids {
        let mut claims = JoinSet::new();
        for at in 0..64 {
            let mut client = world.user(["bob", "cid", "dan", "ann"][at % 4]).circulation();
            let request = claim(id);
            claims.spawn(async move { client.claim_account(request).await });
        }
        let answers = claims.join_all().await;
        let won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "{answers:?}");
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(refused.message(), "the account has an owner already");
        }
        assert_eq!(world.ownership(id).await.etag, "2");
    }
    world.stop().await;
}

/// L23, W11: two devices of one user never pass a limit together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_claims_of_one_user_stop_at_the_limit() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(3),
            ..open_pool("North")
        })
        .await;
    let ids = world.many_lying("Card", &pool, 24).await;
    let mut claims = JoinSet::new();
    for id in ids {
        let mut client = world.user("bob").circulation();
        claims.spawn(async move { client.claim_account(claim(&id)).await });
    }
    let answers = claims.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3, "{answers:?}");
    world.stop().await;
}
