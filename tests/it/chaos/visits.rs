//! Others who follow the stream for a moment and go away, answered or not: what they took of a service must come back.

use super::place::SERVICES;
use crate::site::Site;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tidepool::rpc::proto::WatchEventsRequest;
use tokio::time::{sleep, timeout};
use tonic::Status;

/// How long they stay, and stay away, at most.
const A_WHILE: u64 = 100;

/// They come until they are told to stop; says how often.
pub(super) async fn come_and_go(site: Arc<Mutex<Site>>, seed: u64, stop: Arc<AtomicBool>) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let a_while = |random: &mut StdRng| Duration::from_millis(random.random_range(0..A_WHILE));
    let mut visits = 0;
    while !stop.load(Ordering::Relaxed) {
        let service = site.lock().unwrap().clone().admin_at(random.random_range(0..SERVICES));
        let visit = async {
            let answer = service.events().watch_events(WatchEventsRequest::default()).await?;
            let mut events = answer.into_inner();
            while events.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        // However it ends: a service may be gone, or stand still.
        let _ended = timeout(a_while(&mut random), visit).await;
        visits += 1;
        sleep(a_while(&mut random)).await;
    }
    visits
}
