//! Makes the ids of our own things: UUIDv7 from the service's clock, strictly rising within one process.

use crate::clock::Clock;
use std::sync::{Mutex, PoisonError};
use uuid::{ContextV7, Timestamp, Uuid};

/// Makes ids. Rising ids keep inserts at the end of the index and make "by creation" the order of the primary key.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    context: Mutex<ContextV7>,
}

impl Ids {
    /// Ids that carry the time of `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            context: Mutex::new(ContextV7::new()),
        }
    }

    /// A new id, greater than every id that this process made before.
    pub fn next(&self) -> Uuid {
        let now = self.clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        // A poisoned lock only means that another thread panicked; the counter behind it is still a counter.
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn ids_rise_even_while_the_clock_stands_still() {
        let ids = Ids::new(Clock::manual(DateTime::from_timestamp_nanos(1_750_000_000_000_000_000)));
        let made: Vec<_> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
    }
}
