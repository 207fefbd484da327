//! What the sweep costs on a private MariaDB: how fast it reclaims beside the same statements issued by hand, whether it
//! costs what is due and not what exists, how fast deadlines follow a change of rules while people claim, and how much
//! memory the server takes. Figures of one run are compared with each other, never with those of another machine.
//!
//! `make bench-sweep`; `scripts/bench-sweep.sh --accounts 20000` for trying.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a report")]

mod claims;
mod hand;
mod load;
mod report;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use claims::Claims;
use load::Loader;
use report::{Report, memory};
use secrecy::SecretString;
use std::{env, error::Error, time::Instant};
use tidepool::{
    client::{Client, Who},
    clock::Clock,
    config::Config,
    domain::{ids::TenantName, tenant::TenantSettings},
    lifecycle::{self, Running},
    rpc::proto,
    worker,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Connections of the server, and of what is done by hand.
const CONNECTIONS: u32 = 8;
/// Users who own the accounts.
const USERS: u32 = 100;

/// What is measured.
#[derive(Clone, Debug)]
struct Plan {
    url: String,
    accounts: u64,
    due: u64,
    out: Option<String>,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let mut plan = Self {
            url: env::var("TIDEPOOL_BENCH_DATABASE_URL").unwrap_or_default(),
            accounts: 1_000_000,
            due: 0,
            out: None,
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--accounts" => plan.accounts = value()?.parse()?,
                "--due" => plan.due = value()?.parse()?,
                "--json" => plan.out = Some(value()?),
                // What cargo says to every benchmark.
                "--bench" => {}
                other => return Err(format!("unknown argument {other}: --accounts N, --due N, --json FILE").into()),
            }
        }
        if plan.url.is_empty() {
            return Err("TIDEPOOL_BENCH_DATABASE_URL must name an empty database: see scripts/bench-sweep.sh".into());
        }
        if plan.due == 0 {
            plan.due = (plan.accounts / 100).max(500);
        }
        Ok(plan)
    }
}

/// A server with an organisation, on a clock that stands still.
struct Site {
    running: Running,
    clock: Clock,
    admin: Client,
    pool: String,
    rule: String,
}

fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 8, 0, 0).single().unwrap_or_default()
}

async fn found(plan: &Plan) -> Outcome<Site> {
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse()?;
    config.server.drain_delay_seconds = 0;
    config.database.url = SecretString::from(plan.url.clone());
    config.database.max_connections = CONNECTIONS;
    config.database.auto_migrate = true;
    config.sweep.enabled = false;
    config.jobs.enabled = false;
    let clock = Clock::manual(start());
    let db = lifecycle::open(&config, &clock).await?;
    let running = Running::start(&config, db, clock.clone()).await?;
    // Everything that is due is taken: what stops that is not what is measured.
    let settings = TenantSettings {
        breaker_percent: 100,
        breaker_accounts: 1_000_000,
        ..TenantSettings::new("Bench".into(), chrono_tz::UTC)
    };
    running
        .app
        .create_tenant(&TenantName::parse("bench")?, settings)
        .await?;
    let who = Who {
        tenant: "bench".into(),
        caller: "bench".into(),
        scopes: "admin".into(),
        actor: String::new(),
    };
    let admin = Client::new(&format!("http://{}", running.address()), &who)?;
    let users = (0..USERS).map(|at| proto::User {
        id: format!("user{at}"),
        display_name: format!("User {at}"),
        active: true,
        ..proto::User::default()
    });
    let request = proto::BatchUpsertUsersRequest {
        users: users.collect(),
        ..Default::default()
    };
    admin.directory().batch_upsert_users(request).await?;
    let pool = proto::Pool {
        display_name: "Pool".into(),
        administrators: vec!["user0".into()],
        members: Some(proto::PoolMembers {
            everyone: true,
            ..proto::PoolMembers::default()
        }),
        ..proto::Pool::default()
    };
    let request = proto::CreatePoolRequest {
        pool: Some(pool),
        ..Default::default()
    };
    let pool = admin
        .pools()
        .create_pool(request)
        .await?
        .into_inner()
        .pool
        .unwrap_or_default()
        .id;
    let rule = proto::ReclaimRule {
        pool_id: pool.clone(),
        follow_up_days: Some(30),
        cutoff: "NONE".into(),
        ..proto::ReclaimRule::default()
    };
    let request = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        include_past_days: Some(true),
        ..Default::default()
    };
    let rule = admin
        .rules()
        .create_reclaim_rule(request)
        .await?
        .into_inner()
        .reclaim_rule;
    Ok(Site {
        running,
        clock,
        admin,
        pool,
        rule: rule.unwrap_or_default().id,
    })
}

