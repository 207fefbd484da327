//! From a configuration to a serving process and back: start, say how it is, drain, stop.

use crate::{
    app::{self, App},
    clock::Clock,
    config::{Config, Events, Jobs, Sweep, Webhooks},
    domain::error::Error,
    rpc::convert::webhook_json,
    server::Bound,
    store::{
        Db, DbErr,
        dialect::Engine,
        durability,
        lock::{LockError, ServerLock},
        migrate,
        open::OpenError,
        slots::Watch,
    },
    telemetry::metrics,
    worker,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic_health::{ServingStatus, server::HealthReporter};

/// Health service names: ready to take calls (also the empty name), alive at all, started.
pub const READINESS: &str = "readiness";
/// See [`READINESS`].
pub const LIVENESS: &str = "liveness";
/// See [`READINESS`].
pub const STARTUP: &str = "startup";

const PROBE_EVERY: Duration = Duration::from_secs(2);
/// How many probes in a row may fail before the server says that it is not ready.
const PROBE_FAILURES: u32 = 3;
/// How long work whose caller has left may take at the end, and the sweep with it. No call is older than 30 s, and the
/// youngest began before the drain. With the default drain, closing the database and the last words to the collector
/// included, the process ends within 45 s, which is what the chart lets it have.
const LAST_WORK: Duration = Duration::from_secs(10);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The schema does not fit.
    #[error("{0}")]
    Schema(#[from] migrate::Unfit),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// Another server has the SQLite file.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Who may vouch for the targets of webhooks cannot be read.
    #[error("webhooks.ca_file: {0}")]
    Webhooks(String),
    /// The flows could not start.
    #[error(transparent)]
    App(#[from] Error),
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
}

/// Opens the database and makes sure of its schema. SQLite is brought up to date at once: there is nobody else to do it.
pub async fn open(config: &Config, clock: &Clock) -> Result<Db, StartError> {
    let db = Db::open(config.store()).await?;
    if db.engine() == Engine::Sqlite || config.database.auto_migrate {
        for step in migrate::up(&db, clock).await? {
            tracing::info!(step, "migrated");
        }
    }
    migrate::check(&db).await??;
    Ok(db)
}

/// A serving process.
#[derive(Debug)]
pub struct Running {
    /// What serves. Public for the demo and tests, which move its clock.
    pub app: Arc<App>,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Running {
    /// Starts to serve on a database whose schema is current.
    pub async fn start(config: &Config, db: Db, clock: Clock) -> Result<Self, StartError> {
        let lock = ServerLock::take(&config.store())?;
        for concern in durability::concerns(&db).await? {
            tracing::warn!("the database may lose what it acknowledged, or refuse changes: {concern}");
        }
        watch_connections(&db);
        let wanted = config.server.insecure_listen.unwrap_or(config.server.listen);
        let mut app = App::start(db.clone(), clock).await?;
        app.sweep_grace = config.sweep.grace();
        app.events = app::events::Events::new((&config.events).into());
        app.webhooks.configure(&config.webhooks).map_err(StartError::Webhooks)?;
        let app = Arc::new(app);
        let bound = Bound::bind(wanted)
            .await
            .map_err(|error| StartError::Bind(wanted, error))?;
        let address = bound.address();
        if config.server.insecure_listen.is_some() {
            tracing::warn!(%address, "INSECURE: whoever reaches this address can act as anybody in any tenant");
        }
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(bound, app.clone(), config.clone(), stop.clone(), lock));
        tracing::info!(%address, "serving");
        Ok(Self {
            app,
            address,
            stop,
            serving,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drains and stops.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.serving.await {
            tracing::error!(error = %error, "the server panicked");
        }
    }
}

async fn serve(bound: Bound, app: Arc<App>, config: Config, stop: CancellationToken, lock: Option<ServerLock>) {
    let health = HealthReporter::new();
    for name in [LIVENESS, STARTUP] {
        health.set_service_status(name, ServingStatus::Serving).await;
    }
    set_ready(&health, true).await;
    let tasks = TaskTracker::new();
    let closed = CancellationToken::new();
    let probe = tokio::spawn(probe(app.db.clone(), health.clone(), stop.clone()));
    let sweep = tokio::spawn(sweep(app.clone(), config.sweep.clone(), stop.clone()));
    let jobs = tokio::spawn(jobs(app.clone(), config.jobs.clone(), stop.clone()));
    let relay = tokio::spawn(relay(app.clone(), config.events.clone(), stop.clone()));
    #[cfg(feature = "nats")]
    let nats = tokio::spawn(nats(app.clone(), config.clone(), stop.clone()));
    let webhooks = tokio::spawn(webhooks(app.clone(), config.webhooks.clone(), stop.clone()));
    let watchers = worker::watchers::run(app.clone(), config.events.relay_interval(), closed.clone());
    let watchers = tokio::spawn(watchers);
    let drain = async {
        stop.cancelled().await;
        set_ready(&health, false).await;
        // Load balancers and clients learn first that they should go elsewhere.
        sleep(Duration::from_secs(config.server.drain_delay_seconds)).await;
        closed.cancel();
    };
    let served = bound.serve(
        app.clone(),
        &config.server,
        health.clone(),
        tasks.clone(),
        closed.clone(),
    );
    // A connection that never says anything would keep the server from ending, so the end is ours.
    let end = async {
        closed.cancelled().await;
        sleep(Duration::from_secs(config.server.drain_seconds)).await;
    };
    let serving = async {
        tokio::select! {
            result = served => if let Err(error) = result { tracing::error!(error = %error, "serving ended") },
            () = end => tracing::warn!("some connections did not end; closing them"),
        }
        stop.cancel();
    };
    tokio::join!(drain, serving);
    tasks.close();
    let end = Instant::now() + LAST_WORK;
    if timeout_at(end, tasks.wait()).await.is_err() {
        tracing::warn!(calls = tasks.len(), "some work did not end");
    }
    probe.abort();
    // It ends after its current batch, which commits or rolls back.
    if timeout_at(end, sweep).await.is_err() {
        tracing::warn!("the sweep did not end");
    }
    if timeout_at(end, jobs).await.is_err() {
        tracing::warn!("the jobs did not end");
    }
    for work in [relay, watchers] {
        if timeout_at(end, work).await.is_err() {
            tracing::warn!("the relay of events did not end");
        }
    }
    // It ends after the page that is under way.
    #[cfg(feature = "nats")]
    if timeout_at(end, nats).await.is_err() {
        tracing::warn!("publishing to NATS did not end");
    }
    // It ends after the request that is under way, which takes no longer than it may.
    if timeout_at(end, webhooks).await.is_err() {
        tracing::warn!("the webhooks did not end");
    }
    app.db.close().await;
    drop(lock);
    tracing::info!("stopped");
}

async fn sweep(app: Arc<App>, config: Sweep, stop: CancellationToken) {
    if config.enabled {
        let interval = Duration::from_secs(config.interval_seconds);
        worker::sweep::run(
            app,
            worker::sweep::Settings {
                interval,
                grace: config.grace(),
            },
            stop,
        )
        .await;
    }
}

fn watch_connections(db: &Db) {
    let db = db.clone();
    metrics::connections(move || {
        [("write", db.slots()), ("read", db.read_slots())].map(|(pool, slots)| {
            let states = [("idle", slots.idle), ("used", slots.used), ("stuck", slots.stuck())];
            (pool, slots.max, states)
        })
    });
}

async fn jobs(app: Arc<App>, config: Jobs, stop: CancellationToken) {
    if config.enabled {
        worker::jobs::run(app, Duration::from_secs(config.interval_seconds), stop).await;
    }
}

async fn relay(app: Arc<App>, config: Events, stop: CancellationToken) {
    if config.enabled {
        worker::relay::run(app, config.relay_interval(), stop).await;
    }
}

#[cfg(feature = "nats")]
async fn nats(app: Arc<App>, config: Config, stop: CancellationToken) {
    if let Some(settings) = nats_settings(&config) {
        worker::nats::run(app, settings, stop).await;
    }
}

/// How events are published to NATS, if they are.
#[cfg(feature = "nats")]
#[must_use]
pub fn nats_settings(config: &Config) -> Option<worker::nats::Settings> {
    let nats = config.nats.clone();
    Some(worker::nats::Settings {
        url: nats.url?,
        credentials_file: nats.credentials_file,
        ca_file: nats.ca_file,
        stream: nats.stream,
        subject_prefix: nats.subject_prefix,
        replicas: nats.replicas,
        keep: Duration::from_hours(24 * u64::from(config.events.keep_days)),
        interval: config.events.relay_interval(),
        encode: crate::rpc::convert::event::encode_bytes,
        content_type: "application/protobuf; messageType=\"tidepool.v1.Event\"",
    })
}

async fn webhooks(app: Arc<App>, config: Webhooks, stop: CancellationToken) {
    if config.enabled && !app.webhooks.are_off() {
        let settings = worker::webhook::Settings {
            encode: webhook_json::encode,
            interval: config.interval(),
            at_once: config.concurrency,
        };
        worker::webhook::run(app, settings, stop).await;
    }
}

async fn set_ready(health: &HealthReporter, ready: bool) {
    let status = if ready {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for name in ["", READINESS] {
        health.set_service_status(name, status).await;
    }
}

/// Says whether the database answers. Liveness does not depend on it: a restart would not bring the database back. But
/// it would bring back connections that this process has lost for good.
async fn probe(db: Db, health: HealthReporter, stop: CancellationToken) {
    let mut failures = 0;
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(PROBE_EVERY) => {}
        }
        if watch.lost(db.slots(), Instant::now()) {
            tracing::error!(slots = ?db.slots(), "most database connections are lost; this process has to be restarted");
            health.set_service_status(LIVENESS, ServingStatus::NotServing).await;
        }
        let answered = db.ping(PROBE_EVERY).await;
        if stop.is_cancelled() {
            return;
        }
        match answered {
            true if failures >= PROBE_FAILURES => {
                tracing::info!("the database answers again");
                set_ready(&health, true).await;
                failures = 0;
            }
            true => failures = 0,
            false => {
                failures += 1;
                if failures == PROBE_FAILURES {
                    tracing::error!("the database does not answer; not ready");
                    set_ready(&health, false).await;
                }
            }
        }
    }
}
