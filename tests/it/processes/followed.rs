//! Somebody follows the stream of events while the service is killed again and again, in the middle of taking in activities
//! and of giving positions: what was acknowledged reaches him once, at its place, and nothing else does.

use super::{Deployed, errands::may_be_repeated, stop_all};
use crate::{
    activities::told,
    harness::{external_server, say},
    process::Process,
    proxy::{COMMIT, Fault, Proxy, Which},
    site::Site,
    storm::seed,
    world::{World, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidepool::rpc::proto::{self, Event, RecordOutcome, WatchEventsRequest, watch_events_response::Message};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// Accounts of which something is told, each by a service of its own.
const ACCOUNTS: usize = 6;
/// How often the service is killed.
const KILLS: usize = 12;
/// What must come at last, or the test fails instead of waiting for ever.
const LONG: Duration = Duration::from_mins(1);

/// What those who go on through all of it share.
#[derive(Clone)]
struct Outside {
    /// The process that serves now.
    site: Arc<Mutex<Site>>,
    /// Whether there is enough.
    done: Arc<AtomicBool>,
    /// How many activities were acknowledged.
    acknowledged: Arc<AtomicUsize>,
    /// What was followed, in the order in which it came.
    followed: Arc<Mutex<Vec<Event>>>,
}

impl Outside {
    fn site(&self) -> Site {
        self.site.lock().unwrap().clone()
    }

    fn came(&self) -> usize {
        self.followed.lock().unwrap().len()
    }

    /// Tells of one follow-up after the other, each later than the one before, until there is enough; says how many were
    /// acknowledged. Each is told until there is an answer.
    async fn tell(self, name: String, account: String, begin: DateTime<Utc>) -> i64 {
        let mut number = 0;
        while !self.done.load(Ordering::Relaxed) {
            number += 1;
            let at = begin + TimeDelta::seconds(number);
            let activity = told(&format!("{name}-{number}"), &account, "sales_record.created", at);
            let request = proto::RecordActivitiesRequest {
                activities: vec![activity],
                ..Default::default()
            };
            let outcome = loop {
                let source = self.site().source_at(0, &name);
                match source.activities().record_activities(request.clone()).await {
                    Ok(answer) => break answer.into_inner().results[0].outcome(),
                    Err(status) => {
                        assert!(may_be_repeated(&status), "{status:?}");
                        sleep(Duration::from_millis(10)).await;
                    }
                }
            };
            assert!(matches!(outcome, RecordOutcome::Recorded | RecordOutcome::Duplicate));
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        number
    }

    /// Follows, and whenever the stream breaks goes on after the last position that was noted.
    async fn follow(self) {
        let mut position = 0;
        loop {
            let request = WatchEventsRequest {
                after_position: position,
                heartbeat_seconds: 1,
                ..Default::default()
            };
            let opened = self.site().admin().events().watch_events(request).await;
            let mut stream = match opened {
                Ok(stream) => stream.into_inner(),
                Err(status) => {
                    assert!(may_be_repeated(&status), "{status:?}");
                    sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            while let Ok(Some(told)) = stream.message().await {
                match told.message.unwrap() {
                    Message::Event(event) => {
                        // Without a filter there is nothing in between, and nothing twice.
                        assert_eq!(event.position, position + 1, "{event:?}");
                        position = event.position;
                        self.followed.lock().unwrap().push(event);
                    }
                    Message::Heartbeat(heartbeat) => assert_eq!(heartbeat.position, position),
                }
            }
        }
    }
}

/// How the process dies the n-th time, where its statements can be seen: while the relay gives positions and moves the end
/// of the stream, while activities are written, around commits, anywhere. Of statements their first preparation is seen.
fn trap(round: usize, random: &mut StdRng) -> (Which, Fault) {
    match round {
        0 => (Which::Containing(b"SET position", 1), Fault::EndBefore),
        1 => (Which::Containing(b"SET last_position", 1), Fault::EndBefore),
        2 => (Which::Containing(b"SET last_position", 1), Fault::EndAfter),
        3 => (Which::Containing(b"INSERT INTO activity", 1), Fault::EndBefore),
        4 => (Which::Containing(b"INSERT INTO account_event", 1), Fault::EndAfter),
        5 | 6 => (Which::Containing(COMMIT, random.random_range(3..20)), Fault::EndAfter),
        7 => (Which::Containing(COMMIT, random.random_range(3..20)), Fault::EndBefore),
        _ => (Which::Statement(random.random_range(10..200)), Fault::EndBefore),
    }
}

const SETTINGS: [(&str, &str); 3] = [
    // What happens here lies in the past.
    ("TIDEPOOL__EVENTS__KEEP_DAYS", "3650"),
    ("TIDEPOOL__EVENTS__ENABLED", "true"),
    ("TIDEPOOL__EVENTS__RELAY_INTERVAL_MS", "10"),
];

/// Serves until it was killed for the n-th time: at a point of its choice, or after so much more was acknowledged or
/// followed.
async fn dies(deployed: &Deployed, outside: &Outside, round: usize, random: &mut StdRng) {
    // Whoever died holds the lease no longer.
    deployed.expire_leases().await;
    if external_server().is_some() {
        let (which, fault) = trap(round, random);
        let proxy = Proxy::start(&external_server().unwrap()).await;
        let mut process = deployed.serve_at(&proxy.url(&deployed.url), &SETTINGS).await;
        serves(outside, &process);
        proxy.trap_at(which, fault);
        timeout(LONG, proxy.silent()).await.expect("the trap is not sprung");
        process.kill();
        proxy.cut();
        return;
    }
    let mut process = deployed.serve_at(&deployed.url, &SETTINGS).await;
    serves(outside, &process);
    let of = |outside: &Outside| match round % 2 {
        0 => outside.acknowledged.load(Ordering::Relaxed),
        _ => outside.came(),
    };
    let until = of(outside) + random.random_range(1..40);
    let goes_on = async {
        while of(outside) < until {
            sleep(Duration::from_micros(500)).await;
        }
    };
    timeout(LONG, goes_on).await.expect("nothing goes on");
    process.kill();
}

fn serves(outside: &Outside, process: &Process) {
    *outside.site.lock().unwrap() = Site::new(vec![process.channel()]);
}

/// P10, P11, X11: whenever the service dies, who follows and goes on after what he noted sees every acknowledged change once,
/// by account and version and by position, without holes, and each account's in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_misses_nothing_whoever_dies() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let accounts = world.site().many("Acme", &pool, "bob", ACCOUNTS).await;
    let begin = world.server.clock.now();
    let site = world.site();
    let deployed = Deployed::of(world).await;
    let outside = Outside {
        site: Arc::new(Mutex::new(site)),
        done: Arc::default(),
        acknowledged: Arc::default(),
        followed: Arc::default(),
    };
    let follower = tokio::spawn(outside.clone().follow());
    let mut tellers = JoinSet::new();
    for (at, account) in accounts.iter().cloned().enumerate() {
        let outside = outside.clone();
        tellers.spawn(async move {
            let told = outside.tell(format!("source-{at}"), account.clone(), begin).await;
            (account, told)
        });
    }
    let mut random = StdRng::seed_from_u64(seed());
    for round in 0..KILLS {
        dies(&deployed, &outside, round, &mut random).await;
        assert!(!follower.is_finished(), "whoever follows was told something wrong");
    }
    deployed.expire_leases().await;
    let last = deployed.serve_at(&deployed.url, &SETTINGS).await;
    serves(&outside, &last);
    outside.done.store(true, Ordering::Relaxed);
    let ended = timeout(LONG, tellers.join_all()).await.expect("an answer never comes");
    let told: HashMap<String, i64> = ended.into_iter().collect();
    // One event of each creation, and one of each follow-up.
    let all = told.values().sum::<i64>() + i64::try_from(ACCOUNTS).unwrap();
    let all = usize::try_from(all).unwrap();
    let comes = async {
        while outside.came() < all {
            assert!(!follower.is_finished(), "whoever follows was told something wrong");
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, comes).await.expect("an acknowledged change never comes");
    follower.abort();
    let followed = outside.followed.lock().unwrap().clone();
    assert_eq!(followed.len(), all);
    let mut versions: HashMap<&str, i64> = HashMap::new();
    for event in &followed {
        let version = versions.entry(&event.account_id).or_default();
        *version += 1;
        assert_eq!(event.account_event.as_ref().unwrap().version, *version, "{event:?}");
    }
    let site = Site::new(vec![last.channel()]);
    for account in &accounts {
        let etag = site.ownership(account).await.etag;
        assert_eq!(
            (etag, versions[account.as_str()]),
            ((told[account] + 1).to_string(), told[account] + 1)
        );
    }
    say(&format!("{} events were followed over {KILLS} deaths", followed.len()));
    stop_all(vec![last]).await;
    deployed.end().await;
}
