//! What holds the sweep back, what it says of itself, and what it costs.

pub(crate) mod breaker;
mod contracts;
mod cost;
mod paused;
mod preview;
mod progress;
mod sources;

use crate::world::World;
use chrono::{DateTime, Utc};
use std::time::Duration;
use tidepool::{
    app::{App, call::Call, call::Scope, flow::Once, sweep::LEASE_TIME, tenant::UpdateTenant},
    domain::{
        ids::{CallerId, TenantName},
        tenant::TenantSettings,
    },
    store::lease::{self, Lease},
};
use tokio::time::Instant;

/// A lease that nobody else asks for: what keeps sweeps apart must not be the lease.
async fn lease_of(app: &App, name: &'static str) -> Lease {
    let unit = app.db.unit("lease", Instant::now() + Duration::from_secs(10));
    let engine = app.db.engine();
    let taken = unit
        .retry(|| unit.tx(async |tx| Ok(lease::take(tx, engine, name, name, LEASE_TIME).await?)))
        .await;
    taken.unwrap().unwrap()
}

impl World {
    fn app(&self) -> &App {
        &self.server.running.app
    }

    /// Changes settings of a tenant, past the port.
    async fn configure(&self, tenant: &str, paths: &[&str], change: impl FnOnce(&mut TenantSettings)) {
        let call = Call {
            tenant: TenantName::parse(tenant).unwrap(),
            caller: CallerId::parse("console").unwrap(),
            scopes: vec![Scope::Admin],
            actor: None,
            deadline: Instant::now() + Duration::from_secs(10),
        };
        let mut settings = self.app().get_tenant(&call).await.unwrap().1.settings;
        change(&mut settings);
        let once = Once {
            key: None,
            encode: &|_| Vec::new(),
        };
        let update = UpdateTenant {
            settings,
            paths: paths.iter().map(|path| format!("settings.{path}")).collect(),
            etag: None,
        };
        self.app().update_tenant(&call, &once, &update).await.unwrap();
    }

    /// How many of a pool's accounts are reclaimed without somebody confirming it.
    async fn breaker(&self, percent: u32, accounts: u32) {
        self.configure("acme", &["breaker_percent", "breaker_accounts"], |settings| {
            settings.breaker_percent = percent;
            settings.breaker_accounts = accounts;
        })
        .await;
    }

    /// Requires sources.
    async fn require(&self, sources: &[&str]) {
        let sources = sources.iter().map(|source| CallerId::parse(source).unwrap()).collect();
        self.configure("acme", &["required_sources"], |settings| {
            settings.required_sources = sources;
        })
        .await;
    }

    fn now(&self) -> DateTime<Utc> {
        self.server.clock.now()
    }
}
