//! A sweeper that was paused for so long that another one took over writes nothing.

use super::lease_of;
use crate::{
    harness::run_sql,
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tidepool::app::sweep::{Planned, Stopped};

/// W22: the epoch is looked at in the transaction of every batch.
#[tokio::test]
async fn a_lost_lease_writes_nothing() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    let ids = world.site().many("Card", &pool, "bob", 10).await;
    let paused = lease_of(world.app(), "sweep").await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    run_sql(&url, "UPDATE lease SET expire_time = 0".to_owned()).await;
    let taken = lease_of(world.app(), "sweep").await;
    assert!(taken.epoch > paused.epoch);
    world.rule(proto_rule(&pool)).await;
    world.server.clock.advance(TimeDelta::days(7));
    let swept = world.app().sweep(&paused, TimeDelta::zero(), || true).await;
    assert!(matches!(swept, Err(Stopped::LeaseLost)), "{swept:?}");
    let replanned = world.app().replan(&paused, &mut Planned::default(), || true).await;
    assert!(matches!(replanned, Err(Stopped::LeaseLost)), "{replanned:?}");
    for id in &ids {
        assert_eq!(world.ownership(id).await.etag, "1", "{id}");
    }
    assert_eq!(
        world
            .app()
            .sweep(&taken, TimeDelta::zero(), || true)
            .await
            .unwrap()
            .reclaimed,
        10
    );
    world.stop().await;
}

/// A second rule, so that deadlines have to be computed again.
fn proto_rule(pool: &str) -> tidepool::rpc::proto::ReclaimRule {
    follow_up(pool, 9)
}
