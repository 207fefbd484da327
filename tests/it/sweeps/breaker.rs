//! X14: a sweep cannot run away.

use super::lease_of;
use crate::{
    harness::{Client, Refused},
    sweeping::follow_up,
    world::{World, open_pool, user},
};
use chrono::TimeDelta;
use tidepool::{
    app::{App, sweep::Swept},
    domain::refusal::Reason,
    rpc::proto::{
        self, AdvanceReminder, ConfirmReclaimsRequest, ListReclaimBreakersRequest, ReclaimBreaker, ReclaimRule,
        ReminderRecipient,
    },
};
use tonic::Code;

async fn breakers(client: &Client) -> Vec<ReclaimBreaker> {
    let request = ListReclaimBreakersRequest::default();
    let listed = client.sweeps().list_reclaim_breakers(request).await.unwrap();
    listed.into_inner().reclaim_breakers
}

fn confirm(pool: &str, accounts: i32, etag: &str) -> ConfirmReclaimsRequest {
    ConfirmReclaimsRequest {
        pool_id: pool.into(),
        account_count: accounts,
        etag: etag.into(),
        request_id: String::new(),
    }
}

/// What was reclaimed, and what waits for somebody to confirm it.
fn taken(swept: Swept) -> (usize, usize) {
    assert_eq!(swept.failed, 0);
    (swept.reclaimed, swept.stopped)
}

/// X14: a fifth of a pool is taken, the surplus waits for however long until a CRM admin confirms how many more there may
/// be. Other pools go on, and so do reminders.
#[tokio::test]
async fn the_surplus_waits_until_it_is_confirmed() {
    let world = World::start().await;
    world.breaker(20, 1000).await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let reminders = vec![AdvanceReminder {
        days_before: 1,
        recipients: vec![ReminderRecipient::Owner.into()],
    }];
    let rule = ReclaimRule {
        reminders,
        ..follow_up(&north, 7)
    };
    world.rule(rule).await;
    world.rule(follow_up(&south, 7)).await;
    world.site().many("Old", &north, "bob", 150).await;
    world.site().many("South", &south, "bob", 15).await;
    world.server.clock.advance(TimeDelta::days(3));
    world.site().many("Young", &north, "bob", 5).await;
    world.server.clock.advance(TimeDelta::days(4));
    // A fifth of 155; the floor is more than the whole of the other pool.
    let swept = world.sweep().await;
    assert_eq!(taken(swept), (31 + 15, 119));
    let of_north = || async {
        breakers(&world.user("ann"))
            .await
            .into_iter()
            .find(|b| b.pool_id == north)
            .unwrap()
    };
    let open = of_north().await;
    assert!(open.open && open.open_time.is_some(), "{open:?}");
    assert_eq!(
        (open.reclaimed_count, open.allowed_count, open.waiting_count),
        (31, 31, 119)
    );
    let closed = breakers(&world.user("root"))
        .await
        .into_iter()
        .find(|b| b.pool_id == south)
        .unwrap();
    assert_eq!(
        (closed.open, closed.reclaimed_count, closed.waiting_count),
        (false, 15, 0)
    );
    assert_eq!(breakers(&world.user("bob")).await, []);

    // Not by time, however long; and the young ones are reminded of all the same.
    world.server.clock.advance(TimeDelta::days(2));
    let swept = world.sweep().await;
    assert_eq!((taken(swept), swept.reminded), ((0, 119), 5));

    let root = world.user("root").sweeps();
    let refused = world
        .user("ann")
        .sweeps()
        .confirm_reclaims(confirm(&north, 50, ""))
        .await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let refused = root.clone().confirm_reclaims(confirm(&south, 50, "")).await;
    refused.refused(Code::FailedPrecondition, Reason::BreakerClosed);
    let refused = root.clone().confirm_reclaims(confirm("", 50, "")).await;
    refused.refused(Code::FailedPrecondition, Reason::BreakerClosed);
    let refused = root.clone().confirm_reclaims(confirm(&north, 50, "99")).await;
    refused.refused(Code::Aborted, Reason::EtagMismatch);
    let wrong = root.clone().confirm_reclaims(confirm(&north, 0, "")).await;
    assert_eq!(wrong.violations().len(), 1);
    let request = ConfirmReclaimsRequest {
        request_id: "confirm".into(),
        ..confirm(&north, 50, &of_north().await.etag)
    };
    let confirmed = root
        .clone()
        .confirm_reclaims(request.clone())
        .await
        .unwrap()
        .into_inner();
    let breaker = confirmed.reclaim_breaker.clone().unwrap();
    assert_eq!(
        (breaker.open, breaker.reclaimed_count, breaker.allowed_count),
        (false, 0, 50)
    );
    // Sent again it is answered again and nothing more is allowed.
    assert_eq!(
        root.clone().confirm_reclaims(request).await.unwrap().into_inner(),
        confirmed
    );
    assert_eq!(taken(world.sweep().await), (50, 69));
    assert_eq!(taken(world.sweep().await), (0, 69));

    let events = proto::ListConfigEventsRequest {
        resource_type: "reclaim_breaker".into(),
        ..Default::default()
    };
    let events = world.user("root").tenants().list_config_events(events).await.unwrap();
    let events = events.into_inner().config_events;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].actor.as_str(), events[0].resource.as_str()),
        ("root", north.as_str())
    );
    world.stop().await;
}

