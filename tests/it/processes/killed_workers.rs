//! Workers whose process is killed or told to stop in the middle of a sweep or of a job: the next process goes on where
//! they were, and nothing is done twice.

use super::{Deployed, WORKS, soon};
use crate::{
    harness::external_server,
    proxy::{COMMIT, Fault, Proxy, Which},
    races::overdue,
    site::Site,
    storm::seed,
    world::{World, open_pool},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::Duration;
use tidepool::{
    app::sweep::LEASE_TIME,
    rpc::proto::{self, Job, JobState, PoolEntryCause},
};
use tokio::time::{Instant, sleep, timeout};

/// A batch of either worker.
const BATCH: usize = 100;
/// So many commits a worker makes at most before it is killed.
const COMMITS: usize = 4;

/// A job that moves a pool's accounts into another pool.
struct Move {
    job: String,
    source: String,
    target: String,
    accounts: usize,
}

impl Move {
    async fn start(world: &World, accounts: usize) -> Self {
        let source = world.pool(open_pool("Source")).await;
        let target = world.pool(open_pool("Target")).await;
        world.many_lying("Moved", &source, accounts).await;
        let request = proto::StartTransferPoolRequest {
            source_pool_id: source.clone(),
            target_pool_id: target.clone(),
            ..Default::default()
        };
        let started = world.user("ann").jobs().start_transfer_pool(request).await;
        Self {
            job: started.unwrap().into_inner().job.unwrap().id,
            source,
            target,
            accounts,
        }
    }

    async fn job(&self, site: &Site) -> Job {
        let request = proto::GetJobRequest {
            job_id: self.job.clone(),
        };
        let got = site.admin().jobs().get_job(request).await.unwrap();
        got.into_inner().job.unwrap()
    }

    /// Waits until it has ended; every account was moved once and counted once.
    async fn ends(&self, site: &Site, within: Duration) {
        let ended = async {
            while matches!(self.job(site).await.state(), JobState::Pending | JobState::Running) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(within, ended).await.expect("the job does not end");
        let job = self.job(site).await;
        let all = i64::try_from(self.accounts).unwrap();
        assert_eq!(
            (job.state(), job.done, job.moved, job.refused),
            (JobState::Succeeded, all, all, 0)
        );
        assert_eq!(site.counted(&self.source).await, (0, 0));
        let there = site.lying_in(&self.target).await;
        assert_eq!(there.len(), self.accounts);
        // One version of the creation, one of the move.
        assert!(there.iter().all(|ownership| ownership.etag == "2"), "{there:?}");
    }
}

impl Deployed {
    /// How many accounts nothing has happened to since they were created.
    pub(super) async fn untouched(&self) -> usize {
        let count = self.count("SELECT COUNT(*) FROM account WHERE version = 1").await;
        usize::try_from(count).unwrap()
    }

    /// As if the time of whoever is dead had passed.
    pub(crate) async fn expire_leases(&self) {
        self.execute("UPDATE lease SET expire_time = 0").await;
    }
}

/// How the n-th worker is killed, on a server: between which of its statements.
fn points() -> Vec<(Which, Fault)> {
    let commits = (1..=COMMITS).flat_map(|commit| {
        let which = Which::Containing(COMMIT, commit);
        [(which, Fault::EndBefore), (which, Fault::EndAfter)]
    });
    let statements = (1..=4).map(|number| (Which::Statement(7 * number), Fault::EndBefore));
    commits.chain(statements).collect()
}

/// W22: workers are killed again and again, between statements where these can be seen and at any moment where not.
/// The last one waits for the leases of the dead, and finishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_lose_and_repeat_nothing() {
    let world = World::start().await;
    let due = 800;
    let swept = overdue(&world, due).await;
    let moved = Move::start(&world, due).await;
    let deployed = Deployed::of(world).await;
    let mut random = StdRng::seed_from_u64(seed());
    for (round, (which, fault)) in points().into_iter().enumerate() {
        let before = deployed.untouched().await;
        if before <= due {
            break;
        }
        deployed.expire_leases().await;
        if external_server().is_some() {
            let proxy = Proxy::start(&external_server().unwrap()).await;
            let mut process = deployed.serve_at(&proxy.url(&deployed.url), &WORKS).await;
            proxy.trap_at(which, fault);
            soon("the trap's request", proxy.silent()).await;
            process.kill();
            proxy.cut();
        } else {
            let mut process = deployed.serve_at(&deployed.url, &WORKS).await;
            let done = async { while deployed.untouched().await + round % 3 * BATCH > before {} };
            soon("progress", done).await;
            sleep(Duration::from_millis(random.random_range(0..20))).await;
            process.kill();
        }
    }
    let left = deployed.untouched().await;
    assert!(0 < left && left < 2 * due, "{left} accounts are left");

    let last = deployed.serve_at(&deployed.url, &WORKS).await;
    let site = Site::new(vec![last.channel()]);
    let began = Instant::now();
    // A round begins every second.
    let within = LEASE_TIME + Duration::from_secs(15);
    let all = i64::try_from(due).unwrap();
    let ended = async {
        while site.counted(&swept).await != (all, 0) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(within, ended).await.expect("the sweep does not end");
    moved.ends(&site, within.saturating_sub(began.elapsed())).await;
    let taken = site.lying_in(&swept).await;
    assert_eq!(taken.len(), due);
    for ownership in taken {
        // One version of the creation, one of the reclaim.
        assert_eq!(
            (
                ownership.etag.as_str(),
                ownership.last_owner.as_str(),
                ownership.pool_entry_cause()
            ),
            ("2", "bob", PoolEntryCause::AutoReclaimed)
        );
    }
    super::stop_all(vec![last]).await;
    deployed.end().await;
}

/// A process that is told to stop in the middle of a job ends its batch, lets go of the lease and stops in time; the next
/// process goes on at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_outlives_the_process_that_is_stopped() {
    let world = World::start().await;
    let moved = Move::start(&world, 1500).await;
    let deployed = Deployed::of(world).await;
    let process = deployed.serve_at(&deployed.url, &WORKS).await;
    let site = Site::new(vec![process.channel()]);
    soon("progress", async { while moved.job(&site).await.done == 0 {} }).await;
    let began = Instant::now();
    let (status, said) = process.stop().await;
    assert!(status.success(), "{said}");
    assert!(began.elapsed() < Duration::from_secs(8), "{said}");
    assert!(said.contains("\"stopped\"") && !said.contains("did not end"), "{said}");
    let left = deployed.untouched().await;
    assert!(left > 0 && left < moved.accounts, "{left} accounts are left");

    let next = deployed.serve_at(&deployed.url, &WORKS).await;
    let site = Site::new(vec![next.channel()]);
    // Sooner than a lease expires.
    moved.ends(&site, LEASE_TIME.mul_f64(0.7)).await;
    super::stop_all(vec![next]).await;
    deployed.end().await;
}
