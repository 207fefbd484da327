//! Workers that die in the middle of a round: before every statement of it, and after every commit. The next one finishes what was
//! begun, and nothing is done twice. For the relay of events see `events::crash`.

use crate::{
    harness::{external_server, on_a_server, run_sql, say},
    proxy::{COMMIT, Fault, Proxy, Which},
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use std::sync::Arc;
use tidepool::{
    app::{App, sweep::Stopped},
    rpc::proto::{self, JobState},
    worker,
};

/// More points than a round has.
const POINTS: usize = 200;
/// Accounts of a round.
const ACCOUNTS: usize = 2;
/// After so many days accounts go back.
const DAYS: i32 = 7;

/// What a worker does in a round.
#[derive(Clone, Copy, Debug)]
enum Work {
    Sweep,
    /// Of a job that moves the accounts of a pool into another one.
    Job,
}

/// What is to be done in a round.
struct Task {
    accounts: Vec<String>,
    job: String,
}

/// The pools in which it happens.
struct Pools {
    from: String,
    to: String,
}

impl Work {
    async fn pools(self, world: &World) -> Pools {
        let from = world.pool(open_pool("From")).await;
        let to = world.pool(open_pool("To")).await;
        if matches!(self, Self::Sweep) {
            world.rule(follow_up(&from, DAYS)).await;
        }
        Pools { from, to }
    }

    /// From now on there is something to do.
    async fn task(self, world: &World, pools: &Pools, round: usize) -> Task {
        let name = format!("Round {round}");
        match self {
            Self::Sweep => {
                let accounts = world.site().many(&name, &pools.from, "bob", ACCOUNTS).await;
                world.server.clock.advance(TimeDelta::days(DAYS.into()));
                let job = String::new();
                Task { accounts, job }
            }
            Self::Job => {
                let accounts = world.many_lying(&name, &pools.from, ACCOUNTS).await;
                let request = proto::StartTransferPoolRequest {
                    source_pool_id: pools.from.clone(),
                    target_pool_id: pools.to.clone(),
                    ..Default::default()
                };
                let started = world.user("ann").jobs().start_transfer_pool(request).await;
                let job = started.unwrap().into_inner().job.unwrap().id;
                Task { accounts, job }
            }
        }
    }

    async fn once(self, app: &App) -> Result<(), Stopped> {
        match self {
            Self::Sweep => worker::sweep::once(app, TimeDelta::zero()).await.map(drop),
            Self::Job => worker::jobs::once(app).await.map(drop),
        }
    }

    /// It was done, once.
    async fn was_done(self, world: &World, pools: &Pools, task: &Task) {
        for account in &task.accounts {
            let found = world.ownership(account).await;
            // One version of the creation, one of what was to be done.
            assert_eq!((found.owner.as_str(), found.etag.as_str()), ("", "2"), "{found:?}");
            let pool = match self {
                Self::Sweep => &pools.from,
                Self::Job => &pools.to,
            };
            assert_eq!(found.pool_id, *pool);
        }
        if matches!(self, Self::Job) {
            let job_id = task.job.clone();
            let got = world
                .server
                .admin()
                .jobs()
                .get_job(proto::GetJobRequest { job_id })
                .await;
            let job = got.unwrap().into_inner().job.unwrap();
            let all = i64::try_from(ACCOUNTS).unwrap();
            assert_eq!(
                (job.state(), job.done, job.moved, job.refused),
                (JobState::Succeeded, all, all, 0)
            );
        }
    }
}

/// Lets a worker die at this point of a round; says whether it came to that. Another one finishes.
async fn dies_at(world: &World, work: Work, pools: &Pools, round: usize, (which, fault): (Which, Fault)) -> bool {
    let task = work.task(world, pools, round).await;
    let proxy = Proxy::start(&external_server().unwrap()).await;
    let app: Arc<App> = world.other_app(Some(&proxy)).await;
    proxy.trap_at(which, fault);
    let mut worker = tokio::spawn(async move { work.once(&app).await });
    let died = tokio::select! {
        biased;
        () = proxy.silent() => true,
        ended = &mut worker => {
            ended.unwrap().unwrap();
            false
        }
    };
    worker.abort();
    proxy.cut();
    // Its time is over.
    let url = world.server.config.database.url.expose_secret();
    run_sql(url, "UPDATE lease SET expire_time = 0".to_owned()).await;
    work.once(&world.server.running.app).await.unwrap();
    work.was_done(world, pools, &task).await;
    died
}

async fn dies_everywhere(work: Work) {
    let test = format!("killed between the statements of a round of {work:?}");
    if !on_a_server(&test, "its statements pass no proxy; see killed_workers") {
        return;
    }
    let world = World::start().await;
    let pools = work.pools(&world).await;
    let statements: fn(usize) -> (Which, Fault) = |point| (Which::Statement(point), Fault::EndBefore);
    let commits: fn(usize) -> (Which, Fault) = |point| (Which::Containing(COMMIT, point), Fault::EndAfter);
    let mut died = [0, 0];
    for (which, points) in [statements, commits].into_iter().enumerate() {
        for point in 1.. {
            assert!(point < POINTS, "a round without an end");
            let round = which * POINTS + point;
            if !dies_at(&world, work, &pools, round, points(point)).await {
                break;
            }
            died[which] += 1;
        }
    }
    say(&format!(
        "a round of {work:?} died before each of {} statements, and after each of {} commits",
        died[0], died[1]
    ));
    // The lease, what is due, the batch.
    assert!(died[0] > 10 && died[1] > 2, "{died:?}");
    world.stop().await;
}

/// W21, W22: an account is taken with all that belongs to it, once, wherever the sweep dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeps_survive() {
    dies_everywhere(Work::Sweep).await;
}

/// W22: a job moves and counts each account once, wherever its worker dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_survive() {
    dies_everywhere(Work::Job).await;
}
