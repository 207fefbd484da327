//! Webhooks: `manage` creates and changes them, `deliver` sends events, `replay` lists what was given up and sends it again,
//! `trial` sends a test, `vault` keeps secrets.

mod deliver;
mod manage;
mod replay;
mod trial;
mod vault;

pub use deliver::Turned;
pub use manage::{CreateWebhook, RotateSecret, WithSecret};
pub use replay::{DeadLetters, REPLAYED_MAX, ReplayDeadLetters, ReplayEvents};
pub use trial::Trial;

use super::App;
use crate::{
    clock::Clock,
    config,
    domain::{
        error::Error,
        event_stream::{Bounds, StreamEvent},
        ids::TenantKey,
        organisation::Organisation,
        principal::Principal,
        refusal::{Reason, Refusal},
        webhook::{StoredWebhook, target::Policy},
    },
    store::{Db, event_stream},
    webhook::Courier,
};
use chrono::TimeDelta;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;
use vault::Vault;

/// How long a read or write may take.
const UNIT_TIME: Duration = Duration::from_secs(10);

/// Makes the body of a request of an event.
pub type Encode = fn(&StreamEvent) -> Vec<u8>;

/// What webhooks share in this process.
#[derive(Debug)]
pub struct Webhooks {
    courier: Courier,
    vault: Vault,
    /// How often an event is tried.
    attempts: u32,
    /// A webhook that has failed for so long is disabled.
    disable_after: TimeDelta,
    /// How long dead letters are kept.
    keep: TimeDelta,
    dice: Mutex<StdRng>,
}

impl Webhooks {
    /// As the operator has it.
    pub(super) async fn load(db: &Db, clock: &Clock, config: &config::Webhooks) -> Result<Self, Error> {
        let courier = courier(config).map_err(|error| {
            tracing::error!(error, "webhooks.ca_file holds what is no certificate");
            Error::internal()
        })?;
        Ok(Self {
            courier,
            vault: Vault::load(db, clock).await?,
            attempts: config.attempts,
            disable_after: TimeDelta::hours(config.disable_after_hours.into()),
            keep: TimeDelta::days(config.keep_days.into()),
            dice: Mutex::new(StdRng::from_os_rng()),
        })
    }

    /// The same under what the operator configured.
    pub fn configure(&mut self, config: &config::Webhooks) -> Result<(), String> {
        self.courier = courier(config)?;
        self.attempts = config.attempts;
        self.disable_after = TimeDelta::hours(config.disable_after_hours.into());
        self.keep = TimeDelta::days(config.keep_days.into());
        Ok(())
    }

    /// Takes what is random from this seed.
    pub fn seed(&self, seed: u64) {
        *self.dice.lock().unwrap_or_else(PoisonError::into_inner) = StdRng::seed_from_u64(seed);
    }

    /// Whether there are no webhooks here.
    #[must_use]
    pub const fn are_off(&self) -> bool {
        self.courier.policy().is_off()
    }

    const fn policy(&self) -> &Policy {
        self.courier.policy()
    }

    /// By how much times are spread, 0 to 1.
    fn spread(&self) -> f64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// Refuses what nobody allowed.
    fn refuse_if_off(&self) -> Result<(), Refusal> {
        if !self.are_off() {
            return Ok(());
        }
        let message = "webhooks are off: the operator of the service has to name the hosts to which events may be sent, in \
                       webhooks.allowed_hosts";
        Err(Refusal::new(Reason::WebhooksOff, message).with("setting", "webhooks.allowed_hosts"))
    }
}

fn courier(config: &config::Webhooks) -> Result<Courier, String> {
    let ca = config.ca().map_err(|error| error.to_string())?;
    Courier::new(config.policy()?, ca.as_deref(), config.timeout())
}

/// Services come this far by their scope; of users only CRM admins may send everything somewhere.
fn allow(principal: &Principal) -> Result<(), Refusal> {
    match principal.actor {
        Some(_) => principal.require_crm_admin(),
        None => Ok(()),
    }
}

fn find(org: &Organisation, id: Uuid) -> Result<&Arc<StoredWebhook>, Error> {
    let webhook = org.webhooks.iter().find(|webhook| webhook.id == id);
    webhook.ok_or_else(|| Error::not_found("webhook", id))
}

impl App {
    /// The end of the tenant's stream, and from where on it is kept.
    async fn stream_bounds(&self, tenant: TenantKey) -> Result<Bounds, Error> {
        let unit = self.db.unit("read stream", Instant::now() + UNIT_TIME);
        let bounds = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(event_stream::bounds(&reader, tenant).await?)
        });
        bounds.await.map_err(|abort| unit.error(abort))
    }
}
