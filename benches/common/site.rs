//! A server with an organisation on a database of its own, on a clock that stands still until it is moved.

use super::{CONNECTIONS, Outcome, USERS, spent};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use sea_orm::sqlx::{AssertSqlSafe, MySqlPool, query};
use secrecy::SecretString;
use tidepool::{
    client::{Client, Who},
    clock::Clock,
    config::Config,
    domain::{ids::TenantName, tenant::TenantSettings},
    lifecycle::{self, Running},
    rpc::proto,
    worker,
};

/// The tenant.
pub(crate) const TENANT: &str = "bench";
/// Of the rule for which deadlines are stored.
pub(crate) const RULE_DAYS: i32 = 30;

/// How the server is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    /// The server on which the database is made.
    pub(crate) server: &'a str,
    /// How many accounts may be taken at once. Counting what may be taken costs at most this number.
    pub(crate) breaker: u64,
    /// Whether events get their positions in the stream.
    pub(crate) relay: bool,
    pub(crate) users: u64,
    pub(crate) pools: u64,
}

impl<'a> Setup<'a> {
    /// As small as it may be.
    pub(crate) const fn on(server: &'a str) -> Self {
        Self {
            server,
            breaker: 1,
            relay: true,
            users: USERS,
            pools: 1,
        }
    }
}

/// A server.
pub(crate) struct Site {
    /// Of its database.
    pub(crate) url: String,
    pub(crate) clock: Clock,
    pub(crate) admin: Client,
    /// The first of the pools.
    pub(crate) pool: String,
    pub(crate) pools: Vec<String>,
    pub(crate) users: u64,
    pub(crate) running: Running,
}

fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 8, 0, 0).single().unwrap_or_default()
}

impl Site {
    /// Makes the database `name`, the organisation in it, and the rule by which accounts are reclaimed, whose id is the
    /// second.
    pub(crate) async fn found(setup: Setup<'_>, name: &str) -> Outcome<(Self, String)> {
        let server = MySqlPool::connect(setup.server).await?;
        query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&server)
            .await?;
        server.close().await;
        Self::at(setup, format!("{}/{name}", setup.server)).await
    }

    /// The same in a database that is there, or is made: at this URL.
    pub(crate) async fn at(setup: Setup<'_>, url: String) -> Outcome<(Self, String)> {
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse()?;
        config.server.drain_delay_seconds = 0;
        config.database.url = SecretString::from(url.clone());
        config.database.max_connections = CONNECTIONS;
        config.database.auto_migrate = true;
        config.sweep.enabled = false;
        config.jobs.enabled = false;
        config.events.enabled = setup.relay;
        let clock = Clock::manual(start());
        let db = lifecycle::open(&config, &clock).await?;
        let running = Running::start(&config, db, clock.clone()).await?;
        let settings = TenantSettings {
            breaker_percent: 100,
            breaker_accounts: u32::try_from(setup.breaker)?,
            ..TenantSettings::new("Bench".into(), chrono_tz::UTC)
        };
        running.app.create_tenant(&TenantName::parse(TENANT)?, settings).await?;
        let who = Who {
            tenant: TENANT.into(),
            caller: "bench".into(),
            scopes: "admin".into(),
            actor: String::new(),
        };
        let admin = spent::connect(running.address(), &who)?;
        hire(&admin, setup.users).await?;
        let mut pools = Vec::new();
        for at in 0..setup.pools {
            pools.push(open(&admin, &format!("Pool {at}")).await?);
        }
        let pool = pools.first().ok_or("there must be a pool")?.clone();
        let first = rule(&admin, &pool).await?;
        for pool in &pools[1..] {
            rule(&admin, pool).await?;
        }
        let rule = first;
        let site = Self {
            url,
            clock,
            admin,
            pool,
            pools,
            users: setup.users,
            running,
        };
        site.settle().await?;
        Ok((site, rule))
    }

    /// Until no deadline has to be computed again.
    async fn settle(&self) -> Outcome {
        for seconds in [61, 0] {
            let swept = worker::sweep::once(&self.running.app, TimeDelta::zero()).await;
            swept.map_err(|stopped| format!("the sweep ended early: {stopped:?}"))?;
            self.clock.advance(TimeDelta::seconds(seconds));
        }
        Ok(())
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Users.
async fn hire(admin: &Client, number: u64) -> Outcome {
    let user = |at: u64| proto::User {
        id: format!("user{at}"),
        display_name: format!("User {at}"),
        active: true,
        ..proto::User::default()
    };
    let users: Vec<_> = (0..number).map(user).collect();
    for some in users.chunks(500) {
        let request = proto::BatchUpsertUsersRequest {
            users: some.to_vec(),
            ..Default::default()
        };
        admin.directory().batch_upsert_users(request).await?;
    }
    Ok(())
}

/// A pool that all may claim from.
async fn open(admin: &Client, name: &str) -> Outcome<String> {
    let pool = proto::Pool {
        display_name: name.into(),
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
    let made = admin.pools().create_pool(request).await?.into_inner();
    Ok(made.pool.unwrap_or_default().id)
}

/// The rule by which accounts of the pool are reclaimed.
async fn rule(admin: &Client, pool: &str) -> Outcome<String> {
    let rule = proto::ReclaimRule {
        pool_id: pool.to_owned(),
        follow_up_days: Some(RULE_DAYS),
        cutoff: "NONE".into(),
        ..proto::ReclaimRule::default()
    };
    let request = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        include_past_days: Some(true),
        ..Default::default()
    };
    let made = admin.rules().create_reclaim_rule(request).await?.into_inner();
    Ok(made.reclaim_rule.unwrap_or_default().id)
}
