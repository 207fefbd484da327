//! Jobs over many accounts: what survives a crash, a second worker, an end by hand; whose rights count; who is told.

mod kinds;
mod leavers;
mod passes;

use crate::{
    harness::{Client, Refused, run_sql},
    world::{World, open_pool, user},
};
use secrecy::ExposeSecret;
use std::time::Duration;
use tidepool::{
    app::{App, sweep::LEASE_TIME},
    domain::{
        ids::{JobId, TenantKey, TenantName},
        refusal::Reason,
    },
    lifecycle,
    rpc::proto::{self, AccountFilter, AccountSelection, ErrorReason, Job, JobItem, JobState, TeamAccess, TeamRole},
    store::{
        Abort,
        job::{self, Open},
        lease::{self, Lease},
    },
    worker,
};
use tokio::time::{Instant, timeout};
use tonic::Code;

/// A server's flows on the same database, as another process would have them.
pub(crate) async fn another_app(world: &World) -> App {
    let db = lifecycle::open(&world.server.config, &world.server.clock)
        .await
        .unwrap();
    App::start(db, world.server.clock.clone()).await.unwrap()
}

/// A lease that nobody else asks for: what keeps workers apart must not be the lease.
pub(crate) async fn lease(app: &App, name: &'static str) -> Lease {
    let unit = app.db.unit("lease", Instant::now() + Duration::from_secs(10));
    let engine = app.db.engine();
    let taken = unit
        .retry(|| unit.tx(async |tx| Ok(lease::take(tx, engine, name, name, LEASE_TIME).await?)))
        .await;
    taken.unwrap().unwrap()
}

fn open_job(job: &Job) -> Open {
    Open {
        tenant: TenantName::parse("acme").unwrap(),
        id: JobId::parse(&job.id).unwrap(),
    }
}

impl World {
    async fn work(&self) {
        worker::jobs::once(&self.server.running.app).await.unwrap();
    }

    async fn job(&self, id: &str) -> Job {
        let request = proto::GetJobRequest { job_id: id.into() };
        let got = self.server.admin().jobs().get_job(request).await.unwrap();
        got.into_inner().job.unwrap()
    }

