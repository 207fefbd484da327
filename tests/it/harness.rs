//! A real server in this process, on a free loopback port, with a database and a clock of its own.

use chrono::{DateTime, TimeZone, Utc};
use sea_orm::{ConnectionTrait, Database};
use secrecy::{ExposeSecret, SecretString};
use std::{env, str::FromStr, time::Duration};
use tempfile::TempDir;
use tidepool::{
    app::call::Scope,
    clock::Clock,
    config::Config,
    domain::{ids::TenantName, refusal::Reason, tenant::TenantSettings},
    lifecycle::{self, Running},
    rpc::proto,
    store::Db,
};
use tonic::{
    Code, Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::{ErrorDetails, StatusExt};

/// The tenant that most tests use.
pub(crate) const ACME: &str = "acme";

/// Where a test keeps its data.
#[derive(Debug)]
pub(crate) enum Storage {
    Folder(TempDir),
    Database { server: String, name: String },
}

/// A server under test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    channel: Channel,
    storage: Storage,
}

/// The server that the suite runs on, if not SQLite.
pub(crate) fn external_server() -> Option<String> {
    env::var("TIDEPOOL_TEST_DATABASE_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// The nodes of the cluster that the suite may write to, if there are several: the first one is the server that it runs on.
pub(crate) fn nodes() -> Vec<String> {
    let named = env::var("TIDEPOOL_TEST_DATABASE_URLS").unwrap_or_default();
    let nodes: Vec<_> = named
        .split_whitespace()
        .map(|url| url.trim_end_matches('/').to_owned())
        .collect();
    if nodes.len() < 2 {
        return Vec::new();
    }
    let first = external_server().unwrap_or_default();
    assert_eq!(
        first.trim_end_matches('/'),
        nodes[0],
        "the suite runs on the first node"
    );
    nodes
}

/// The same database as another server of ours reaches it: at a node of its own in a cluster that the suite may write to
/// everywhere, else at the same place.
pub(crate) fn at_node(url: &SecretString, node: usize) -> SecretString {
    let nodes = nodes();
    let url = url.expose_secret();
    match nodes.first() {
        Some(first) => url.replacen(first.as_str(), &nodes[node % nodes.len()], 1).into(),
        None => url.into(),
    }
}

/// Whether the suite runs on a MySQL-family server. Says so where the test runner does not swallow it if not: nothing is
/// left out silently.
pub(crate) fn on_a_server(test: &str, why: &str) -> bool {
    let server = external_server().is_some();
    if !server {
        say(&format!("NOT RUN on SQLite: {test}: {why}"));
    }
    server
}

/// Prints a line even if the test passes.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let mut stderr = std::io::stderr();
    writeln!(stderr, "{line}").unwrap();
}

pub(crate) fn pool_size() -> u32 {
    env::var("TIDEPOOL_TEST_POOL_SIZE")
        .ok()
        .and_then(|size| size.parse().ok())
        .unwrap_or(4)
}

pub(crate) async fn run_sql(url: &str, sql: String) {
    let db = Database::connect(url).await.unwrap();
    db.execute_unprepared(&sql).await.unwrap();
    db.close().await.unwrap();
}

impl Storage {
    pub(crate) async fn create() -> (Self, String) {
        match external_server() {
            None => {
                let folder = match env::var_os("TIDEPOOL_TEST_FOLDER") {
                    Some(fast) => tempfile::tempdir_in(fast).unwrap(),
                    None => tempfile::tempdir().unwrap(),
                };
                let url = format!("sqlite:{}", folder.path().join("tidepool.sqlite").display());
                (Self::Folder(folder), url)
            }
            Some(server) => {
                // Who connects to another node does not wait until it has the database; who reads there does.
                let created = Self::create_at(&server).await;
                for node in nodes().iter().skip(1) {
                    run_sql(node, "SELECT COUNT(*) FROM information_schema.schemata".into()).await;
                }
                created
            }
        }
    }

    /// A database of this server.
    pub(crate) async fn create_at(server: &str) -> (Self, String) {
        let server = server.trim_end_matches('/').to_owned();
        let name = format!("tidepool_test_{}", uuid::Uuid::now_v7().simple());
        run_sql(&server, format!("CREATE DATABASE {name}")).await;
        let url = format!("{server}/{name}");
        (Self::Database { server, name }, url)
    }

    pub(crate) async fn remove(self) {
        match self {
            Self::Folder(folder) => folder.close().unwrap(),
            Self::Database { server, name } => run_sql(&server, format!("DROP DATABASE {name}")).await,
        }
    }
}

fn connect(running: &Running) -> Channel {
    let endpoint = Endpoint::from_str(&format!("http://{}", running.address())).unwrap();
    endpoint.timeout(Duration::from_mins(1)).connect_lazy()
}

/// See [`Server::replica`].
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) running: Option<Running>,
    pub(crate) channel: Channel,
}

