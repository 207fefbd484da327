//! Who works meanwhile, and what they note: people who claim, return, assign and read, an administrator who changes a limit,
//! services that tell of follow-ups. Each thing is asked for under one request id, at one service or the other, until
//! there is an answer.

use super::place::SERVICES;
use crate::{
    activities::told,
    processes::{errands::may_be_repeated, number},
    races::reason,
    site::Site,
    sweeping::follow_up,
    world::{World, assign, claim, give_back, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use prost_types::FieldMask;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sea_orm::DatabaseConnection;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tidepool::{
    clock::Clock,
    domain::refusal::Reason,
    rpc::proto::{self, Ownership, Pool, RecordOutcome},
};
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

const PEOPLE: [&str; 3] = ["bob", "cid", "dan"];
/// How much a user may hold of the pool whose limit stays, and at most of the one whose limit changes.
const LIMIT: i32 = 3;
const HIGHEST: i32 = 5;
/// Accounts of each of these pools.
const LIMITED: usize = 14;
/// After so many days without a follow-up an account goes back.
const DAYS: i32 = 7;
/// Accounts that fall due meanwhile, this often.
const DUE_EVERY: Duration = Duration::from_millis(700);
/// After this somebody who is not answered asks elsewhere, while what he asked for first goes on.
const PATIENCE: Duration = Duration::from_millis(1500);
/// What must come at last, or the test fails.
const LONG: Duration = Duration::from_mins(1);

/// The accounts and their pools.
#[derive(Debug)]
pub(super) struct Company {
    /// Pools with a limit: one that stays, one that changes.
    limited: [String; 2],
    /// Accounts that people fight for.
    pub(super) accounts: Vec<String>,
    /// Those that fall due, one after the other, and when the first and the last of them do.
    pub(super) due: Vec<String>,
    falling: [DateTime<Utc>; 2],
    /// Accounts that nobody but the test looks after.
    pub(super) spare: Vec<String>,
}

impl Company {
    /// Of the accounts of a third pool one after the other falls due during this time.
    pub(super) async fn found(world: &World, time: Duration) -> Self {
        let site = world.site();
        let limited = |name: &str, limit| Pool {
            claim_limit: Some(limit),
            ..open_pool(name)
        };
        let fixed = site.pool(limited("Fixed", LIMIT)).await;
        let changing = site.pool(limited("Changing", HIGHEST)).await;
        let swept = site.pool(open_pool("Swept")).await;
        world.rule(follow_up(&swept, DAYS)).await;
        let mut accounts = site.many_lying("Fixed", &fixed, LIMITED).await;
        accounts.extend(site.many_lying("Changing", &changing, LIMITED).await);
        let clock = &world.server.clock;
        let spare = site
            .many("Spare", &site.pool(open_pool("Spare")).await, "ann", 20)
            .await;
        let due = usize::try_from(time.as_millis() / DUE_EVERY.as_millis())
            .unwrap()
            .clamp(10, 3000);
        // The first falls due when all are there.
        let first = Clock::System.now() + TimeDelta::seconds(3);
        clock.advance(first - TimeDelta::days(DAYS.into()) - clock.now());
        let mut falling = Vec::new();
        for at in 0..due {
            falling.extend(site.many(&format!("Due {at}"), &swept, "bob", 1).await);
            clock.advance(TimeDelta::from_std(time / u32::try_from(due).unwrap()).unwrap());
        }
        Self {
            limited: [fixed, changing],
            accounts,
            due: falling,
            falling: [first, clock.now() + TimeDelta::days(DAYS.into())],
            spare,
        }
    }

    /// One that falls due about now.
    fn due_soon(&self, random: &mut StdRng) -> String {
        let [first, last] = self.falling.map(|at| at.timestamp_millis());
        let passed = (Clock::System.now().timestamp_millis() - first).clamp(0, last - first);
        let length = i64::try_from(self.due.len()).unwrap();
        let now = usize::try_from(passed * length / (last - first)).unwrap();
        let soon = (now + random.random_range(0..4)).min(self.due.len() - 1);
        self.due[soon].clone()
    }

    /// The most that anybody holds of each limited pool at this instant; nothing if the database does not say.
    pub(super) async fn most_held(&self, db: &DatabaseConnection) -> Option<[i64; 2]> {
        let most = |pool: &str| {
            let pool = pool.replace('-', "");
            format!(
                "SELECT COALESCE(MAX(held), 0) FROM (SELECT COUNT(*) AS held FROM account WHERE pool_id = X'{pool}' \
                 AND owner IS NOT NULL GROUP BY owner) AS holdings"
            )
        };
        let [fixed, changing] = &self.limited;
        Some([
            try_number(db, &most(fixed)).await?,
            try_number(db, &most(changing)).await?,
        ])
    }

    #[expect(clippy::unused_self, reason = "its limits are the same for all of them")]
    pub(super) fn within_limits(&self, most: [i64; 2]) {
        let [fixed, changing] = most;
        assert!(
            fixed <= LIMIT.into() && changing <= HIGHEST.into(),
            "somebody holds {most:?}"
        );
    }

    pub(super) async fn limits_hold(&self, db: &DatabaseConnection) {
        self.within_limits(self.most_held(db).await.expect("the database answers"));
    }

    /// The accounts of which a user can hold only so many at once, in no case fewer.
    pub(super) fn limited(&self, account: &str) -> Option<(&[String], usize)> {
        let at = self.accounts.iter().position(|one| one == account)?;
        let (fixed, changing) = self.accounts.split_at(LIMITED);
        Some(if at < LIMITED {
            (fixed, usize::try_from(LIMIT).unwrap())
        } else {
            (changing, 1)
        })
    }

    /// Tells of a follow-up now.
    pub(super) async fn tells(&self, site: &Arc<Mutex<Site>>, account: &str, id: String, source: &str) -> Done {
        let wish = Wish::Tell {
            source: source.to_owned(),
            at: Clock::System.now(),
        };
        wish.insist(site, 0, account.to_owned(), id).await
    }
}

pub(super) async fn try_number(db: &DatabaseConnection, sql: &str) -> Option<i64> {
    use sea_orm::{ConnectionTrait, Statement};
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    row.await.ok()??.try_get_by_index(0).ok()
}

/// What is wanted of an account.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Claim {
        user: &'static str,
    },
    Return {
        user: &'static str,
    },
    Assign {
        user: &'static str,
    },
    Tell {
        source: String,
        at: DateTime<Utc>,
    },
    Read,
    /// Of the pool, not of the account.
    Limit {
        limit: i32,
    },
}

