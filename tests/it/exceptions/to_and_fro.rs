//! X17: no fresh clock for owners who pass an account to and fro.

use super::{Stage, exact};
use crate::moves::Wish;
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use tidepool::rpc::proto::ReclaimRule;

const DAYS: i64 = 30;
const NO_RESTART: i64 = 10;

impl Stage {
    async fn swapping() -> Self {
        let stage = Self::without_rule().await;
        let rule = ReclaimRule {
            no_restart_days: Some(i32::try_from(NO_RESTART).unwrap()),
            ..exact(&stage.home, i32::try_from(DAYS).unwrap())
        };
        stage.world.rule(rule).await;
        stage
    }
}

/// X17: back within ten days, his old clock goes on, with a day at least; later it begins anew; somebody else's does at once.
#[tokio::test]
async fn who_gets_it_back_goes_on() {
    let stage = Stage::swapping().await;
    let world = &stage.world;
    let id = stage.claimed("Acme", "bob").await;
    let first = stage.now();
    stage.pass(TimeDelta::days(20));
    world.play("bob", &id, Wish::owner("cid")).await;
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(DAYS)));
    stage.pass(TimeDelta::days(5));
    world.play("cid", &id, Wish::owner("bob")).await;
    assert_eq!(stage.deadline(&id).await, Some(first + TimeDelta::days(DAYS)));
    // He gives it away once more; when it comes back his time is over, but he has a day.
    stage.pass(TimeDelta::days(4));
    world.play("bob", &id, Wish::owner("cid")).await;
    assert_eq!(stage.deadline(&id).await, Some(first + TimeDelta::days(20 + DAYS)));
    stage.pass(TimeDelta::days(NO_RESTART));
    world.play("cid", &id, Wish::owner("bob")).await;
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(1)));
    world.play("bob", &id, Wish::owner("cid")).await;
    // A microsecond too late to be the same.
    stage.pass(TimeDelta::days(NO_RESTART) + TimeDelta::microseconds(1));
    world.play("cid", &id, Wish::owner("bob")).await;
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(DAYS)));
    stage.stop().await;
}

/// X17: through the pool it is the same, and a rule that does not ask for it begins anew each time.
#[tokio::test]
async fn the_pool_is_no_way_around() {
    let stage = Stage::swapping().await;
    let world = &stage.world;
    let id = stage.claimed("Acme", "bob").await;
    let first = stage.now();
    stage.pass(TimeDelta::days(20));
    world.play("bob", &id, Wish::give_back()).await;
    stage.pass(TimeDelta::days(1));
    world.play("bob", &id, Wish::Claim).await;
    assert_eq!(stage.deadline(&id).await, Some(first + TimeDelta::days(DAYS)));

    let fresh = Stage::set().await;
    let id = fresh.claimed("Acme", "bob").await;
    fresh.pass(TimeDelta::days(20));
    for to in ["cid", "bob"] {
        let from = fresh.owner(&id).await;
        fresh.world.play(&from, &id, Wish::owner(to)).await;
        assert_eq!(fresh.deadline(&id).await, Some(fresh.now() + TimeDelta::days(30)));
    }
    fresh.stop().await;
    stage.stop().await;
}

/// X17: however two owners and now and then a third swap an account, nobody's clock starts later than it may: a chain of
/// tenures of which each begins within ten days after the one before it ended runs on one clock.
#[tokio::test]
async fn no_clock_starts_later_than_allowed() {
    let stage = Stage::swapping().await;
    let world = &stage.world;
    let mut rng = StdRng::seed_from_u64(17);
    for round in 0..4 {
        let id = stage.claimed(&format!("Card {round}"), "bob").await;
        let mut owner = "bob";
        // Since when each one's clock runs, and when he gave the account up last.
        let mut since: BTreeMap<&str, DateTime<Utc>> = BTreeMap::from([("bob", stage.now())]);
        let mut until: BTreeMap<&str, DateTime<Utc>> = BTreeMap::new();
        for _ in 0..12 {
            stage.pass(TimeDelta::hours(rng.random_range(1..24 * 14)));
            let now = stage.now();
            let others: Vec<_> = ["bob", "cid", "mem"]
                .into_iter()
                .filter(|user| *user != owner)
                .collect();
            let next = others[usize::from(rng.random_range(0..5) == 0)];
            until.insert(owner, now);
            // Nobody sweeps here: what is overdue is handed over as well.
            world.play(owner, &id, Wish::owner(next)).await;
            owner = next;
            let goes_on = until
                .get(owner)
                .is_some_and(|until| now - *until <= TimeDelta::days(NO_RESTART));
            let since = since.entry(owner).or_insert(now);
            if !goes_on {
                *since = now;
            }
            let expected = (*since + TimeDelta::days(DAYS)).max(if goes_on { now + TimeDelta::days(1) } else { now });
            assert_eq!(stage.deadline(&id).await, Some(expected), "{owner} in round {round}");
        }
    }
    stage.stop().await;
}