impl Site {
    /// Sweeps once; says how many accounts were taken or moved, and how long that took.
    async fn sweep(&self) -> Outcome<(usize, usize, f64)> {
        let began = Instant::now();
        let swept = worker::sweep::once(&self.running.app, TimeDelta::zero()).await;
        let swept = swept.map_err(|stopped| format!("the sweep ended early: {stopped:?}"))?;
        if swept.failed + swept.stopped + swept.unheard > 0 {
            return Err(format!("not everything was swept: {swept:?}").into());
        }
        Ok((swept.reclaimed, swept.replanned, began.elapsed().as_secs_f64()))
    }

    /// Until no deadline has to be computed again.
    async fn settle(&self) -> Outcome {
        self.sweep().await?;
        self.clock.advance(TimeDelta::seconds(61));
        self.sweep().await?;
        Ok(())
    }

    /// Changes the rule, so that every deadline moves.
    async fn change_rule(&self, days: i32) -> Outcome {
        let request = proto::UpdateReclaimRuleRequest {
            reclaim_rule: Some(proto::ReclaimRule {
                id: self.rule.clone(),
                pool_id: self.pool.clone(),
                follow_up_days: Some(days),
                ..proto::ReclaimRule::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["follow_up_days".into()],
            }),
            include_past_days: Some(true),
            ..Default::default()
        };
        self.admin.rules().update_reclaim_rule(request).await?;
        Ok(())
    }
}

async fn measure(plan: &Plan) -> Outcome<Report> {
    let mut report = Report::new(plan.accounts, plan.due);
    let site = found(plan).await?;
    site.settle().await?;
    let mut loader = Loader::start(plan, &site.admin, &site.pool, site.clock.now()).await?;
    let few = plan.accounts / 10;

    eprintln!("with {few} accounts");
    loader.idle(few - plan.due).await?;
    loader.due(plan.due).await?;
    let (taken, _, seconds) = site.sweep().await?;
    assert_eq!(taken as u64, plan.due, "what is due is taken");
    report.few(taken, seconds);

    eprintln!("a changed rule, while people claim");
    let lying = loader.lying(6000).await?;
    let (quiet, rest) = lying.split_at(2000);
    let claims = Claims::start(&site.admin, quiet.to_vec())?;
    let quiet = claims.run(1000, || false).await?;
    site.change_rule(40).await?;
    let claims = Claims::start(&site.admin, rest.to_vec())?;
    let (replanned, busy) = claims.beside(site.sweep()).await?;
    let (_, replanned, seconds) = replanned?;
    report.replan(replanned, seconds, &quiet, &busy);
    site.clock.advance(TimeDelta::seconds(61));
    site.sweep().await?;

    eprintln!("with {} accounts", plan.accounts);
    loader.refresh(40).await?;
    loader.idle(plan.accounts - few - plan.due).await?;
    loader.due(plan.due).await?;
    let (taken, seconds) = hand::reclaim(&plan.url, CONNECTIONS, plan.due, site.clock.now()).await?;
    assert_eq!(taken, plan.due, "what is due is taken by hand");
    report.hand(taken, seconds);
    loader.due(plan.due).await?;
    let (taken, _, seconds) = site.sweep().await?;
    assert_eq!(taken as u64, plan.due, "what is due is taken");
    report.many(taken, seconds);
    report.memory(memory()?);
    site.running.stop().await;
    Ok(report)
}

#[tokio::main]
async fn main() -> Outcome {
    let plan = Plan::read()?;
    let report = measure(&plan).await?;
    println!("{}", report.table());
    let json = report.json();
    match &plan.out {
        Some(path) => std::fs::write(path, json)?,
        None => println!("{json}"),
    }
    Ok(())
}
