//! A process that is killed between two statements of a call, before each of them and before and after COMMIT, or its database
//! is, or stands still: what was not acknowledged is done by the call's repetition, once.

use super::{
    Deployed,
    errands::{Errand, Kind, Stock, all_were_done_once},
};
use crate::{
    harness::{Server, Storage, external_server, on_a_server, say},
    private_server::PrivateServer,
    process::Process,
    proxy::{COMMIT, Fault, Proxy, Which},
    site::Site,
    world::World,
};
use futures::future::join_all;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::sleep;

/// More points than any of the calls has.
const POINTS: usize = 40;

type Settings = &'static [(&'static str, &'static str)];

/// With one connection there is one lane, in which claims at the same time share transactions.
const SHARING: Settings = &[("TIDEPOOL__DATABASE__MAX_CONNECTIONS", "1")];

/// A service gives an attempt up long before a database that stands still goes on: when that does what it was asked for, nobody
/// waits for the answer.
const IMPATIENT: Settings = &[("TIDEPOOL__DATABASE__ATTEMPT_TIMEOUT_MS", "1000")];
const STANDSTILL: Duration = Duration::from_secs(2);

/// What happens between two statements.
#[derive(Clone, Copy, Debug)]
enum Blow {
    ServiceKilled,
    ServiceStopped,
    DatabaseKilled,
    DatabaseStopped,
}

impl Blow {
    /// What is done to the statement, or to its answer: of those who are killed nobody gets it, and who stands still gets it later.
    const fn fault(self, answer: bool) -> Fault {
        match (self, answer) {
            (Self::ServiceKilled | Self::DatabaseKilled, false) => Fault::EndBefore,
            (Self::ServiceKilled | Self::DatabaseKilled, true) => Fault::EndAfter,
            (Self::ServiceStopped | Self::DatabaseStopped, false) => Fault::Hold,
            (Self::ServiceStopped | Self::DatabaseStopped, true) => Fault::HoldAnswer,
        }
    }
}

/// A process that reaches its database through a proxy, which knows what it is about to do.
struct Watched {
    blow: Blow,
    /// The database, if that is what is struck; otherwise it is everybody's.
    database: Option<PrivateServer>,
    deployed: Deployed,
    proxy: Proxy,
    url: SecretString,
    settings: Settings,
    process: Process,
}

impl Watched {
    async fn start(blow: Blow, deployed: Deployed, database: Option<PrivateServer>, settings: Settings) -> Self {
        let server = match &database {
            Some(database) => database.url.clone(),
            None => external_server().unwrap(),
        };
        let proxy = Proxy::start(&server).await;
        let url = proxy.url(&deployed.url);
        let process = deployed.serve_at(&url, settings).await;
        Self {
            blow,
            database,
            deployed,
            proxy,
            url,
            settings,
            process,
        }
    }

    fn site(&self) -> Site {
        Site::new(vec![self.process.channel()])
    }

    /// Strikes at this point of the errands, all of which are asked for at once. Says whether it came to that, and what
    /// the answers are: those to a repetition if so.
    async fn struck_at(
        &mut self,
        errands: &[Errand],
        which: Which,
        fault: Fault,
        stock: &Stock,
    ) -> (bool, Vec<String>) {
        let site = self.site();
        // What a server reads once, it has read.
        site.counted(stock.pool()).await;
        self.proxy.trap_at(which, fault);
        let all = join_all(errands.iter().map(|errand| errand.ask(&site, 0)));
        let answered = tokio::select! {
            answered = all => Some(answered),
            () = self.proxy.silent() => None,
        };
        self.proxy.disarm();
        match answered {
            Some(answered) if !self.proxy.is_silent() && answered.iter().all(Result::is_ok) => {
                (false, answered.into_iter().map(Result::unwrap).collect())
            }
            answered => {
                // An attempt may take too long for the service without that.
                if self.proxy.is_silent() {
                    self.strike().await;
                }
                let mut said = Vec::new();
                for (at, errand) in errands.iter().enumerate() {
                    let before = answered.as_ref().and_then(|answered| answered[at].as_ref().ok());
                    let now = errand.insist(&self.site(), 0).await;
                    assert!(before.is_none_or(|before| *before == now), "{errand:?}");
                    said.push(now);
                }
                (true, said)
            }
        }
    }

    /// What was sent to one who is killed never arrives, and whoever stands still finds it when he goes on. The next process starts,
    /// or the service finds its database again.
    async fn strike(&mut self) {
        let signal = |name| match &self.database {
            Some(database) => database.signal(name),
            None => self.process.signal(name),
        };
        if matches!(self.blow, Blow::ServiceStopped | Blow::DatabaseStopped) {
            signal("STOP");
            self.proxy.heal();
            sleep(STANDSTILL).await;
            return signal("CONT");
        }
        match &mut self.database {
            Some(database) => database.kill(),
            None => self.process.kill(),
        }
        self.proxy.cut();
        self.proxy.heal();
        match &mut self.database {
            Some(database) => database.start_again().await,
            None => self.process = self.deployed.serve_at(&self.url, self.settings).await,
        }
    }
}

async fn killed_in(kind: Kind) {
    struck_in_some(Blow::ServiceKilled, kind, 1, &[]).await;
}

