//! What every rpc sends, each called as its example says, and what the workers make of it a month later.

use super::Plans;
use crate::{
    activities::told,
    inputs::{Stage, examples::example_of, fields::rpcs, side::Thing},
    site::Site,
    webhooks::SENDS,
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::{
    rpc::proto::{self, Activity},
    worker,
};

/// Accounts that no example asks for: as many that wait, and as many that somebody owns.
const OTHERS: usize = 300;

/// Tells of these accounts, of each one thing that happened and one object.
async fn tell(site: &Site, prefix: &str, accounts: &[String], at: DateTime<Utc>) {
    for (part, ids) in accounts.chunks(100).enumerate() {
        let activity = |(n, id): (usize, &String)| Activity {
            object_id: format!("{prefix}-{part}-{n}"),
            ..told(&format!("{prefix}-{part}-{n}"), id, "opportunity.created", at)
        };
        let request = proto::RecordActivitiesRequest {
            activities: ids.iter().enumerate().map(activity).collect(),
            ..Default::default()
        };
        let source = site.source_at(0, "crm");
        source.activities().record_activities(request).await.unwrap();
    }
}

/// Fills the pool of the examples with what is not asked for.
async fn crowd(stage: &Stage, site: &Site) {
    let (pool, bob) = (stage.ours.id(Thing::Pool), stage.ours.name("bob"));
    site.many_lying("Lying", &pool, OTHERS).await;
    let owned = site.many("Owned", &pool, &bob, OTHERS).await;
    tell(site, "first", &owned, stage.server.clock.now()).await;
    worker::relay::once(&stage.ours.app).await.unwrap();
}

#[tokio::test]
async fn no_rpc_and_no_worker_reads_more_than_it_needs() {
    let stage = Stage::set().await;
    let site = Site::new(vec![stage.server.channel()]);
    crowd(&stage, &site).await;
    let test = "no_rpc_and_no_worker_reads_more_than_it_needs";
    let Some(plans) = Plans::watch(test, &stage.server).await else {
        return stage.strike().await;
    };
    for rpc in rpcs() {
        let example = example_of(&stage.ours, &rpc, 0).await;
        let answer = stage.caller.call(&stage.ours, &example, &example.message).await;
        assert!(answer.is_ok(), "{}: {answer:?}", rpc.name());
    }
    let clock = &stage.server.clock;
    let works = async || {
        stage.ours.work().await;
        worker::sweep::once(&stage.ours.app, TimeDelta::zero()).await.unwrap();
        worker::relay::once(&stage.ours.app).await.unwrap();
        worker::webhook::once(&stage.ours.app, SENDS).await.unwrap();
    };
    works().await;
    clock.advance(TimeDelta::days(31));
    works().await;
    stage.ours.app.purge(|| true).await.unwrap();
    stage.ours.app.purge_events(|| true).await.unwrap();
    stage.ours.app.purge_dead_letters().await.unwrap();
    plans.end(150).await;
    stage.strike().await;
}
