//! Promises that must hold whoever is faster: on one server, and on two that share a database where the engine allows.

use crate::{
    activities::told,
    harness::{Client, Replica},
    sweeping::follow_up,
    world::{World, claim, give_back, open_pool},
};
use chrono::TimeDelta;
use std::{collections::BTreeSet, sync::Arc};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Account, ClaimAccountRequest, NewAccount, Pool},
};
use tokio::{sync::Barrier, task::JoinSet};
use tonic::Status;
use tonic_types::StatusExt;

/// The user's client on the replica.
fn over(replica: &Replica, client: Client) -> Client {
    Client {
        channel: replica.channel.clone(),
        ..client
    }
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

/// W5, L24: of 64 who claim one account at once, over both servers, exactly one gets it, in each of 100 rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_claimant_wins() {
    let world = World::start().await;
    let replica = world.server.replica().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 100).await;
    for id in &ids {
        let barrier = Arc::new(Barrier::new(64));
        let mut claims = JoinSet::new();
        for at in 0..64 {
            let client = world.user(["bob", "cid", "dan", "ann"][at % 4]);
            let client = if at % 2 == 0 { client } else { over(&replica, client) };
            let (request, barrier) = (claim(id), barrier.clone());
            claims.spawn(async move {
                barrier.wait().await;
                client.circulation().claim_account(request).await
            });
        }
        let answers = claims.join_all().await;
        let won: Vec<_> = answers.iter().flatten().collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let told = won[0].get_ref().ownership.clone().unwrap();
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(reason(refused), Reason::AlreadyClaimed.as_str(), "{refused:?}");
        }
        // The winner was told what is stored, and nobody changed anything beside him.
        let ownership = world.ownership(id).await;
        assert_eq!((ownership.etag.as_str(), &ownership), ("2", &told));
    }
    replica.stop().await;
    world.stop().await;
}

/// L23, W11: two devices of one user, on two servers, never pass a limit together; an observer never sees more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_claims_of_one_user_stop_at_the_limit() {
    let world = World::start().await;
    let replica = world.server.replica().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(3),
            daily_claim_limit: Some(5),
            ..open_pool("North")
        })
        .await;
    let ids = world.many_lying("Card", &pool, 40).await;
    for wave in ids.chunks(20) {
        let mut claims = JoinSet::new();
        for (at, id) in wave.iter().enumerate() {
            let client = world.user("bob");
            let client = if at % 2 == 0 { client } else { over(&replica, client) };
            let request = claim(id);
            claims.spawn(async move { client.circulation().claim_account(request).await.map(|_| ()) });
        }
        let mut seen = Vec::new();
        while let Some(answer) = claims.join_next().await {
            let counters = proto::GetPoolCountersRequest { pool_id: pool.clone() };
            let counters = world
                .server
                .admin()
                .pools()
                .get_pool_counters(counters)
                .await
                .unwrap()
                .into_inner();
            seen.push(counters.counters.unwrap().owned);
            if let Err(refused) = answer.unwrap() {
                let limits = [
                    Reason::PoolClaimLimitReached.as_str(),
                    Reason::DailyClaimLimitReached.as_str(),
                ];
                assert!(limits.contains(&reason(&refused).as_str()), "{refused:?}");
            }
        }
        assert!(seen.iter().all(|owned| *owned <= 3), "{seen:?}");
        // What the first wave got goes back; the day's claims stay counted, so the second wave gets two.
        let owned = world.held_by(&ids, "bob").await;
        let expected = if wave[0] == ids[0] { 3 } else { 2 };
        assert_eq!(owned.len(), expected);
        for id in owned {
            world
                .user("bob")
                .circulation()
                .return_account(give_back(&id))
                .await
                .unwrap();
        }
    }
    replica.stop().await;
    world.stop().await;
}

/// A storm of copies of one request answers the same, and does it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_copies_answers_the_same() {
    let world = World::start().await;
    let replica = world.server.replica().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let request = ClaimAccountRequest {
        request_id: "the-one".into(),
        ..claim(&id)
    };
    let mut copies = JoinSet::new();
    for at in 0..32 {
        let client = world.user("bob");
        let client = if at % 2 == 0 { client } else { over(&replica, client) };
        let request = request.clone();
        copies.spawn(async move {
            client
                .circulation()
                .claim_account(request)
                .await
                .map(tonic::Response::into_inner)
        });
    }
    let answers = copies.join_all().await;
    assert!(
        answers
            .windows(2)
            .all(|pair| pair[0].as_ref().ok() == pair[1].as_ref().ok()),
        "{answers:?}"
    );
    assert_eq!(answers[0].as_ref().unwrap().ownership, Some(world.ownership(&id).await));
    replica.stop().await;
    world.stop().await;
}

