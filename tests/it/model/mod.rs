//! Random people do random things to random accounts, in the real service and in a small model of it: after every step
//! both say the same and are in the same state.
//!
//! Seeded, so that every run is the same; `TIDEPOOL_TEST_MODEL_CASES` and `TIDEPOOL_TEST_MODEL_SEED` ask for others.

mod rules;

use crate::{
    harness::{Client, Server, external_server},
    moves::{Order, Wish, line, reason, short, verdict},
    world::user,
};
use chrono::TimeDelta;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use rules::{HOLDING, Model, Op, POOLS, PoolAt, Status, USERS, User};
use std::env;
use tidepool::{
    app::call::Scope,
    rpc::proto::{self, ClaimMode, NewAccount, RetentionLimit, RetentionLimitSubjects},
};

const CASES: u32 = 60;
/// The same rules on a server that has the whole suite to serve.
const CASES_ELSEWHERE: u32 = 20;
const STEPS: usize = 40;

/// Who does what to which account.
#[derive(Clone, Debug)]
struct Step {
    who: User,
    account: usize,
    op: Op,
}

fn who() -> impl Strategy<Value = User> {
    prop_oneof![
        4 => Just("root"), 4 => Just("ann"), 5 => Just("bob"), 4 => Just("cid"), 3 => Just("dan"), 1 => Just("eve"),
    ]
}

fn anybody() -> impl Strategy<Value = User> {
    prop::sample::select(USERS.to_vec())
}

fn pool() -> impl Strategy<Value = PoolAt> {
    0..POOLS.len()
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (prop::option::of(pool()), prop::option::of(anybody())).prop_map(|(pool, owner)| Op::Create(pool, owner)),
        6 => Just(Op::Claim),
        4 => anybody().prop_map(Op::Assign),
        3 => anybody().prop_map(Op::Owner),
        4 => prop::option::weighted(0.3, pool()).prop_map(Op::Return),
        3 => Just(Op::Reclaim),
        4 => (pool(), prop::bool::weighted(0.3)).prop_map(|(target, clear)| Op::Transfer(target, clear)),
        2 => (pool(), prop::bool::weighted(0.3)).prop_map(|(target, clear)| Op::Add(target, clear)),
        2 => prop::bool::weighted(0.3).prop_map(Op::Remove),
        1 => Just(Op::Cancel),
        2 => prop::bool::weighted(0.3).prop_map(Op::Restore),
        1 => Just(Op::Delete),
        2 => (1_i64..30).prop_map(Op::Wait),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (who(), 0_usize..60, op()).prop_map(|(who, account, op)| Step { who, account, op });
    // Something to play with from the start: one in each pool, one in none.
    let first = [Some(0), Some(1), Some(2), None].map(|pool| Step {
        who: "root",
        account: 0,
        op: Op::Create(pool, pool.is_none().then_some("bob")),
    });
    prop::collection::vec(step, STEPS).prop_map(move |rest| first.iter().cloned().chain(rest).collect())
}

/// The real service, with a tenant of its own.
struct Real<'a> {
    server: &'a Server,
    tenant: String,
    pools: Vec<String>,
    accounts: Vec<String>,
}

