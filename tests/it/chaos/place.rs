//! Where it happens: the database, the service processes on it, what lies between them, and who follows each of them.

use super::{
    health::{FEW_PLACES, Usage},
    wall_clock::{ClockMaker, WallClock},
    work::{Company, Done},
};
use crate::{
    harness::{Server, Storage, external_server, say},
    private_server::PrivateServer,
    process::Process,
    processes::{
        Deployed, WORKS,
        followed::SETTINGS,
        outside::{LONG, Outside},
        stop_all,
    },
    proxy::Proxy,
    site::Site,
    world::World,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Whoever is not answered for so long gives a connection up, and asks again.
const ATTEMPT: (&str, &str) = ("TIDEPOOL__DATABASE__ATTEMPT_TIMEOUT_MS", "2500");

/// On a server; a file is one's own.
pub(super) const SERVICES: usize = 3;

/// A service and what belongs to it.
pub(super) struct Replica {
    /// `None` while it is dead.
    pub(super) process: Option<Process>,
    /// What it took from its machine, round by round, since it was started.
    pub(super) usages: Vec<Usage>,
    /// What it is told the time by, if that can be set.
    clock: Option<WallClock>,
    /// On its way to the database.
    proxy: Option<Proxy>,
    url: SecretString,
    follows: Outside,
    follower: JoinHandle<()>,
}

/// See the file's head.
pub(super) struct Place {
    pub(super) deployed: Deployed,
    pub(super) replicas: Vec<Replica>,
    site: Arc<Mutex<Site>>,
    clocks: Option<ClockMaker>,
    /// Last, for it is to be there until all others have ended.
    database: Option<PrivateServer>,
}

impl Place {
    /// `None` where there is no server of its own; that is said. What falls due does so during this time.
    pub(super) async fn make(time: Duration) -> Option<(Self, Arc<Company>)> {
        let (database, storage) = if external_server().is_some() {
            let database = PrivateServer::start("chaos").await?;
            let storage = Storage::create_at(&database.url).await;
            (Some(database), storage)
        } else {
            (None, Storage::create().await)
        };
        let world = World::of(Server::start_in(storage, |_| {}).await).await;
        let company = Company::found(&world, time).await;
        let deployed = Deployed::of(world).await;
        let clocks = ClockMaker::find().await;
        let mut replicas = Vec::new();
        for whom in 0..if database.is_some() { SERVICES } else { 1 } {
            let proxy = match &database {
                Some(database) => Some(Proxy::start(&database.url).await),
                None => None,
            };
            let url = proxy
                .as_ref()
                .map_or_else(|| deployed.url.clone(), |proxy| proxy.url(&deployed.url));
            let clock = clocks.as_ref().map(|clocks| clocks.clock(&whom.to_string()));
            let process = serve(&deployed, &url, clock.as_ref()).await;
            let follows = Outside::new(Site::new(vec![process.channel()]));
            replicas.push(Replica {
                process: Some(process),
                usages: Vec::new(),
                clock,
                proxy,
                url,
                follower: tokio::spawn(follows.clone().follow()),
                follows,
            });
        }
        let place = Self {
            deployed,
            site: Arc::new(Mutex::new(Site::new(vec![]))),
            replicas,
            clocks,
            database,
        };
        place.is_reached();
        Some((place, Arc::new(company)))
    }

    /// From now on whoever calls reaches the processes that there are.
    fn is_reached(&self) {
        let alive = self.replicas.iter().filter_map(|replica| replica.process.as_ref());
        let channels: Vec<_> = alive.map(Process::channel).collect();
        // A dead one is still called, as long as there is no other.
        if !channels.is_empty() {
            *self.site.lock().unwrap() = Site::new(channels);
        }
    }

    /// All services, whichever there are.
    pub(super) fn site(&self) -> Arc<Mutex<Site>> {
        self.site.clone()
    }

    pub(super) fn services(&self) -> usize {
        self.replicas.len()
    }

    pub(super) fn service(&self, whom: usize) -> &Process {
        self.replicas[whom].process.as_ref().expect("it is alive")
    }

    /// One of the services alone.
    pub(super) fn site_of(&self, whom: usize) -> Site {
        Site::new(vec![self.service(whom).channel()])
    }

    pub(super) fn proxy(&self, whom: usize) -> &Proxy {
        self.replicas[whom].proxy.as_ref().expect("there is a network")
    }

    /// Whether clocks can be set.
    pub(super) fn has_clocks(&self) -> bool {
        self.clocks.is_some()
    }

    pub(super) fn clock(&self, whom: usize) -> &WallClock {
        self.replicas[whom].clock.as_ref().expect("clocks can be set")
    }

    pub(super) fn database(&mut self) -> &mut PrivateServer {
        self.database.as_mut().expect("there is a server")
    }

    pub(super) fn kill_service(&mut self, whom: usize) {
        self.replicas[whom].process.take().expect("it is alive").kill();
        self.is_reached();
    }

    pub(super) async fn start_service(&mut self, whom: usize) {
        let replica = &mut self.replicas[whom];
        let process = serve(&self.deployed, &replica.url, replica.clock.as_ref()).await;
        replica.usages.clear();
        replica.follows.served_by(&process);
        replica.process = Some(process);
        self.is_reached();
    }

    pub(super) fn direct_url(&self) -> String {
        self.deployed.url.expose_secret().to_owned()
    }

    /// The database, past all services.
    pub(super) async fn direct(&self) -> DatabaseConnection {
        self.deployed.direct().await
    }

    /// As if the time of whoever has a lease had passed, if that can be done just now: whoever stands still may stand in
    /// the way.
    pub(super) async fn expire_leases(&self) {
        let expire = async {
            let db = Database::connect(self.direct_url()).await?;
            db.execute_unprepared("UPDATE lease SET expire_time = 0").await?;
            db.close().await
        };
        drop(timeout(Duration::from_secs(1), expire).await);
    }

    /// Keeps the writer of the file waiting.
    pub(super) async fn hold_file(&self, time: Duration) {
        let mut options = sea_orm::ConnectOptions::new(self.direct_url());
        options.max_connections(1);
        let db = Database::connect(options).await.unwrap();
        // Whoever writes just now may be at it for a while.
        let held = async {
            while db.execute_unprepared("BEGIN IMMEDIATE").await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, held).await.expect("somebody writes for ever");
        sleep(time).await;
        db.execute_unprepared("ROLLBACK").await.unwrap();
        db.close().await.unwrap();
    }

    /// The length of the longer one of the files that grow.
    pub(super) fn bytes_used(&self) -> u64 {
        let url = self.direct_url();
        let file = url.strip_prefix("sqlite:").expect("there is a file");
        let files = [file.to_owned(), format!("{file}-wal")];
        let bytes = files.map(|file| fs::metadata(file).map_or(0, |file| file.len()));
        bytes.into_iter().max().unwrap()
    }

    /// Says what everybody was at last, while somebody waits for what does not come.
    async fn tells_why(&self) -> std::convert::Infallible {
        sleep(LONG / 2).await;
        for (whom, replica) in self.replicas.iter().enumerate() {
            if let Some(process) = &replica.process {
                say(&format!("service {whom} said last: {}", process.last_said(40)));
            }
        }
        if self.database.is_some() {
            let direct = self.direct().await;
            for sql in [
                "SELECT * FROM information_schema.innodb_trx",
                "SELECT * FROM information_schema.processlist",
            ] {
                let rows = direct.query_all_raw(Statement::from_string(direct.get_database_backend(), sql));
                say(&format!("{sql}: {:?}", rows.await));
            }
        }
        std::future::pending().await
    }

    /// Waits until each service serves, and says what it was told.
    pub(super) async fn serves_again(&self, company: &Company, round: usize) -> Vec<Done> {
        tokio::select! {
            told = self.all_serve(company, round) => told,
            never = self.tells_why() => match never {},
        }
    }

    async fn all_serve(&self, company: &Company, round: usize) -> Vec<Done> {
        let mut told = Vec::new();
        for whom in 0..self.services() {
            let site = Mutex::new(self.site_of(whom)).into();
            let name = format!("{round}-back-{whom}");
            told.push(company.tells(&site, &company.spare[0], name, "probe").await);
        }
        told
    }

    /// Who follows which service.
    pub(super) fn followers(&self) -> impl Iterator<Item = &Outside> {
        for replica in &self.replicas {
            assert!(
                !replica.follower.is_finished(),
                "whoever follows was told something wrong"
            );
        }
        self.replicas.iter().map(|replica| &replica.follows)
    }

    /// Every invariant of what is stored.
    pub(super) async fn verify(&self) {
        self.deployed.tidepool(&["verify"]).await;
    }

    pub(super) async fn end(self) {
        for replica in &self.replicas {
            replica.follower.abort();
        }
        let processes = self.replicas.into_iter().filter_map(|replica| replica.process);
        stop_all(processes.collect()).await;
        self.deployed.end().await;
    }
}

async fn serve(deployed: &Deployed, url: &SecretString, clock: Option<&WallClock>) -> Process {
    let mut settings: Vec<_> = WORKS.into_iter().chain(SETTINGS).chain([ATTEMPT, FEW_PLACES]).collect();
    settings.extend(clock.into_iter().flat_map(WallClock::settings));
    deployed.serve_at(url, &settings).await
}