/// X14: what was counted is forgotten when the window is over; until then nothing more is taken, whatever falls due.
#[tokio::test]
async fn a_window_lasts_a_day() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.breaker(20, 1000).await;
    world.rule(follow_up(&pool, 7)).await;
    world.site().many("First", &pool, "bob", 15).await;
    world.server.clock.advance(TimeDelta::hours(23));
    world.site().many("Second", &pool, "bob", 5).await;
    world.server.clock.advance(TimeDelta::hours(1));
    world.site().many("Third", &pool, "bob", 15).await;
    world.server.clock.advance(TimeDelta::days(6));
    assert_eq!(taken(world.sweep().await), (15, 0));
    world.server.clock.advance(TimeDelta::hours(23));
    assert_eq!(taken(world.sweep().await), (5, 0));
    world.server.clock.advance(TimeDelta::hours(1));
    assert_eq!(taken(world.sweep().await), (15, 0));
    world.stop().await;
}

/// X14: the accounts outside pools are counted together.
#[tokio::test]
async fn accounts_outside_pools_have_a_breaker() {
    let world = World::start().await;
    world.breaker(20, 1000).await;
    let pool = world.pool(open_pool("North")).await;
    let request = proto::BatchUpsertDepartmentsRequest {
        departments: vec![proto::Department {
            id: "sales".into(),
            display_name: "Sales".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_departments(request)
        .await
        .unwrap();
    let request = proto::BatchUpsertUsersRequest {
        users: vec![proto::User {
            primary_department: "sales".into(),
            ..user("bob")
        }],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    let rule = ReclaimRule {
        department_id: "sales".into(),
        target_pool_id: pool.clone(),
        ..follow_up("", 7)
    };
    world.rule(rule).await;
    world.site().many("Card", "", "bob", 25).await;
    world.server.clock.advance(TimeDelta::days(7));
    assert_eq!(taken(world.sweep().await), (20, 5));
    let open = breakers(&world.user("root")).await;
    assert_eq!(
        (open.len(), open[0].pool_id.as_str(), open[0].waiting_count),
        (1, "", 5)
    );
    world
        .user("root")
        .sweeps()
        .confirm_reclaims(confirm("", 5, ""))
        .await
        .unwrap();
    assert_eq!(taken(world.sweep().await), (5, 0));
    world.stop().await;
}

/// X14: two sweeps that count at the same time never take more than is allowed, whatever they both read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweeps_together_take_what_one_may() {
    let world = World::start().await;
    race_to_take_what_is_allowed(&world, [world.app(); 2]).await;
    world.stop().await;
}

/// Both of them sweep at the same time, the first one the world's.
pub(crate) async fn race_to_take_what_is_allowed(world: &World, sweepers: [&App; 2]) {
    world.breaker(20, 1000).await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    world.site().many("Card", &pool, "bob", 300).await;
    world.server.clock.advance(TimeDelta::days(7));
    let [one, other] = sweepers;
    let leases = (lease_of(one, "one").await, lease_of(other, "other").await);
    // A fifth, and what is confirmed later.
    for (round, allowed) in [60, 40, 40, 40].into_iter().enumerate() {
        if round > 0 {
            let request = confirm(&pool, 40, "");
            world.user("root").sweeps().confirm_reclaims(request).await.unwrap();
        }
        let go_on = || true;
        let (first, second) = tokio::join!(
            one.sweep(&leases.0, TimeDelta::zero(), go_on),
            other.sweep(&leases.1, TimeDelta::zero(), go_on)
        );
        let together = first.unwrap().reclaimed + second.unwrap().reclaimed;
        assert!(together <= allowed, "{together} of {allowed}");
        // Where one of them lost against the other, something is left.
        let rest = one.sweep(&leases.0, TimeDelta::zero(), go_on).await.unwrap();
        assert_eq!(together + rest.reclaimed, allowed);
    }
    let free = world
        .site()
        .lying_in(&pool)
        .await
        .iter()
        .filter(|ownership| ownership.owner.is_empty())
        .count();
    assert_eq!(free, 60 + 3 * 40);
}