/// What became of it.
#[derive(Clone, Debug)]
pub(super) enum Became {
    /// It was done, or read: this is how the account was then.
    Seen { version: i64, owner: String },
    /// A follow-up was recorded, or a limit changed.
    Taken,
    /// It may not be done, for this reason. If an earlier attempt was not answered, that one may still do it.
    Refused { reason: String },
}

/// What somebody wanted, and what he was told.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) wish: Wish,
    pub(super) account: String,
    pub(super) became: Became,
    /// Attempts of which nobody knows what became.
    pub(super) unanswered: usize,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// By the clock of all.
    pub(super) answered_at: DateTime<Utc>,
}

impl Done {
    /// The account's version as it was seen.
    pub(super) fn version(&self) -> Option<i64> {
        match self.became {
            Became::Seen { version, .. } => Some(version),
            Became::Taken | Became::Refused { .. } => None,
        }
    }
}

/// Whether it was refused for being told of before it happens.
fn is_ahead(result: &proto::record_activities_response::Result) -> bool {
    let status = result.status.as_ref().unwrap();
    status.code != 0 && status.message.contains("ahead of the service's clock")
}

fn seen(ownership: Option<Ownership>) -> Became {
    let ownership = ownership.unwrap();
    Became::Seen {
        version: ownership.etag.parse().unwrap(),
        owner: ownership.owner,
    }
}

impl Wish {
    async fn ask(&self, site: &Site, at: usize, account: &str, id: &str) -> Result<Became, Status> {
        let request_id = id.to_owned();
        match self {
            Self::Claim { user } => {
                let request = proto::ClaimAccountRequest {
                    request_id,
                    ..claim(account)
                };
                let answer = site.user_at(at, user).circulation().claim_account(request).await?;
                Ok(seen(answer.into_inner().ownership))
            }
            Self::Return { user } => {
                let request = proto::ReturnAccountRequest {
                    request_id,
                    ..give_back(account)
                };
                let answer = site.user_at(at, user).circulation().return_account(request).await?;
                Ok(seen(answer.into_inner().ownership))
            }
            Self::Assign { user } => {
                let request = proto::AssignAccountRequest {
                    request_id,
                    ..assign(account, user)
                };
                let answer = site.user_at(at, "ann").circulation().assign_account(request).await?;
                Ok(seen(answer.into_inner().ownership))
            }
            Self::Tell { source, at: when } => {
                let request = proto::RecordActivitiesRequest {
                    activities: vec![told(id, account, "sales_record.created", *when)],
                    ..Default::default()
                };
                let source = site.source_at(at, source);
                let answer = source.activities().record_activities(request).await?.into_inner();
                if is_ahead(&answer.results[0]) {
                    // Of a service whose clock was set back; it will be right again.
                    return Err(Status::unavailable("it lies ahead of the service's clock"));
                }
                let outcome = answer.results[0].outcome();
                let taken = matches!(outcome, RecordOutcome::Recorded | RecordOutcome::Duplicate);
                assert!(taken, "{answer:?}");
                Ok(Became::Taken)
            }
            Self::Read => {
                let request = proto::GetAccountRequest {
                    account_id: account.to_owned(),
                };
                let answer = site.admin_at(at).accounts().get_account(request).await?;
                Ok(seen(answer.into_inner().account.unwrap().ownership))
            }
            Self::Limit { limit } => {
                let request = proto::UpdatePoolRequest {
                    pool: Some(Pool {
                        id: account.to_owned(),
                        claim_limit: Some(*limit),
                        ..Pool::default()
                    }),
                    update_mask: Some(FieldMask {
                        paths: vec!["claim_limit".into()],
                    }),
                    request_id,
                };
                site.admin_at(at).pools().update_pool(request).await?;
                Ok(Became::Taken)
            }
        }
    }