impl<'a> Real<'a> {
    async fn set_up(server: &'a Server, tenant: String) -> Self {
        server.create_tenant(&tenant).await;
        let mut real = Self {
            server,
            tenant,
            pools: Vec::new(),
            accounts: Vec::new(),
        };
        let admin = real.client("");
        let person = |id: &User| proto::User {
            active: *id != "eve",
            supervisor: if matches!(*id, "bob" | "cid") {
                "ann".into()
            } else {
                String::new()
            },
            roles: if *id == "root" {
                vec!["crm-admin".into()]
            } else {
                Vec::new()
            },
            ..user(id)
        };
        let request = proto::BatchUpsertUsersRequest {
            users: USERS.iter().map(person).collect(),
            ..Default::default()
        };
        admin.directory().batch_upsert_users(request).await.unwrap();
        let number = |limit: usize| i32::try_from(limit).unwrap();
        for (at, pool) in POOLS.iter().enumerate() {
            let pool = proto::Pool {
                display_name: format!("Pool {at}"),
                administrators: vec![pool.admin.into()],
                members: Some(proto::PoolMembers {
                    users: pool.members.iter().map(ToString::to_string).collect(),
                    ..Default::default()
                }),
                claim_mode: if pool.hidden {
                    ClaimMode::AdminsAssign
                } else {
                    ClaimMode::MembersClaim
                }
                .into(),
                members_may_return: Some(pool.may_return),
                members_may_transfer_out: pool.may_transfer,
                members_may_add: pool.may_add,
                clear_owner_on_transfer_in: pool.clears_owner,
                claim_limit: pool.limit.map(number),
                daily_claim_limit: pool.daily.map(number),
                cooldown_days: pool.cooldown_days.map(|days| i32::try_from(days).unwrap()),
                ..Default::default()
            };
            let request = proto::CreatePoolRequest {
                pool: Some(pool),
                ..Default::default()
            };
            let made = admin.pools().create_pool(request).await.unwrap().into_inner();
            real.pools.push(made.pool.unwrap().id);
        }
        for (who, limit, count_pool) in HOLDING {
            let limit = RetentionLimit {
                display_name: who.into(),
                subjects: Some(RetentionLimitSubjects {
                    users: vec![who.into()],
                    ..Default::default()
                }),
                limit: Some(number(limit)),
                count_pool_accounts: Some(count_pool),
                ..Default::default()
            };
            let request = proto::CreateRetentionLimitRequest {
                retention_limit: Some(limit),
                ..Default::default()
            };
            admin.limits().create_retention_limit(request).await.unwrap();
        }
        real
    }

    fn client(&self, actor: &str) -> Client {
        let scopes = if actor.is_empty() { Scope::Admin } else { Scope::ActAs };
        let mut client = self.server.caller(&self.tenant, "model", &[scopes]);
        client.actor = actor.into();
        client
    }

    /// `OK`, or the deciding reason.
    async fn play(&mut self, who: User, at: usize, op: &Op) -> String {
        let client = self.client(who);
        let pool = |at: &PoolAt| self.pools[*at].clone();
        let wish = match op {
            Op::Wait(hours) => {
                self.server.clock.advance(TimeDelta::hours(*hours));
                return "OK".into();
            }
            Op::Create(pool, owner) => return self.create(&client, *pool, *owner).await,
            Op::Claim => Wish::Claim,
            Op::Assign(to) => Wish::assign(to),
            Op::Owner(to) => Wish::owner(to),
            Op::Return(target) => Wish::because("", "", &target.as_ref().map(pool).unwrap_or_default()),
            Op::Reclaim => Wish::Reclaim(String::new()),
            Op::Transfer(target, clear) => Wish::Transfer(pool(target), *clear),
            Op::Add(target, clear) => Wish::Add(pool(target), *clear),
            Op::Remove(clear) => Wish::Remove(*clear),
            Op::Cancel => Wish::Cancel,
            Op::Restore(clear) => Wish::Restore(*clear),
            Op::Delete => Wish::Delete,
        };
        verdict(&Order::of(&self.accounts[at]).send(&client, &wish).await)
    }

    async fn create(&mut self, client: &Client, pool: Option<PoolAt>, owner: Option<User>) -> String {
        let account = proto::Account {
            name: format!("Account {}", self.accounts.len()),
            ..Default::default()
        };
        let request = proto::CreateAccountRequest {
            new_account: Some(NewAccount {
                account: Some(account),
                pool_id: pool.map(|at| self.pools[at].clone()).unwrap_or_default(),
                owner: owner.unwrap_or_default().into(),
            }),
            ..Default::default()
        };
        match client.accounts().create_account(request).await {
            Ok(answer) => {
                self.accounts.push(answer.into_inner().account.unwrap().id);
                "OK".into()
            }
            Err(status) => reason(&status),
        }
    }

