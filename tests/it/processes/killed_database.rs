//! The database itself is killed, again and again, in the middle of taking in activities and of giving positions, and comes back
//! on what it left. The service lives through it and is never started again.

use super::{
    Deployed,
    followed::SETTINGS,
    outside::{LONG, Outside},
    stop_all,
};
use crate::{
    activities::time,
    harness::{Server, Storage, say},
    private_server::PrivateServer,
    proxy::{COMMIT, Fault, Proxy, Which},
    site::Site,
    storm::seed,
    world::{World, open_pool},
};
use chrono::TimeDelta;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::HashMap, time::Duration};
use tidepool::app::sweep::LEASE_TIME;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// How often the database is killed.
const KILLS: usize = 8;
/// Accounts of which something is told in calls, and as many in streams; each by a service of its own.
const ACCOUNTS: usize = 3;
/// How soon everything goes on when the database is back. Whoever waited for the leases that it could not let go of would take
/// longer.
const SOON: Duration = LEASE_TIME.saturating_sub(Duration::from_secs(3));

/// At which of its statements the service loses the database the n-th time, which by then has gone on for a while: while
/// activities are written, while the relay gives positions, around commits; or at any moment.
fn trap(round: usize, random: &mut StdRng) -> Option<(Which, Fault)> {
    let commit = random.random_range(1..20);
    match round % 8 {
        0 => Some((Which::Containing(COMMIT, commit), Fault::EndAfter)),
        1 => Some((Which::Containing(b"SET position", 1), Fault::EndAfter)),
        2 => Some((Which::Containing(b"INSERT INTO account_event", 1), Fault::EndAfter)),
        3 => Some((Which::Containing(COMMIT, commit), Fault::EndBefore)),
        5 => Some((Which::Containing(b"INSERT INTO activity", 1), Fault::EndAfter)),
        6 => Some((Which::Statement(random.random_range(1..100)), Fault::EndAfter)),
        _ => None,
    }
}

/// P9, P10, P11, X11: every acknowledged activity is there once, whoever follows sees every change at its place, once, each
/// account's in order; and the service serves as soon as there is a database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_his_database_loses_nothing_else() {
    let Some(mut database) = PrivateServer::start("a database that is killed").await else {
        return;
    };
    let world = World::of(Server::start_in(Storage::create_at(&database.url).await, |_| {}).await).await;
    let pool = world.pool(open_pool("North")).await;
    let accounts = world.site().many("Acme", &pool, "bob", 2 * ACCOUNTS).await;
    let begin = world.server.clock.now();
    let deployed = Deployed::of(world).await;
    let proxy = Proxy::start(&database.url).await;
    let process = deployed.serve_at(&proxy.url(&deployed.url), &SETTINGS).await;
    let site = Site::new(vec![process.channel()]);
    let outside = Outside::new(site.clone());
    let follower = tokio::spawn(outside.clone().follow());
    let mut tellers = JoinSet::new();
    for (at, account) in accounts.iter().cloned().enumerate() {
        let (outside, name) = (outside.clone(), format!("source-{at}"));
        tellers.spawn(async move {
            let told = if at < ACCOUNTS {
                outside.tell(name, account.clone(), begin).await
            } else {
                outside.tell_in_streams(name, account.clone(), begin).await
            };
            (account, told)
        });
    }

    let mut random = StdRng::seed_from_u64(seed());
    let (mut sprung, mut slowest) = (0, Duration::ZERO);
    outside.goes_on(20, 20).await;
    for round in 0..KILLS {
        let some = random.random_range(20..80);
        if let Some((which, fault)) = trap(round, &mut random) {
            proxy.trap_at(which, fault);
            // Which statements are to be seen depends on what its connections have prepared before.
            tokio::select! {
                () = proxy.silent() => sprung += 1,
                _ = outside.goes_on(2 * some, some) => proxy.disarm(),
            }
        } else {
            outside.goes_on(some, 0).await;
        }
        database.kill();
        proxy.cut();
        proxy.heal();
        database.start_again().await;
        let back = outside.goes_on(20, 20).await;
        assert!(back < SOON, "it serves again after {back:?}");
        slowest = slowest.max(back);
        assert!(!follower.is_finished(), "whoever follows was told something wrong");
    }
    assert!(
        sprung >= 3,
        "the database died in the middle of something {sprung} times"
    );

    outside.enough();
    let told: HashMap<String, i64> = timeout(LONG, tellers.join_all())
        .await
        .expect("an answer never comes")
        .into_iter()
        .collect();
    for (at, account) in accounts.iter().enumerate() {
        let recorded = format!("SELECT COUNT(*) FROM activity WHERE source = 'source-{at}'");
        assert_eq!(deployed.count(&recorded).await, told[account], "told by source-{at}");
    }
    let all = usize::try_from(deployed.count("SELECT COUNT(*) FROM account_event").await).unwrap();
    let comes = async {
        while outside.came() < all {
            assert!(!follower.is_finished(), "whoever follows was told something wrong");
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, comes).await.expect("a change never comes");
    follower.abort();
    let mut versions: HashMap<&str, i64> = HashMap::new();
    let followed = outside.followed();
    for event in &followed {
        let version = versions.entry(&event.account_id).or_default();
        *version += 1;
        assert_eq!(event.account_event.as_ref().unwrap().version, *version, "{event:?}");
    }
    for (at, account) in accounts.iter().enumerate() {
        let found = site.account(account).await;
        let version = versions[account.as_str()];
        assert_eq!(found.ownership.unwrap().etag, version.to_string());
        let last = begin + TimeDelta::seconds(told[account]);
        assert_eq!(found.last_follow_up_time, time(last));
        // What a stream has on its way at once may be one change.
        assert!(
            version == told[account] + 1 || (at >= ACCOUNTS && version <= told[account]),
            "{version}"
        );
    }
    say(&format!(
        "{} activities, {} events, the database killed {KILLS} times, of which {sprung} in mid-statement; back in {slowest:?} \
         at most",
        told.values().sum::<i64>(),
        followed.len()
    ));
    stop_all(vec![process]).await;
    deployed.end().await;
}
