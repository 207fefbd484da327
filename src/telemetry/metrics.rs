//! Metrics: every instrument there is. Labels come from closed lists; none names a tenant or a person.
//!
//! Without a collector nothing is recorded, at the price of one load per call of these functions.

use super::Collector;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, MeterProvider},
};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use std::{sync::OnceLock, time::Duration};

/// The boundaries that the semantic conventions advise, in seconds.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// One process, one set of instruments: they are recorded from everywhere and read by nobody here.
static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();

#[derive(Debug)]
struct Instruments {
    meter: Meter,
    calls: Histogram<f64>,
    shed: Counter<u64>,
    panics: Counter<u64>,
    moves: Counter<u64>,
    retries: Counter<u64>,
    unknown: Counter<u64>,
    rounds: Counter<u64>,
    swept: Counter<u64>,
    due: Gauge<u64>,
    lag: Gauge<f64>,
    opened: Counter<u64>,
    held: Gauge<u64>,
    open: Gauge<u64>,
    source_lag: Gauge<f64>,
    relayed: Counter<u64>,
    relay_failed: Counter<u64>,
    waiting: Gauge<u64>,
    relay_lag: Gauge<f64>,
    watchers: Gauge<u64>,
    too_slow: Counter<u64>,
    parked: Counter<u64>,
    delivered: Counter<u64>,
    behind: Gauge<u64>,
    stopped: Gauge<u64>,
}

/// Sends everything at this interval, in the background.
pub(super) fn provider(
    collector: &Collector,
    interval: Duration,
    resource: Resource,
) -> Result<SdkMeterProvider, ExporterBuildError> {
    let exporter = collector.reach(MetricExporter::builder().with_tonic()).build()?;
    let reader = PeriodicReader::builder(exporter).with_interval(interval).build();
    Ok(SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(reader)
        .build())
}

/// Records to this provider from now on. The first one stays.
pub(super) fn record_to(provider: &SdkMeterProvider) {
    let meter = provider.meter("tidepool");
    let counter = |name, unit, text| meter.u64_counter(name).with_unit(unit).with_description(text).build();
    let instruments = Instruments {
        calls: meter
            .f64_histogram("rpc.server.call.duration")
            .with_unit("s")
            .with_description("How long calls took")
            .with_boundaries(SECONDS.to_vec())
            .build(),
        shed: counter(
            "tidepool.calls.shed",
            "{call}",
            "Calls refused because too many were under way",
        ),
        panics: counter("tidepool.panics", "{panic}", "Handlers and layers that panicked"),
        moves: counter(
            "tidepool.moves",
            "{account}",
            "Accounts that were to change hands, and what came of it",
        ),
        retries: counter(
            "tidepool.unit.retries",
            "{attempt}",
            "Attempts of units of work after the first",
        ),
        unknown: counter(
            "tidepool.unit.outcomes_unknown",
            "{unit}",
            "Commits of which nobody knows what became",
        ),
        rounds: counter("tidepool.sweep.rounds", "{round}", "Rounds of the sweep"),
        swept: counter(
            "tidepool.sweep.accounts",
            "{account}",
            "Accounts that the sweep looked at",
        ),
        due: meter
            .u64_gauge("tidepool.sweep.due")
            .with_unit("{account}")
            .with_description("Accounts that should have been taken back by now")
            .build(),
        lag: meter
            .f64_gauge("tidepool.sweep.lag")
            .with_unit("s")
            .with_description("For how long the oldest of them should have been")
            .build(),
        opened: counter(
            "tidepool.sweep.breakers.opened",
            "{breaker}",
            "How often reclaims of a pool were stopped until somebody confirms them",
        ),
        held: meter
            .u64_gauge("tidepool.sweep.held")
            .with_unit("{account}")
            .with_description("Accounts that are due and not taken back, by what holds them")
            .build(),
        open: meter
            .u64_gauge("tidepool.sweep.breakers.open")
            .with_unit("{breaker}")
            .with_description("Pools of which reclaims are stopped until somebody confirms them")
            .build(),
        source_lag: meter
            .f64_gauge("tidepool.sweep.source_lag")
            .with_unit("s")
            .with_description("How long ago the required source was heard of that was not for the longest time")
            .build(),
        relayed: counter("tidepool.events.relayed", "{event}", "Events that got into the stream"),
        relay_failed: counter(
            "tidepool.events.relay.failures",
            "{batch}",
            "Batches of a tenant's events that did not get into the stream",
        ),
        waiting: meter
            .u64_gauge("tidepool.events.waiting")
            .with_unit("{event}")
            .with_description("Events that are not in the stream yet, counted up to ten thousand per tenant")
            .build(),
        relay_lag: meter
            .f64_gauge("tidepool.events.lag")
            .with_unit("s")
            .with_description("For how long the oldest of them has waited")
            .build(),
        watchers: meter
            .u64_gauge("tidepool.events.watchers")
            .with_unit("{stream}")
            .with_description("Streams of events that are open")
            .build(),
        too_slow: counter(
            "tidepool.events.slow_consumers",
            "{stream}",
            "Streams of events that were ended since nobody read them",
        ),
        parked: counter(
            "tidepool.parked.activities",
            "{activity}",
            "Activities that waited for their account, and what came of it",
        ),
        delivered: counter(
            "tidepool.webhooks.attempts",
            "{event}",
            "Events that were sent to webhooks, and what came of it",
        ),
        behind: meter
            .u64_gauge("tidepool.webhooks.behind")
            .with_unit("{event}")
            .with_description("Events that webhooks in use have not delivered yet")
            .build(),
        stopped: meter
            .u64_gauge("tidepool.webhooks.disabled")
            .with_unit("{webhook}")
            .with_description("Webhooks that are out of use")
            .build(),
        meter: meter.clone(),
    };
    drop(INSTRUMENTS.set(instruments));
}