impl Replica {
    pub(crate) async fn stop(self) {
        if let Some(running) = self.running {
            running.stop().await;
        }
    }
}

/// The instant at which tests begin: 2026-03-01 10:00 in Shanghai, as in the worked examples.
pub(crate) fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 2, 0, 0).unwrap()
}

impl Server {
    /// Starts a server with the tenant `acme` in Shanghai.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// As [`Self::start`], with a changed configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(Storage::create().await, change).await
    }

    /// As [`Self::start_with`], on a database that is there.
    pub(crate) async fn start_in((storage, url): (Storage, String), change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.drain_delay_seconds = 0;
        config.database.url = SecretString::from(url);
        config.database.max_connections = pool_size();
        config.database.auto_migrate = true;
        // Tests sweep by hand.
        config.sweep.enabled = false;
        config.jobs.enabled = false;
        config.events.enabled = false;
        config.webhooks.enabled = false;
        change(&mut config);
        let clock = Clock::manual(start());
        let db = lifecycle::open(&config, &clock).await.unwrap();
        let running = Running::start(&config, db, clock.clone()).await.unwrap();
        let channel = connect(&running);
        let server = Self {
            running,
            clock,
            config,
            channel,
            storage,
        };
        server.create_tenant(ACME).await;
        server
    }

    /// Creates a tenant in Shanghai.
    pub(crate) async fn create_tenant(&self, name: &str) {
        // Most tests let whole pools fall due: what stops that has tests of its own.
        let settings = TenantSettings {
            breaker_percent: 100,
            breaker_accounts: 1_000_000,
            ..TenantSettings::new(name.to_owned(), chrono_tz::Asia::Shanghai)
        };
        self.running
            .app
            .create_tenant(&TenantName::parse(name).unwrap(), settings)
            .await
            .unwrap();
    }

    /// A second server on the same database, where the engine allows several; else the first one again.
    pub(crate) async fn replica(&self) -> Replica {
        self.replica_at(1).await
    }

    /// The same at this node of a cluster, if there is one.
    pub(crate) async fn replica_at(&self, node: usize) -> Replica {
        if external_server().is_none() {
            return Replica {
                running: None,
                channel: self.channel(),
            };
        }
        let mut config = self.config.clone();
        config.database.url = at_node(&config.database.url, node);
        let db = lifecycle::open(&config, &self.clock).await.unwrap();
        let running = Running::start(&config, db, self.clock.clone()).await.unwrap();
        let channel = connect(&running);
        Replica {
            running: Some(running),
            channel,
        }
    }

    /// The database below the server.
    pub(crate) fn db(&self) -> &Db {
        &self.running.app.db
    }

    /// A connection to the server that says nothing about who calls.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// An administrating service of `acme` that acts for nobody.
    pub(crate) fn admin(&self) -> Client {
        self.caller(ACME, "console", &[Scope::Admin])
    }

    /// A service of `acme` that acts for the user.
    pub(crate) fn user(&self, actor: &str) -> Client {
        Client {
            actor: actor.to_owned(),
            ..self.caller(ACME, "crm", &[Scope::ActAs])
        }
    }

    /// Any service.
    pub(crate) fn caller(&self, tenant: &str, caller: &str, scopes: &[Scope]) -> Client {
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        Client {
            channel: self.channel(),
            tenant: tenant.into(),
            caller: caller.into(),
            scopes: scopes.join(","),
            actor: String::new(),
        }
    }

    /// Stops the server and leaves its data.
    pub(crate) async fn stop_serving(self) -> Storage {
        self.running.stop().await;
        self.storage
    }

    /// Stops the server and removes its data.
    pub(crate) async fn stop(self) {
        self.verify().await;
        self.stop_serving().await.remove().await;
    }

    /// Stops the server and removes its data, of which the test wrote rows by hand that no history belongs to.
    pub(crate) async fn discard(self) {
        self.stop_serving().await.remove().await;
    }

    /// Whatever a test did, what it left must be in order.
    pub(crate) async fn verify(&self) {
        assert_eq!(self.broken().await, Vec::<String>::new());
    }

    /// The names of the invariants that the stored data breaks.
    pub(crate) async fn broken(&self) -> Vec<String> {
        let all = self.running.app.verify(|_| {}).await.unwrap();
        let broken = all.into_iter().filter_map(|verified| verified.finding);
        broken.map(|finding| finding.name.to_owned()).collect()
    }
}

