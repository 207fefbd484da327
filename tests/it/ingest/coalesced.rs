//! Calls of one service at the same time share transactions, and nobody notices but the database.

use super::*;
use crate::{
    hold::{Hold, until},
    races::reason as reason_of,
};
use secrecy::ExposeSecret;
use std::{collections::HashSet, time::Duration};
use tidepool::{
    app::{
        call::{Call, Scope},
        flow::Reply,
        ingest::{Part, lanes},
    },
    domain::{
        ids::{CallerId, RequestId, TenantName},
        refusal::Reason,
    },
    rpc::convert,
    store::request::RequestKey,
};
use tokio::{task::JoinSet, time::Instant};

const LONG: Duration = Duration::from_mins(1);

type Answer = (usize, Result<Vec<Came>, Status>);

/// Calls that wait for each other: the lanes are taken while accounts are held, and these are asked for meanwhile. The
/// answers of those that took the lanes come last.
async fn at_once(
    world: &World,
    first: &[RecordActivitiesRequest],
    requests: Vec<RecordActivitiesRequest>,
) -> Vec<Answer> {
    let hold = Hold::accounts(&world.server).await;
    let source = world.source("erp");
    let mut asked = JoinSet::new();
    let ask = |asked: &mut JoinSet<Answer>, at: usize, request: RecordActivitiesRequest| {
        let source = source.clone();
        asked.spawn(async move { (at, tell(&source, request).await) });
    };
    let app = &world.server.running.app;
    let lanes = lanes(world.server.db().slots().max);
    let count = requests.len();
    for (at, request) in first.iter().take(lanes).enumerate() {
        ask(&mut asked, count + at, request.clone());
        until(|| app.lanes.running() > at).await;
    }
    for (at, request) in requests.into_iter().enumerate() {
        ask(&mut asked, at, request);
    }
    until(|| app.lanes.waiting() >= count).await;
    hold.release().await;
    let mut answers = asked.join_all().await;
    answers.sort_by_key(|(at, _)| *at);
    answers
}

/// What takes the lanes: an activity of an account of its own for each.
async fn openers(world: &World, pool: &str) -> Vec<RecordActivitiesRequest> {
    let now = world.server.clock.now();
    let mut openers = Vec::new();
    for at in 0..2 {
        let id = world.lying(&format!("Opener {at}"), pool).await;
        openers.push(of(vec![follow_up(&format!("opener-{at}"), &id, now)]));
    }
    // Brings the snapshot up to date.
    let id = world.lying("Warm", pool).await;
    tell(&world.source("erp"), of(vec![follow_up("warm", &id, now)]))
        .await
        .unwrap();
    openers
}

/// 64 calls at once, some of them of the same accounts, some wrong in one way or another: each is answered for itself, in
/// a handful of transactions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_answered_for_himself() {
    const CALLS: usize = 64;
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let first = openers(&world, &pool).await;
    let ids = world.many_lying("Acme", &pool, 10).await;
    let now = world.server.clock.now();
    let mut requests = Vec::new();
    for at in 0..CALLS {
        let good = follow_up(&format!("good-{at}"), &ids[at % ids.len()], now);
        let wrong = match at % 4 {
            0 => follow_up(&format!("wrong-{at}"), &uuid::Uuid::now_v7().to_string(), now),
            1 => follow_up(&format!("wrong-{at}"), &ids[0], now + chrono::TimeDelta::days(1)),
            2 => follow_up(&format!("wrong {at}"), &ids[0], now),
            _ => good.clone(),
        };
        let request_id = if at % 2 == 0 {
            format!("call-{at}")
        } else {
            String::new()
        };
        requests.push(RecordActivitiesRequest {
            request_id,
            ..of(vec![good, wrong])
        });
    }
    let before = world.server.db().statements();
    let answers = at_once(&world, &first, requests.clone()).await;
    let spent = world.server.db().statements() - before;
    let expected = |at: usize| match at % 4 {
        0 => [RECORDED, refused("NOT_FOUND")],
        1 => [RECORDED, refused("OCCURRED_IN_FUTURE")],
        2 => [RECORDED, refused("INVALID_ARGUMENT")],
        _ => [RECORDED, DUPLICATE],
    };
    for (at, answer) in answers.into_iter().take(CALLS) {
        assert_eq!(answer.unwrap(), expected(at), "{at}");
    }
    // Alone they would need at least three each.
    assert!(spent < 2 * u64::try_from(CALLS).unwrap(), "{spent}");
    // Repeated with their ids they are answered as before; without, they were told before.
    for (at, request) in requests.into_iter().enumerate() {
        let again = tell(&world.source("erp"), request).await.unwrap();
        if at % 2 == 0 {
            assert_eq!(again, expected(at), "{at}");
        } else {
            assert_eq!(again[0], DUPLICATE, "{at}");
        }
    }
    for id in &ids {
        assert_eq!(
            world.account(id).await.last_follow_up_time,
            crate::activities::time(now)
        );
    }
    world.stop().await;
}

