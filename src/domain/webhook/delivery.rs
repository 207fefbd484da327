//! When an event is sent again, in which order, and when no more.
//!
//! Events of an account are sent in the order of its versions: one that failed is waited for by all after it of its
//! account, and by nothing else. A target that takes nothing at all is left alone for a while and then asked with a single
//! event, so that what happens meanwhile does not use up its attempts.

use crate::domain::ids::AccountId;
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    time::Duration,
};

/// So many attempts that failed after each other, of different events, mean that the target takes nothing.
pub const IN_A_ROW: u32 = 3;
/// So many events of a webhook wait at most; then none is taken in until some are delivered or given up.
pub const WAITING_MAX: usize = 2000;
/// So many dead letters are kept of a webhook: with more it is disabled.
pub const DEAD_MAX: usize = 10_000;
/// A webhook that fails for long is disabled after at least so many attempts.
const FAILURES_TO_DISABLE: u32 = 20;

/// The time before the second attempt; each after that is four times as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_hours(12);
/// For how long a target that takes nothing is left alone; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The target answered with this status, and perhaps after which time to come again.
    Status(u16, Option<Duration>),
    /// It did not answer in time.
    Timeout,
    /// Its name has no address.
    Unresolved,
    /// Its address is of a kind to which nothing is sent.
    Address(&'static str),
    /// The operator does not allow its host any more.
    NotAllowed,
    /// It cannot be reached.
    Unreachable,
    /// It does not prove who it is.
    Tls,
    /// It broke the connection, or does not speak HTTP.
    Broken,
}

impl Failure {
    /// Whether the target says that it is gone for good.
    #[must_use]
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::Status(410, _))
    }

    const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Status(_, after) => after,
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, _) => write!(f, "status {status}"),
            Self::Timeout => f.write_str("timeout"),
            Self::Unresolved => f.write_str("no such host"),
            Self::Address(what) => write!(f, "address not allowed: {what}"),
            Self::NotAllowed => f.write_str("host not allowed"),
            Self::Unreachable => f.write_str("no connection"),
            Self::Tls => f.write_str("TLS failed"),
            Self::Broken => f.write_str("connection broken"),
        }
    }
}

/// Whether an answer with this status means that the event was taken. A redirect is none: it is not followed.
#[must_use]
pub const fn is_taken(status: u16) -> bool {
    matches!(status, 200..=299)
}

fn spread_out(wait: Duration, spread: f64) -> TimeDelta {
    // A fifth less to a fifth more, so that what failed together does not come again together.
    let wait = wait.mul_f64(0.8 + 0.4 * spread.clamp(0.0, 1.0));
    TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)
}

/// When the event is sent again after so many attempts; `None` if it is given up. `spread` is random, 0 to 1.
#[must_use]
pub fn again_at(attempts: u32, limit: u32, failure: Failure, now: DateTime<Utc>, spread: f64) -> Option<DateTime<Utc>> {
    if attempts >= limit {
        return None;
    }
    let times = 4_u32.saturating_pow(attempts.saturating_sub(1));
    let wait = spread_out(FIRST_WAIT.saturating_mul(times).min(LONGEST_WAIT), spread);
    let wanted = failure.retry_after().map(|after| after.min(LONGEST_WAIT));
    let wanted = wanted
        .and_then(|after| TimeDelta::from_std(after).ok())
        .unwrap_or_default();
    Some(now + wait.max(wanted))
}

/// How a target does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Attempts that failed since the last that went well.
    pub failures: u32,
    /// When the first of them did.
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when it is left alone.
    pub pause_until: Option<DateTime<Utc>>,
}

impl Health {
    /// Whether it seems to take nothing.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        self.failures >= IN_A_ROW
    }

    /// It took something.
    pub fn went_well(&mut self) {
        *self = Self::default();
    }

    /// It did not.
    pub fn failed(&mut self, now: DateTime<Utc>) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
    }

    /// It is left alone.
    pub fn pause(&mut self, now: DateTime<Utc>, spread: f64) {
        let times = 2_u32.saturating_pow(self.failures.saturating_sub(IN_A_ROW));
        let pause = FIRST_PAUSE.saturating_mul(times).min(LONGEST_PAUSE);
        self.pause_until = Some(now + spread_out(pause, spread));
    }

    /// Whether it has failed for so long that nobody seems to need it.
    #[must_use]
    pub fn is_given_up(&self, now: DateTime<Utc>, after: TimeDelta) -> bool {
        self.failures >= FAILURES_TO_DISABLE && self.failing_since.is_some_and(|since| now - since >= after)
    }
}

