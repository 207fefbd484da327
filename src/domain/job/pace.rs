//! How many accounts a job takes at once: as many as a short transaction can.

use std::time::Duration;

/// How many accounts the first transaction of a worker takes, and how many any takes at most.
pub const BATCH: std::ops::RangeInclusive<usize> = 25..=100;
/// A transaction that took longer was too large. Others wait for what it writes, so it stays well below two seconds.
const LONG: Duration = Duration::from_millis(500);

/// How many accounts the next transaction takes, after one that took so long.
#[must_use]
pub fn next_batch(size: usize, took: Duration) -> usize {
    if took > LONG {
        (size / 2).max(1)
    } else if took < LONG / 4 {
        (size * 2).min(*BATCH.end())
    } else {
        size
    }
}
