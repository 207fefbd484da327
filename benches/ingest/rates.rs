//! How fast activities come in beside the same rows written by hand: in calls of many, in streams, and in many calls of one
//! at the same time. All take turns, so that what else the machine does meets all.

use crate::{
    Plan,
    callers::{Freight, calls, connect, streams},
    common::{
        Outcome,
        counters::{Counted, Counters},
        report::{Report, Target},
        runs::{Latency, Runs},
        site::Site,
    },
    hand::Hand,
    mix::{Account, BATCH, Teller, accounts},
    moments::Moments,
};
use sea_orm::sqlx::{MySqlPool, Row, query};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tidepool::client::Client;
use tokio::time::sleep;

/// Connections through which batches come.
const RELAYS: usize = 4;
/// Callers at the same time, and the connections that they share.
const CALLERS: usize = 64;
const CHANNELS: usize = 8;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Calls,
    Streams,
    HandBatches,
    Singles,
    HandSingles,
}

const WAYS: [Way; 5] = [
    Way::Calls,
    Way::HandBatches,
    Way::Streams,
    Way::HandSingles,
    Way::Singles,
];

/// Those who tell, to the service or by hand: the same of both.
struct Side {
    batches: Vec<Teller>,
    singles: Vec<Teller>,
}

impl Side {
    fn new(accounts: usize) -> Self {
        Self {
            batches: Teller::some("batch", accounts, RELAYS),
            singles: Teller::some("single", accounts, CALLERS),
        }
    }
}

struct Bench<'a> {
    plan: &'a Plan,
    counters: Counters,
    /// The service's database.
    stored: MySqlPool,
    site: Site,
    clients: Vec<Client>,
    accounts: Arc<[Account]>,
    hand: Hand,
    service: Side,
    by_hand: Side,
    moments: Moments,
}

impl<'a> Bench<'a> {
    async fn start(plan: &'a Plan) -> Outcome<Self> {
        eprintln!("{} accounts, for the service and for who works by hand", plan.accounts);
        let counters = Counters::of(&plan.common.server).await?;
        let site = Site::found(plan.setup(true), "bench_ingest").await?.0;
        let told = accounts(&site, plan.accounts).await?;
        let other = Site::found(plan.setup(false), "bench_hand").await?.0;
        let by_hand = accounts(&other, plan.accounts).await?;
        let hand = Hand::start(&other.url, by_hand).await?;
        other.stop().await;
        for database in ["bench_ingest", "bench_hand"] {
            counters.analyze(database).await?;
        }
        Ok(Self {
            plan,
            counters,
            stored: MySqlPool::connect(&site.url).await?,
            clients: connect(&site, CHANNELS)?,
            service: Side::new(told.len()),
            by_hand: Side::new(told.len()),
            moments: Moments::until(site.clock.now()),
            accounts: told,
            hand,
            site,
        })
    }

    /// Activities of a run.
    const fn number(&self, way: Way) -> usize {
        match way {
            Way::Calls | Way::Streams | Way::HandBatches => self.plan.batches * BATCH * RELAYS,
            Way::Singles | Way::HandSingles => self.plan.calls * CALLERS,
        }
    }

