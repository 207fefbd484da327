//! The breaker: a sweep cannot run away. Of the accounts of a pool, and of those outside all pools, only so many are
//! reclaimed within a day; then reclaims of that pool stop until somebody confirms how many more there may be.
//!
//! Windows follow each other: one begins with the first reclaim after the last one was over. Reminders and computing
//! deadlines are never stopped.

use super::{
    refusal::{Reason, Refusal},
    tenant::TenantSettings,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// How long a window is.
pub const WINDOW: TimeDelta = TimeDelta::hours(24);

/// So many accounts are reclaimed within a window whatever the share: a fifth of a pool of five would be one.
pub const FLOOR: i64 = 20;

/// Accounts that can be confirmed at once.
pub const MAX_CONFIRMED: i32 = 10_000_000;

/// How many of `assigned` owned accounts may be reclaimed within a window. A number that an admin chose is kept to, also
/// where it is below the floor.
#[must_use]
pub fn limit(settings: &TenantSettings, assigned: i64) -> i64 {
    let share = assigned.saturating_mul(settings.breaker_percent.into()) / 100;
    share.max(FLOOR).min(settings.breaker_accounts.into())
}

/// So many owned accounts are worth counting: more of them change no limit.
#[must_use]
pub fn countable(settings: &TenantSettings) -> i64 {
    let (accounts, percent) = (
        i64::from(settings.breaker_accounts),
        i64::from(settings.breaker_percent),
    );
    (accounts * 100).div_euclid(percent.max(1)) + 1
}

/// The breaker of one pool, or of the accounts outside all pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// When the window began.
    pub window_time: DateTime<Utc>,
    /// How many were reclaimed in it.
    pub taken: i64,
    /// How many may be.
    pub allowed: i64,
    /// Since when reclaims are stopped.
    pub open_time: Option<DateTime<Utc>>,
    /// How many waited when somebody looked last, where it is open.
    pub due: i64,
    /// Raised by every change but that of `due`; 0 where nothing is stored yet.
    pub version: i64,
}

/// What the history of the configuration tells of a confirmation.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    stopped: bool,
    accounts: i64,
}

impl Breaker {
    /// A window that begins now.
    #[must_use]
    pub const fn begin(now: DateTime<Utc>, allowed: i64, version: i64) -> Self {
        Self {
            window_time: now,
            taken: 0,
            allowed,
            open_time: None,
            due: 0,
            version,
        }
    }

    /// Whether reclaims are stopped. Time alone does not change that.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open_time.is_some()
    }

    /// Whether the next reclaim begins a new window.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        !self.is_open() && now - self.window_time >= WINDOW
    }

    /// How many may still be reclaimed.
    #[must_use]
    pub fn left(&self) -> i64 {
        if self.is_open() {
            0
        } else {
            (self.allowed - self.taken).max(0)
        }
    }

    /// Lets as many as may be out of `wanted`; stops where that is not all.
    pub fn take(&mut self, wanted: i64, now: DateTime<Utc>) -> i64 {
        let taken = wanted.min(self.left());
        self.taken += taken;
        if taken < wanted && !self.is_open() {
            self.open_time = Some(now);
        }
        taken
    }

    /// Whether the next reclaim begins a window, so that its limit has to be worked out.
    #[must_use]
    pub fn begins(stored: Option<&Self>, now: DateTime<Utc>) -> bool {
        stored.is_none_or(|breaker| breaker.is_over(now))
    }

    /// The breaker at `now`, where `assigned` are owned, which matters only where a window begins. Settings that change
    /// meanwhile count from the next window on: what somebody confirmed is neither more nor less.
    #[must_use]
    pub fn current(stored: Option<Self>, settings: &TenantSettings, assigned: i64, now: DateTime<Utc>) -> Self {
        match stored {
            Some(running) if !running.is_over(now) => running,
            over => Self::begin(now, limit(settings, assigned), over.map_or(0, |over| over.version)),
        }
    }

    /// After somebody confirmed that `accounts` more are reclaimed: a window of so many begins.
    pub fn confirm(&self, accounts: i64, now: DateTime<Utc>) -> Result<Self, Refusal> {
        if !self.is_open() {
            let message = "reclaims of this pool are not stopped: there is nothing to confirm";
            return Err(Refusal::new(Reason::BreakerClosed, message));
        }
        Ok(Self::begin(now, accounts, self.version))
    }

    /// As the history of the configuration tells it.
    #[must_use]
    pub const fn told(&self) -> Told {
        Told {
            stopped: self.is_open(),
            accounts: self.allowed,
        }
    }
}

#[cfg(test)]
mod tests;
