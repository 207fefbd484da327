//! What the steps make of data that is there already: a database of before is brought up to date with its accounts.

use crate::{
    harness::{external_server, run_sql},
    schema,
    sweeping::follow_up,
    world::{World, claim, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::Database;
use secrecy::ExposeSecret;
use tidepool::{app::App, lifecycle, rpc::proto::ReclaimRule, worker};

/// Takes back what the steps on events and merging made, which came after.
fn before_events(index: impl Fn(&str) -> String) -> Vec<String> {
    let mut all: Vec<_> = ["business_object_related", "account_event_position"].map(&index).into();
    for (table, columns) in [
        (
            "activity",
            "amount currency object_owner visible_to object_locked object_in_workflow standing traceparent",
        ),
        (
            "business_object",
            "action detail_time detail_event_id amount currency owner owner_time locked in_workflow end_told_time \
             end_told_event_id",
        ),
        ("account_event", "position pool_id owner traceparent"),
        ("account", "merged_into"),
    ] {
        let columns = columns.split_whitespace();
        all.extend(columns.map(|column| format!("ALTER TABLE {table} DROP COLUMN {column}")));
    }
    let tables = "parked_activity activity_source activity_kind activity_rules object_viewer event_stream webhook \
                  webhook_progress webhook_delivery";
    all.extend(tables.split_whitespace().map(|table| format!("DROP TABLE {table}")));
    all
}

/// Takes back what the step on retention made.
fn before_retention() -> Vec<String> {
    let on = if external_server().is_some() { " ON account" } else { "" };
    let mut all = before_events(|name| {
        let table = &name[..name.rfind('_').unwrap()];
        match external_server() {
            Some(_) => format!("DROP INDEX {name} ON {table}"),
            None => format!("DROP INDEX {name}"),
        }
    });
    all.extend([
        format!("DROP INDEX account_wake_time{on}"),
        "CREATE INDEX account_reclaim_time ON account (reclaim_time, tenant, id)".to_owned(),
    ]);
    let columns = "wake_time contract_end_time locked_by lock_time lock_expire_time embargo_time disputed_time \
                   tenure_clock clock_memory";
    for column in columns.split_whitespace() {
        all.push(format!("ALTER TABLE account DROP COLUMN {column}"));
    }
    all.push("ALTER TABLE activity DROP COLUMN contract_end_time".into());
    all.push("ALTER TABLE business_object DROP COLUMN end_time".into());
    all.push("ALTER TABLE account_event DROP COLUMN note".into());
    let tables = "reminder_rule user_absence retention_pause chosen_department disputed_reclaim source_watermark \
                  reclaim_breaker replan";
    all.extend(tables.split_whitespace().map(|table| format!("DROP TABLE {table}")));
    all.push("DELETE FROM schema_step WHERE name >= 'm0008'".into());
    all
}

/// An account that somebody owned, with a deadline, before there was a time at which the worker looks at it: it is found
/// and reclaimed when it is due, and `verify`, which ends this test too, has nothing to say at any time.
#[tokio::test]
async fn what_was_due_before_the_upgrade_is_due_after_it() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let rule = ReclaimRule {
        cutoff: String::new(),
        ..follow_up(&pool, 30)
    };
    world.rule(rule).await;
    let owned = world.lying("Owned", &pool).await;
    let other = world.lying("Other", &pool).await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&owned))
        .await
        .unwrap();
    let config = world.server.config.clone();
    let url = config.database.url.expose_secret();
    let direct = Database::connect(url).await.unwrap();
    let whole = schema::dump(&direct).await;
    let day = |n: i64| world.server.clock.now() + TimeDelta::days(n);
    let due = day(30);
    for sql in before_retention() {
        run_sql(url, sql).await;
    }
    // Rules had no cutoff then, so deadlines were to the microsecond.
    let plain = format!(
        "UPDATE account SET reclaim_time = {} WHERE owner = 'bob'",
        due.timestamp_micros()
    );
    run_sql(url, plain).await;
    assert_ne!(schema::dump(&direct).await, whole);

    let clock = world.server.clock.clone();
    let db = lifecycle::open(&config, &clock).await.unwrap();
    assert_eq!(schema::dump(&direct).await, whole);
    direct.close().await.unwrap();
    let app = App::start(db, clock.clone()).await.unwrap();
    let clean = async || {
        let broken: Vec<_> = app.verify(|_| {}).await.unwrap();
        let broken = broken.into_iter().filter_map(|verified| verified.finding);
        assert_eq!(broken.collect::<Vec<_>>(), []);
    };
    clean().await;
    let deadline = async |id: &str| -> Option<DateTime<Utc>> {
        let time = world.ownership(id).await.reclaim_time?;
        DateTime::from_timestamp(time.seconds, 0)
    };
    assert_eq!(deadline(&owned).await, Some(due));
    // 10:00 in Shanghai; now that there is a cutoff, 09:00 of the day after.
    let swept = worker::sweep::once(&app, TimeDelta::zero()).await.unwrap();
    assert_eq!((swept.reclaimed, swept.replanned), (0, 1));
    let next = due + TimeDelta::hours(23);
    assert_eq!(deadline(&owned).await, Some(next));
    clean().await;
    clock.advance(next - clock.now());
    let swept = worker::sweep::once(&app, TimeDelta::zero()).await.unwrap();
    assert_eq!(swept.reclaimed, 1);
    assert_eq!(world.ownership(&owned).await.owner, "");
    assert_eq!(world.ownership(&other).await.etag, "1");
    clean().await;
    app.db.close().await;
    world.stop().await;
}

/// The worker finds them by their own time alone, whether or not the computation of deadlines has come to them.
#[tokio::test]
async fn what_was_overdue_before_the_upgrade_is_found() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 30)).await;
    let owned = world.lying("Owned", &pool).await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&owned))
        .await
        .unwrap();
    let config = world.server.config.clone();
    let url = config.database.url.expose_secret();
    for sql in before_retention() {
        run_sql(url, sql).await;
    }
    world.server.clock.advance(TimeDelta::days(40));
    let db = lifecycle::open(&config, &world.server.clock).await.unwrap();
    // As if all deadlines had been computed again.
    run_sql(url, "UPDATE tenant SET replanned_revision = retention_revision".into()).await;
    let app = App::start(db, world.server.clock.clone()).await.unwrap();
    let swept = worker::sweep::once(&app, TimeDelta::zero()).await.unwrap();
    assert_eq!(swept.reclaimed, 1);
    assert_eq!(world.ownership(&owned).await.owner, "");
    app.db.close().await;
    world.stop().await;
}