/// P10: of two calls of one request id at once both get one answer; another request under the id of a third is refused,
/// which is nothing to those beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_ids_are_kept_apart() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let first = openers(&world, &pool).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let under = |request_id: &str, event: &str| RecordActivitiesRequest {
        request_id: request_id.into(),
        ..of(vec![follow_up(event, &id, now)])
    };
    let requests = vec![
        under("a", "e1"),
        under("a", "e1"),
        under("b", "e2"),
        under("b", "e3"),
        under("c", "e4"),
        // The same event told in several calls is recorded by one of them.
        under("", "e5"),
        under("", "e5"),
    ];
    let mut answers = at_once(&world, &first, requests)
        .await
        .into_iter()
        .map(|(_, answer)| answer);
    let mut next = || answers.next().unwrap();
    assert_eq!((next().unwrap(), next().unwrap()), (vec![RECORDED], vec![RECORDED]));
    let (one, other) = (next(), next());
    let (kept, reused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(kept.unwrap(), [RECORDED]);
    reused.refused(Code::FailedPrecondition, Reason::RequestIdReused);
    assert_eq!(next().unwrap(), [RECORDED]);
    let told = HashSet::from([
        next().unwrap()[0].clone().unwrap() as i32,
        next().unwrap()[0].clone().unwrap() as i32,
    ]);
    assert_eq!(
        told,
        HashSet::from([RecordOutcome::Recorded as i32, RecordOutcome::Duplicate as i32])
    );
    assert_eq!(world.shown(&id).await.len(), 4);
    world.stop().await;
}

/// A call that nobody can decide, for a fault of ours, fails alone; those that shared its transaction do not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_call_fails_alone() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let first = openers(&world, &pool).await;
    let ids = world.many_lying("Acme", &pool, 6).await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    let break_it = "UPDATE account SET external_id = 'no id at all' WHERE name = 'Acme 3'";
    crate::harness::run_sql(&url, break_it.to_owned()).await;
    let now = world.server.clock.now();
    let request = |(at, id): (usize, &String)| of(vec![follow_up(&format!("e{at}"), id, now)]);
    let requests = ids.iter().enumerate().map(request).collect();
    for (at, answer) in at_once(&world, &first, requests).await {
        if at == 3 {
            answer.refused(Code::Internal, Reason::Internal);
        } else {
            assert_eq!(answer.unwrap(), [RECORDED], "{at}");
        }
    }
    world.server.discard().await;
}

/// Whoever gives up while it waits changes nothing for the others, and what was told is recorded once or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_takes_nobody_along() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let first = openers(&world, &pool).await;
    let ids = world.many_lying("Acme", &pool, 2).await;
    let now = world.server.clock.now();
    let hold = Hold::accounts(&world.server).await;
    let app = &world.server.running.app;
    let ask = |request: RecordActivitiesRequest| {
        let source = world.source("erp");
        tokio::spawn(async move { tell(&source, request).await })
    };
    let lanes = lanes(world.server.db().slots().max);
    let mut asked: Vec<_> = first.iter().take(lanes).map(|request| ask(request.clone())).collect();
    until(|| app.lanes.running() == lanes).await;
    let leaves = ask(of(vec![follow_up("leaves", &ids[0], now)]));
    until(|| app.lanes.waiting() == 1).await;
    asked.push(ask(of(vec![follow_up("stays", &ids[1], now)])));
    until(|| app.lanes.waiting() == 2).await;
    leaves.abort();
    drop(leaves.await);
    hold.release().await;
    for asked in asked {
        assert_eq!(asked.await.unwrap().unwrap(), [RECORDED]);
    }
    until(|| app.lanes.running() == 0).await;
    // The server goes on for a caller who left, as it does with every call.
    assert_eq!(
        tell(&world.source("erp"), of(vec![follow_up("leaves", &ids[0], now)]))
            .await
            .unwrap(),
        [DUPLICATE]
    );
    world.stop().await;
}

/// A caller with little time left is not made to wait for others, nor hurries them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_are_ones_own() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let first = openers(&world, &pool).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let hold = Hold::accounts(&world.server).await;
    let app = &world.server.running.app;
    let mut asked = JoinSet::new();
    for request in first.iter().take(lanes(world.server.db().slots().max)).cloned() {
        let source = world.source("erp");
        asked.spawn(async move { tell(&source, request).await });
    }
    let mut hurried = tonic::Request::new(of(vec![follow_up("hurried", &id, now)]));
    hurried.set_timeout(Duration::from_millis(600));
    let answer = world.source("erp").activities().record_activities(hurried).await;
    let status = answer.unwrap_err();
    let told = reason_of(&status);
    assert!(
        ["DEADLINE_EXCEEDED", "CONTENTION", "SERVER_BUSY", ""].contains(&told.as_str()),
        "{status:?}"
    );
    hold.release().await;
    while let Some(answer) = asked.join_next().await {
        assert_eq!(answer.unwrap().unwrap(), [RECORDED]);
    }
    until(|| app.lanes.running() + app.lanes.waiting() == 0).await;
    world.stop().await;
}

