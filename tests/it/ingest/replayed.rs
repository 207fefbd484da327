//! What waited and is ready: what stands in the way of one is nothing to the others, and what is refused costs ever less.

use super::*;
use crate::{
    harness::{external_server, run_sql},
    outcomes::add_ann,
};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tidepool::app::call::Scope;

impl World {
    fn url(&self) -> String {
        self.server.config.database.url.expose_secret().to_owned()
    }

    /// Whether the activity still waits, and how often it was tried.
    async fn tried(&self, event: &str) -> (i64, i64) {
        let of = |more: &str| format!("parked_activity WHERE event_id = '{event}'{more}");
        let mut tries = 0;
        while tries < 100 && self.rows(&of(&format!(" AND tries > {tries}"))).await > 0 {
            tries += 1;
        }
        (self.rows(&of("")).await, tries)
    }
}

/// A row that cannot be read, for a fault of ours or since a newer version wrote it, stops neither its source nor any other.
#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nobody() {
    for broken in [
        "payload = 'no json'",
        "external_id = 'erp 1'",
        "source = 'no id at all'",
    ] {
        let world = World::start().await;
        let pool = world.pool(open_pool("North")).await;
        let now = world.server.clock.now();
        let erp = vec![named("a", "erp-1", now), named("b", "erp-1", now)];
        tell(&world.source("erp"), waiting(erp)).await.unwrap();
        tell(&world.source("zoo"), waiting(vec![named("c", "erp-1", now)]))
            .await
            .unwrap();
        let id = world.known_as("Acme", &pool, "erp-1").await;
        if broken.starts_with("external_id") {
            run_sql(&world.url(), format!("UPDATE account SET {broken} WHERE name = 'Acme'")).await;
            run_sql(&world.url(), format!("UPDATE parked_activity SET {broken}")).await;
            world.sweep().await;
            assert_eq!((world.tried("a").await, world.tried("c").await), ((1, 1), (1, 1)));
            run_sql(
                &world.url(),
                "UPDATE account SET external_id = 'erp-1' WHERE name = 'Acme'".into(),
            )
            .await;
            run_sql(
                &world.url(),
                "UPDATE parked_activity SET external_id = 'erp-1' WHERE event_id <> 'a'".into(),
            )
            .await;
            world.server.clock.advance(TimeDelta::minutes(1));
        } else {
            run_sql(
                &world.url(),
                format!("UPDATE parked_activity SET {broken} WHERE event_id = 'a'"),
            )
            .await;
        }
        world.sweep().await;
        assert_eq!(world.shown(&id).await.len(), 2, "{broken}");
        assert_eq!(world.rows("parked_activity").await, 1, "{broken}");
        // It is forgotten as everything else, after its time.
        world.server.clock.advance(TimeDelta::days(7) + TimeDelta::minutes(2));
        world.sweep().await;
        world.sweep().await;
        assert_eq!(world.rows("parked_activity").await, 0, "{broken}");
        world.server.discard().await;
    }
}

/// An account that others change all the time, so that nobody gets his turn.
async fn contend(world: &World, name: &str) {
    let trigger = if external_server().is_some() {
        format!(
            "CREATE TRIGGER contended BEFORE UPDATE ON account FOR EACH ROW IF OLD.name = '{name}' THEN \
             SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'on purpose'; END IF"
        )
    } else {
        format!(
            "CREATE TRIGGER contended BEFORE UPDATE ON account WHEN OLD.name = '{name}' \
             BEGIN SELECT RAISE(IGNORE); END"
        )
    };
    run_sql(&world.url(), trigger).await;
}