/// Somebody who calls.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) channel: Channel,
    pub(crate) tenant: String,
    pub(crate) caller: String,
    pub(crate) scopes: String,
    pub(crate) actor: String,
}

type Stub = InterceptedService<Channel, Client>;

impl Interceptor for Client {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let headers = [
            ("x-tidepool-tenant", &self.tenant),
            ("x-tidepool-caller", &self.caller),
            ("x-tidepool-scopes", &self.scopes),
            ("x-tidepool-actor", &self.actor),
        ];
        for (name, value) in headers {
            if !value.is_empty() {
                request
                    .metadata_mut()
                    .insert(name, MetadataValue::try_from(value.as_str()).unwrap());
            }
        }
        Ok(request)
    }
}

/// The clients of the services, one a line.
macro_rules! clients {
    ($($name:ident = $module:ident::$client:ident;)*) => {
        impl Client {
            $(pub(crate) fn $name(&self) -> proto::$module::$client<Stub> {
                proto::$module::$client::with_interceptor(self.channel.clone(), self.clone())
            })*
        }
    };
}

clients! {
    tenants = tenant_service_client::TenantServiceClient;
    directory = directory_service_client::DirectoryServiceClient;
    pools = pool_service_client::PoolServiceClient;
    retention_rules = retention_rule_service_client::RetentionRuleServiceClient;
    exceptions = retention_exception_service_client::RetentionExceptionServiceClient;
    retention = retention_service_client::RetentionServiceClient;
    reminder_rules = reminder_rule_service_client::ReminderRuleServiceClient;
    limits = retention_limit_service_client::RetentionLimitServiceClient;
    custom_fields = custom_field_service_client::CustomFieldServiceClient;
    accounts = account_service_client::AccountServiceClient;
    teams = team_service_client::TeamServiceClient;
    history = history_service_client::HistoryServiceClient;
    related = related_object_service_client::RelatedObjectServiceClient;
    activities = activity_service_client::ActivityServiceClient;
    activity_rules = activity_rule_service_client::ActivityRuleServiceClient;
    sources = activity_source_service_client::ActivitySourceServiceClient;
    sweeps = sweep_service_client::SweepServiceClient;
    jobs = job_service_client::JobServiceClient;
    events = event_service_client::EventServiceClient;
    webhooks = webhook_service_client::WebhookServiceClient;
    circulation = circulation_service_client::CirculationServiceClient;
}

/// What a refused call said.
pub(crate) trait Refused {
    /// The details; panics if the call was not refused with this code and reason.
    fn refused(self, code: Code, reason: Reason) -> ErrorDetails;
    /// The `field: description` lines of an invalid request.
    fn violations(self) -> Vec<String>;
}

impl<T: std::fmt::Debug> Refused for Result<T, Status> {
    fn refused(self, code: Code, reason: Reason) -> ErrorDetails {
        let status = self.expect_err("the call should have been refused");
        let details = status.get_error_details();
        let said = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        assert_eq!(
            (status.code(), said.as_str()),
            (code, reason.as_str()),
            "{}",
            status.message()
        );
        assert_eq!(details.error_info().map(|info| info.domain.as_str()), Some("tidepool"));
        details
    }

    fn violations(self) -> Vec<String> {
        let status = self.expect_err("the call should have been refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
        let details = status.get_error_details();
        let violations = &details.bad_request().expect("a bad request").field_violations;
        violations
            .iter()
            .map(|v| format!("{}: {}", v.field, v.description))
            .collect()
    }
}
