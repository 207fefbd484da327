//! D49, X03: an account stays with its owner.

use super::{Ask, Query, Stage, exact, fact};
use crate::{
    activities::time,
    harness::Client,
    moves::{Order, Wish, named_pool, reason},
    world::user,
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, JobState, User};
use tokio::task::JoinSet;

/// D49: whoever wants it, nobody takes a locked account from its owner, moves it or cancels it, before it is unlocked.
#[tokio::test]
async fn nobody_moves_a_locked_account() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let other = world.pool(named_pool("Other")).await;
    let id = stage.claimed("Acme", "bob").await;
    let outside = world.create("Outside", "", "bob").await.id;
    for account in [&id, &outside] {
        stage.ask("bob", account, Ask::Lock(None)).await.unwrap();
    }
    for (account, who, wish) in [
        (&id, "bob", Wish::owner("cid")),
        (&id, "bob", Wish::give_back()),
        (&id, "ann", Wish::give_back()),
        (&id, "adm", Wish::assign("cid")),
        (&id, "adm", Wish::Reclaim(String::new())),
        (&id, "adm", Wish::transfer(&other)),
        (&id, "adm", Wish::transfer_alone(&other)),
        (&id, "adm", Wish::Remove(false)),
        (&id, "root", Wish::Remove(true)),
        (&id, "root", Wish::Cancel),
        (&outside, "root", Wish::Add(other.clone(), false)),
        (&outside, "bob", Wish::because("", "", &other)),
    ] {
        let refused = Order::of(account).send(&world.user(who), &wish).await.unwrap_err();
        assert_eq!(reason(&refused), "ACCOUNT_LOCKED", "{who} {wish:?}");
        assert_eq!(fact(&refused, "locked_by"), "bob");
        assert_eq!(fact(&refused, "locked_until"), "");
    }
    // Who claims it has come too late, and who gets what he has gets it.
    assert_eq!(world.play("cid", &id, Wish::Claim).await, "ALREADY_CLAIMED");
    assert!(
        world
            .play("adm", &id, Wish::assign("bob"))
            .await
            .starts_with("ASSIGNED bob")
    );

    let unlocked = stage.ask("adm", &id, Ask::Unlock).await.unwrap();
    assert_eq!(unlocked.lock, None);
    assert!(
        world
            .play("bob", &id, Wish::owner("cid"))
            .await
            .starts_with("ASSIGNED cid")
    );
    assert_eq!(
        stage.kinds(&id).await,
        ["created", "claimed", "locked", "unlocked", "owner_changed"]
    );
    stage.stop().await;
}

/// D49: no rule takes a locked account; unlocked, its owner has a day.
#[tokio::test]
async fn no_rule_takes_a_locked_account() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let id = stage.claimed("Acme", "bob").await;
    let due = stage.deadline(&id).await.unwrap();
    stage.ask("bob", &id, Ask::Lock(None)).await.unwrap();
    assert_eq!(stage.deadline(&id).await, None);
    stage.pass(TimeDelta::days(400));
    assert_eq!(world.sweep().await.reclaimed, 0);
    stage.ask("bob", &id, Ask::Unlock).await.unwrap();
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(1)));

    // One that ends by itself holds until then, also what was overdue when it began.
    let held = stage.claimed("Held", "bob").await;
    stage.pass(TimeDelta::days(30));
    let late = stage.deadline(&held).await.unwrap();
    assert!(late <= stage.now() && due < late);
    let until = stage.now() + TimeDelta::days(5);
    let locked = stage.ask("ann", &held, Ask::Lock(Some(until))).await.unwrap();
    let lock = locked.lock.unwrap();
    assert_eq!(
        (lock.user_id.as_str(), lock.lock_time, lock.expire_time),
        ("ann", time(stage.now()), time(until))
    );
    assert_eq!(stage.deadline(&held).await, Some(until));
    // The first one is due meanwhile, this one is not.
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(stage.owner(&held).await, "bob");
    stage.pass(TimeDelta::days(5));
    assert_eq!(world.account(&held).await.lock, None);
    assert_eq!(world.sweep().await.reclaimed, 1);
    stage.stop().await;
}

/// D49: a lock that expired holds nobody; one that is changed keeps its beginning and its place.
#[tokio::test]
async fn a_lock_expires() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let id = stage.claimed("Acme", "bob").await;
    let (first, began) = (stage.now() + TimeDelta::days(1), stage.now());
    stage.ask("bob", &id, Ask::Lock(Some(first))).await.unwrap();
    stage.pass(TimeDelta::hours(23));
    let later = stage.now() + TimeDelta::days(1);
    let locked = stage
        .ask("bob", &id, Ask::Lock(Some(later)))
        .await
        .unwrap()
        .lock
        .unwrap();
    assert_eq!((locked.lock_time, locked.expire_time), (time(began), time(later)));
    let same = stage.ask("bob", &id, Ask::Lock(Some(later))).await.unwrap();
    assert_eq!(same.ownership.unwrap().etag, "4");
    stage.pass(TimeDelta::days(1) - TimeDelta::microseconds(1));
    let refused = Order::of(&id)
        .send(&world.user("bob"), &Wish::give_back())
        .await
        .unwrap_err();
    assert_eq!(fact(&refused, "locked_until"), "2026-03-03T01:00:00+00:00");
    stage.pass(TimeDelta::microseconds(1));
    // Nothing is there to unlock.
    assert_eq!(
        stage
            .ask("bob", &id, Ask::Unlock)
            .await
            .unwrap()
            .ownership
            .unwrap()
            .etag,
        "4"
    );
    assert!(
        world
            .play("bob", &id, Wish::give_back())
            .await
            .starts_with("UNASSIGNED")
    );
    let past = stage
        .ask("bob", &stage.claimed("Past", "bob").await, Ask::Lock(Some(stage.now())))
        .await;
    assert_eq!(past.unwrap_err().message(), "expire_time: must lie in the future");
    stage.stop().await;
}