/// What one source told of an account that nobody gets at holds up neither other sources nor other tenants; and what was
/// ready in time is not forgotten for that.
#[tokio::test]
async fn a_contended_account_holds_up_no_other_source() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.server.create_tenant("other").await;
    let now = world.server.clock.now();
    let sources = [
        world.source("erp"),
        world.source("zoo"),
        world.server.caller("other", "erp", &[Scope::Ingest]),
    ];
    for (source, account) in sources.iter().zip(["erp-1", "erp-2", "erp-1"]) {
        tell(source, waiting(vec![named("e1", account, now)])).await.unwrap();
    }
    let moss = world.known_as("Moss", &pool, "erp-1").await;
    let reed = world.known_as("Reed", &pool, "erp-2").await;
    let other = world.server.caller("other", "console", &[Scope::Admin]);
    add_ann(&other).await;
    let request = proto::CreatePoolRequest {
        pool: Some(open_pool("Theirs")),
        ..Default::default()
    };
    let made = other.pools().create_pool(request).await.unwrap().into_inner();
    let request = proto::CreateAccountRequest {
        new_account: Some(known_as("Moor", &made.pool.unwrap().id, "erp-1")),
        ..Default::default()
    };
    other.accounts().create_account(request).await.unwrap();
    contend(&world, "Moss").await;
    for _ in 0..2 {
        world.sweep().await;
        assert_eq!(world.shown(&reed).await.len(), 1);
        assert_eq!(world.rows("activity").await, 2);
        assert_eq!(world.rows("parked_activity").await, 1);
        // Its time is over by now, and nobody was able to try it.
        world.server.clock.advance(TimeDelta::days(8));
    }
    run_sql(&world.url(), "DROP TRIGGER contended".into()).await;
    world.sweep().await;
    assert_eq!(world.shown(&moss).await.len(), 1);
    assert_eq!(world.rows("parked_activity").await, 0);
    world.stop().await;
}

/// What its account does not take is tried ever more seldom, at least once an hour, and forgotten when its time is over.
#[tokio::test]
async fn what_is_refused_is_tried_ever_more_seldom() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    let other = world.lying("Other", &pool).await;
    let ours = told("first", &other, "sales_order.created", now);
    let theirs = Activity {
        object_id: ours.object_id.clone(),
        ..named("a", "erp-1", now)
    };
    let theirs = Activity {
        kind: "sales_order.shipped".into(),
        ..theirs
    };
    tell(&source, of(vec![ours])).await.unwrap();
    tell(&source, waiting(vec![theirs])).await.unwrap();
    world.known_as("Acme", &pool, "erp-1").await;
    let mut minutes = 0;
    let mut tried = Vec::new();
    while minutes <= 400 {
        let before = world.server.db().statements();
        world.sweep().await;
        let spent = world.server.db().statements() - before;
        let (there, tries) = world.tried("a").await;
        assert_eq!(there, 1);
        if i64::try_from(tried.len()).unwrap() < tries {
            tried.push(minutes);
        } else {
            // As much as where nothing waits.
            assert!(spent <= 11, "{spent} after {minutes} minutes");
        }
        let step = if minutes < 70 { 1 } else { 30 };
        minutes += step;
        world.server.clock.advance(TimeDelta::minutes(step));
    }
    assert_eq!(tried[..7], [0, 1, 3, 7, 15, 31, 63]);
    assert!(tried[7..].windows(2).all(|pair| pair[1] - pair[0] == 60), "{tried:?}");
    // Told again, it is decided at once.
    world.server.clock.advance(TimeDelta::days(7));
    world.sweep().await;
    assert_eq!(world.rows("parked_activity").await, 0);
    world.stop().await;
}

/// What was ready in time and was not tried yet is not forgotten, whenever that is cleared away.
#[tokio::test]
async fn what_nobody_tried_is_not_forgotten() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let now = world.server.clock.now();
    let waits = vec![named("a", "erp-1", now), named("b", "erp-2", now)];
    tell(&world.source("erp"), waiting(waits)).await.unwrap();
    let id = world.known_as("Acme", &pool, "erp-1").await;
    world.server.clock.advance(TimeDelta::days(8));
    assert_eq!(world.server.running.app.expire_parked(|| true).await.unwrap(), 1);
    assert_eq!(world.tried("a").await, (1, 0));
    world.sweep().await;
    assert_eq!(world.shown(&id).await.len(), 1);
    assert_eq!(world.rows("parked_activity").await, 0);
    world.stop().await;
}
