//! A load on a server that is there: callers who each claim an account, tell of a visit, read the account and return it, again
//! and again for some seconds, and how many calls of each kind were answered, how fast. It makes users, a pool and accounts of its
//! own, in a tenant that should be there for trying.
//!
//! ```text
//! cargo run --release --example load -- http://127.0.0.1:7400 TENANT --callers 32 --seconds 10
//! ```
#![expect(clippy::print_stdout, reason = "this is a report")]

use clap::{Parser, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    collections::BTreeMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tidepool::{
    client::{Client, Refused, Who},
    clock::Clock,
    rpc::proto::{self, NewAccount},
};
use tokio::{task::JoinSet, time::sleep};
use tonic::Status;
use uuid::Uuid;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Accounts of each caller: he never claims one that somebody else wants.
const EACH: usize = 10;
/// How long a caller waits who was refused.
const PAUSE: Duration = Duration::from_millis(20);

/// Calls a server as fast as it answers, and says how fast that was
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Load {
    /// Where it is, for example `http://127.0.0.1:7400`
    address: String,
    /// The tenant; make one for it: `tidepool tenant create load`
    tenant: String,
    /// Who call at the same time, each a user
    #[arg(long, default_value = "32", value_parser = value_parser!(u16).range(1..=1000))]
    callers: u16,
    /// For how long
    #[arg(long, default_value = "10", value_parser = value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

impl Load {
    fn user(at: usize) -> String {
        format!("load-{at}")
    }

    fn client(&self, scopes: &str, actor: &str) -> Outcome<Client> {
        let who = Who {
            tenant: self.tenant.clone(),
            caller: "load".into(),
            scopes: scopes.into(),
            actor: actor.into(),
        };
        Ok(Client::new(&self.address, &who)?)
    }

    /// Users, a pool in which everybody may claim, and accounts in it.
    async fn prepare(&self) -> Outcome<Vec<String>> {
        let admin = self.client("admin", "")?;
        let user = |at: usize| proto::User {
            id: Self::user(at),
            display_name: Self::user(at),
            active: true,
            ..Default::default()
        };
        let users: Vec<_> = (0..self.callers.into()).map(user).collect();
        for some in users.chunks(500) {
            let request = proto::BatchUpsertUsersRequest {
                users: some.to_vec(),
                ..Default::default()
            };
            admin.directory().batch_upsert_users(request).await?;
        }
        let name = format!("Load {}", Uuid::now_v7());
        let pool = proto::Pool {
            display_name: name.clone(),
            administrators: vec![Self::user(0)],
            members: Some(proto::PoolMembers {
                everyone: true,
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = proto::CreatePoolRequest {
            pool: Some(pool),
            ..Default::default()
        };
        let pool = admin.pools().create_pool(request).await?.into_inner().pool;
        let pool_id = pool.ok_or("no pool was made")?.id;
        let new_account = |at: usize| NewAccount {
            account: Some(proto::Account {
                name: format!("{name} {at}"),
                ..Default::default()
            }),
            pool_id: pool_id.clone(),
            ..Default::default()
        };
        let new_accounts: Vec<_> = (0..EACH * usize::from(self.callers)).map(new_account).collect();
        let mut ids = Vec::with_capacity(new_accounts.len());
        for some in new_accounts.chunks(500) {
            let request = proto::BulkCreateAccountsRequest {
                new_accounts: some.to_vec(),
                ..Default::default()
            };
            let made = admin.accounts().bulk_create_accounts(request).await?.into_inner();
            for result in made.results {
                if let Some(status) = result.status.filter(|status| status.code != 0) {
                    return Err(format!("an account was not made: {}", status.message).into());
                }
                ids.push(result.account_id);
            }
        }
        Ok(ids)
    }
}

/// What became of calls.
#[derive(Default)]
struct Tally {
    /// How long those took that were answered, by what they asked for.
    took: BTreeMap<&'static str, Vec<Duration>>,
    /// How many were not, and why: a server that is told to do too much says so.
    refused: BTreeMap<(&'static str, String), usize>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (kind, took) in other.took {
            self.took.entry(kind).or_default().extend(took);
        }
        for (why, number) in other.refused {
            *self.refused.entry(why).or_default() += number;
        }
    }
}

/// A user, and the service that tells of what he does.
struct Caller {
    user: Client,
    teller: Client,
    tally: Tally,
}

impl Caller {
    /// Whoever is refused waits for a moment.
    async fn timed<T>(&mut self, kind: &'static str, call: impl Future<Output = Result<T, Status>>) {
        let began = Instant::now();
        match call.await {
            Ok(_) => self.tally.took.entry(kind).or_default().push(began.elapsed()),
            Err(status) => {
                let why = Refused::from(&status);
                let why = if why.reason.is_empty() { why.message } else { why.reason };
                *self.tally.refused.entry((kind, why)).or_default() += 1;
                sleep(PAUSE).await;
            }
        }
    }

    /// Connects.
    async fn arrive(&self, account: &str) -> Outcome {
        let request = proto::GetAccountRequest {
            account_id: account.to_owned(),
        };
        self.user.accounts().get_account(request).await?;
        let nothing = proto::RecordActivitiesRequest::default();
        // An empty call is refused, on a connection that is there then.
        drop(self.teller.activities().record_activities(nothing).await);
        Ok(())
    }

    /// One account after the other, until it is time.
    async fn work(mut self, accounts: Vec<String>, until: Instant) -> Tally {
        for id in accounts.iter().cycle().take_while(|_| Instant::now() < until) {
            let request_id = || Uuid::now_v7().to_string();
            let request = proto::ClaimAccountRequest {
                account_id: id.clone(),
                request_id: request_id(),
                ..Default::default()
            };
            let mut circulation = self.user.circulation();
            self.timed("claim", circulation.claim_account(request)).await;
            let visit = proto::Activity {
                event_id: request_id(),
                account_id: id.clone(),
                kind: "sales_record.created".into(),
                occur_time: Some(SystemTime::from(Clock::System.now()).into()),
                ..Default::default()
            };
            let request = proto::RecordActivitiesRequest {
                activities: vec![visit],
                ..Default::default()
            };
            let mut activities = self.teller.activities();
            self.timed("tell of a visit", activities.record_activities(request))
                .await;
            let request = proto::GetAccountRequest { account_id: id.clone() };
            let mut reading = self.user.accounts();
            self.timed("read", reading.get_account(request)).await;
            let request = proto::ReturnAccountRequest {
                account_id: id.clone(),
                request_id: request_id(),
                ..Default::default()
            };
            let mut circulation = self.user.circulation();
            self.timed("return", circulation.return_account(request)).await;
        }
        self.tally
    }
}

/// What so many of a hundred took at most, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted[at].as_secs_f64() * 1000.0
}

#[tokio::main]
async fn main() -> Outcome {
    let load = Load::parse();
    let accounts = load.prepare().await?;
    let mut callers = Vec::new();
    for (at, mine) in accounts.chunks(EACH).enumerate() {
        let caller = Caller {
            user: load.client("act-as", &Load::user(at))?,
            teller: load.client("ingest", "")?,
            tally: Tally::default(),
        };
        caller.arrive(&mine[0]).await?;
        callers.push((caller, mine.to_vec()));
    }
    let began = Instant::now();
    let until = began + Duration::from_secs(load.seconds);
    let mut working: JoinSet<Tally> = callers
        .into_iter()
        .map(|(caller, mine)| caller.work(mine, until))
        .collect();
    let bar = Arc::new(ProgressBar::new(load.seconds));
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos} of {len} s")?);
    let shown = bar.clone();
    let clock = tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            shown.inc(1);
        }
    });
    let mut all = Tally::default();
    while let Some(tally) = working.join_next().await {
        all.add(tally?);
    }
    clock.abort();
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    println!("{} callers, {seconds:.1} s", load.callers);
    println!(
        "{:<18}{:>10}{:>12}{:>13}{:>11}",
        "call", "answered", "a second", "median, ms", "99 %, ms"
    );
    for (kind, mut took) in all.took {
        took.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "there are fewer calls")]
        let rate = took.len() as f64 / seconds;
        println!(
            "{kind:<18}{:>10}{rate:>12.0}{:>13.1}{:>11.1}",
            took.len(),
            percentile(&took, 50),
            percentile(&took, 99)
        );
    }
    for ((kind, why), number) in all.refused {
        println!("{number} times {kind} was refused: {why}");
    }
    Ok(())
}
