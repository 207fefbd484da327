//! Processes that are killed while calls share transactions, and while what waited for its account is recorded: nothing
//! that was taken in is lost, and nothing counts twice.

use super::{Deployed, WORKS, errands::may_be_repeated, soon};
use crate::{
    activities::told,
    harness::{external_server, on_a_server, say},
    proxy::{COMMIT, Fault, Proxy, Which},
    site::Site,
    world::{World, open_pool},
};
use chrono::{DateTime, Utc};
use std::time::Duration;
use tidepool::{
    app::sweep::LEASE_TIME,
    rpc::proto::{self, Activity},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tonic::Status;

/// Calls at once.
const CALLS: usize = 6;
/// More points than such calls have, however they share.
const POINTS: usize = 60;
/// Services whose activities wait, and how many of each.
const SOURCES: usize = 12;
const EACH: usize = 3;

/// A call of its own account, under a request id.
#[derive(Clone, Debug)]
struct Tell {
    account: String,
    name: String,
    at: DateTime<Utc>,
}

impl Tell {
    async fn ask(&self, site: &Site) -> Result<proto::RecordActivitiesResponse, Status> {
        let request = proto::RecordActivitiesRequest {
            activities: vec![told(&self.name, &self.account, "sales_record.created", self.at)],
            request_id: self.name.clone(),
            ..Default::default()
        };
        let answer = site.source_at(0, "crm").activities().record_activities(request).await?;
        Ok(answer.into_inner())
    }

    /// Asks until there is an answer: it was recorded, however often it was asked.
    async fn insist(&self, site: &Site) {
        let recorded = async {
            loop {
                match self.ask(site).await {
                    Ok(answer) => {
                        let result = &answer.results[0];
                        let outcomes = [proto::RecordOutcome::Recorded, proto::RecordOutcome::Duplicate];
                        assert!(outcomes.contains(&result.outcome()), "{self:?}: {result:?}");
                        return;
                    }
                    Err(status) => {
                        assert!(may_be_repeated(&status), "{self:?}: {status:?}");
                        sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        };
        soon("an answer", recorded).await;
    }
}

/// P4, P10: calls at once share transactions; the process dies before every statement of theirs, one after the other. What
/// was not answered is asked again, and each is recorded once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_share_survive() {
    if !on_a_server(
        "killed between the statements of calls that share",
        "its statements pass no proxy; see killed_anywhere",
    ) {
        return;
    }
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let mut accounts = world.site().many("Owned", &pool, "bob", POINTS * CALLS).await;
    let at = world.server.clock.now();
    let deployed = Deployed::of(world).await;
    let proxy = Proxy::start(&external_server().unwrap()).await;
    let url = proxy.url(&deployed.url);
    let mut process = deployed.serve_at(&url, &[]).await;
    let mut used = Vec::new();
    for point in 1.. {
        assert!(point < POINTS, "calls without an end");
        let site = Site::new(vec![process.channel()]);
        // What a server reads once, it has read.
        site.counted(&pool).await;
        let tells: Vec<_> = (0..CALLS)
            .map(|call| Tell {
                account: accounts.pop().unwrap(),
                name: format!("tell-{point}-{call}"),
                at,
            })
            .collect();
        proxy.trap_at(Which::Statement(point), Fault::EndBefore);
        let mut asked = JoinSet::new();
        for tell in tells.clone() {
            let site = site.clone();
            asked.spawn(async move { tell.ask(&site).await });
        }
        let all = async { while asked.join_next().await.is_some() {} };
        let killed = tokio::select! {
            () = all => proxy.is_silent(),
            () = proxy.silent() => true,
        };
        proxy.disarm();
        if killed {
            process.kill();
            proxy.cut();
            proxy.heal();
            process = deployed.serve_at(&url, &[]).await;
        }
        let site = Site::new(vec![process.channel()]);
        for tell in &tells {
            tell.insist(&site).await;
        }
        used.extend(tells);
        if !killed {
            // More than one call alone has.
            assert!(point > 8, "all had {point} statements");
            say(&format!("calls that share were killed at {} points", point - 1));
            break;
        }
    }
    let site = Site::new(vec![process.channel()]);
    for tell in &used {
        // One version of its creation, one of the follow-up.
        assert_eq!(site.ownership(&tell.account).await.etag, "2", "{tell:?}");
    }
    let recorded = deployed.count("SELECT COUNT(*) FROM activity").await;
    assert_eq!(usize::try_from(recorded), Ok(used.len()));
    super::stop_all(vec![process]).await;
    deployed.end().await;
}

fn external(source: usize, which: usize) -> String {
    format!("erp-{source}-{which}")
}

impl Deployed {
    async fn waiting(&self) -> usize {
        usize::try_from(self.count("SELECT COUNT(*) FROM parked_activity").await).unwrap()
    }

    /// Whatever happened: each waits or is recorded, and none is both or neither.
    async fn has_all(&self) {
        let recorded = self.count("SELECT COUNT(*) FROM activity").await;
        let all = usize::try_from(recorded).unwrap() + self.waiting().await;
        assert_eq!(all, SOURCES * EACH);
        let both = "SELECT COUNT(*) FROM activity a JOIN parked_activity p ON p.tenant = a.tenant AND p.source = a.source \
                    AND p.event_id = a.event_id";
        assert_eq!(self.count(both).await, 0);
    }
}

/// How the n-th worker is killed, on a server.
fn points() -> Vec<(Which, Fault)> {
    let commits = (1..=4).flat_map(|commit| {
        let which = Which::Containing(COMMIT, commit);
        [(which, Fault::EndBefore), (which, Fault::EndAfter)]
    });
    let statements = (6..=16).map(|number| (Which::Statement(number), Fault::EndBefore));
    statements.chain(commits).collect()
}

/// What waited is recorded once, whenever the worker dies that does it: what it recorded and that it waits no longer are
/// one transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_survives() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let now = world.server.clock.now();
    for source in 0..SOURCES {
        let activities = (0..EACH).map(|which| Activity {
            external_account_id: external(source, which),
            object_id: String::new(),
            ..told(&format!("e{which}"), "", "sales_record.created", now)
        });
        let request = proto::RecordActivitiesRequest {
            activities: activities.collect(),
            buffer_unknown: true,
            ..Default::default()
        };
        let teller = world.source(&format!("source-{source}"));
        let answer = teller
            .activities()
            .record_activities(request)
            .await
            .unwrap()
            .into_inner();
        let buffered =
            |result: &proto::record_activities_response::Result| result.outcome() == proto::RecordOutcome::Buffered;
        assert!(answer.results.iter().all(buffered));
    }
    let new = (0..SOURCES * EACH).map(|at| {
        let name = format!("Acme {at}");
        let mut new = crate::site::new_account(&name, &pool, "bob");
        new.account.as_mut().unwrap().external_id = external(at / EACH, at % EACH);
        new
    });
    let request = proto::BulkCreateAccountsRequest {
        new_accounts: new.collect(),
        ..Default::default()
    };
    let made = world
        .server
        .admin()
        .accounts()
        .bulk_create_accounts(request)
        .await
        .unwrap();
    let accounts: Vec<_> = made
        .into_inner()
        .results
        .into_iter()
        .map(|result| result.account_id)
        .collect();
    let deployed = Deployed::of(world).await;
    for (which, fault) in points() {
        let before = deployed.waiting().await;
        if before == 0 {
            break;
        }
        deployed.execute("UPDATE lease SET expire_time = 0").await;
        if external_server().is_some() {
            let proxy = Proxy::start(&external_server().unwrap()).await;
            let mut process = deployed.serve_at(&proxy.url(&deployed.url), &WORKS).await;
            proxy.trap_at(which, fault);
            soon("the trap's request", proxy.silent()).await;
            process.kill();
            proxy.cut();
        } else {
            let mut process = deployed.serve_at(&deployed.url, &WORKS).await;
            soon("progress", async { while deployed.waiting().await == before {} }).await;
            process.kill();
        }
        deployed.has_all().await;
    }
    let last = deployed.serve_at(&deployed.url, &WORKS).await;
    let began = Instant::now();
    let within = LEASE_TIME + Duration::from_secs(15);
    let ended = async {
        while deployed.waiting().await > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(within, ended).await.expect("something waits for ever");
    say(&format!("the last of what waited took {:?}", began.elapsed()));
    deployed.has_all().await;
    let site = Site::new(vec![last.channel()]);
    for account in accounts {
        assert!(site.account(&account).await.last_follow_up_time.is_some());
    }
    super::stop_all(vec![last]).await;
    deployed.end().await;
}