    /// All accounts in lines; deleted ones are not there any more.
    async fn state(&self) -> Vec<String> {
        if self.accounts.is_empty() {
            return Vec::new();
        }
        let request = proto::BatchGetAccountsRequest {
            account_ids: self.accounts.clone(),
        };
        let answer = self.client("").accounts().batch_get_accounts(request).await.unwrap();
        let line = |account: proto::Account| {
            let at = account.name.strip_prefix("Account ").unwrap().to_owned();
            let ownership = account.ownership.unwrap();
            let pool = self.pools.iter().position(|id| *id == ownership.pool_id);
            format!("{at}: {} in {pool:?} v{}", short(&ownership), ownership.etag)
        };
        answer.into_inner().accounts.into_iter().map(line).collect()
    }

    /// Who owned each account, and how many events it has.
    async fn past(&self) -> Vec<(Vec<String>, usize)> {
        let mut past = Vec::new();
        for id in &self.accounts {
            let mut history = self.client("").history();
            let tenures = proto::ListTenuresRequest {
                account_id: id.clone(),
                page_size: 500,
                ..Default::default()
            };
            let tenures = history.list_tenures(tenures).await.unwrap().into_inner().tenures;
            let events = proto::ListAccountEventsRequest {
                account_id: id.clone(),
                page_size: 500,
                ..Default::default()
            };
            let events = history.list_account_events(events).await.unwrap().into_inner();
            past.push((tenures.iter().rev().map(line).collect(), events.account_events.len()));
        }
        past
    }
}

impl Model {
    fn state(&self) -> Vec<String> {
        let there = self
            .accounts
            .iter()
            .enumerate()
            .filter(|(_, account)| account.status != Status::Deleted);
        there
            .map(|(at, account)| {
                let status = match account.status {
                    Status::Waiting => "UNASSIGNED",
                    Status::Owned => "ASSIGNED",
                    Status::Canceled | Status::Deleted => "CANCELED",
                };
                format!(
                    "{at}: {status} {} was {} moved {} {} in {:?} v{}",
                    account.owner.unwrap_or("-"),
                    account.last.unwrap_or("-"),
                    account.transfers,
                    account.entry,
                    account.pool,
                    account.version
                )
            })
            .collect()
    }

    fn past(&self) -> Vec<(Vec<String>, usize)> {
        self.accounts
            .iter()
            .map(|account| (account.tenures.clone(), account.version))
            .collect()
    }
}

async fn run(server: &Server, tenant: String, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut real = Real::set_up(server, tenant).await;
    let mut model = Model::at(server.clock.now().timestamp() / 3600);
    for Step { who, account, op } in steps {
        let at = account % model.accounts.len().max(1);
        let expected = model.play(who, at, op).err().unwrap_or("OK");
        let said = real.play(who, at, op).await;
        prop_assert_eq!(&said, expected, "{} {:?} account {}", who, op, at);
        prop_assert_eq!(real.state().await, model.state(), "{} {:?} account {}", who, op, at);
    }
    prop_assert_eq!(real.past().await, model.past());
    Ok(())
}

fn number(name: &str, default: u32) -> u32 {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// R004-R009, R057-R059, R104-R112, R128-R130, L01-L37 as far as they go together, W13, W14: the service does what the
/// model does, refuses what it refuses for the same reason, and remembers the same.
#[test]
fn the_service_does_what_the_model_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(Server::start());
    let mut seed = [7_u8; 32];
    seed[..4].copy_from_slice(&number("TIDEPOOL_TEST_MODEL_SEED", 1).to_le_bytes());
    let cases = if external_server().is_some() {
        CASES_ELSEWHERE
    } else {
        CASES
    };
    let config = Config {
        cases: number("TIDEPOOL_TEST_MODEL_CASES", cases),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut tenants = 0..;
    let tenants = std::cell::RefCell::new(&mut tenants);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps(), |steps| {
        let number: u32 = tenants.borrow_mut().next().unwrap_or_default();
        runtime.block_on(run(&server, format!("model-{number}"), &steps))
    });
    runtime.block_on(server.stop());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
