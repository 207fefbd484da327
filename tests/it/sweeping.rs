//! The sweep: who loses what when, and who does not.

use crate::{
    activities::told,
    harness::{Refused, run_sql},
    world::{World, assign, claim, open_pool},
};
use chrono::{TimeDelta, TimeZone, Utc};
use secrecy::ExposeSecret;
use tidepool::{
    app::sweep::Swept,
    domain::refusal::Reason,
    rpc::proto::{self, AccountStatus, PoolEntryCause, ReclaimRule},
    worker,
};
use tokio::task::JoinSet;
use tonic::Code;

impl World {
    /// Sweeps once, without grace.
    pub(crate) async fn sweep(&self) -> Swept {
        worker::sweep::once(&self.server.running.app, TimeDelta::zero())
            .await
            .unwrap()
    }

    /// Makes a reclaim rule.
    pub(crate) async fn rule(&self, rule: ReclaimRule) -> ReclaimRule {
        let request = proto::CreateReclaimRuleRequest {
            reclaim_rule: Some(rule),
            include_past_days: Some(true),
            ..Default::default()
        };
        let made = self
            .server
            .admin()
            .retention_rules()
            .create_reclaim_rule(request)
            .await
            .unwrap();
        made.into_inner().reclaim_rule.unwrap()
    }
}

/// A rule of the pool: so many days without a follow-up.
pub(crate) fn follow_up(pool: &str, days: i32) -> ReclaimRule {
    ReclaimRule {
        pool_id: pool.into(),
        follow_up_days: Some(days),
        cutoff: "NONE".into(),
        ..ReclaimRule::default()
    }
}

/// T01, T02, R005, R133, R148, W8, W16: whoever does not follow up loses the account when the days are over, not before;
/// a follow-up moves that.
#[tokio::test]
async fn what_is_not_followed_up_goes_back() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 30)).await;
    let idle = world.lying("Idle", &pool).await;
    let kept = world.lying("Kept", &pool).await;
    for id in [&idle, &kept] {
        world.user("bob").circulation().claim_account(claim(id)).await.unwrap();
    }
    let deadline = world.ownership(&idle).await.reclaim_time.unwrap();
    assert_eq!(
        deadline.seconds,
        Utc.with_ymd_and_hms(2026, 3, 31, 2, 0, 0).unwrap().timestamp()
    );
    world
        .server
        .clock
        .advance(TimeDelta::days(10) + TimeDelta::hours(5) + TimeDelta::minutes(30));
    world
        .tell(
            "crm",
            vec![told("e1", &kept, "sales_record.created", world.server.clock.now())],
        )
        .await;
    let deadline = world.ownership(&kept).await.reclaim_time.unwrap();
    assert_eq!(
        deadline.seconds,
        Utc.with_ymd_and_hms(2026, 4, 10, 7, 30, 0).unwrap().timestamp()
    );

    let to = Utc.with_ymd_and_hms(2026, 3, 31, 2, 0, 0).unwrap() - TimeDelta::microseconds(1);
    world.server.clock.advance(to - world.server.clock.now());
    assert_eq!(world.sweep().await.reclaimed, 0);
    world.server.clock.advance(TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 1);
    let ownership = world.ownership(&idle).await;
    assert_eq!(
        (ownership.status(), ownership.last_owner.as_str()),
        (AccountStatus::Unassigned, "bob")
    );
    assert_eq!(ownership.pool_entry_cause(), PoolEntryCause::AutoReclaimed);
    assert_eq!(world.ownership(&kept).await.owner, "bob");
    world.stop().await;
}

/// R135, D53: a rule can send what it reclaims to another pool.
#[tokio::test]
async fn a_rule_reclaims_into_another_pool() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    world
        .rule(ReclaimRule {
            target_pool_id: south.clone(),
            ..follow_up(&north, 7)
        })
        .await;
    let id = world.lying("Acme", &north).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    world.server.clock.advance(TimeDelta::days(7));
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(world.ownership(&id).await.pool_id, south);
    world.stop().await;
}

