//! Where the connections of the pool are, and whether some of them are lost.
//!
//! Everything that is done with a connection has a limit, so all of them come back, or make room for others. If they do not,
//! for a fault in here or in a library, somebody has to know.

use super::{Db, connector::Links, dialect::Engine};
use std::time::Duration;
use tokio::{sync::Semaphore, time::Instant};

/// How long a slot that nobody uses may be away. Far above what opening and closing take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Connections at most.
    pub max: u32,
    /// Open, or being opened or closed.
    pub open: u32,
    /// Waiting for work.
    pub idle: u32,
    /// Units of work that hold one, or are about to.
    pub used: u32,
}

impl Slots {
    /// Connections that nobody uses and nobody can get. A few while connections are being returned; at rest none.
    #[must_use]
    pub const fn stuck(&self) -> u32 {
        self.open.saturating_sub(self.idle).saturating_sub(self.used)
    }
}

impl Db {
    /// Where the connections for transactions are.
    #[must_use]
    pub fn slots(&self) -> Slots {
        let max = match self.engine() {
            Engine::MySql => self.options.max_connections,
            Engine::Sqlite => 1,
        };
        of(max, &self.write, &self.write_permits)
    }

    /// Where the connections for reads are.
    #[must_use]
    pub fn read_slots(&self) -> Slots {
        of(self.options.max_connections, &self.read, &self.read_permits)
    }
}

fn of(max: u32, links: &Links, permits: &Semaphore) -> Slots {
    let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let status = links.status();
    Slots {
        max,
        open: number(status.size),
        idle: number(status.available),
        used: max.saturating_sub(number(permits.available_permits())),
    }
}

/// Watches for slots that do not come back.
#[derive(Debug, Default)]
pub struct Watch {
    /// Since when more than half of them are away.
    since: Option<Instant>,
}

impl Watch {
    /// Whether so many have been away for so long that only a new process helps.
    pub fn lost(&mut self, slots: Slots, now: Instant) -> bool {
        if slots.stuck() * 2 <= slots.max {
            self.since = None;
            return false;
        }
        now.duration_since(*self.since.get_or_insert(now)) >= PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn slots(idle: u32, used: u32) -> Slots {
        Slots {
            max: 4,
            open: 4,
            idle,
            used,
        }
    }

    #[test]
    fn only_what_nobody_uses_is_stuck() {
        assert_eq!(slots(1, 2).stuck(), 1);
        // Work that waits for a connection holds a place and no connection yet.
        assert_eq!(slots(2, 4).stuck(), 0);
    }

    #[test]
    fn more_than_half_for_a_minute_without_a_break_is_lost() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::default();
        assert!(!watch.lost(slots(1, 0), at(0)));
        assert!(!watch.lost(slots(1, 0), at(59)));
        assert!(watch.lost(slots(1, 0), at(60)));
        assert!(!watch.lost(slots(2, 0), at(61)), "half of them serve");
        assert!(!watch.lost(slots(0, 1), at(62)), "the minute begins again");
        assert!(!watch.lost(slots(0, 1), at(121)));
        assert!(watch.lost(slots(0, 1), at(122)));
    }
}
