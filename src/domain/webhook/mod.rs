//! Webhooks of a tenant: where events are sent, which, and under which secrets. What may be an address is in `target` and
//! `address`, what is sent in `letter`, how it is signed in `signature`, when it is sent again and in which order in `delivery`.

pub mod address;
pub mod delivery;
pub mod letter;
pub mod signature;
pub mod target;

use super::{
    configured::Configured,
    event_stream::{Filter, Kinds},
    ids::{PoolId, UserId},
    refusal::{Reason, Violations},
    text::{NAME_MAX, check_required_text},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use target::{Policy, Target};
use uuid::Uuid;

/// Webhooks of a tenant at most.
pub const WEBHOOKS_MAX: usize = 20;

/// Which events are wanted, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedEvents {
    /// Kinds, or `account.*`.
    pub kinds: Vec<String>,
    /// In these pools, before or after.
    pub pool_ids: Vec<PoolId>,
    /// Of these owners, before or after.
    pub owners: Vec<UserId>,
}

impl WantedEvents {
    /// What decides whether an event is wanted.
    #[must_use]
    pub fn filter(&self) -> Filter {
        // What no version of this program calls a kind any more fits nothing: left out, it could make the filter fit all.
        let kinds = self.kinds.iter().map(|kind| {
            let unknown = |_| Kinds::Below(kind.clone());
            Kinds::parse(kind).unwrap_or_else(unknown)
        });
        Filter {
            kinds: kinds.collect(),
            pools: self.pool_ids.clone(),
            owners: self.owners.clone(),
        }
    }
}

/// What people say of a webhook. Field names are those of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Name for people.
    pub display_name: String,
    /// Where events are sent.
    pub url: String,
    /// Which.
    pub filter: WantedEvents,
}

impl Settings {
    /// Everything that is wrong with it, where the operator allows this, as far as that is asked about.
    #[must_use]
    pub fn validate(&self, policy: Option<&Policy>) -> Violations {
        let mut violations = Violations::default();
        check_required_text(&mut violations, "display_name", &self.display_name, NAME_MAX);
        if let Some(target) = violations.check("url", Target::parse(&self.url))
            && let Some(Err(why)) = policy.map(|policy| policy.admits(&target))
        {
            violations.add_as(Reason::WebhookTargetNotAllowed, "url", why);
        }
        violations
    }
}

/// A secret, sealed with the key of the service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// What only the service can open.
    pub sealed: String,
    /// Until when it is used; `None` is without an end.
    pub expire_time: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSecret")
            .field("expire_time", &self.expire_time)
            .finish_non_exhaustive()
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// What people say of it.
    pub settings: Settings,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the server disabled it; empty if it did not.
    pub disabled_reason: String,
    /// The secret, and the one before while that is still used.
    pub secrets: Vec<SealedSecret>,
    /// Which secret it is, counted from 1.
    pub secret_number: u32,
}

/// A webhook as stored.
pub type StoredWebhook = Configured<Webhook>;

/// What the history of the configuration tells of it: no secret, sealed or not.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    enabled: bool,
    disabled_reason: &'a str,
    secret_number: u32,
}

impl Webhook {
    /// A new one, in use.
    #[must_use]
    pub fn new(settings: Settings, sealed: String) -> Self {
        Self {
            settings,
            enabled: true,
            disabled_reason: String::new(),
            secrets: vec![SealedSecret {
                sealed,
                expire_time: None,
            }],
            secret_number: 1,
        }
    }

    /// With a new secret; that of before is used until then.
    #[must_use]
    pub fn rotated(&self, sealed: String, keep_until: DateTime<Utc>) -> Self {
        let fresh = SealedSecret {
            sealed,
            expire_time: None,
        };
        let old = self.secrets.iter().find(|secret| secret.expire_time.is_none());
        let old = old.map(|old| SealedSecret {
            expire_time: Some(keep_until),
            ..old.clone()
        });
        Self {
            secrets: std::iter::once(fresh).chain(old).collect(),
            secret_number: self.secret_number + 1,
            ..self.clone()
        }
    }

    /// In use, or not, and why not if the server decided it.
    #[must_use]
    pub fn switched(&self, enabled: bool, disabled_reason: &str) -> Self {
        Self {
            enabled,
            disabled_reason: disabled_reason.to_owned(),
            ..self.clone()
        }
    }

    /// The secrets that are used at this time, the newest first.
    pub fn secrets_at(&self, now: DateTime<Utc>) -> impl Iterator<Item = &str> {
        let used = move |secret: &&SealedSecret| secret.expire_time.is_none_or(|until| now < until);
        self.secrets.iter().filter(used).map(|secret| secret.sealed.as_str())
    }

    /// Until when the secret before the last one is used, if it is.
    #[must_use]
    pub fn old_secret_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ends = self.secrets.iter().filter_map(|secret| secret.expire_time);
        ends.filter(|until| now < *until).max()
    }

    /// What the history of the configuration tells.
    #[must_use]
    pub fn told(&self) -> Told<'_> {
        Told {
            settings: &self.settings,
            enabled: self.enabled,
            disabled_reason: &self.disabled_reason,
            secret_number: self.secret_number,
        }
    }
}

/// What is written with the configuration of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressWrite {
    /// It begins after this position.
    Begin(Uuid, i64),
    /// It is in use again: from where it stopped, or after this position and without what waited.
    GoOn(Uuid, Option<i64>),
    /// It is out of use.
    Stop(Uuid),
    /// It is gone.
    Forget(Uuid),
}

#[cfg(test)]
mod tests;
