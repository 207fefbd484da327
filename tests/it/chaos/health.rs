//! What may not grow as long as a service lives: its memory, its files and connections, its threads; and what must be free when
//! nobody asks for anything: places for calls, seats of those who watch, transactions.

use super::{place::Place, work::try_number};
use crate::{
    harness::{ACME, Client, external_server, say},
    process::Process,
    processes::outside::LONG,
    races::reason,
};
use sea_orm::DatabaseConnection;
use std::time::Duration;
use tidepool::{app::call::Scope, domain::refusal::Reason, rpc::proto::WatchEventsRequest};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Calls that a service takes at once here.
const PLACES: usize = 64;
pub(super) const FEW_PLACES: (&str, &str) = ("TIDEPOOL__SERVER__MAX_CONCURRENT_CALLS", "64");
/// Streams of events that a service may have open.
const SEATS: usize = 16;
/// After so many rounds a service has what it needs, and what it has is compared with what it has in the end.
const ROUNDS: usize = 30;
/// Transactions that began so long ago.
const OLD: &str = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_started < NOW() - INTERVAL 5 SECOND";

/// What a service takes from its machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// In KiB.
    resident: u64,
    files: u64,
    threads: u64,
}

impl Usage {
    pub(super) fn of(process: &Process) -> Self {
        Self {
            resident: process.status("VmRSS:"),
            files: u64::try_from(process.open_files()).unwrap(),
            threads: process.status("Threads:"),
        }
    }
}

/// What is in the middle.
fn median(usages: &[Usage], of: impl Fn(&Usage) -> u64) -> u64 {
    let mut all: Vec<_> = usages.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// Of a service that lived for so many rounds: the last third may not need more than the first one did.
pub(super) fn nothing_grew(whom: usize, usages: &[Usage]) {
    if usages.len() < ROUNDS {
        return;
    }
    // The first rounds fill what is kept.
    let usages = &usages[usages.len() / 10..];
    let third = usages.len() / 3;
    let (first, last) = (&usages[..third], &usages[usages.len() - third..]);
    let both = |of: fn(&Usage) -> u64| (median(first, of), median(last, of));
    let (resident, files, threads) = (both(|it| it.resident), both(|it| it.files), both(|it| it.threads));
    say(&format!(
        "service {whom} lived for {} rounds: {} KiB in the first third, {} in the last, {} and {} files, {} and {} threads",
        usages.len(),
        resident.0,
        resident.1,
        files.0,
        files.1,
        threads.0,
        threads.1
    ));
    assert!(
        resident.1 < resident.0 + resident.0 / 10 + 8 * 1024,
        "service {whom} grows: {resident:?} KiB"
    );
    assert!(files.1 <= files.0 + 3, "service {whom} leaks files: {files:?}");
    assert!(threads.1 <= threads.0 + 3, "service {whom} leaks threads: {threads:?}");
}

fn caller(process: &Process, name: &str, scope: Scope) -> Client {
    Client {
        channel: process.channel(),
        tenant: ACME.to_owned(),
        caller: name.to_owned(),
        scopes: scope.as_str().to_owned(),
        actor: String::new(),
    }
}

/// Whether something was opened; if not, because there are as many as may be.
fn opened<T>(answer: Result<T, Status>) -> Option<T> {
    let known = [Reason::ServerBusy, Reason::WatchLimitReached];
    match answer {
        Ok(open) => Some(open),
        Err(status) if known.iter().any(|it| it.as_str() == reason(&status)) => None,
        Err(status) => panic!("{status:?}"),
    }
}

/// Whether so many streams of events can be open at once, beside the one of whoever follows, and no more.
async fn all_seats_are_free(process: &Process) -> bool {
    // The same service as he.
    let service = caller(process, "console", Scope::Admin);
    let mut open = Vec::new();
    for _ in 1..SEATS {
        match opened(service.events().watch_events(WatchEventsRequest::default()).await) {
            Some(stream) => open.push(stream),
            None => return false,
        }
    }
    opened(service.events().watch_events(WatchEventsRequest::default()).await).is_none()
}

/// Whether as many calls can be under way as may be, and no more: streams that say nothing.
async fn all_places_are_free(process: &Process) -> bool {
    let service = caller(process, "quiet", Scope::Ingest);
    let (mut open, mut quiet) = (Vec::new(), Vec::new());
    for _ in 0..=PLACES {
        let (says, said) = mpsc::channel(1);
        quiet.push(says);
        match opened(service.activities().ingest_activities(ReceiverStream::new(said)).await) {
            Some(stream) => open.push(stream),
            None => break,
        }
    }
    open.len() == PLACES
}

/// Waits for it; what was asked for during the last fault may be under way for as long as a call may take.
async fn comes_true(what: &str, holds: impl AsyncFn() -> bool) {
    let comes = async {
        while !holds().await {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(LONG, comes).await.unwrap_or_else(|_| panic!("{what}"));
}

impl Place {
    /// What each service takes, once a round.
    pub(super) fn note_usage(&mut self) {
        for replica in &mut self.replicas {
            if let Some(process) = &replica.process {
                replica.usages.push(Usage::of(process));
            }
        }
    }

    pub(super) fn nothing_grew(&self) {
        for (whom, replica) in self.replicas.iter().enumerate() {
            nothing_grew(whom, &replica.usages);
        }
    }

    /// In each service as many calls are under way at once as it takes, and one more is not, and the same of streams of events: so
    /// no place is lost, and no seat.
    pub(super) async fn every_seat_is_free(&self) {
        for whom in 0..self.services() {
            let process = self.service(whom);
            comes_true("seats are lost", async || all_seats_are_free(process).await).await;
            comes_true("places are lost", async || all_places_are_free(process).await).await;
        }
    }

    /// No transaction stays open that nobody is at.
    pub(super) async fn every_transaction_ends(&self, direct: &DatabaseConnection) {
        if external_server().is_none() {
            return;
        }
        // MySQL does not say while one of them has a statement in it that is not text; whoever is left behind has none.
        comes_true("a transaction stays open", async || {
            try_number(direct, OLD).await == Some(0)
        })
        .await;
    }
}
