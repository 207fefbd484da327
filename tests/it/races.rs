//! Promises that must hold whoever is faster: on one server, and on two that share a database where the engine allows. Each
//! race is run here between servers of this process, and by `processes` between processes as they are deployed.

use crate::{
    activities::{time, told},
    harness::{Replica, Server},
    processes::errands::may_be_repeated,
    site::{Site, new_account},
    sweeping::follow_up,
    world::{World, claim, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::BTreeSet, sync::Arc};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, ClaimAccountRequest, Pool, ReclaimRule},
};
use tokio::{sync::Barrier, task::JoinSet};
use tonic::Status;
use tonic_types::StatusExt;

/// Both servers, the second one and what must be stopped in the end.
async fn both(server: &Server) -> (Site, Replica) {
    let replica = server.replica().await;
    (Site::new(vec![server.channel(), replica.channel.clone()]), replica)
}

pub(crate) fn reason(status: &Status) -> String {
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
    let (site, replica) = both(&world.server).await;
    race_to_claim(&site, 100).await;
    replica.stop().await;
    world.stop().await;
}

pub(crate) async fn race_to_claim(site: &Site, rounds: usize) {
    let pool = site.pool(open_pool("North")).await;
    for id in &site.many_lying("Card", &pool, rounds).await {
        let barrier = Arc::new(Barrier::new(64));
        let mut claims = JoinSet::new();
        for at in 0..64 {
            let client = site.user_at(at, ["bob", "cid", "dan", "ann"][at / 2 % 4]);
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
        let ownership = site.ownership(id).await;
        assert_eq!((ownership.etag.as_str(), &ownership), ("2", &told));
    }
}

/// R128: whoever returns an account cannot claim it again, however fast he is, and on another server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_claims_what_he_just_returned() {
    let world = World::start().await;
    let (site, replica) = both(&world.server).await;
    race_to_claim_back(&site, 40).await;
    replica.stop().await;
    world.stop().await;
}

pub(crate) async fn race_to_claim_back(site: &Site, rounds: usize) {
    let pool = Pool {
        cooldown_days: Some(7),
        ..open_pool("Cool")
    };
    let pool = site.pool(pool).await;
    for id in &site.many("Cool", &pool, "bob", rounds).await {
        let mut claims = JoinSet::new();
        let all_are_at_it = Arc::new(Barrier::new(9));
        for at in 1..9 {
            let (site, id, all_are_at_it) = (site.clone(), id.clone(), all_are_at_it.clone());
            claims.spawn(async move {
                let ask = async || site.claim(at, "bob", &id).await.expect_err("he returned it");
                let goes_on =
                    |refused: &Status| reason(refused) == Reason::AlreadyClaimed.as_str() || may_be_repeated(refused);
                let mut refused = ask().await;
                all_are_at_it.wait().await;
                // Until he is told that it is not his any more.
                while goes_on(&refused) {
                    refused = ask().await;
                }
                reason(&refused)
            });
        }
        all_are_at_it.wait().await;
        site.give_back("bob", id).await;
        for refused in claims.join_all().await {
            assert_eq!(refused, Reason::ClaimCooldownActive.as_str());
        }
        assert_eq!(site.ownership(id).await.owner, "");
    }
}

/// P10: a request that is sent to two servers at once creates one account, and both tell of it: the one who comes second does not
/// find that its own account stands in its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_to_two_servers_is_one() {
    let world = World::start().await;
    let (site, replica) = both(&world.server).await;
    let pool = site.pool(open_pool("North")).await;
    for round in 0..40 {
        let request = proto::CreateAccountRequest {
            new_account: Some(new_account(&format!("Card {round}"), &pool, "")),
            request_id: format!("create-{round}"),
        };
        let barrier = Arc::new(Barrier::new(2));
        let mut calls = JoinSet::new();
        for at in 0..2 {
            let (client, request, barrier) = (site.user_at(at, "root"), request.clone(), barrier.clone());
            calls.spawn(async move {
                barrier.wait().await;
                client
                    .accounts()
                    .create_account(request)
                    .await
                    .map(tonic::Response::into_inner)
            });
        }
        let answers: Vec<_> = calls.join_all().await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers[0], answers[1], "{round}");
    }
    replica.stop().await;
    world.stop().await;
}

