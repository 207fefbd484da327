//! X12: an account with a running contract is reclaimed so many days after the contract's end at the earliest.

use crate::{
    activities::{time, told},
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::rpc::proto::{self, Activity, ReclaimRule, RecordOutcome};

fn contract(
    event: &str,
    account: &str,
    object: &str,
    action: &str,
    at: DateTime<Utc>,
    end: Option<DateTime<Utc>>,
) -> Activity {
    Activity {
        object_id: object.into(),
        contract_end_time: end.and_then(time),
        ..told(event, account, &format!("contract.{action}"), at)
    }
}

impl World {
    async fn due(&self, id: &str) -> Option<prost_types::Timestamp> {
        self.ownership(id).await.reclaim_time
    }
}

/// X12: the last of the contracts decides, by its latest news; a termination ends one at once. In whatever order the news
/// come, the deadline is the same.
#[tokio::test]
async fn contracts_keep_accounts() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let rule = ReclaimRule {
        contract_end_days: Some(10),
        ..follow_up(&pool, 7)
    };
    world.rule(rule).await;
    let start = world.now();
    let day = |days: i64| start + TimeDelta::days(days);
    world.server.clock.advance(TimeDelta::hours(9));
    let hour = |hours: i64| start + TimeDelta::hours(hours);
    let kept = world.create("Kept", &pool, "bob").await.id;
    let from = world.now() + TimeDelta::days(7);
    assert_eq!(world.due(&kept).await, time(from));
    for (event, at, object, action, end, deadline) in [
        ("e1", 1, "c1", "created", Some(day(30)), Some(day(40))),
        // Another one that is over sooner; then the first one is cut short.
        ("e2", 2, "c2", "activated", Some(day(20)), Some(day(40))),
        ("e3", 3, "c1", "renewed", Some(day(15)), Some(day(30))),
        // What is older than what is known changes nothing, and neither does what says nothing of an end.
        ("e0", 1, "c1", "terminated", None, Some(day(30))),
        ("e4", 4, "c1", "created", None, Some(day(30))),
        ("e5", 5, "c2", "terminated", None, Some(day(25))),
        ("e6", 6, "c1", "terminated", None, Some(hour(6) + TimeDelta::days(10))),
    ] {
        let told = contract(event, &kept, object, action, hour(at), end);
        assert_eq!(
            world.tell("contracts", vec![told]).await,
            [Ok(RecordOutcome::Recorded)],
            "{event}"
        );
        assert_eq!(world.due(&kept).await, deadline.and_then(time), "{event}");
    }
    // The other way round, all in one call.
    let other = world.create("Other", &pool, "bob").await.id;
    let news = vec![
        contract("o6", &other, "d1", "terminated", hour(6), None),
        contract("o5", &other, "d2", "terminated", hour(5), None),
        contract("o3", &other, "d1", "renewed", hour(3), Some(day(15))),
        contract("o2", &other, "d2", "activated", hour(2), Some(day(20))),
        contract("o1", &other, "d1", "created", hour(1), Some(day(30))),
    ];
    world.tell("contracts", news).await;
    assert_eq!(world.due(&other).await, world.due(&kept).await);
    world
        .server
        .clock
        .advance(TimeDelta::days(10) - TimeDelta::hours(3) - TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 0);
    world.server.clock.advance(TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 2);
    world.stop().await;
}

/// X12: a rule that does not ask for contracts pays no heed to them; an end is for contracts only, and of a certain one.
#[tokio::test]
async fn contracts_matter_where_a_rule_asks() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    let deadline = world.due(&id).await;
    let end = Some(world.now() + TimeDelta::days(100));
    let now = world.now();
    let news = vec![
        contract("e1", &id, "c1", "created", now, end),
        contract("e2", &id, "", "created", now, end),
        contract("e3", &id, "", "terminated", now, None),
        Activity {
            contract_end_time: end.and_then(time),
            ..told("e4", &id, "opportunity.won", now)
        },
        // Kept and shown, as ever.
        contract("e5", &id, "", "signed", now, None),
    ];
    let said = world.tell("contracts", news).await;
    let wrong = Err("INVALID_ARGUMENT".to_owned());
    assert_eq!(
        said,
        [
            Ok(RecordOutcome::Recorded),
            wrong.clone(),
            wrong.clone(),
            wrong,
            Ok(RecordOutcome::Recorded)
        ]
    );
    assert_eq!(world.due(&id).await, deadline);
    world.stop().await;
}

/// X12: the timeline shows of each activity what it said of the end of its contract, and of the others nothing.
#[tokio::test]
async fn the_timeline_shows_when_contracts_end() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    let now = world.now();
    let at = |minutes: i64| now - TimeDelta::minutes(minutes);
    let end = now + TimeDelta::days(100) + TimeDelta::microseconds(7);
    let news = vec![
        contract("e1", &id, "c1", "created", at(1), Some(end)),
        // Kept for people; it says nothing to any clock.
        contract("e2", &id, "c1", "signed", at(2), Some(end)),
        contract("e3", &id, "c1", "terminated", at(3), None),
        told("e4", &id, "sales_record.created", at(4)),
    ];
    assert!(world.tell("contracts", news).await.iter().all(Result::is_ok));
    let request = proto::ListActivitiesRequest {
        account_id: id,
        ..Default::default()
    };
    let listed = world.user("root").activities().list_activities(request).await.unwrap();
    let listed = listed.into_inner().activities.into_iter();
    let ends: Vec<_> = listed.map(|activity| activity.contract_end_time).collect();
    assert_eq!(ends, [time(end), time(end), None, None]);
    world.stop().await;
}