/// Whether anybody listens: for what costs something to find out.
#[must_use]
pub fn on() -> bool {
    INSTRUMENTS.get().is_some()
}

fn add(pick: impl Fn(&Instruments) -> &Counter<u64>, number: usize, labels: &[KeyValue]) {
    if let Some(instruments) = INSTRUMENTS.get() {
        pick(instruments).add(number as u64, labels);
    }
}

/// A call of `method` was answered, or left by its caller.
pub fn call(method: &'static str, code: &'static str, failed: bool, took: Duration) {
    if let Some(instruments) = INSTRUMENTS.get() {
        let mut labels = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", method),
            KeyValue::new("rpc.response.status_code", code),
        ];
        if failed {
            labels.push(KeyValue::new("error.type", code));
        }
        instruments.calls.record(took.as_secs_f64(), &labels);
    }
}

/// A call was refused because too many were under way.
pub fn shed() {
    add(|i| &i.shed, 1, &[]);
}

/// Something panicked.
pub fn panicked() {
    add(|i| &i.panics, 1, &[]);
}

/// Somebody wanted to move an account: it moved, or was refused for this reason.
pub fn moved(operation: &'static str, refused: Option<&'static str>) {
    let outcome = if refused.is_some() { "refused" } else { "moved" };
    let mut labels = vec![KeyValue::new("operation", operation), KeyValue::new("outcome", outcome)];
    labels.extend(refused.map(|reason| KeyValue::new("reason", reason)));
    add(|i| &i.moves, 1, &labels);
}

/// An attempt of a unit of work failed in this way and is made again.
pub fn retried(unit: &'static str, class: &'static str) {
    let labels = [KeyValue::new("unit", unit), KeyValue::new("class", class)];
    add(|i| &i.retries, 1, &labels);
}

/// Nobody could find out whether a commit happened.
pub fn outcome_unknown(unit: &'static str) {
    add(|i| &i.unknown, 1, &[KeyValue::new("unit", unit)]);
}