    /// Asks until there is an answer, each time elsewhere.
    pub(super) async fn insist(self, site: &Arc<Mutex<Site>>, at: usize, account: String, id: String) -> Done {
        let (began, mut unanswered) = (Instant::now(), 0);
        for attempt in 0.. {
            let site = site.lock().unwrap().clone();
            let answer = timeout(PATIENCE, self.ask(&site, at + attempt, &account, &id)).await;
            let became = match answer {
                Ok(Ok(became)) => became,
                Ok(Err(status)) if !passes(&status) => {
                    let reason = of_refusal(&self, &status);
                    Became::Refused { reason }
                }
                Ok(Err(_)) | Err(_) => {
                    unanswered += 1;
                    assert!(began.elapsed() < LONG, "nobody answers: {self:?} {answer:?}");
                    sleep(Duration::from_millis(30)).await;
                    continue;
                }
            };
            return Done {
                wish: self,
                account,
                became,
                unanswered,
                began,
                ended: Instant::now(),
                answered_at: Clock::System.now(),
            };
        }
        unreachable!("it is asked for until there is an answer")
    }
}

/// Whether it says nothing of what was wanted.
fn passes(status: &Status) -> bool {
    may_be_repeated(status) || reason(status) == Reason::DeadlineExceeded.as_str()
}

/// Why it was refused. Whatever the faults are, these are all the reasons for which something is not done.
fn of_refusal(wish: &Wish, status: &Status) -> String {
    let known = [
        Reason::AlreadyClaimed,
        Reason::InvalidStatus,
        Reason::NotAuthorized,
        Reason::NotFound,
        Reason::PoolClaimLimitReached,
    ];
    let reason = reason(status);
    assert!(
        known.iter().any(|known| known.as_str() == reason),
        "{wish:?} is refused: {status:?}"
    );
    reason
}

/// Somebody who does one thing after the other.
pub(super) struct Worker {
    company: Arc<Company>,
    site: Arc<Mutex<Site>>,
    name: String,
    random: StdRng,
}

impl Worker {
    pub(super) fn new(company: &Arc<Company>, site: Arc<Mutex<Site>>, name: String, seed: u64) -> Self {
        Self {
            company: company.clone(),
            site,
            name,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Until it is told to stop; says all that it did.
    pub(super) async fn work(mut self, stop: Arc<AtomicBool>) -> Vec<Done> {
        let mut done = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let (mut account, wish) = self.draw();
            if matches!(wish, Wish::Limit { .. }) {
                account.clone_from(&self.company.limited[1]);
            }
            let id = format!("{}-{}", self.name, done.len());
            let at = self.random.random_range(0..SERVICES);
            done.push(wish.insist(&self.site, at, account, id).await);
            sleep(Duration::from_millis(self.random.random_range(0..10))).await;
        }
        done
    }

    fn draw(&mut self) -> (String, Wish) {
        let random = &mut self.random;
        let account = if random.random_ratio(1, 100) {
            self.company.due_soon(random)
        } else {
            self.company.accounts.choose(random).unwrap().clone()
        };
        let user = *PEOPLE.choose(random).unwrap();
        let wish = match random.random_range(0..100) {
            0..30 => Wish::Claim { user },
            30..55 => Wish::Return { user },
            55..65 => Wish::Assign { user },
            65..85 => Wish::Tell {
                source: "crm".into(),
                at: Clock::System.now(),
            },
            85..97 => Wish::Read,
            _ => Wish::Limit {
                limit: random.random_range(1..=HIGHEST),
            },
        };
        (account, wish)
    }
}

/// How many of the follow-ups of a round are stored.
pub(super) async fn stored(db: &DatabaseConnection, round: usize) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM activity WHERE event_id LIKE '{round}-%'");
    number(db, &sql).await
}