/// A rule that becomes shorter than what has passed takes nothing at once: every owner gets 24 hours; and the account of
/// a pool that gets its first rule is found although its deadline was never stored.
#[tokio::test]
async fn a_changed_rule_gives_a_day() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "bob"))
        .await
        .unwrap();
    assert_eq!(world.ownership(&id).await.reclaim_time, None);
    world.server.clock.advance(TimeDelta::days(20));
    world.rule(follow_up(&pool, 15)).await;
    let swept = world.sweep().await;
    assert_eq!((swept.reclaimed, swept.replanned), (0, 1));
    let deadline = world.ownership(&id).await.reclaim_time.unwrap();
    assert_eq!(
        deadline.seconds,
        (world.server.clock.now() + TimeDelta::days(1)).timestamp()
    );
    world.server.clock.advance(TimeDelta::days(1));
    assert_eq!(world.sweep().await.reclaimed, 1);
    // Once nothing is found, later rounds do not look again.
    world.sweep().await;
    let before = world.server.db().statements();
    world.sweep().await;
    assert!(world.server.db().statements() - before <= 11);
    world.stop().await;
}

/// W15: a follow-up against the sweep: whichever commits first, an account that was followed up in time is not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follow_up_in_time_always_saves_the_account() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    let ids = world.many_lying("Card", &pool, 60).await;
    for id in &ids {
        world
            .user("ann")
            .circulation()
            .assign_account(assign(id, "bob"))
            .await
            .unwrap();
    }
    world.server.clock.advance(TimeDelta::days(7));
    let now = world.server.clock.now();
    let mut tellers = JoinSet::new();
    for (at, id) in ids.iter().enumerate() {
        let mut client = world.source("crm").activities();
        let activities = vec![told(&format!("e{at}"), id, "sales_record.created", now)];
        let request = proto::RecordActivitiesRequest {
            activities,
            ..Default::default()
        };
        tellers.spawn(async move { client.record_activities(request).await.unwrap() });
    }
    let swept = world.sweep().await;
    tellers.join_all().await;
    let mut lost = 0;
    for id in &ids {
        let account = world.account(id).await;
        let ownership = account.ownership.unwrap();
        // Version 3 is the event that came second: a reclaim before it, or the follow-up alone.
        let reclaimed_after_follow_up = ownership.owner.is_empty() && ownership.etag != "4";
        assert!(!reclaimed_after_follow_up, "{id}: {ownership:?}");
        lost += usize::from(ownership.owner.is_empty());
    }
    assert_eq!(lost, swept.reclaimed);
    // Those that were saved are not due any more.
    assert_eq!(world.sweep().await.reclaimed, 0);
    world.stop().await;
}

/// D56, W10: an account that cannot be read stops nobody else, and is counted; the next round tries it again.
#[tokio::test]
async fn one_bad_row_stops_nobody_else() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    let ids = world.many_lying("Card", &pool, 5).await;
    for id in &ids {
        world.user("bob").circulation().claim_account(claim(id)).await.unwrap();
    }
    let url = world.server.config.database.url.expose_secret().to_owned();
    run_sql(&url, "UPDATE account SET kind = 99 WHERE name = 'Card 2'".to_owned()).await;
    world.server.clock.advance(TimeDelta::days(7));
    let swept = world.sweep().await;
    assert_eq!((swept.reclaimed, swept.failed), (4, 1));
    run_sql(&url, "UPDATE account SET kind = 1 WHERE name = 'Card 2'".to_owned()).await;
    let swept = world.sweep().await;
    assert_eq!((swept.reclaimed, swept.failed), (1, 0));
    world.stop().await;
}

/// Answers are kept for seven days: within them a repeated request is answered again, after them it is a new one.
#[tokio::test]
async fn answers_are_forgotten_after_seven_days() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 2).await;
    let request = |id: &str| proto::ClaimAccountRequest {
        request_id: "the-one".into(),
        ..claim(id)
    };
    world
        .user("bob")
        .circulation()
        .claim_account(request(&ids[0]))
        .await
        .unwrap();
    world.server.clock.advance(TimeDelta::days(7));
    world.sweep().await;
    let other = world.user("bob").circulation().claim_account(request(&ids[1])).await;
    other.refused(Code::FailedPrecondition, Reason::RequestIdReused);
    world.server.clock.advance(TimeDelta::microseconds(1));
    world.sweep().await;
    world
        .user("bob")
        .circulation()
        .claim_account(request(&ids[1]))
        .await
        .unwrap();
    world.stop().await;
}
