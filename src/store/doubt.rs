//! Which pooled connections can no longer be trusted as they are.
//!
//! A pool learns of a restart, a fail-over or a broken network one connection at a time: each idle one would cost a unit
//! of work an attempt. So the first sign of trouble puts all connections that idled then in doubt.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// A connection that idled longer is asked whether it is alive; asking before each use would cost a round trip.
const IDLE: Duration = Duration::from_secs(5);
/// Signs of a fail-over within this time are one fail-over, so that a server that stays read-only causes no storm of
/// connections.
const FAIL_OVER: Duration = Duration::from_secs(1);

/// What to do with a pooled connection that is about to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Use it.
    Trust,
    /// Use it if it answers.
    Ask,
    /// Open another one instead: it leads to a server that must not be used any more.
    Replace,
}

/// When something was wrong last.
#[derive(Debug)]
pub(super) struct Doubt {
    born: Instant,
    /// Milliseconds since `born`; 0 means never.
    broken: AtomicU64,
    moved: AtomicU64,
}

impl Doubt {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            broken: AtomicU64::new(0),
            moved: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// A connection broke or fell silent.
    pub(super) fn broken(&self) {
        self.broken.store(self.now(), Ordering::Relaxed);
    }

    /// The server said that it is not the one to talk to any more, or a connection that was asked stayed silent.
    pub(super) fn moved(&self) {
        let (now, last) = (self.now(), self.moved.load(Ordering::Relaxed));
        if last == 0 || now > last + millis(FAIL_OVER) {
            self.moved.store(now, Ordering::Relaxed);
        }
    }

    /// What to do with a connection of this age that was idle for this long.
    pub(super) fn of(&self, age: Duration, idle: Duration) -> Verdict {
        self.at(self.now(), age, idle)
    }

    fn at(&self, now: u64, age: Duration, idle: Duration) -> Verdict {
        let since = |mark: &AtomicU64| match mark.load(Ordering::Relaxed) {
            0 => Duration::MAX,
            mark => Duration::from_millis(now.saturating_sub(mark)),
        };
        if age >= since(&self.moved) {
            Verdict::Replace
        } else if idle >= IDLE.min(since(&self.broken)) {
            Verdict::Ask
        } else {
            Verdict::Trust
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn without_trouble_only_long_idle_connections_are_asked() {
        let doubt = Doubt::new();
        assert_eq!(doubt.at(60_000, ms(60_000), ms(4_999)), Verdict::Trust);
        assert_eq!(doubt.at(60_000, ms(60_000), ms(5_000)), Verdict::Ask);
    }

    #[test]
    fn whoever_idled_when_one_broke_is_asked() {
        let doubt = Doubt::new();
        doubt.broken.store(10_000, Ordering::Relaxed);
        assert_eq!(doubt.at(10_500, ms(9_000), ms(501)), Verdict::Ask);
        assert_eq!(
            doubt.at(10_500, ms(9_000), ms(400)),
            Verdict::Trust,
            "it was used since"
        );
    }

    #[test]
    fn whoever_is_older_than_a_fail_over_is_replaced() {
        let doubt = Doubt::new();
        doubt.moved.store(10_000, Ordering::Relaxed);
        assert_eq!(doubt.at(10_500, ms(501), ms(0)), Verdict::Replace);
        assert_eq!(doubt.at(10_500, ms(400), ms(0)), Verdict::Trust);
    }
}
