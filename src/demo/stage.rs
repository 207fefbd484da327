//! The server, its clock, who is who, and what the acts leave for each other.

use super::{Act, DemoArgs, say};
use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, sync::Arc};
use tempfile::TempDir;
use tidepool::{
    app::App,
    client::{Client, ClientError, Refused, Who, patiently},
    clock::Clock,
    config::Config,
    lifecycle::{self, Running, StartError},
    rpc::proto::{Account, AccountFilter, AccountScope, ListAccountsRequest},
};

/// The tenant.
pub(super) const TENANT: &str = "demo";
/// CRM admin.
pub(super) const ADMIN: &str = "maria";
/// Heads of the departments, who administer the pools.
pub(super) const NORA: &str = "nora";
pub(super) const SAM: &str = "sam";
/// Reps of the department north, then those of south.
pub(super) const NORTH: [&str; 4] = ["ben", "carla", "dmitri", "elif"];
pub(super) const SOUTH: [&str; 4] = ["farid", "grace", "hugo", "iris"];
/// The rep who leaves.
pub(super) const LEAVER: &str = "hugo";

/// All reps.
pub(super) fn reps() -> impl Iterator<Item = &'static str> + Clone {
    NORTH.into_iter().chain(SOUTH)
}

/// Ids of the pools.
#[derive(Clone, Debug, Default)]
pub(super) struct Pools {
    pub(super) exhibition: String,
    pub(super) north: String,
    pub(super) key: String,
}

/// What a rep did, and what happened to him.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deeds {
    pub(super) assigned: usize,
    pub(super) claimed: usize,
    pub(super) refused: usize,
}

/// Everything that the acts share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) app: Arc<App>,
    pub(super) clock: Clock,
    pub(super) config: Config,
    pub(super) address: SocketAddr,
    pub(super) pools: Pools,
    pub(super) deeds: BTreeMap<&'static str, Deeds>,
    pub(super) refused: BTreeMap<String, usize>,
    client: Client,
}

impl Stage {
    /// Starts the server. The folder goes away when it is dropped, unless it is to be kept.
    pub(super) async fn build(args: &DemoArgs) -> Act<(Self, Running, Option<TempDir>)> {
        let folder = match &args.keep {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("tidepool-demo-").tempdir()?),
        };
        let path = match (&folder, &args.keep) {
            (Some(folder), _) => folder.path(),
            (None, keep) => keep.as_deref().unwrap_or(Path::new(".")),
        };
        fs::create_dir_all(path)?;
        let file = path.join("tidepool.sqlite");
        if file.exists() {
            return Err(format!("{} is there already; the demo begins with nothing", file.display()).into());
        }
        let mut config = Config::default();
        config.database.url = format!("sqlite:{}", file.display()).into();
        config.server.drain_delay_seconds = 0;
        config.server.drain_seconds = 5;
        // It happens when the demo says so, since the clock does not move by itself.
        config.sweep.enabled = false;
        if let Some(listen) = args.listen {
            config.server.listen = listen;
        }
        if !config.server.listen.ip().is_loopback() {
            return Err("the demo listens on loopback only: whoever reaches it can be anybody".into());
        }
        let clock = Clock::manual(Clock::System.now());
        let db = lifecycle::open(&config, &clock).await?;
        let mut started = Running::start(&config, db.clone(), clock.clone()).await;
        if let (Err(StartError::Bind(..)), None) = (&started, args.listen) {
            config.server.listen.set_port(0);
            started = Running::start(&config, db, clock.clone()).await;
        }
        let running = started?;
        let address = running.address();
        say::opening(address, &file);
        let stage = Self {
            app: running.app.clone(),
            clock,
            config,
            address,
            pools: Pools::default(),
            deeds: reps().map(|rep| (rep, Deeds::default())).collect(),
            refused: BTreeMap::new(),
            client: Client::new(&format!("http://{address}"), &Who::default())?,
        };
        Ok((stage, running, folder))
    }

    /// A service that acts for the user.
    pub(super) fn user(&self, id: &str) -> Result<Client, ClientError> {
        self.client.as_who(&Who {
            tenant: TENANT.into(),
            caller: "crm".into(),
            scopes: "act-as".into(),
            actor: id.into(),
        })
    }

    /// A service that acts for nobody.
    pub(super) fn service(&self, name: &str, scopes: &str) -> Result<Client, ClientError> {
        self.client.as_who(&Who {
            tenant: TENANT.into(),
            caller: name.into(),
            scopes: scopes.into(),
            actor: String::new(),
        })
    }

    /// Counts a refusal, of the rep if it was one who was refused.
    pub(super) fn note(&mut self, rep: Option<&str>, refused: &Refused) {
        *self.refused.entry(refused.reason.clone()).or_default() += 1;
        if let Some(deeds) = rep.and_then(|rep| self.deeds.get_mut(rep)) {
            deeds.refused += 1;
        }
    }
}

/// All accounts of the scope, page by page.
pub(super) async fn list(
    client: &Client,
    scope: AccountScope,
    pool: &str,
    filter: AccountFilter,
) -> Result<Vec<Account>, Refused> {
    let mut request = ListAccountsRequest {
        scope: scope.into(),
        pool_id: pool.into(),
        filter: Some(filter),
        page_size: 100,
        ..ListAccountsRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let page = patiently(|| {
            let (mut accounts, request) = (client.accounts(), request.clone());
            async move { accounts.list_accounts(request).await }
        })
        .await?;
        all.extend(page.accounts);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}
