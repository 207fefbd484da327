//! Rounds of random faults, of the network, of processes and their clocks, of the database and its disk, against three service processes on one
//! database (one on SQLite) while people claim, return, assign, read and change limits, services tell of follow-ups, the sweep
//! takes what is due, and others follow the stream, or come and go. After each round all that was promised must hold: see `ledger`.
//!
//! A short storm is part of every run. `make chaos` makes long ones: `TIDEPOOL_CHAOS_MINUTES`, or `TIDEPOOL_CHAOS_ROUNDS`.
//! What happens is drawn from `TIDEPOOL_TEST_SEED`, which is printed; when it happens is the machine's.

mod clock_jumps;
mod faults;
mod health;
mod ledger;
mod place;
mod refusals;
mod slots;
mod visits;
mod wall_clock;
mod work;

use crate::{
    harness::say,
    processes::{number, outside::LONG},
    storm::seed,
};
use faults::{Deck, Fault};
use ledger::Ledger;
use place::Place;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::DatabaseConnection;
use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use work::{Company, Worker};

/// Who works at the same time.
const WORKERS: u64 = 6;
/// Faults of a round.
const FAULTS: usize = 3;
/// How soon a service serves again when nothing is wrong any more.
const SOON: Duration = Duration::from_secs(20);

/// How long a storm is.
#[derive(Clone, Copy, Debug)]
enum Length {
    Rounds(usize),
    Time(Duration),
}

impl Length {
    /// As the environment says; ten rounds if it says nothing.
    fn wanted() -> Self {
        let number = |name: &str| env::var(name).ok().filter(|text| !text.is_empty());
        if let Some(minutes) = number("TIDEPOOL_CHAOS_MINUTES") {
            let minutes: f64 = minutes.parse().expect("TIDEPOOL_CHAOS_MINUTES is a number");
            return Self::Time(Duration::from_secs_f64(60.0 * minutes));
        }
        let rounds = number("TIDEPOOL_CHAOS_ROUNDS").unwrap_or_else(|| "10".to_owned());
        Self::Rounds(rounds.parse().expect("TIDEPOOL_CHAOS_ROUNDS is a number"))
    }

    /// About how long that is.
    fn time(self) -> Duration {
        match self {
            Self::Rounds(rounds) => Duration::from_secs(6) * u32::try_from(rounds).unwrap(),
            Self::Time(time) => time,
        }
    }

    /// By how many seconds a clock is set ahead at most. The sweep takes then what is due so much later: of a long storm that may
    /// not be all that there is.
    fn ahead(self) -> i64 {
        let hour = 3600;
        match self {
            Self::Rounds(_) => hour,
            Self::Time(time) => i64::try_from(time.as_secs() / 20).unwrap().clamp(2, hour),
        }
    }

    /// Whether services are still killed: from then on what they hold is watched to the end.
    fn kills(self, began: Instant) -> bool {
        match self {
            Self::Rounds(_) => true,
            Self::Time(time) => began.elapsed() < time / 4,
        }
    }

    fn has_more(self, rounds: usize, began: Instant) -> bool {
        match self {
            Self::Rounds(wanted) => rounds < wanted,
            Self::Time(wanted) => began.elapsed() < wanted,
        }
    }
}

/// P1, P2, P6, P9-P12, P14: all promises through all faults once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_storm() {
    storm(Length::Rounds(Deck::all().len().div_ceil(FAULTS))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told to: make chaos"]
async fn a_long_storm() {
    storm(Length::wanted()).await;
}

async fn storm(length: Length) {
    let seed = seed();
    let Some((mut place, company)) = Place::make(length.time()).await else {
        return;
    };
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck = Deck::new(place.has_clocks());
    let mut ledger = Ledger::new(&company);
    let direct = place.direct().await;
    let (mut rounds, began) = (0, Instant::now());
    while length.has_more(rounds, began) {
        rounds += 1;
        if !length.kills(began) {
            deck.kill_no_more();
        }
        let faults: Vec<_> = (0..FAULTS).map(|_| deck.draw(&mut random)).collect();
        let ahead = length.ahead();
        round(
            &mut place,
            &company,
            &mut ledger,
            &direct,
            (&faults, ahead),
            rounds,
            &mut random,
        )
        .await;
        place.note_usage();
    }
    place.every_transaction_ends(&direct).await;
    place.nothing_grew();
    say(&format!(
        "{rounds} rounds in {} s, seed {seed}: {}",
        began.elapsed().as_secs(),
        ledger.total()
    ));
    drop(direct);
    place.end().await;
}

async fn round(
    place: &mut Place,
    company: &Arc<Company>,
    ledger: &mut Ledger,
    direct: &DatabaseConnection,
    (faults, ahead): (&[Fault], i64),
    round: usize,
    random: &mut StdRng,
) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let worker = Worker::new(company, place.site(), format!("{round}-{number}"), random.random());
        workers.spawn(worker.work(stop.clone()));
    }
    let observer = tokio::spawn(observe(place.direct_url(), company.clone(), stop.clone()));
    let visitor = tokio::spawn(visits::come_and_go(place.site(), random.random(), stop.clone()));
    for fault in faults {
        sleep(Duration::from_millis(random.random_range(50..400))).await;
        place.strike(*fault, ahead, random).await;
        if *fault == Fault::ClockAhead {
            ledger.a_clock_was_ahead(ahead);
        }
    }
    let healed = Instant::now();
    let told = place.serves_again(company, round).await;
    let back = healed.elapsed();
    assert!(back < SOON, "after {faults:?} it serves again in {back:?}");
    stop.store(true, Ordering::Relaxed);
    let done = timeout(LONG, workers.join_all()).await.expect("an answer never comes");
    let samples = timeout(LONG, observer).await.expect("the observer ends").unwrap();
    let visits = timeout(LONG, visitor).await.expect("the visitor goes away").unwrap();
    ledger.note(done.into_iter().flatten().chain(told));
    place.no_slot_is_lost(company, ledger, round).await;
    ledger.follows_all(place, direct).await;
    place.every_seat_is_free().await;
    ledger.checks(company, direct, round).await;
    company.limits_hold(direct).await;
    place.verify().await;
    say(&format!(
        "round {round}: {faults:?}; {}; {samples} samples of limits, {visits} visits; serves again in {back:?}",
        ledger.last()
    ));
}

/// Looks at who holds how much all the time: what a single statement sees is one instant. Says how often.
async fn observe(url: String, company: Arc<Company>, stop: Arc<AtomicBool>) -> usize {
    let mut samples = 0;
    while !stop.load(Ordering::Relaxed) {
        // The database may be gone, or stand still.
        if let Ok(Ok(db)) = timeout(Duration::from_secs(3), sea_orm::Database::connect(&url)).await {
            while !stop.load(Ordering::Relaxed) {
                let Ok(Some(most)) = timeout(Duration::from_secs(3), company.most_held(&db)).await else {
                    break;
                };
                company.within_limits(most);
                samples += 1;
                sleep(Duration::from_millis(10)).await;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    samples
}

/// How many rows there are.
async fn rows(db: &DatabaseConnection, sql: &str) -> usize {
    usize::try_from(number(db, sql).await).unwrap()
}
