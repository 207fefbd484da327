//! The computation of deadlines after a change of rules: seen, taken up again, and fair to other tenants.

use super::lease_of;
use crate::{
    harness::Refused,
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::TimeDelta;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidepool::{
    app::sweep::{Ended, Planned},
    domain::refusal::Reason,
    rpc::proto::{self, GetReplanRequest, Replan, ReplanState},
};
use tonic::Code;

impl World {
    async fn replan(&self) -> Replan {
        let got = self
            .user("root")
            .sweeps()
            .get_replan(GetReplanRequest {})
            .await
            .unwrap();
        got.into_inner().replan.unwrap()
    }
}

fn seen(replan: &Replan) -> (ReplanState, i64, i64) {
    (replan.state(), replan.done_count, replan.total_count)
}

/// A change of rules is followed from its first account to its last; stopped in between, the work goes on where it was and
/// counts nothing twice; it is over when no older work can still be under way.
#[tokio::test]
async fn progress_is_seen_and_survives() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    assert_eq!(seen(&world.replan().await), (ReplanState::Unspecified, 0, 0));
    world.site().many("Owned", &pool, "bob", 1200).await;
    world.site().many_lying("Lying", &pool, 10).await;
    world.rule(follow_up(&pool, 30)).await;
    assert_eq!(seen(&world.replan().await), (ReplanState::Running, 0, 0));
    let refused = world.user("ann").sweeps().get_replan(GetReplanRequest {}).await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);

    let lease = lease_of(world.app(), "one").await;
    let batches = AtomicUsize::new(0);
    let two = || batches.fetch_add(1, Ordering::SeqCst) < 2;
    let (swept, ended) = world.app().replan(&lease, &mut Planned::default(), two).await.unwrap();
    assert_eq!((swept.replanned, ended), (1000, Ended::Slice));
    assert_eq!(seen(&world.replan().await), (ReplanState::Running, 1000, 1200));
    // Another process, which knows nothing of the first.
    let (swept, ended) = world
        .app()
        .replan(&lease, &mut Planned::default(), || true)
        .await
        .unwrap();
    assert_eq!((swept.replanned, ended), (200, Ended::All));
    assert_eq!(seen(&world.replan().await), (ReplanState::Running, 1200, 1200));
    world.server.clock.advance(TimeDelta::seconds(60));
    assert_eq!(world.sweep().await.replanned, 0);
    let over = world.replan().await;
    assert_eq!(seen(&over), (ReplanState::Done, 1200, 1200));
    // The next change begins anew.
    world
        .rule(proto::ReclaimRule {
            priority: 1,
            ..follow_up(&world.pool(open_pool("South")).await, 9)
        })
        .await;
    let next = world.replan().await;
    assert_eq!(next.state(), ReplanState::Running);
    assert!(next.revision > over.revision);
    world.sweep().await;
    assert_eq!(seen(&world.replan().await), (ReplanState::Running, 1200, 1200));
    world.stop().await;
}

/// One tenant with many accounts keeps no other waiting, nor what falls due meanwhile.
#[tokio::test]
async fn a_large_tenant_keeps_no_other_waiting() {
    let world = World::start().await;
    let large = world.pool(open_pool("Large")).await;
    world.site().many("Owned", &large, "bob", 2100).await;
    world.rule(follow_up(&large, 30)).await;

    world.server.create_tenant("small").await;
    let small = |actor: &str| crate::harness::Client {
        tenant: "small".into(),
        actor: actor.into(),
        ..world.server.admin()
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![crate::world::user("ann"), crate::world::user("bob")],
        ..Default::default()
    };
    small("").directory().batch_upsert_users(request).await.unwrap();
    let request = proto::CreatePoolRequest {
        pool: Some(open_pool("Small")),
        ..Default::default()
    };
    let pool = small("")
        .pools()
        .create_pool(request)
        .await
        .unwrap()
        .into_inner()
        .pool
        .unwrap()
        .id;
    let account = proto::Account {
        name: "Acme".into(),
        ..Default::default()
    };
    let new_account = proto::NewAccount {
        account: Some(account),
        pool_id: pool.clone(),
        owner: "bob".into(),
    };
    let request = proto::CreateAccountRequest {
        new_account: Some(new_account),
        ..Default::default()
    };
    let id = small("")
        .accounts()
        .create_account(request)
        .await
        .unwrap()
        .into_inner()
        .account
        .unwrap()
        .id;
    let request = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(follow_up(&pool, 30)),
        include_past_days: Some(true),
        ..Default::default()
    };
    small("").retention_rules().create_reclaim_rule(request).await.unwrap();

    let lease = lease_of(world.app(), "one").await;
    let mut planned = Planned::default();
    let (swept, ended) = world.app().replan(&lease, &mut planned, || true).await.unwrap();
    assert_eq!((swept.replanned, ended), (2001, Ended::Slice));
    let request = proto::GetAccountRequest { account_id: id };
    let account = small("")
        .accounts()
        .get_account(request)
        .await
        .unwrap()
        .into_inner()
        .account
        .unwrap();
    assert!(account.ownership.unwrap().reclaim_time.is_some());
    let (swept, ended) = world.app().replan(&lease, &mut planned, || true).await.unwrap();
    assert_eq!((swept.replanned, ended), (100, Ended::All));
    world.stop().await;
}
