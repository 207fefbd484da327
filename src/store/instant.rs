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

/// As read from a column in which 0 stands for never.
#[must_use]
pub fn unless_never(micros: i64) -> Option<DateTime<Utc>> {
    (micros != 0).then(|| instant(micros))
}

/// As stored in a column in which 0 stands for never. What happened at the epoch itself is kept a microsecond later: it did
/// happen.
#[must_use]
pub fn or_never(instant: Option<DateTime<Utc>>) -> i64 {
    match instant.map(micros) {
        None => 0,
        Some(0) => 1,
        Some(micros) => micros,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_not_never() {
        assert_eq!(unless_never(or_never(None)), None);
        for at in [-1, 1, 1_772_330_400_000_000] {
            assert_eq!(unless_never(or_never(Some(instant(at)))), Some(instant(at)));
        }
        assert_eq!(unless_never(or_never(Some(instant(0)))), Some(instant(1)));
    }
}
