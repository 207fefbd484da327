//! A process that is killed under load at seeded random moments, on every engine. Where the engine allows, a second one
//! serves all the while and notices nothing.

use super::{
    Deployed,
    errands::{Errand, Stock, all_were_done_once, may_be_repeated},
};
use crate::{
    harness::{external_server, say},
    process::Process,
    site::Site,
    storm::seed,
    world::World,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::Duration;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const ROUNDS: usize = 20;
const CLIENTS: usize = 6;
/// Errands of a client per round.
const EACH: usize = 4;

/// What became of an errand.
#[derive(Debug)]
enum Became {
    Answered(String),
    /// Nobody knows whether it was done.
    Unanswered,
    /// The server was gone before.
    NotAsked,
}

/// Asks for one after the other, once each, for as long as there are answers.
async fn client(site: Site, errands: Vec<Errand>) -> Vec<(Errand, Became)> {
    let mut became = Vec::new();
    let mut gone = false;
    for errand in errands {
        let answer = if gone {
            Became::NotAsked
        } else {
            match errand.ask(&site, 0).await {
                Ok(said) => Became::Answered(said),
                Err(status) => {
                    assert!(may_be_repeated(&status), "{errand:?}: {status:?}");
                    gone = true;
                    Became::Unanswered
                }
            }
        };
        became.push((errand, answer));
    }
    became
}

fn clients(site: &Site, stock: &mut Stock) -> JoinSet<Vec<(Errand, Became)>> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let errands = (0..EACH).map(|_| stock.next()).collect();
        clients.spawn(client(site.clone(), errands));
    }
    clients
}

fn site_of(process: &Process) -> Site {
    Site::new(vec![process.channel()])
}

/// One that nobody was killed over.
fn answered((errand, became): (Errand, Became)) -> (Errand, String) {
    match became {
        Became::Answered(said) => (errand, said),
        Became::Unanswered | Became::NotAsked => panic!("{errand:?}: {became:?}"),
    }
}

/// Every acknowledged errand is there, none is half done, none happened twice; the next process serves at once, and
/// the one beside it served all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load() {
    let world = World::start().await;
    let errands = (ROUNDS + 1) * CLIENTS * EACH * 2;
    let mut stock = Stock::make(&world, errands).await;
    let deployed = Deployed::of(world).await;
    let survivor = if external_server().is_some() {
        Some(deployed.serve().await)
    } else {
        None
    };
    let mut random = StdRng::seed_from_u64(seed());
    let (mut done, mut unanswered, mut silent, mut slowest) = (Vec::new(), 0, 0, Duration::ZERO);
    let mut process = deployed.serve().await;
    let began = Instant::now();
    // How long the errands of a round take, as a unit for when to kill.
    let undisturbed = clients(&site_of(&process), &mut stock).join_all().await;
    let usual = began.elapsed();
    done.extend(undisturbed.into_iter().flatten().map(answered));
    for round in 0..ROUNDS {
        let known = deployed.answers().await;
        let disturbed = clients(&site_of(&process), &mut stock);
        let beside = survivor
            .as_ref()
            .map(|survivor| clients(&site_of(survivor), &mut stock));
        if round % 2 == 0 {
            sleep(usual.mul_f64(random.random_range(0.0..1.0))).await;
        } else {
            // As soon as something was committed: with luck before it is answered.
            let more = random.random_range(1..CLIENTS * EACH / 2);
            deployed.knows(known + more).await;
        }
        process.kill();
        let began = Instant::now();
        let disturbed = disturbed.join_all().await;
        process = deployed.serve().await;
        let site = site_of(&process);
        for (errand, became) in disturbed.into_iter().flatten() {
            if matches!(became, Became::Unanswered) {
                unanswered += 1;
                silent += usize::from(deployed.remembers(&errand).await);
            }
            let said = match became {
                Became::Answered(said) => said,
                Became::Unanswered | Became::NotAsked => errand.insist(&site, 0).await,
            };
            slowest = slowest.max(began.elapsed());
            done.push((errand, said));
        }
        if let Some(beside) = beside {
            done.extend(beside.join_all().await.into_iter().flatten().map(answered));
        }
    }
    assert!(unanswered > 0, "nobody was in the middle of anything");
    say(&format!(
        "{} errands, {unanswered} interrupted, of which {silent} had been done; back in {slowest:?} at most",
        done.len()
    ));
    let site = site_of(survivor.as_ref().unwrap_or(&process));
    all_were_done_once(&site, &stock, &done).await;
    super::stop_all(survivor.into_iter().chain([process]).collect()).await;
    deployed.end().await;
}