    /// Until every event has its place in the stream: that is work of the run before.
    async fn settled(&self) -> Outcome {
        loop {
            let sql = "SELECT COUNT(*) FROM account_event WHERE tenant = 1 AND position IS NULL";
            let waiting: i64 = query(sql).fetch_one(&self.stored).await?.try_get(0)?;
            if waiting == 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// One run: how many seconds it took, what was counted, and how long calls took.
    async fn run(&mut self, way: Way) -> Outcome<(f64, Counted, Latency)> {
        self.settled().await?;
        self.counters.quiet().await?;
        let at = self.moments.next();
        for side in [&mut self.service, &mut self.by_hand] {
            for teller in side.batches.iter_mut().chain(&mut side.singles) {
                teller.begin(at);
            }
        }
        let (batches, singles) = ((self.plan.batches, BATCH), (self.plan.calls, 1));
        let (service, by_hand) = (&mut self.service, &mut self.by_hand);
        let relays = &self.clients[..RELAYS];
        let began = Instant::now();
        let work = async {
            match way {
                Way::Calls => calls(relays, &self.accounts, &mut service.batches, batches).await,
                Way::Singles => calls(&self.clients, &self.accounts, &mut service.singles, singles).await,
                Way::Streams => {
                    let freight = Freight::batches(self.plan.batches);
                    streams(relays, &self.accounts, &mut service.batches, &freight).await?;
                    Ok(Latency::default())
                }
                Way::HandBatches => {
                    self.hand.tell(&mut by_hand.batches, batches).await?;
                    Ok(Latency::default())
                }
                Way::HandSingles => {
                    self.hand.tell(&mut by_hand.singles, singles).await?;
                    Ok(Latency::default())
                }
            }
            .map(|latency| (began.elapsed().as_secs_f64(), latency))
        };
        let ((seconds, latency), counted) = self.counters.during(work).await?;
        Ok((seconds, counted, latency))
    }
}

/// What one way took in all its rounds.
#[derive(Default)]
struct Took {
    runs: Runs,
    latencies: Vec<Latency>,
}

impl Took {
    /// The median of the rounds' percentiles, in milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let of_rounds = self.latencies.iter().map(|latency| latency.percentile(percent));
        Latency::of(of_rounds.collect()).percentile(50)
    }
}

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome<(Site, Arc<[Account]>, Moments)> {
    let mut bench = Bench::start(plan).await?;
    // Connections are there, and statements known, before it counts.
    for way in WAYS {
        bench.run(way).await?;
    }
    let mut took: [Took; 5] = Default::default();
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for at in 0..WAYS.len() {
            // Nobody is always first.
            let at = (at + round) % WAYS.len();
            let (seconds, counted, latency) = bench.run(WAYS[at]).await?;
            took[at].runs.add(seconds, &counted);
            took[at].latencies.push(latency);
        }
    }
    tell(&bench, report, &took);
    bench.settled().await?;
    Ok((bench.site, bench.accounts, bench.moments))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn tell(bench: &Bench<'_>, report: &mut Report, took: &[Took; 5]) {
    let [calls, hand_batches, streams, hand_singles, singles] = took;
    let rate = |at: usize| bench.number(WAYS[at]) as f64 / took[at].runs.median();
    for (at, name) in [
        "calls of 500 on 4 connections",
        "500 by hand on 4 connections",
        "streams on 4 connections",
        "one by one by hand, 64 at a time",
        "calls of one, 64 at a time",
    ]
    .into_iter()
    .enumerate()
    {
        report.add(name, rate(at), "activities/s", None);
    }
    let ratio = |hand: &Took, service: &Took| hand.runs.median() / service.runs.median();
    for (name, hand, service, least) in [
        ("rate of calls of 500 over by hand", hand_batches, calls, 0.5),
        ("rate of streams over by hand", hand_batches, streams, 0.5),
        ("rate of calls of one over by hand", hand_singles, singles, 1.0),
    ] {
        report.add(name, ratio(hand, service), "x", Some(Target::AtLeast(least)));
    }
    let cost = |took: &Took| took.runs.counted.processor_time() as f64;
    for (name, service, hand) in [
        ("processor time of calls of 500, likewise", calls, hand_batches),
        ("processor time of streams, likewise", streams, hand_batches),
        ("processor time of calls of one, likewise", singles, hand_singles),
    ] {
        report.add(name, cost(service) / cost(hand), "x", None);
    }
    report.add("call of one, median", singles.percentile(50), "ms", None);
    let target = Some(Target::AtMost(50.0));
    report.add("call of one, 99 %", singles.percentile(99), "ms", target);
    report.add("call of 500, median", calls.percentile(50), "ms", None);
    report.add("call of 500, 99 %", calls.percentile(99), "ms", None);
    for (at, name) in ["calls", "hand", "streams", "hand, one", "calls, one"]
        .into_iter()
        .enumerate()
    {
        let number = bench.number(WAYS[at]) * bench.plan.rounds;
        report.count(name, number as u64, &took[at].runs.counted);
    }
}
