//! `[webhooks]`: where events may be sent, and how.

use crate::domain::webhook::target::{Allowed, Policy};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::PathBuf, time::Duration};

/// `[webhooks]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Whether this replica takes part in sending.
    pub enabled: bool,
    /// Hosts to which events may be sent: `hooks.example.com`, `*.example.com`, or `*` for all names; with a port, or `:*`,
    /// where it is not the usual one. Without any there are no webhooks.
    pub allowed_hosts: Vec<String>,
    /// Whether names may mean this host or the networks around it, and whether TLS may be left out.
    pub allow_private: bool,
    /// Certificates, in PEM, of those who may vouch for targets beside the public authorities.
    pub ca_file: Option<PathBuf>,
    /// How long an attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// How often an event is tried before it is given up.
    pub attempts: u32,
    /// A webhook that has failed for so many hours is disabled.
    pub disable_after_hours: u32,
    /// How many days events that were given up are kept.
    pub keep_days: u32,
    /// How often is looked for something to send, in milliseconds.
    pub interval_ms: u64,
    /// How many webhooks are sent to at the same time.
    pub concurrency: usize,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed_hosts: Vec::new(),
            allow_private: false,
            ca_file: None,
            timeout_ms: 5000,
            attempts: 8,
            disable_after_hours: 72,
            keep_days: 30,
            interval_ms: 500,
            concurrency: 16,
        }
    }
}

impl Webhooks {
    /// [`Self::timeout_ms`] as a duration.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// [`Self::interval_ms`] as a duration.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    /// What [`Self::ca_file`] holds.
    pub fn ca(&self) -> io::Result<Option<String>> {
        self.ca_file.as_ref().map(fs::read_to_string).transpose()
    }

    /// What is allowed.
    pub fn policy(&self) -> Result<Policy, String> {
        let allowed = self.allowed_hosts.iter().map(|text| Allowed::parse(text));
        Ok(Policy {
            allowed: allowed.collect::<Result<_, _>>()?,
            private: self.allow_private,
        })
    }

    pub(super) fn validate(&self, errors: &mut Vec<String>) {
        for text in &self.allowed_hosts {
            if let Err(error) = Allowed::parse(text) {
                errors.push(format!("webhooks.allowed_hosts: {text:?} {error}"));
            }
        }
        if let Some(file) = &self.ca_file {
            let file = file.display();
            match self.ca() {
                Err(error) => errors.push(format!("webhooks.ca_file: {file} cannot be read: {error}")),
                Ok(Some(pem)) if !pem.contains("-----BEGIN CERTIFICATE-----") => {
                    errors.push(format!("webhooks.ca_file: {file} holds no certificate in PEM"));
                }
                Ok(_) => {}
            }
        }
        if !(100..=5000).contains(&self.timeout_ms) {
            errors.push("webhooks.timeout_ms: must be 100 to 5000".into());
        }
        if !(1..=20).contains(&self.attempts) {
            errors.push("webhooks.attempts: must be 1 to 20".into());
        }
        if !(1..=8760).contains(&self.disable_after_hours) {
            errors.push("webhooks.disable_after_hours: must be 1 to 8760".into());
        }
        if !(1..=3650).contains(&self.keep_days) {
            errors.push("webhooks.keep_days: must be 1 to 3650".into());
        }
        if !(10..=60_000).contains(&self.interval_ms) {
            errors.push("webhooks.interval_ms: must be 10 to 60000".into());
        }
        if !(1..=256).contains(&self.concurrency) {
            errors.push("webhooks.concurrency: must be 1 to 256".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_named() {
        let wrong = Webhooks {
            allowed_hosts: vec!["hooks.example.com".into(), "https://x".into()],
            ca_file: Some("/nothing/there".into()),
            timeout_ms: 0,
            attempts: 0,
            disable_after_hours: 0,
            keep_days: 0,
            interval_ms: 0,
            concurrency: 0,
            ..Webhooks::default()
        };
        let mut errors = Vec::new();
        wrong.validate(&mut errors);
        assert_eq!(errors.len(), 8, "{errors:?}");
        assert!(errors[0].contains("\"https://x\""), "{errors:?}");
        errors.clear();
        Webhooks::default().validate(&mut errors);
        assert!(errors.is_empty() && Webhooks::default().policy().unwrap().is_off());
    }
}