    async fn items(&self, id: &str) -> Vec<JobItem> {
        let (mut items, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListJobItemsRequest {
                job_id: id.into(),
                page_size: 2,
                page_token,
            };
            let page = self.server.admin().jobs().list_job_items(request).await.unwrap();
            let page = page.into_inner();
            items.extend(page.items);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return items;
            }
        }
    }

    async fn cancel_account(&self, id: &str) {
        let request = proto::CancelAccountRequest {
            account_id: id.into(),
            ..Default::default()
        };
        self.server.admin().accounts().cancel_account(request).await.unwrap();
    }

    async fn put_in_team(&self, id: &str, member: &str) {
        let request = proto::PutTeamMemberRequest {
            account_id: id.into(),
            team_member: Some(proto::TeamMember {
                user_id: member.into(),
                role: TeamRole::Participant.into(),
                access: TeamAccess::Read.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.server.admin().teams().put_team_member(request).await.unwrap();
    }

    async fn owned_by(&self, ids: &[String]) -> Vec<String> {
        let mut owners = Vec::new();
        for id in ids {
            owners.push(self.ownership(id).await.owner);
        }
        owners
    }
}

fn whole_pool(source: &str, target: &str) -> proto::StartTransferPoolRequest {
    proto::StartTransferPoolRequest {
        source_pool_id: source.into(),
        target_pool_id: target.into(),
        ..Default::default()
    }
}

async fn start_pool(client: &Client, request: proto::StartTransferPoolRequest) -> Job {
    let started = client.jobs().start_transfer_pool(request).await.unwrap();
    started.into_inner().job.unwrap()
}

fn release(user: &str, target: &str) -> proto::StartReleaseOwnerRequest {
    proto::StartReleaseOwnerRequest {
        user_id: user.into(),
        target_pool_id: target.into(),
        ..Default::default()
    }
}

fn matching(pool: &str, filter: AccountFilter) -> AccountSelection {
    AccountSelection {
        pool_id: pool.into(),
        filter: Some(filter),
        account_ids: vec![],
    }
}

/// W22: a worker that dies between batches loses nothing: another one goes on where it was, and nothing is done twice.
#[tokio::test]
async fn another_process_goes_on_after_a_crash() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let ids = world.many_lying("Card", &north, 25).await;
    let job = start_pool(&world.user("ann"), whole_pool(&north, &south)).await;
    let first = another_app(&world).await;
    let taken = lease(&first, "first").await;
    assert!(first.one_batch(&taken, &open_job(&job), 10).await.unwrap());
    first.db.close().await;
    drop(first);
    let now = world.job(&job.id).await;
    assert_eq!((now.state(), now.done, now.moved), (JobState::Running, 10, 10));
    world.work().await;
    let now = world.job(&job.id).await;
    assert_eq!((now.state(), now.done, now.moved), (JobState::Succeeded, 25, 25));
    for id in &ids {
        // One version of the creation, one of the move.
        assert_eq!(world.ownership(id).await.etag, "2");
    }
    world.stop().await;
}

/// W22: two workers at once, kept apart by no lease: every account moves once and is counted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_at_once_do_nothing_twice() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let ids = world.many_lying("Card", &north, 40).await;
    let job = start_pool(&world.user("ann"), whole_pool(&north, &south)).await;
    let (one, two) = (another_app(&world).await, another_app(&world).await);
    let (of_one, of_two) = (lease(&one, "one").await, lease(&two, "two").await);
    let open = open_job(&job);
    let through = async |app: &App, lease: &Lease| while app.one_batch(lease, &open, 3).await.unwrap() {};
    tokio::join!(through(&one, &of_one), through(&two, &of_two));
    let now = world.job(&job.id).await;
    assert_eq!((now.state(), now.done, now.moved), (JobState::Succeeded, 40, 40));
    for id in &ids {
        assert_eq!(world.ownership(id).await.etag, "2");
    }
    one.db.close().await;
    two.db.close().await;
    world.stop().await;
}

/// A job that is canceled between batches keeps what it did and does no more; a worker without a lease does nothing.
#[tokio::test]
async fn a_canceled_job_stops() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    world.many_lying("Card", &north, 10).await;
    let ann = world.user("ann");
    let job = start_pool(&ann, whole_pool(&north, &south)).await;
    let app = &world.server.running.app;
    let taken = lease(app, "test").await;
    let lost = Lease {
        epoch: taken.epoch + 1,
        ..taken.clone()
    };
    app.one_batch(&lost, &open_job(&job), 4).await.unwrap_err();
    assert_eq!(world.job(&job.id).await.done, 0);
    assert!(app.one_batch(&taken, &open_job(&job), 4).await.unwrap());
    let cancel = |etag: &str| proto::CancelJobRequest {
        job_id: job.id.clone(),
        etag: etag.into(),
        ..Default::default()
    };
    let mut jobs = ann.jobs();
    let stale = jobs.cancel_job(cancel("1")).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    let etag = world.job(&job.id).await.etag;
    let canceled = jobs.cancel_job(cancel(&etag)).await.unwrap().into_inner().job.unwrap();
    assert_eq!(canceled, world.job(&job.id).await);
    assert!(!app.one_batch(&taken, &open_job(&job), 4).await.unwrap());
    world.work().await;
    let now = world.job(&job.id).await;
    assert_eq!((now.state(), now.done, now.moved), (JobState::Canceled, 4, 4));
    let ended = jobs.cancel_job(cancel("")).await;
    ended.refused(Code::FailedPrecondition, Reason::JobEnded);
    world.stop().await;
}

