//! Somebody follows the stream of events while the service is killed again and again, in the middle of taking in activities
//! and of giving positions: what was acknowledged reaches him once, at its place, and nothing else does.

use super::{
    Deployed,
    outside::{LONG, Outside},
    stop_all,
};
use crate::{
    harness::{external_server, say},
    proxy::{COMMIT, Fault, Proxy, Which},
    site::Site,
    storm::seed,
    world::{World, open_pool},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::HashMap, time::Duration};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// Accounts of which something is told, each by a service of its own.
const ACCOUNTS: usize = 6;
/// How often the service is killed.
const KILLS: usize = 12;

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

pub(crate) const SETTINGS: [(&str, &str); 3] = [
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
        outside.served_by(&process);
        proxy.trap_at(which, fault);
        timeout(LONG, proxy.silent()).await.expect("the trap is not sprung");
        process.kill();
        proxy.cut();
        return;
    }
    let mut process = deployed.serve_at(&deployed.url, &SETTINGS).await;
    outside.served_by(&process);
    let some = random.random_range(1..40);
    match round % 2 {
        0 => outside.goes_on(some, 0).await,
        _ => outside.goes_on(0, some).await,
    };
    process.kill();
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
    let outside = Outside::new(site);
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
    outside.served_by(&last);
    outside.enough();
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
    let followed = outside.followed();
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
