//! A server with an organisation on a database of its own, on a clock that stands still until it is moved.

use crate::{CONNECTIONS, Outcome, Plan, USERS};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use sea_orm::sqlx::{AssertSqlSafe, MySqlPool, query};
use secrecy::SecretString;
use std::time::Instant;
use tidepool::{
    client::{Client, Who},
    clock::Clock,
    config::Config,
    domain::{ids::TenantName, tenant::TenantSettings},
    lifecycle::{self, Running},
    rpc::proto,
    worker,
};

/// A server.
pub(crate) struct Site {
    /// Of its database.
    pub(crate) url: String,
    pub(crate) clock: Clock,
    pub(crate) admin: Client,
    pub(crate) pool: String,
    running: Running,
    rule: String,
}

fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 8, 0, 0).single().unwrap_or_default()
}

impl Site {
    /// Makes the database `name`, and the organisation in it.
    pub(crate) async fn found(plan: &Plan, name: &str) -> Outcome<Self> {
        let server = MySqlPool::connect(&plan.server).await?;
        query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&server)
            .await?;
        server.close().await;
        let url = format!("{}/{name}", plan.server);
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse()?;
        config.server.drain_delay_seconds = 0;
        config.database.url = SecretString::from(url.clone());
        config.database.max_connections = CONNECTIONS;
        config.database.auto_migrate = true;
        config.sweep.enabled = false;
        config.jobs.enabled = false;
        let clock = Clock::manual(start());
        let db = lifecycle::open(&config, &clock).await?;
        let running = Running::start(&config, db, clock.clone()).await?;
        // Everything that is due is taken: what stops that is not what is measured. Counting what may be taken costs at
        // most this number, and the same at every size.
        let settings = TenantSettings {
            breaker_percent: 100,
            breaker_accounts: u32::try_from(plan.few())?,
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
        let pool = organise(&admin).await?;
        let rule = rule(&admin, &pool).await?;
        let site = Self {
            url,
            clock,
            admin,
            pool,
            running,
            rule,
        };
        site.settle().await?;
        Ok(site)
    }

    /// Sweeps once; says how many accounts were taken and looked at again, and how many seconds that took.
    pub(crate) async fn sweep(&self) -> Outcome<(usize, usize, f64)> {
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
    pub(crate) async fn change_rule(&self, days: i32) -> Outcome {
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

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Users, and a pool that all may claim from.
async fn organise(admin: &Client) -> Outcome<String> {
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
    let made = admin.pools().create_pool(request).await?.into_inner();
    Ok(made.pool.unwrap_or_default().id)
}

/// The rule by which accounts of the pool are reclaimed.
async fn rule(admin: &Client, pool: &str) -> Outcome<String> {
    let rule = proto::ReclaimRule {
        pool_id: pool.to_owned(),
        follow_up_days: Some(crate::load::RULE_DAYS),
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
