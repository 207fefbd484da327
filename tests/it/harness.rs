//! A real server in this process, on a free loopback port, with a database and a clock of its own.

use chrono::{DateTime, TimeZone, Utc};
use secrecy::SecretString;
use std::{env, str::FromStr, time::Duration};
use tempfile::TempDir;
use tidepool::{
    app::call::Scope,
    clock::Clock,
    config::Config,
    domain::{ids::TenantName, refusal::Reason, tenant::TenantSettings},
    lifecycle::{self, Running},
    rpc::proto::{
        account_service_client::AccountServiceClient, circulation_service_client::CirculationServiceClient,
        custom_field_service_client::CustomFieldServiceClient, directory_service_client::DirectoryServiceClient,
        pool_service_client::PoolServiceClient, retention_limit_service_client::RetentionLimitServiceClient,
        tenant_service_client::TenantServiceClient,
    },
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
enum Storage {
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

fn pool_size() -> u32 {
    env::var("TIDEPOOL_TEST_POOL_SIZE")
        .ok()
        .and_then(|size| size.parse().ok())
        .unwrap_or(4)
}

async fn run_sql(url: &str, sql: String) {
    use sea_orm::{ConnectionTrait, Database};
    let db = Database::connect(url).await.unwrap();
    db.execute_unprepared(&sql).await.unwrap();
    db.close().await.unwrap();
}

impl Storage {
    async fn create() -> (Self, String) {
        match external_server() {
            None => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("tidepool.sqlite").display());
                (Self::Folder(folder), url)
            }
            Some(server) => {
                let server = server.trim_end_matches('/').to_owned();
                let name = format!("tidepool_test_{}", uuid::Uuid::now_v7().simple());
                run_sql(&server, format!("CREATE DATABASE {name}")).await;
                let url = format!("{server}/{name}");
                (Self::Database { server, name }, url)
            }
        }
    }

    async fn remove(self) {
        match self {
            Self::Folder(folder) => folder.close().unwrap(),
            Self::Database { server, name } => run_sql(&server, format!("DROP DATABASE {name}")).await,
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
        let (storage, url) = Storage::create().await;
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.drain_delay_seconds = 0;
        config.database.url = SecretString::from(url);
        config.database.max_connections = pool_size();
        config.database.auto_migrate = true;
        change(&mut config);
        let clock = Clock::manual(start());
        let db = lifecycle::open(&config, &clock).await.unwrap();
        let running = Running::start(&config, db, clock.clone()).await.unwrap();
        let endpoint = Endpoint::from_str(&format!("http://{}", running.address())).unwrap();
        let channel = endpoint.timeout(Duration::from_mins(1)).connect_lazy();
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
        let settings = TenantSettings::new(name.to_owned(), chrono_tz::Asia::Shanghai);
        self.running
            .app
            .create_tenant(&TenantName::parse(name).unwrap(), settings)
            .await
            .unwrap();
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

    /// Stops the server and removes its data.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
        self.storage.remove().await;
    }
}

/// Somebody who calls.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    channel: Channel,
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

impl Client {
    /// `TenantService`.
    pub(crate) fn tenants(&self) -> TenantServiceClient<Stub> {
        TenantServiceClient::with_interceptor(self.channel.clone(), self.clone())
    }

    /// `DirectoryService`.
    pub(crate) fn directory(&self) -> DirectoryServiceClient<Stub> {
        DirectoryServiceClient::with_interceptor(self.channel.clone(), self.clone())
    }

    /// `AccountService`.
    pub(crate) fn accounts(&self) -> AccountServiceClient<Stub> {
        AccountServiceClient::with_interceptor(self.channel.clone(), self.clone())
    }

    /// `CirculationService`.
    pub(crate) fn circulation(&self) -> CirculationServiceClient<Stub> {
        CirculationServiceClient::with_interceptor(self.channel.clone(), self.clone())
    }

    /// `PoolService`.
    pub(crate) fn pools(&self) -> PoolServiceClient<Stub> {
        PoolServiceClient::with_interceptor(self.channel.clone(), self.clone())
    }

    /// `RetentionLimitService`.
    pub(crate) fn limits(&self) -> RetentionLimitServiceClient<Stub> {
        RetentionLimitServiceClient::with_interceptor(self.channel.clone(), self.clone())
    }

    /// `CustomFieldService`.
    pub(crate) fn custom_fields(&self) -> CustomFieldServiceClient<Stub> {
        CustomFieldServiceClient::with_interceptor(self.channel.clone(), self.clone())
    }
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