/// W24: a pool that is deleted while accounts are created in it: either it is gone and empty, or it stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_is_not_deleted_under_what_comes_in() {
    let world = World::start().await;
    let replica = world.server.replica().await;
    let mut deleted = 0;
    for round in 0..20 {
        let pool = world.pool(open_pool(&format!("Pool {round}"))).await;
        let mut calls = JoinSet::new();
        for at in 0..6 {
            let account = Account {
                name: format!("Card {round} {at}"),
                ..Account::default()
            };
            let new_account = NewAccount {
                account: Some(account),
                pool_id: pool.clone(),
                owner: String::new(),
            };
            let request = proto::CreateAccountRequest {
                new_account: Some(new_account),
                ..Default::default()
            };
            let client = over(&replica, world.server.admin());
            calls.spawn(async move { client.accounts().create_account(request).await.map(|_| "created") });
        }
        let request = proto::DeletePoolRequest {
            pool_id: pool.clone(),
            ..Default::default()
        };
        let client = world.server.admin();
        calls.spawn(async move { client.pools().delete_pool(request).await.map(|_| "deleted") });
        let answers = calls.join_all().await;
        let said: BTreeSet<_> = answers.iter().flatten().copied().collect();
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            let expected = [Reason::NotFound.as_str(), Reason::PoolNotEmpty.as_str()];
            assert!(expected.contains(&reason(refused).as_str()), "{refused:?}");
        }
        assert!(said.len() == 1, "{answers:?}");
        deleted += usize::from(said.contains("deleted"));
    }
    // Both ends happen, or the race was none; which of them when is nobody's promise.
    assert!(deleted <= 20);
    replica.stop().await;
    world.stop().await;
}

/// A rule that changes while accounts are claimed: when all is settled, no deadline of the old rule is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_deadline_of_an_old_rule_survives() {
    let world = World::start().await;
    let replica = world.server.replica().await;
    let pool = world.pool(open_pool("North")).await;
    let rule = world.rule(follow_up(&pool, 30)).await;
    let ids = world.many_lying("Card", &pool, 60).await;
    let mut calls = JoinSet::new();
    for (at, id) in ids.iter().enumerate() {
        let client = world.user(["bob", "cid", "dan"][at % 3]);
        let client = if at % 2 == 0 { client } else { over(&replica, client) };
        let request = claim(id);
        calls.spawn(async move { client.circulation().claim_account(request).await.map(|_| ()) });
    }
    let change = proto::UpdateReclaimRuleRequest {
        reclaim_rule: Some(proto::ReclaimRule {
            follow_up_days: Some(10),
            ..rule
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["follow_up_days".into()],
        }),
        ..Default::default()
    };
    let client = world.server.admin();
    calls.spawn(async move { client.retention_rules().update_reclaim_rule(change).await.map(|_| ()) });
    for answer in calls.join_all().await {
        answer.unwrap();
    }
    world.sweep().await;
    // Whatever was under way on the old rule has ended by then; one more round finds it.
    world.server.clock.advance(TimeDelta::seconds(61));
    world.sweep().await;
    world.sweep().await;
    let claimed = world.server.clock.now() - TimeDelta::seconds(61);
    for id in &ids {
        let deadline = world.ownership(id).await.reclaim_time.unwrap();
        assert_eq!(deadline.seconds, (claimed + TimeDelta::days(10)).timestamp(), "{id}");
    }
    replica.stop().await;
    world.stop().await;
}

/// W21, W22: two sweeps at once, and follow-ups between them: every account is taken once or saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweeps_take_each_account_once() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    let ids = world.many_lying("Card", &pool, 80).await;
    for id in &ids {
        world.user("bob").circulation().claim_account(claim(id)).await.unwrap();
    }
    world.server.clock.advance(TimeDelta::days(7));
    let saved: Vec<_> = ids.iter().step_by(4).cloned().collect();
    let now = world.server.clock.now();
    let events = saved
        .iter()
        .enumerate()
        .map(|(at, id)| told(&format!("e{at}"), id, "sales_record.created", now));
    let events: Vec<_> = events.collect();
    let (first, second, _) = tokio::join!(world.sweep(), world.sweep(), world.tell("crm", events));
    let mut free = 0;
    for id in &ids {
        let ownership = world.ownership(id).await;
        free += usize::from(ownership.owner.is_empty());
        let versions: i64 = ownership.etag.parse().unwrap();
        assert!((3..=4).contains(&versions), "{ownership:?}");
    }
    assert_eq!(first.reclaimed + second.reclaimed, free);
    world.stop().await;
}

impl World {
    /// Those of the accounts that the user owns.
    async fn held_by(&self, ids: &[String], user: &str) -> Vec<String> {
        let mut owned = Vec::new();
        for id in ids {
            if self.ownership(id).await.owner == user {
                owned.push(id.clone());
            }
        }
        owned
    }
}
