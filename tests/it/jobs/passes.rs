//! How a job goes through its accounts: what comes in behind it, what a batch costs, what a stop leaves.

use super::{another_app, lease, open_job, release, start_pool, whole_pool};
use crate::world::{World, assign, open_pool};
use std::{sync::Arc, time::Duration};
use tidepool::{
    rpc::proto::{self, JobState},
    worker,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

impl World {
    async fn transfer(&self, account: &str, target: &str) {
        let request = proto::TransferAccountRequest {
            account_id: account.into(),
            target_pool_id: target.into(),
            ..Default::default()
        };
        let mut circulation = self.server.admin().circulation();
        circulation.transfer_account(request).await.unwrap();
    }
}

/// R102: an account that comes into the pool behind the job is found by its next pass, and whoever was refused is named
/// once however many passes there are.
#[tokio::test]
async fn what_comes_in_behind_the_job_is_found() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let closed = proto::Pool {
        members: None,
        ..open_pool("Closed")
    };
    let closed = world.pool(closed).await;
    let elsewhere = world.pool(open_pool("Elsewhere")).await;
    // Older accounts have smaller ids.
    let early = world.lying("Early", &elsewhere).await;
    let other = world.lying("Other", &elsewhere).await;
    let owned = world.create("Owned", &north, "bob").await.id;
    world.many_lying("Card", &north, 5).await;
    let job = start_pool(&world.user("root"), whole_pool(&north, &closed)).await;
    let app = &world.server.running.app;
    let taken = lease(app, "test").await;
    assert!(app.one_batch(&taken, &open_job(&job), 4).await.unwrap());
    world.transfer(&early, &north).await;
    // The rest of the first pass, and the first batch of the second one.
    assert!(app.one_batch(&taken, &open_job(&job), 4).await.unwrap());
    assert_eq!(world.ownership(&early).await.pool_id, north);
    assert!(app.one_batch(&taken, &open_job(&job), 1).await.unwrap());
    assert_eq!(world.ownership(&early).await.pool_id, closed);
    world.transfer(&other, &north).await;
    world.work().await;
    let job = world.job(&job.id).await;
    assert_eq!(
        (job.state(), job.total, job.done, job.moved, job.refused),
        (JobState::Succeeded, 6, 8, 7, 1)
    );
    assert_eq!(world.ownership(&other).await.pool_id, closed);
    let items = world.items(&job.id).await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].account_id, owned);
    world.stop().await;
}

/// The budget of a batch: it does not grow with its accounts.
#[tokio::test]
async fn a_batch_has_a_budget() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    world.many_lying("Card", &north, 60).await;
    let ids = world.many_lying("Own", &north, 60).await;
    for id in &ids {
        let mut circulation = world.server.admin().circulation();
        circulation.assign_account(assign(id, "dan")).await.unwrap();
    }
    let app = &world.server.running.app;
    let taken = lease(app, "test").await;
    let spent = async |job: &proto::Job, size: usize| {
        let before = world.server.db().statements();
        assert!(app.one_batch(&taken, &open_job(job), size).await.unwrap());
        world.server.db().statements() - before
    };
    let job = start_pool(&world.user("root"), whole_pool(&north, &south)).await;
    // Lease, job, page, accounts; entries of the pool, accounts, events, job.
    assert_eq!([spent(&job, 1).await, spent(&job, 50).await], [8, 8]);
    let request = proto::StartReleaseOwnerRequest {
        deactivate: true,
        ..release("dan", "")
    };
    let mut jobs = world.server.admin().jobs();
    let started = jobs.start_release_owner(request).await.unwrap().into_inner();
    let job = started.job.unwrap();
    // Brings the snapshot up to date.
    spent(&job, 1).await;
    // Lease, job, page, accounts; accounts, tenures, events, job.
    assert_eq!([spent(&job, 1).await, spent(&job, 50).await], [8, 8]);
    world.stop().await;
}

/// W22: a worker that is told to stop ends after its batch and gives its lease back; another one goes on where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker_leaves_the_rest_to_others() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let ids = world.many_lying("Card", &north, 200).await;
    let job = start_pool(&world.user("ann"), whole_pool(&north, &south)).await;

    // Told between two batches.
    let app = another_app(&world).await;
    let taken = lease(&app, "test").await;
    let first = std::cell::Cell::new(true);
    app.work(&taken, || first.replace(false)).await.unwrap();
    let now = world.job(&job.id).await;
    assert_eq!((now.state(), now.done, now.moved), (JobState::Running, 25, 25));

    // Told at any moment, as the server tells it.
    let app = Arc::new(app);
    let stop = CancellationToken::new();
    let hour = Duration::from_hours(1);
    let worker = tokio::spawn(worker::jobs::run(app.clone(), hour, stop.clone()));
    while world.job(&job.id).await.done == 25 {}
    stop.cancel();
    timeout(Duration::from_secs(10), worker).await.unwrap().unwrap();
    app.db.close().await;
    let now = world.job(&job.id).await;
    assert_eq!(now.done, now.moved);

    // The lease is free at once.
    timeout(Duration::from_secs(10), world.work()).await.unwrap();
    let now = world.job(&job.id).await;
    assert_eq!((now.state(), now.done, now.moved), (JobState::Succeeded, 200, 200));
    for id in &ids {
        assert_eq!(world.ownership(id).await.etag, "2");
    }
    world.stop().await;
}