/// A round of the sweep ended in this way.
pub fn round(outcome: &'static str) {
    add(|i| &i.rounds, 1, &[KeyValue::new("outcome", outcome)]);
}

/// What a round did with so many accounts.
pub fn swept(outcome: &'static str, accounts: usize) {
    add(|i| &i.swept, accounts, &[KeyValue::new("outcome", outcome)]);
}

/// How far behind the sweep is.
pub fn lag(due: u64, oldest: Duration) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.due.record(due, &[]);
        instruments.lag.record(oldest.as_secs_f64(), &[]);
    }
}

/// Reclaims of a pool were stopped.
pub fn breaker_opened() {
    add(|i| &i.opened, 1, &[]);
}

/// What a round left with its owner: behind `open` breakers, and since sources were not heard of for `source_lag`.
pub fn held(stopped: u64, unheard: u64, open: u64, source_lag: Duration) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.held.record(stopped, &[KeyValue::new("reason", "breaker")]);
        instruments.held.record(unheard, &[KeyValue::new("reason", "source")]);
        instruments.open.record(open, &[]);
        instruments.source_lag.record(source_lag.as_secs_f64(), &[]);
    }
}

/// So many events got into the stream.
pub fn relayed(events: usize) {
    if events > 0 {
        add(|i| &i.relayed, events, &[]);
    }
}

/// A batch of a tenant's events did not get into the stream.
pub fn relay_failed() {
    add(|i| &i.relay_failed, 1, &[]);
}

/// How many events are not in the stream yet, and for how long the oldest has waited.
pub fn relay_lag(waiting: u64, oldest: Duration) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.waiting.record(waiting, &[]);
        instruments.relay_lag.record(oldest.as_secs_f64(), &[]);
    }
}

/// So many streams of events are open.
pub fn watchers(open: usize) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.watchers.record(open as u64, &[]);
    }
}

/// A stream of events was ended since nobody read it.
pub fn too_slow() {
    add(|i| &i.too_slow, 1, &[]);
}

/// What came of so many activities that waited for their account.
pub fn replayed(outcome: &'static str, activities: usize) {
    add(|i| &i.parked, activities, &[KeyValue::new("outcome", outcome)]);
}

/// What came of so many events that were sent to webhooks.
pub fn posted(outcome: &'static str, events: usize) {
    if events > 0 {
        add(|i| &i.delivered, events, &[KeyValue::new("outcome", outcome)]);
    }
}

/// How many events webhooks have not delivered yet, and how many webhooks are out of use.
pub fn webhooks_behind(events: u64, disabled: u64) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.behind.record(events, &[]);
        instruments.stopped.record(disabled, &[]);
    }
}

/// Connections of one kind: what they are for, the most there may be, and how many are in each state.
type Connections = (&'static str, u32, [(&'static str, u32); 3]);

/// Where the database connections are, as `read` says whenever somebody wants to know.
pub fn connections(read: impl Fn() -> [Connections; 2] + Clone + Send + Sync + 'static) {
    const POOL: &str = "db.client.connection.pool.name";
    let Some(Instruments { meter, .. }) = INSTRUMENTS.get() else {
        return;
    };
    let states = read.clone();
    meter
        .u64_observable_gauge("db.client.connection.count")
        .with_unit("{connection}")
        .with_description("Database connections by state; stuck ones are used by nobody and come back to nobody")
        .with_callback(move |observer| {
            for (pool, _, states) in states() {
                for (state, number) in states {
                    let state = KeyValue::new("db.client.connection.state", state);
                    observer.observe(number.into(), &[KeyValue::new(POOL, pool), state]);
                }
            }
        })
        .build();
    meter
        .u64_observable_gauge("db.client.connection.max")
        .with_unit("{connection}")
        .with_description("Database connections at most")
        .with_callback(move |observer| {
            for (pool, max, _) in read() {
                observer.observe(max.into(), &[KeyValue::new(POOL, pool)]);
            }
        })
        .build();
}
