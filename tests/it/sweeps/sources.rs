//! X13: nothing is reclaimed that a required source may still have something to tell about.

use crate::{
    activities::{time, told},
    harness::Refused,
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, GetSweepStatusRequest, HeartbeatRequest, SourceStatus},
};
use tonic::Code;

impl World {
    async fn beat(&self, source: &str, complete_until: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let request = HeartbeatRequest {
            complete_until: complete_until.and_then(time),
        };
        let beat = self.source(source).sweeps().heartbeat(request).await.unwrap();
        let heard = beat.into_inner().heard_time.unwrap();
        DateTime::from_timestamp(heard.seconds, heard.nanos.cast_unsigned()).unwrap()
    }

    async fn sources(&self) -> Vec<(String, bool, Option<i64>)> {
        let status = self
            .user("root")
            .sweeps()
            .get_sweep_status(GetSweepStatusRequest {})
            .await;
        let row = |source: SourceStatus| (source.source, source.required, source.lag.map(|lag| lag.seconds));
        status.unwrap().into_inner().sources.into_iter().map(row).collect()
    }

    /// What was reclaimed, and what waits for a source.
    async fn swept(&self) -> (usize, usize) {
        let swept = self.sweep().await;
        (swept.reclaimed, swept.unheard)
    }
}

/// X13: a source that was never heard of stops everything, one that fell silent what is due later than its last word;
/// of several the slowest decides.
#[tokio::test]
async fn an_outage_of_a_source_stops_reclaims() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    world.create("Early", &pool, "bob").await;
    world.server.clock.advance(TimeDelta::hours(1));
    world.create("Late", &pool, "bob").await;
    world.require(&["orders", "crm"]).await;
    world.server.clock.advance(TimeDelta::days(7));
    assert_eq!(world.swept().await, (0, 2));
    assert_eq!(
        world.sources().await,
        [("crm".into(), true, None), ("orders".into(), true, None)]
    );
    world.beat("crm", None).await;
    assert_eq!(world.swept().await, (0, 2));
    let early = world.now() - TimeDelta::hours(1);
    world.beat("orders", Some(early - TimeDelta::microseconds(1))).await;
    assert_eq!(world.swept().await, (0, 2));
    assert_eq!(world.beat("orders", Some(early)).await, early);
    assert_eq!(
        world.sources().await,
        [("crm".into(), true, Some(0)), ("orders".into(), true, Some(3600))]
    );
    assert_eq!(world.swept().await, (1, 1));
    // What it said before stands.
    assert_eq!(world.beat("orders", Some(early - TimeDelta::days(1))).await, early);
    assert_eq!(world.beat("orders", None).await, world.now());
    assert_eq!(world.swept().await, (1, 0));
    world.stop().await;
}

/// X13: what a required source tells proves that it lives, up to what it tells of and no further; of a source that nobody
/// requires nothing is written.
#[tokio::test]
async fn activities_are_signs_of_life() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    let talk = world.create("Talk", &pool, "dan").await.id;
    world.create("Idle", &pool, "bob").await;
    world.server.clock.advance(TimeDelta::days(7));
    let statements = || world.server.db().statements();
    // About no object: what one is like costs statements of its own.
    let one = |event: &'static str, ago: i64| {
        let visit = told(event, &talk, "visit.noted", world.now() - TimeDelta::hours(ago));
        vec![proto::Activity {
            object_id: String::new(),
            ..visit
        }]
    };
    let before = statements();
    world.tell("orders", one("e0", 1)).await;
    let unrequired = statements() - before;
    assert_eq!(world.sources().await, []);
    world.require(&["orders"]).await;
    // Not of events that were told before.
    world.tell("orders", one("e0", 1)).await;
    assert_eq!(world.sources().await, [("orders".into(), true, None)]);
    let first = one("e1", 2);
    let before = statements();
    world.tell("orders", first).await;
    assert_eq!(statements() - before, unrequired + 2);
    assert_eq!(world.sources().await, [("orders".into(), true, Some(7200))]);
    world.tell("orders", one("e2", 24)).await;
    world.tell("crm", one("e3", 0)).await;
    assert_eq!(world.sources().await, [("orders".into(), true, Some(7200))]);
    assert_eq!(world.swept().await, (0, 2));
    world.tell("orders", one("e4", 0)).await;
    assert_eq!(world.swept().await, (2, 0));
    world.stop().await;
}

/// X13: only services that tell of activities vouch for it, and nobody for the future.
#[tokio::test]
async fn nobody_vouches_for_the_future() {
    let world = World::start().await;
    let request = |ahead: TimeDelta| HeartbeatRequest {
        complete_until: time(world.now() + ahead),
    };
    let far = world
        .source("orders")
        .sweeps()
        .heartbeat(request(TimeDelta::minutes(6)))
        .await;
    far.refused(Code::InvalidArgument, Reason::OccurredInFuture);
    // Clocks differ; what has not happened cannot have been told.
    assert_eq!(
        world.beat("orders", Some(world.now() + TimeDelta::minutes(4))).await,
        world.now()
    );
    let other = world.server.caller("acme", "console", &[Scope::Config]);
    let refused = other.sweeps().heartbeat(request(TimeDelta::zero())).await;
    refused.refused(Code::PermissionDenied, Reason::ScopeMissing);
    let refused = world
        .user("ann")
        .sweeps()
        .get_sweep_status(GetSweepStatusRequest {})
        .await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    world.stop().await;
}
