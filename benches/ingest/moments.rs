//! When what is told happened: each run's activities after those of the run before, all of them before now.

use chrono::{DateTime, TimeDelta, Utc};

/// How many days before now the first one begins.
const DAYS: i64 = 5;
/// Between the beginnings of two runs: more than the activities of one take.
const APART: TimeDelta = TimeDelta::minutes(20);

/// The beginnings.
pub(crate) struct Moments(DateTime<Utc>);

impl Moments {
    pub(crate) fn until(now: DateTime<Utc>) -> Self {
        Self(now - TimeDelta::days(DAYS))
    }

    pub(crate) fn next(&mut self) -> DateTime<Utc> {
        self.0 += APART;
        self.0
    }
}
