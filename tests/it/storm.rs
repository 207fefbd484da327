//! Callers that go away at any moment. What was acknowledged is there, nothing is there twice, no connection is gone.

use crate::{
    harness::{Client, Server, external_server, say},
    outcomes::{add_ann, create_as, pool, pools_of},
    proxy::Proxy,
    rig::{rests, serves_in_parallel},
};
use futures::StreamExt;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::Duration;
use tidepool::app::call::Scope;
use tokio::time::{Instant, timeout};
use tonic::{Code, Request};

const CALLS: usize = 200;
/// Changes of one tenant's configuration get into each other's way, which is not what this is about.
const TENANTS: usize = 10;

/// The seed of this run, printed so that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("TIDEPOOL_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| rand::rng().random());
    say(&format!("TIDEPOOL_TEST_SEED={seed}"));
    seed
}

async fn start() -> (Server, Vec<Client>) {
    let server = match external_server() {
        None => Server::start().await,
        Some(url) => {
            let proxy = Proxy::start(&url).await;
            proxy.delay(Duration::from_millis(1));
            Server::start_with(|config| config.database.url = proxy.url(&config.database.url)).await
        }
    };
    let mut admins = Vec::new();
    for number in 0..TENANTS {
        let tenant = format!("tenant-{number}");
        server.create_tenant(&tenant).await;
        let admin = server.caller(&tenant, "console", &[Scope::Admin]);
        add_ann(&admin).await;
        admins.push(admin);
    }
    (server, admins)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_lose_and_leak_nothing() {
    let (server, admins) = start().await;
    let mut random = StdRng::seed_from_u64(seed());
    // How long a call takes here, as a unit for how long callers wait.
    let began = Instant::now();
    create_as(&admins[0], pool("first", "")).await.unwrap();
    let usual = began.elapsed();
    let patience: Vec<_> = (0..CALLS)
        .map(|_| usual.mul_f64(random.random_range(0.0..12.0)))
        .collect();
    let answers: Vec<_> = futures::stream::iter(patience.into_iter().enumerate())
        .map(|(number, patience)| {
            let admin = admins[number % TENANTS].clone();
            async move {
                let name = format!("pool-{number}");
                let mut request = Request::new(pool(&name, ""));
                let answer = match number / TENANTS % 3 {
                    // The caller goes away.
                    0 => timeout(patience, admin.pools().create_pool(request)).await.ok(),
                    // The caller said before how long it would wait.
                    1 => {
                        request.set_timeout(patience);
                        Some(admin.pools().create_pool(request).await)
                    }
                    // The caller waits.
                    _ => Some(admin.pools().create_pool(request).await),
                };
                (number, name, answer)
            }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    serves_in_parallel(server.db()).await;
    rests(server.db()).await;

    let mut there = Vec::new();
    for admin in &admins {
        create_as(admin, pool("last", "")).await.unwrap();
        there.push(pools_of(admin).await);
    }
    assert!(
        there.iter().flat_map(|pools| pools.values()).all(|count| *count == 1),
        "{there:?}"
    );
    let mut acknowledged = 0;
    for (number, name, answer) in &answers {
        match answer {
            Some(Ok(_)) => {
                assert!(
                    there[number % TENANTS].contains_key(name),
                    "{name} was acknowledged and is lost"
                );
                acknowledged += 1;
            }
            Some(Err(status)) => {
                let expected = [
                    Code::DeadlineExceeded,
                    Code::Cancelled,
                    Code::Aborted,
                    Code::Unavailable,
                ];
                assert!(expected.contains(&status.code()), "{name}: {status:?}");
            }
            None => {}
        }
    }
    let happened = there.iter().map(std::collections::BTreeMap::len).sum::<usize>() - TENANTS - 1;
    assert!(acknowledged > 0, "nobody was served");
    say(&format!(
        "{acknowledged} of {CALLS} were acknowledged, {happened} happened"
    ));
    server.stop().await;
}