/// So many of them at once.
async fn struck_in_some(blow: Blow, kind: Kind, number: usize, settings: Settings) {
    let test = format!("{blow:?} between the statements of {kind:?} ({number} at once)");
    if !on_a_server(&test, "its statements pass no proxy; see killed_anywhere") {
        return;
    }
    let (world, database) = match blow {
        Blow::ServiceKilled | Blow::ServiceStopped => (World::start().await, None),
        Blow::DatabaseKilled | Blow::DatabaseStopped => {
            let Some(database) = PrivateServer::start(&test).await else {
                return;
            };
            let storage = Storage::create_at(&database.url).await;
            (World::of(Server::start_in(storage, |_| {}).await).await, Some(database))
        }
    };
    let mut stock = Stock::make(&world, 3 * POINTS * number).await;
    let mut watched = Watched::start(blow, Deployed::of(world).await, database, settings).await;
    let mut done = Vec::new();
    for point in 1.. {
        assert!(point < POINTS, "calls without an end");
        let errands: Vec<_> = (0..number).map(|_| stock.errand(kind)).collect();
        let which = Which::Statement(point);
        let (struck, said) = watched.struck_at(&errands, which, blow.fault(false), &stock).await;
        done.extend(errands.into_iter().zip(said));
        if !struck {
            // What is read, what is written, the answer that is remembered, COMMIT: once for one, and once for all others.
            assert!(point > 4 * number.min(2), "{kind:?} has {point} statements");
            assert!(number == 1 || point < 4 * number, "each of {kind:?} was alone");
            say(&format!("{test}: {} points", point - 1));
            break;
        }
    }
    let errands: Vec<_> = (0..number).map(|_| stock.errand(kind)).collect();
    let which = Which::Containing(COMMIT, number.min(2));
    let (struck, said) = watched.struck_at(&errands, which, blow.fault(true), &stock).await;
    assert!(struck);
    done.extend(errands.into_iter().zip(said));
    all_were_done_once(&watched.site(), &stock, &done).await;
    let (status, log) = watched.process.stop().await;
    assert!(status.success(), "{log}");
    watched.deployed.end().await;
}

/// A claim is made or not made, whenever its process dies.
#[tokio::test]
async fn claims_survive() {
    killed_in(Kind::Claim).await;
}

/// P4: claims at once share a transaction where there are no more connections, and each is made or not made all the same.
#[tokio::test]
async fn claims_that_share_survive() {
    struck_in_some(Blow::ServiceKilled, Kind::Claim, 6, SHARING).await;
}

/// The database is lost at every statement of a claim, and the service lives on.
#[tokio::test]
async fn claims_survive_the_database() {
    struck_in_some(Blow::DatabaseKilled, Kind::Claim, 1, &[]).await;
}

#[tokio::test]
async fn claims_that_share_survive_the_database() {
    struck_in_some(Blow::DatabaseKilled, Kind::Claim, 6, SHARING).await;
}

#[tokio::test]
async fn returns_survive_the_database() {
    struck_in_some(Blow::DatabaseKilled, Kind::Return, 1, &[]).await;
}

/// A service stands still for longer than an attempt lasts: what was answered meanwhile is taken, or it is done again, once.
#[tokio::test]
async fn claims_survive_a_service_that_stands_still() {
    struck_in_some(Blow::ServiceStopped, Kind::Claim, 1, IMPATIENT).await;
}

/// A database that stands still before any statement of a claim does it later, when the service has given that attempt up and
/// begun another one.
#[tokio::test]
async fn claims_survive_a_database_that_stands_still() {
    struck_in_some(Blow::DatabaseStopped, Kind::Claim, 1, IMPATIENT).await;
}

#[tokio::test]
async fn claims_that_share_survive_a_database_that_stands_still() {
    const BOTH: Settings = &[SHARING[0], IMPATIENT[0]];
    struck_in_some(Blow::DatabaseStopped, Kind::Claim, 6, BOTH).await;
}

#[tokio::test]
async fn follow_ups_survive_a_database_that_stands_still() {
    struck_in_some(Blow::DatabaseStopped, Kind::FollowUp, 1, IMPATIENT).await;
}

#[tokio::test]
async fn follow_ups_survive_a_service_that_stands_still() {
    struck_in_some(Blow::ServiceStopped, Kind::FollowUp, 1, IMPATIENT).await;
}

#[tokio::test]
async fn returns_survive_a_database_that_stands_still() {
    struck_in_some(Blow::DatabaseStopped, Kind::Return, 1, IMPATIENT).await;
}

#[tokio::test]
async fn follow_ups_survive_the_database() {
    struck_in_some(Blow::DatabaseKilled, Kind::FollowUp, 1, &[]).await;
}

#[tokio::test]
async fn creations_survive_the_database() {
    struck_in_some(Blow::DatabaseKilled, Kind::Create, 1, &[]).await;
}

#[tokio::test]
async fn merges_survive_the_database() {
    struck_in_some(Blow::DatabaseKilled, Kind::Merge, 1, &[]).await;
}

/// Of a bulk claim all is there or nothing.
#[tokio::test]
async fn bulk_claims_survive() {
    killed_in(Kind::ClaimMany).await;
}

#[tokio::test]
async fn returns_survive() {
    killed_in(Kind::Return).await;
}

/// An activity is recorded with what it changes, or not at all.
#[tokio::test]
async fn follow_ups_survive() {
    killed_in(Kind::FollowUp).await;
}

/// Two accounts are one or two, never something between.
#[tokio::test]
async fn merges_survive() {
    killed_in(Kind::Merge).await;
}

#[tokio::test]
async fn creations_survive() {
    killed_in(Kind::Create).await;
}

#[tokio::test]
async fn bulk_creations_survive() {
    killed_in(Kind::CreateMany).await;
}
