//! `[events]`: how events get into the stream that other services follow.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[events]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// Whether this replica takes part in the relay, which brings events into the stream.
    pub enabled: bool,
    /// How often new events are looked for, in milliseconds. Those of this replica are seen at once.
    pub relay_interval_ms: u64,
    /// How many days events are kept in the stream. The history of accounts keeps them for ever.
    pub keep_days: u32,
    /// How long a watcher may take no event although there are some, in seconds, before its stream is ended.
    pub send_timeout_seconds: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            enabled: true,
            relay_interval_ms: 100,
            keep_days: 30,
            send_timeout_seconds: 10,
        }
    }
}

impl Events {
    /// [`Self::relay_interval_ms`] as a duration.
    #[must_use]
    pub const fn relay_interval(&self) -> Duration {
        Duration::from_millis(self.relay_interval_ms)
    }

    pub(super) fn validate(&self, errors: &mut Vec<String>) {
        if !(10..=60_000).contains(&self.relay_interval_ms) {
            errors.push("events.relay_interval_ms: must be 10 to 60000".into());
        }
        if !(1..=3650).contains(&self.keep_days) {
            errors.push("events.keep_days: must be 1 to 3650".into());
        }
        if !(1..=600).contains(&self.send_timeout_seconds) {
            errors.push("events.send_timeout_seconds: must be 1 to 600".into());
        }
    }
}