/// L23, W6, W11: two devices of one user, on two servers, never pass a limit together, that of the day neither, which no
/// server counts for itself; an observer never sees more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_claims_of_one_user_stop_at_the_limit() {
    let world = World::start().await;
    let (site, replica) = both(&world.server).await;
    race_to_the_limit(&site, "").await;
    replica.stop().await;
    world.stop().await;
}

/// `zone` is that of the pool, whose day must not end meanwhile.
pub(crate) async fn race_to_the_limit(site: &Site, zone: &str) {
    let pool = Pool {
        claim_limit: Some(3),
        daily_claim_limit: Some(5),
        time_zone: zone.to_owned(),
        ..open_pool("Limited")
    };
    let pool = site.pool(pool).await;
    let ids = site.many_lying("Few", &pool, 40).await;
    for wave in ids.chunks(20) {
        let mut claims = JoinSet::new();
        for (at, id) in wave.iter().enumerate() {
            let (site, id) = (site.clone(), id.clone());
            claims.spawn(async move { site.claim(at, "bob", &id).await });
        }
        let mut seen = Vec::new();
        while let Some(answer) = claims.join_next().await {
            seen.push(site.counted(&pool).await.1);
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
        let owned = site.lying_in(&pool).await;
        let owned: Vec<_> = owned.into_iter().filter(|ownership| ownership.owner == "bob").collect();
        let expected = if wave[0] == ids[0] { 3 } else { 2 };
        assert_eq!(owned.len(), expected);
        for ownership in owned {
            site.give_back("bob", &ownership.account_id).await;
        }
    }
}

/// A storm of copies of one request answers the same, and does it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_copies_answers_the_same() {
    let world = World::start().await;
    let (site, replica) = both(&world.server).await;
    storm_of_copies(&site).await;
    replica.stop().await;
    world.stop().await;
}

pub(crate) async fn storm_of_copies(site: &Site) {
    let pool = site.pool(open_pool("Stormy")).await;
    let id = site.lying("Acme", &pool).await;
    let request = ClaimAccountRequest {
        request_id: "the-one".into(),
        ..claim(&id)
    };
    let mut copies = JoinSet::new();
    for at in 0..32 {
        let client = site.user_at(at, "bob");
        let request = request.clone();
        copies.spawn(async move {
            let claimed = client.circulation().claim_account(request).await;
            claimed.map(tonic::Response::into_inner)
        });
    }
    let answers = copies.join_all().await;
    let ownership = site.ownership(&id).await;
    assert_eq!((ownership.owner.as_str(), ownership.etag.as_str()), ("bob", "2"));
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap().ownership.as_ref(), Some(&ownership));
    }
}

/// W24: a pool that is deleted while accounts are created in it: either it is gone and empty, or it stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_is_not_deleted_under_what_comes_in() {
    let world = World::start().await;
    let (site, replica) = both(&world.server).await;
    race_to_delete(&site).await;
    replica.stop().await;
    world.stop().await;
}

pub(crate) async fn race_to_delete(site: &Site) {
    for round in 0..20 {
        let pool = site.pool(open_pool(&format!("Pool {round}"))).await;
        let mut calls = JoinSet::new();
        for at in 0..6 {
            let request = proto::CreateAccountRequest {
                new_account: Some(new_account(&format!("Coming {round} {at}"), &pool, "")),
                ..Default::default()
            };
            let client = site.admin_at(1);
            calls.spawn(async move { client.accounts().create_account(request).await.map(|_| "created") });
        }
        let request = proto::DeletePoolRequest {
            pool_id: pool.clone(),
            ..Default::default()
        };
        let client = site.admin();
        calls.spawn(async move { client.pools().delete_pool(request).await.map(|_| "deleted") });
        let answers = calls.join_all().await;
        let said: BTreeSet<_> = answers.iter().flatten().copied().collect();
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            let expected = [Reason::NotFound.as_str(), Reason::PoolNotEmpty.as_str()];
            assert!(expected.contains(&reason(refused).as_str()), "{refused:?}");
        }
        // Which of them it is, is nobody's promise.
        assert!(said.len() == 1, "{answers:?}");
    }
}

/// A rule that changes while accounts are claimed: when all is settled, no deadline of the old rule is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_deadline_of_an_old_rule_survives() {
    let world = World::start().await;
    let (site, replica) = both(&world.server).await;
    let (ids, rule) = to_be_claimed(&site).await;
    race_to_change_a_rule(&site, &ids, rule).await;
    world.sweep().await;
    // Whatever was under way on the old rule has ended by then; one more round finds it.
    world.server.clock.advance(TimeDelta::seconds(61));
    world.sweep().await;
    world.sweep().await;
    have_ten_days(&site, &ids).await;
    replica.stop().await;
    world.stop().await;
}

