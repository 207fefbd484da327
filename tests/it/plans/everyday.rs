//! What people and services do all day, and a round of the workers.

use super::Plans;
use crate::{
    activities::told,
    sweeping::follow_up,
    world::{World, assign, open_pool},
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, AccountScope, Pool};

/// What people and services do all day.
async fn everyday(world: &World, pool: &str, lying: &[String], owned: &[String]) {
    let site = world.site();
    let (bob, admin) = (world.user("bob"), world.server.admin());
    site.claim(0, "bob", &lying[0]).await.unwrap();
    site.give_back("bob", &lying[0]).await;
    let ann = world.user("ann").circulation();
    ann.clone().assign_account(assign(&lying[1], "cid")).await.unwrap();
    let request = proto::ChangeAccountOwnerRequest {
        account_id: lying[1].clone(),
        new_owner: "bob".into(),
        ..Default::default()
    };
    ann.clone().change_account_owner(request).await.unwrap();
    site.create("New", pool, "").await;
    site.account(&owned[0]).await;
    for scope in [AccountScope::Mine, AccountScope::Team, AccountScope::Participated] {
        list(world, "bob", scope, "").await;
    }
    list(world, "bob", AccountScope::PoolUnclaimed, pool).await;
    list(world, "root", AccountScope::PoolAll, pool).await;
    list(world, "root", AccountScope::All, "").await;
    let at = world.server.clock.now();
    let activities = vec![
        told("more", &owned[0], "sales_record.created", at),
        proto::Activity {
            object_id: "order-1".into(),
            ..told("won", &owned[1], "opportunity.won", at)
        },
    ];
    world.tell("crm", activities).await;
    let account_id = owned[0].clone();
    let request = proto::ListActivitiesRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    bob.activities().list_activities(request).await.unwrap();
    let request = proto::ListTimelineRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    bob.history().list_timeline(request).await.unwrap();
    let request = proto::ListTenuresRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    admin.history().list_tenures(request).await.unwrap();
    let request = proto::ListAccountEventsRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    admin.history().list_account_events(request).await.unwrap();
    let request = proto::ListRelatedObjectsRequest {
        account_id,
        ..Default::default()
    };
    bob.related().list_related_objects(request).await.unwrap();
    site.counted(pool).await;
    world.relay().await;
    let request = proto::ListEventsRequest {
        after_position: 300,
        page_size: 50,
        filter: None,
    };
    admin.events().list_events(request).await.unwrap();
}

async fn list(world: &World, user: &str, scope: AccountScope, pool: &str) {
    let request = proto::ListAccountsRequest {
        scope: scope.into(),
        pool_id: pool.into(),
        page_size: 20,
        ..Default::default()
    };
    world.user(user).accounts().list_accounts(request).await.unwrap();
}

#[tokio::test]
async fn everyday_statements_read_along_an_index() {
    let world = World::start().await;
    let pool = Pool {
        claim_limit: Some(500),
        daily_claim_limit: Some(500),
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    world.rule(follow_up(&pool, 30)).await;
    let lying = world.many_lying("Lying", &pool, 400).await;
    let owned = world.site().many("Owned", &pool, "bob", 300).await;
    let at = world.server.clock.now();
    for (part, ids) in owned.chunks(100).enumerate() {
        let activities = ids.iter().enumerate().map(|(n, id)| proto::Activity {
            object_id: format!("o{part}-{n}"),
            ..told(&format!("e{part}-{n}"), id, "opportunity.created", at)
        });
        world.tell("crm", activities.collect()).await;
    }
    world.relay().await;
    let test = "everyday_statements_read_along_an_index";
    if let Some(plans) = Plans::watch(test, &world.server).await {
        Box::pin(everyday(&world, &pool, &lying, &owned)).await;
        world.server.clock.advance(TimeDelta::seconds(61));
        world.sweep().await;
        // A month later all are overdue but those that were followed up.
        world.server.clock.advance(TimeDelta::days(31));
        let swept = world.sweep().await;
        assert!(swept.reclaimed > 200, "{swept:?}");
        world.relay().await;
        plans.end(40).await;
    }
    world.stop().await;
}