/// An event that waits to be sent, again or for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the stream.
    pub position: i64,
    /// Of which account.
    pub account: AccountId,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this.
    pub next_time: DateTime<Utc>,
    /// When it was last tried.
    pub attempt_time: DateTime<Utc>,
    /// Why that failed.
    pub error: String,
}

/// What waits, by position, and what a turn makes of it.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    rows: BTreeMap<i64, Waiting>,
    accounts: HashMap<AccountId, usize>,
    /// Accounts of which an event failed in this turn.
    failed: HashSet<AccountId>,
    changed: BTreeSet<i64>,
    gone: BTreeSet<i64>,
    dead: Vec<Waiting>,
}

/// What a turn changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows that are new or another.
    pub waiting: Vec<Waiting>,
    /// What is given up.
    pub dead: Vec<Waiting>,
    /// What is delivered, by position.
    pub gone: Vec<i64>,
}

impl Queue {
    /// What waited before the turn.
    #[must_use]
    pub fn new(rows: Vec<Waiting>) -> Self {
        let mut queue = Self::default();
        for row in rows {
            queue.enter(row);
        }
        queue
    }

    fn enter(&mut self, row: Waiting) {
        *self.accounts.entry(row.account).or_default() += 1;
        self.rows.insert(row.position, row);
    }

    fn leave(&mut self, position: i64) -> Option<Waiting> {
        let row = self.rows.remove(&position)?;
        if let Some(number) = self.accounts.get_mut(&row.account) {
            *number -= 1;
            if *number == 0 {
                self.accounts.remove(&row.account);
            }
        }
        self.changed.remove(&position);
        Some(row)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Up to `limit` that are to be sent at this time, by position: of each account from its first one on, as far as none
    /// before has to wait.
    #[must_use]
    pub fn due(&self, now: DateTime<Utc>, limit: usize) -> Vec<i64> {
        let mut held = HashSet::new();
        let due = self.rows.values().filter(|row| {
            if row.next_time > now {
                held.insert(row.account);
            }
            !held.contains(&row.account)
        });
        due.take(limit).map(|row| row.position).collect()
    }

    /// Whether it is still its turn: nothing before it of its account failed meanwhile.
    #[must_use]
    pub fn may_go(&self, position: i64) -> bool {
        self.rows
            .get(&position)
            .is_some_and(|row| !self.failed.contains(&row.account))
    }

    /// Whether something of the account waits, so that what is new has to wait too.
    #[must_use]
    pub fn holds(&self, account: AccountId) -> bool {
        self.accounts.contains_key(&account)
    }

    /// It waits behind others of its account.
    pub fn follow(&mut self, position: i64, account: AccountId) {
        self.changed.insert(position);
        self.enter(Waiting {
            position,
            account,
            attempts: 0,
            next_time: DateTime::UNIX_EPOCH,
            attempt_time: DateTime::UNIX_EPOCH,
            error: String::new(),
        });
    }

    /// It was delivered.
    pub fn delivered(&mut self, position: i64) {
        if self.leave(position).is_some() {
            self.gone.insert(position);
        }
    }

    /// It was tried once more: it waits until `again`, or is given up. Says whether it is.
    pub fn failed(
        &mut self,
        (position, account): (i64, AccountId),
        failure: Failure,
        now: DateTime<Utc>,
        again: impl Fn(u32) -> Option<DateTime<Utc>>,
    ) -> bool {
        let before = self.leave(position).map_or(0, |row| row.attempts);
        let mut row = Waiting {
            position,
            account,
            attempts: before + 1,
            next_time: DateTime::UNIX_EPOCH,
            attempt_time: now,
            error: failure.to_string(),
        };
        let Some(next_time) = again(row.attempts) else {
            self.dead.push(row);
            return true;
        };
        row.next_time = next_time;
        self.failed.insert(account);
        self.changed.insert(position);
        self.enter(row);
        false
    }

    /// When the next one is due; `None` if none waits.
    #[must_use]
    pub fn next_time(&self) -> Option<DateTime<Utc>> {
        let mut seen = HashSet::new();
        let heads = self.rows.values().filter(|row| seen.insert(row.account));
        heads.map(|row| row.next_time).min()
    }

    /// What the turn changed.
    #[must_use]
    pub fn changes(&self) -> Changes {
        let waiting = self.changed.iter().filter_map(|position| self.rows.get(position));
        Changes {
            waiting: waiting.cloned().collect(),
            dead: self.dead.clone(),
            gone: self.gone.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
