//! The same event twice in one message: each is decided for itself, so that what was wrong the first time stands in nobody's
//! way the second.

use super::{
    stream::{ingest, message},
    *,
};
use crate::harness::run_sql;
use chrono::TimeDelta;
use secrecy::ExposeSecret;

/// What is wrong with the first one, and what comes of it.
fn wrong(now: DateTime<Utc>, ours: &str, theirs: &str) -> Vec<(Activity, &'static str)> {
    let about = |account: &str, object: &str| Activity {
        object_id: object.into(),
        ..told("", account, "sales_record.created", now)
    };
    let nobody = uuid::Uuid::now_v7().to_string();
    vec![
        (follow_up("", "no id at all", now), "INVALID_ARGUMENT"),
        (follow_up("", &nobody, now), "NOT_FOUND"),
        (follow_up("", ours, now + TimeDelta::days(1)), "OCCURRED_IN_FUTURE"),
        (about(ours, "theirs"), "OBJECT_OF_OTHER_ACCOUNT"),
        (about(theirs, "new"), "OBJECT_OF_OTHER_ACCOUNT"),
    ]
}

/// P4: in a call, and in a stream; within a message, and in two that go together.
#[tokio::test]
async fn what_is_right_the_second_time_is_recorded() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 2).await;
    let now = world.server.clock.now();
    let source = world.source("erp");
    let theirs = Activity {
        object_id: "theirs".into(),
        ..told("theirs", &ids[1], "sales_record.created", now)
    };
    let new = Activity {
        object_id: "new".into(),
        ..told("new", &ids[0], "sales_record.created", now)
    };
    assert_eq!(
        tell(&source, of(vec![theirs, new])).await.unwrap(),
        [RECORDED, RECORDED]
    );
    let mut recorded = 1;
    for (at, (first, why)) in wrong(now, &ids[0], &ids[1]).into_iter().enumerate() {
        for (way, event) in [format!("call-{at}"), format!("one-{at}"), format!("two-{at}")]
            .into_iter()
            .enumerate()
        {
            let first = Activity {
                event_id: event.clone(),
                ..first.clone()
            };
            let second = follow_up(&event, &ids[0], now);
            let third = Activity {
                summary: "In other words".into(),
                ..second.clone()
            };
            let all = vec![first, second.clone(), second, third];
            let came = match way {
                0 => tell(&source, of(all)).await.unwrap(),
                1 => {
                    let (answers, ended) = ingest(&source, vec![message(1, all)]).await;
                    ended.unwrap();
                    came(answers[0].results.clone())
                }
                _ => {
                    let messages = all.into_iter().map(|activity| message(1, vec![activity]));
                    let (answers, ended) = ingest(&source, messages.collect()).await;
                    ended.unwrap();
                    came(answers.into_iter().flat_map(|answer| answer.results).collect())
                }
            };
            let expected = [refused(why), RECORDED, DUPLICATE, refused("EVENT_ID_REUSED")];
            assert_eq!(came, expected, "{why} {event}");
            recorded += 1;
        }
    }
    assert_eq!(world.shown(&ids[0]).await.len(), recorded);
    world.stop().await;
}

/// What finds no room to wait is as if it had not been told.
#[tokio::test]
async fn what_found_no_room_may_be_told_of_another_account() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let source = world.source("erp");
    tell(&source, waiting(vec![named("e1", "erp-1", now)])).await.unwrap();
    let url = world.server.config.database.url.expose_secret().to_owned();
    let digits: Vec<_> = (0..10).map(|digit| format!("SELECT {digit} AS digit")).collect();
    let digits = digits.join(" UNION ALL ");
    let places = ["a", "b", "c", "d", "e"].map(|place| format!("JOIN ({digits}) {place}"));
    let number = "a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit + 10000 * e.digit";
    let fill = format!(
        "INSERT INTO parked_activity (tenant, source, event_id, payload_hash, external_id, payload, park_time, expire_time) \
         SELECT p.tenant, 'filler', {number}, p.payload_hash, p.external_id, p.payload, p.park_time, p.expire_time \
         FROM parked_activity p {} WHERE {number} < 99998",
        places.join(" ")
    );
    run_sql(&url, fill).await;
    let told = vec![
        named("e2", "erp-2", now),
        named("e3", "erp-3", now),
        follow_up("e3", &id, now),
        named("e2", "erp-2", now),
    ];
    assert_eq!(
        tell(&source, waiting(told)).await.unwrap(),
        [BUFFERED, refused("PARKING_FULL"), RECORDED, BUFFERED]
    );
    assert_eq!(world.rows("parked_activity").await, 100_000);
    world.stop().await;
}
