//! How often it is tried again to record what waited for its account, where the account does not take it or it cannot be
//! decided: ever more seldom, so that what nobody takes costs next to nothing.

use chrono::TimeDelta;

/// The longest pause between two tries.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// How long it is let alone after so many tries that came to nothing.
#[must_use]
pub fn pause(tries: i64) -> TimeDelta {
    let doubled = tries.clamp(1, 7) - 1;
    TimeDelta::minutes(1 << doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let minutes = [0, 1, 2, 3, 4, 5, 6, 7, 8, i64::MAX].map(|tries| pause(tries).num_minutes());
        assert_eq!(minutes, [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
