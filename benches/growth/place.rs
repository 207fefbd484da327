//! A server with so many accounts, pools and users, and what the same work takes there, the sweep by hand as well.

use crate::{
    by_hand::Hand,
    common::{
        Outcome,
        counters::Counters,
        load::{Deadlines, Loader},
        request_id,
        runs::Latency,
        site::{RULE_DAYS, Setup, Site, TENANT},
    },
};
use chrono::TimeDelta;
use std::time::Instant;
use tidepool::{
    client::{Client, Who},
    rpc::proto::{self, bulk_return_accounts_request},
    worker,
};
use tokio::task::JoinSet;

/// Rounds at most: what falls due in all of them, and before the first, is a quarter of what ten thousand accounts have owners
/// for, so that they are much the same in the last as in the first.
pub(crate) const ROUNDS: u64 = 15;
/// Accounts that fall due in a round for the service, and as many for who works by hand: what falls due among a million within
/// two minutes, where each is to be followed up within thirty days.
const DUE: u64 = 50;
/// Whoever claims at the same time, and how often each does in a round.
const CALLERS: usize = 8;
const CLAIMS: usize = 75;
/// Pages after each other, as many as the smallest pool has, and how often they are read in a round.
const PAGES: usize = 15;
const READS: usize = 4;

/// What there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) accounts: u64,
    pub(crate) pools: u64,
    pub(crate) users: u64,
}

/// A server.
pub(crate) struct Place {
    site: Site,
    callers: Vec<Client>,
    /// Accounts that nobody owns between rounds.
    free: Vec<String>,
    /// What sweeps by hand.
    hand: Hand,
    /// What claims, pages, sweeps and sweeps by hand took in each round, in milliseconds.
    took: [Vec<f64>; 4],
}

impl Place {
    pub(crate) async fn start(server: &str, name: &str, size: Size) -> Outcome<Self> {
        let hours = 2 * (ROUNDS + 1);
        let setup = Setup {
            // Everything that is due is taken, the same number at every size.
            breaker: 5000,
            relay: false,
            users: size.users,
            pools: size.pools,
            ..Setup::on(server)
        };
        let (site, _) = Site::found(setup, name).await?;
        let mut loader = Loader::start(&site).await?;
        for hour in 1..=hours {
            let due = Deadlines {
                last: site.clock.now() + TimeDelta::hours(i64::try_from(hour)?),
                number: 3000,
            };
            loader.owned("due later", DUE, due).await?;
        }
        let idle = Deadlines {
            last: site.clock.now() + TimeDelta::days(RULE_DAYS.into()),
            number: 100_000,
        };
        // Two fifths of them wait in the pools.
        let waiting = size.accounts * 2 / 5;
        let owned = size.accounts - waiting;
        let idly = owned
            .checked_sub(hours * DUE)
            .ok_or("more are to fall due than there are")?;
        loader.owned("idle", idly, idle).await?;
        let free = loader.free(waiting).await?;
        let free = loader.ids(free.start..free.start + (CALLERS * CLAIMS) as u64).await?;
        let caller = |at: usize| {
            site.admin.as_who(&Who {
                tenant: TENANT.into(),
                caller: "crm".into(),
                scopes: "act-as".into(),
                actor: format!("user{at}"),
            })
        };
        let callers = (0..CALLERS).map(caller).collect::<Result<_, _>>()?;
        Ok(Self {
            hand: Hand::connect(&site.url).await?,
            site,
            callers,
            free,
            took: Default::default(),
        })
    }

    /// One round of everything.
    pub(crate) async fn measure(&mut self, counters: &Counters) -> Outcome {
        counters.quiet().await?;
        let took = [
            self.claims().await?,
            self.pages().await?,
            self.sweep().await?,
            self.sweep_by_hand().await?,
        ];
        for (all, took) in self.took.iter_mut().zip(took) {
            all.push(took);
        }
        Ok(())
    }

    pub(crate) fn forget(&mut self) {
        self.took = Default::default();
    }

    pub(crate) fn medians(&self) -> [f64; 4] {
        [0, 1, 2, 3].map(|at| Latency::of(self.took[at].clone()).percentile(50))
    }

    /// What is claimed goes back afterwards.
    async fn claims(&self) -> Outcome<f64> {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for (client, part) in self.callers.iter().zip(self.free.chunks(CLAIMS)) {
            let (client, part) = (client.clone(), part.to_vec());
            tasks.spawn(async move {
                for account_id in part {
                    let request = proto::ClaimAccountRequest {
                        account_id,
                        request_id: request_id(),
                        ..Default::default()
                    };
                    client.circulation().claim_account(request).await?;
                }
                Ok::<_, tonic::Status>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        let took = began.elapsed().as_secs_f64() * 1000.0;
        for (client, part) in self.callers.iter().zip(self.free.chunks(CLAIMS)) {
            let item = |account_id: &String| bulk_return_accounts_request::Item {
                account_id: account_id.clone(),
                ..Default::default()
            };
            let request = proto::BulkReturnAccountsRequest {
                items: part.iter().map(item).collect(),
                atomic: true,
                ..Default::default()
            };
            client.circulation().bulk_return_accounts(request).await?;
        }
        Ok(took)
    }

    async fn pages(&self) -> Outcome<f64> {
        let began = Instant::now();
        for _ in 0..READS {
            let mut page_token = String::new();
            for _ in 0..PAGES {
                let request = proto::ListAccountsRequest {
                    scope: proto::AccountScope::PoolUnclaimed.into(),
                    pool_id: self.site.pool.clone(),
                    page_size: 20,
                    page_token,
                    ..Default::default()
                };
                let page = self.callers[1].accounts().list_accounts(request).await?.into_inner();
                if page.next_page_token.is_empty() {
                    return Err("there are too few accounts in a pool".into());
                }
                page_token = page.next_page_token;
            }
        }
        Ok(began.elapsed().as_secs_f64() * 1000.0)
    }

    async fn sweep(&self) -> Outcome<f64> {
        self.site.clock.advance(TimeDelta::hours(1));
        let began = Instant::now();
        let swept = worker::sweep::once(&self.site.running.app, TimeDelta::zero()).await;
        let swept = swept.map_err(|stopped| format!("the sweep ended early: {stopped:?}"))?;
        if swept.reclaimed as u64 != DUE {
            return Err(format!("not what is due was swept: {swept:?}").into());
        }
        Ok(began.elapsed().as_secs_f64() * 1000.0)
    }

    async fn sweep_by_hand(&self) -> Outcome<f64> {
        self.site.clock.advance(TimeDelta::hours(1));
        let (taken, seconds) = self.hand.reclaim(self.site.clock.now()).await?;
        if taken != DUE {
            return Err(format!("{taken} accounts were due").into());
        }
        Ok(seconds * 1000.0)
    }

    pub(crate) async fn stop(self) {
        self.site.stop().await;
    }
}