/// Accounts that wait in a pool with a rule of 30 days.
pub(crate) async fn to_be_claimed(site: &Site) -> (Vec<String>, ReclaimRule) {
    let pool = site.pool(open_pool("Ruled")).await;
    let request = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(follow_up(&pool, 30)),
        ..Default::default()
    };
    let made = site.admin().retention_rules().create_reclaim_rule(request).await;
    let rule = made.unwrap().into_inner().reclaim_rule.unwrap();
    (site.many_lying("Ruled", &pool, 60).await, rule)
}

/// All are claimed while the rule becomes one of ten days.
pub(crate) async fn race_to_change_a_rule(site: &Site, ids: &[String], rule: ReclaimRule) {
    let mut calls = JoinSet::new();
    for (at, id) in ids.iter().enumerate() {
        let (site, id) = (site.clone(), id.clone());
        calls.spawn(async move { site.claim(at, ["bob", "cid", "dan"][at % 3], &id).await.map(drop) });
    }
    let change = proto::UpdateReclaimRuleRequest {
        reclaim_rule: Some(ReclaimRule {
            follow_up_days: Some(10),
            ..rule
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["follow_up_days".into()],
        }),
        include_past_days: Some(true),
        ..Default::default()
    };
    let client = site.admin();
    calls.spawn(async move { client.retention_rules().update_reclaim_rule(change).await.map(drop) });
    for answer in calls.join_all().await {
        answer.unwrap();
    }
}

/// Every deadline is that of the new rule.
pub(crate) async fn have_ten_days(site: &Site, ids: &[String]) {
    for id in ids {
        let ownership = site.ownership(id).await;
        let mut expected = ownership.owner_since.unwrap();
        expected.seconds += TimeDelta::days(10).num_seconds();
        assert_eq!(ownership.reclaim_time, Some(expected), "{id}");
    }
}

/// W21, W22: two sweeps at once, and follow-ups between them: every account is taken once or saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweeps_take_each_account_once() {
    let world = World::start().await;
    let site = world.site();
    let pool = overdue(&world, 80).await;
    world.server.clock.advance(TimeDelta::days(7));
    let sweep = async || world.sweep().await.reclaimed;
    race_to_sweep(&site, &pool, world.server.clock.now(), sweep).await;
    world.stop().await;
}

/// Owned accounts in a pool with a rule of seven days.
pub(crate) async fn overdue(world: &World, count: usize) -> String {
    let pool = world.pool(open_pool("Overdue")).await;
    world.rule(follow_up(&pool, 7)).await;
    world.site().many("Overdue", &pool, "bob", count).await;
    pool
}

/// `now` is after all deadlines; `sweep` says how many it took.
pub(crate) async fn race_to_sweep(site: &Site, pool: &str, now: DateTime<Utc>, sweep: impl AsyncFn() -> usize) {
    let all: Vec<_> = site.lying_in(pool).await;
    let mut tellers = JoinSet::new();
    for (at, saved) in all.iter().step_by(4).enumerate() {
        let mut client = site.source_at(at, "crm").activities();
        let activities = vec![told(
            &format!("saves-{at}"),
            &saved.account_id,
            "sales_record.created",
            now,
        )];
        let request = proto::RecordActivitiesRequest {
            activities,
            ..Default::default()
        };
        tellers.spawn(async move { client.record_activities(request).await.unwrap() });
    }
    let (first, second) = tokio::join!(sweep(), sweep());
    tellers.join_all().await;
    let mut free = 0;
    for (at, before) in all.iter().enumerate() {
        let account = site.account(&before.account_id).await;
        let after = account.ownership.unwrap();
        let versions: i64 = after.etag.parse().unwrap();
        let followed_up = at % 4 == 0;
        free += usize::from(after.owner.is_empty());
        // Created; then taken, saved, or taken and followed up, but never followed up in time and taken.
        match (after.owner.is_empty(), followed_up) {
            (true, _) => assert!(versions == 2 || (followed_up && versions == 3), "{after:?}"),
            (false, true) => assert_eq!((versions, account.last_follow_up_time), (2, time(now)), "{after:?}"),
            (false, false) => panic!("neither taken nor saved: {after:?}"),
        }
    }
    assert_eq!(first + second, free);
}