/// P4: the same events told to two servers at once, in calls that share transactions on both, count once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_over_two_servers_count_once() {
    const CALLS: usize = 40;
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let replica = world.server.replica().await;
    let now = world.server.clock.now();
    let mut asked = JoinSet::new();
    for at in 0..CALLS * 2 {
        let mut source = world.source("erp");
        if at % 2 == 1 {
            source.channel = replica.channel.clone();
        }
        let won = Activity {
            object_id: format!("o{}", at / 2 % 10),
            ..told(&format!("e{}", at / 2), &id, "opportunity.won", now)
        };
        asked.spawn(async move {
            loop {
                match tell(&source, of(vec![won.clone()])).await {
                    Ok(came) => return came[0].clone().unwrap(),
                    Err(status) => assert_eq!(reason_of(&status), "CONTENTION", "{status:?}"),
                }
            }
        });
    }
    let outcomes = asked.join_all().await;
    let recorded = outcomes.iter().filter(|outcome| **outcome == RecordOutcome::Recorded);
    assert_eq!((recorded.count(), outcomes.len()), (CALLS, CALLS * 2));
    assert_eq!(world.shown(&id).await.len(), CALLS);
    assert_eq!(world.account(&id).await.deals.unwrap().won_count, 10);
    replica.stop().await;
    world.stop().await;
}

/// The budget of a group: it does not grow with its calls.
#[tokio::test]
async fn a_group_has_a_budget() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 128).await;
    let now = world.server.clock.now();
    let call = Call {
        tenant: TenantName::parse("acme").unwrap(),
        caller: CallerId::parse("erp").unwrap(),
        scopes: vec![Scope::Ingest],
        actor: None,
        deadline: Instant::now() + LONG,
    };
    let part = |request: &str, activities: &[Activity], buffer_unknown| Part {
        key: Some(RequestKey {
            caller: call.caller.clone(),
            request_id: RequestId::parse(request).unwrap(),
            payload_hash: [7; 32],
        }),
        told: convert::activity::record(activities, None, buffer_unknown).unwrap(),
        buffer_unknown,
        encode: |_| vec![1],
    };
    let app = &world.server.running.app;
    let spend = async |parts: Vec<Part>| {
        let count = parts.len();
        let before = world.server.db().statements();
        let replies = app.ingest(&call, parts).await.unwrap();
        assert_eq!(replies.len(), count);
        assert!(replies.iter().all(|reply| matches!(reply, Ok(Reply::Done(_)))));
        world.server.db().statements() - before
    };
    let tells = |prefix: &str, from: usize, count: usize| -> Vec<Activity> {
        let id = |at: usize| &ids[at % ids.len()];
        (from..from + count)
            .map(|at| follow_up(&format!("{prefix}-{at}"), id(at), now))
            .collect()
    };
    spend(vec![part("warm", &tells("warm", 0, 1), false)]).await;
    // Accounts, events; accounts, history, activities, answers.
    assert_eq!(spend(vec![part("one", &tells("one", 1, 1), false)]).await, 6);
    world.server.clock.advance(chrono::TimeDelta::minutes(1));
    let later = world.server.clock.now();
    let mut counts = Vec::new();
    for (prefix, calls) in [("two", 2), ("many", 64)] {
        world.server.clock.advance(chrono::TimeDelta::minutes(1));
        let at = world.server.clock.now();
        let per = 128 / calls;
        let parts = (0..calls).map(|number| {
            let mut activities = tells(prefix, number * per, per);
            for activity in &mut activities {
                activity.occur_time = crate::activities::time(at);
            }
            part(&format!("{prefix}-{number}"), &activities, false)
        });
        counts.push(spend(parts.collect()).await);
    }
    // And the answers of several requests.
    assert_eq!(counts, [7, 7]);
    // What is named by other systems' ids is looked up, and waits: how many wait, and what does.
    let parts = (0..64).map(|number| {
        let activities: Vec<_> = (0..2)
            .map(|at| named(&format!("wait-{number}-{at}"), &format!("x-{number}-{at}"), later))
            .collect();
        part(&format!("wait-{number}"), &activities, true)
    });
    assert_eq!(spend(parts.collect()).await, 7);
    world.stop().await;
}