/// D49: ten at a time, unless the tenant says otherwise, over all his accounts, whoever locks them; expired ones do not
/// count, and a lock that is only changed is not one more.
#[tokio::test]
async fn locks_are_limited_for_each_owner() {
    let stage = Stage::set().await;
    let mut ids = Vec::new();
    for at in 0..12 {
        ids.push(stage.claimed(&format!("Card {at}"), "bob").await);
    }
    let soon = stage.now() + TimeDelta::hours(1);
    for id in &ids[..9] {
        stage.ask("bob", id, Ask::Lock(None)).await.unwrap();
    }
    stage.ask("ann", &ids[9], Ask::Lock(Some(soon))).await.unwrap();
    let refused = stage.ask("root", &ids[10], Ask::Lock(None)).await.unwrap_err();
    assert_eq!(
        (reason(&refused), refused.code()),
        ("LOCK_LIMIT_REACHED".into(), tonic::Code::ResourceExhausted)
    );
    assert_eq!(
        (fact(&refused, "limit"), fact(&refused, "used")),
        ("10".into(), "10".into())
    );
    stage
        .ask("ann", &ids[9], Ask::Lock(Some(soon + TimeDelta::hours(1))))
        .await
        .unwrap();
    // Somebody else's are counted for him.
    let other = stage.claimed("Other", "cid").await;
    stage.ask("root", &other, Ask::Lock(None)).await.unwrap();
    stage.pass(TimeDelta::hours(2));
    stage.ask("bob", &ids[10], Ask::Lock(None)).await.unwrap();
    assert_eq!(
        stage.verdict("bob", &ids[11], Ask::Lock(None)).await,
        "LOCK_LIMIT_REACHED"
    );
    stage.ask("bob", &ids[0], Ask::Unlock).await.unwrap();
    assert_eq!(stage.verdict("bob", &ids[11], Ask::Lock(None)).await, "OK");
    stage.stop().await;
}

/// D49: of any number that are locked at once, on one server or two, never more are than may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_locks_stop_at_the_limit() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let replica = world.server.replica().await;
    let mut ids = Vec::new();
    for at in 0..24 {
        ids.push(stage.claimed(&format!("Card {at}"), "bob").await);
    }
    let mut locks = JoinSet::new();
    for (at, id) in ids.iter().enumerate() {
        let client = world.user(["bob", "ann", "root"][at % 3]);
        let client = if at % 2 == 0 {
            client
        } else {
            Client {
                channel: replica.channel.clone(),
                ..client
            }
        };
        let query = Query::of(id);
        locks.spawn(async move { query.send(&client, Ask::Lock(None)).await });
    }
    let answers = locks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(reason(refused), "LOCK_LIMIT_REACHED", "{refused:?}");
    }
    let mut locked = 0;
    for id in &ids {
        locked += usize::from(world.account(id).await.lock.is_some());
    }
    assert_eq!(locked, 10);
    replica.stop().await;
    stage.stop().await;
}

/// D49: somebody who left keeps nothing by locking it, and his locks end with his tenures.
#[tokio::test]
async fn a_leaver_keeps_nothing() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let id = stage.claimed("Acme", "bob").await;
    stage.ask("bob", &id, Ask::Lock(None)).await.unwrap();
    let gone = User {
        active: false,
        ..user("bob")
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![gone],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    let request = proto::StartReleaseOwnerRequest {
        user_id: "bob".into(),
        ..Default::default()
    };
    let started = world
        .server
        .admin()
        .jobs()
        .start_release_owner(request)
        .await
        .unwrap()
        .into_inner();
    tidepool::worker::jobs::once(&world.server.running.app).await.unwrap();
    let request = proto::GetJobRequest {
        job_id: started.job.unwrap().id,
    };
    let job = world
        .server
        .admin()
        .jobs()
        .get_job(request)
        .await
        .unwrap()
        .into_inner()
        .job
        .unwrap();
    assert_eq!(job.state(), JobState::Succeeded);
    assert!(world.play("cid", &id, Wish::Claim).await.starts_with("ASSIGNED cid"));
    assert_eq!(world.account(&id).await.lock, None);
    assert!(
        world
            .play("cid", &id, Wish::give_back())
            .await
            .starts_with("UNASSIGNED")
    );
    stage.stop().await;
}

/// D49, T25: a rule that changes while an account is locked does not take it either.
#[tokio::test]
async fn a_changed_rule_waits_for_the_lock() {
    let stage = Stage::without_rule().await;
    let id = stage.claimed("Acme", "bob").await;
    let until = stage.now() + TimeDelta::days(20);
    stage.ask("bob", &id, Ask::Lock(Some(until))).await.unwrap();
    stage.world.rule(exact(&stage.home, 5)).await;
    stage.world.sweep().await;
    assert_eq!(stage.deadline(&id).await, Some(until));
    stage.pass(TimeDelta::days(19));
    assert_eq!(stage.world.sweep().await.reclaimed, 0);
    stage.pass(TimeDelta::days(1));
    assert_eq!(stage.world.sweep().await.reclaimed, 1);
    stage.stop().await;
}
