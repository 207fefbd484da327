//! Instants are microseconds since the epoch in every engine, chrono types above.

use chrono::{DateTime, Utc};

/// As stored.
#[must_use]
pub fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// As read. Every `i64` that was stored by [`micros`] is in range; anything else reads as the epoch.
#[must_use]
pub fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