/// Rights are those of the moment: whoever lost them is refused account by account, whoever left ends his jobs.
#[tokio::test]
async fn rights_are_those_of_the_moment() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    world.many_lying("Card", &north, 2).await;
    let by_root = start_pool(&world.user("root"), whole_pool(&north, &south)).await;
    let by_ann = start_pool(&world.user("ann"), whole_pool(&north, &south)).await;
    let users = vec![
        user("root"),
        proto::User {
            active: false,
            ..user("ann")
        },
    ];
    let request = proto::BatchUpsertUsersRequest {
        users,
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    world.work().await;
    let demoted = world.job(&by_root.id).await;
    assert_eq!(
        (demoted.state(), demoted.moved, demoted.refused),
        (JobState::Succeeded, 0, 2)
    );
    assert_eq!(world.items(&by_root.id).await[0].reason(), ErrorReason::NotAuthorized);
    let gone = world.job(&by_ann.id).await;
    assert_eq!(
        (gone.state(), gone.failure_reason()),
        (JobState::Failed, ErrorReason::ActorUnknown)
    );
    world.stop().await;
}

/// Whoever watches is told of every step he is fast enough for, and of the end.
#[tokio::test]
async fn a_watched_job_is_told_to_its_end() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    world.many_lying("Card", &north, 3).await;
    let ann = world.user("ann");
    let job = start_pool(&ann, whole_pool(&north, &south)).await;
    let watch = proto::WatchJobRequest { job_id: job.id.clone() };
    let mut stream = ann.jobs().watch_job(watch.clone()).await.unwrap().into_inner();
    let told = stream.message().await.unwrap().unwrap().job.unwrap();
    assert_eq!(told, job);
    let left = ann.jobs().watch_job(watch.clone()).await.unwrap();
    drop(left);
    world.work().await;
    let mut last = told;
    while let Some(told) = stream.message().await.unwrap() {
        last = told.job.unwrap();
    }
    assert_eq!((last.state(), last.moved), (JobState::Succeeded, 3));
    let mut other = world.user("bob").jobs();
    let refused = other.watch_job(watch).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    world.stop().await;
}

/// A watcher does not keep the server from stopping.
#[tokio::test]
async fn watching_ends_with_the_server() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    world.lying("Card", &north).await;
    let ann = world.user("ann");
    let job = start_pool(&ann, whole_pool(&north, &south)).await;
    let watch = proto::WatchJobRequest { job_id: job.id };
    let mut stream = ann.jobs().watch_job(watch).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    timeout(Duration::from_secs(10), world.stop()).await.unwrap();
    assert!(stream.message().await.unwrap().is_none());
}

/// W22: an account that cannot be read stops nobody else: it is passed over, and named.
#[tokio::test]
async fn one_bad_row_is_passed_over() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let ids = world.many_lying("Card", &north, 4).await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    let break_it = "UPDATE account SET last_end_reason = 'no reason at all' WHERE name = 'Card 1'";
    run_sql(&url, break_it.to_owned()).await;
    let job = start_pool(&world.user("ann"), whole_pool(&north, &south)).await;
    world.work().await;
    let now = world.job(&job.id).await;
    assert_eq!(
        (now.state(), now.done, now.moved, now.refused),
        (JobState::Succeeded, 4, 3, 1)
    );
    let items = world.items(&job.id).await;
    assert_eq!(
        (&items[0].account_id, items[0].reason()),
        (&ids[1], ErrorReason::Internal)
    );
    world.server.discard().await;
}

/// W22: how far a job is, is written on the state that was read and on no other.
#[tokio::test]
async fn progress_is_written_once() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let job = start_pool(&world.user("ann"), whole_pool(&north, &south)).await;
    let id = open_job(&job).id;
    let unit = world
        .server
        .db()
        .unit("twice", Instant::now() + Duration::from_secs(10));
    let twice = unit.tx(async |tx| {
        let read = job::read(tx, TenantKey(1), id).await?.unwrap();
        job::update(tx, TenantKey(1), &read).await?;
        job::update(tx, TenantKey(1), &read).await
    });
    assert!(matches!(twice.await, Err(Abort::Moved)));
    assert_eq!(world.job(&job.id).await, job);
    world.stop().await;
}
