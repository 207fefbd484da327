//! Nobody loses accounts in the second after somebody changed a rule.

use chrono::{DateTime, TimeDelta, Utc};

/// What an owner gets at least, from the change on.
pub const MIN_NOTICE: TimeDelta = TimeDelta::hours(24);

/// The notice floor of an account whose deadline becomes `next` at `now` and was `stored` before; `None` where it needs
/// none. A deadline that stays or moves away needs none: otherwise every unrelated change would put off what is due.
#[must_use]
pub fn floor(stored: Option<DateTime<Utc>>, next: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let floor = now.checked_add_signed(MIN_NOTICE)?;
    let earlier = stored.is_none_or(|stored| next < stored);
    (earlier && next < floor).then_some(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R145: only what comes nearer than the hours of notice is put off, and to exactly these.
    #[test]
    fn what_comes_nearer_than_the_notice_is_put_off() {
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        for (stored, next, expected) in [
            (None, 23, Some(24)),
            (None, 24, None),
            (Some(100), 23, Some(24)),
            (Some(100), -5, Some(24)),
            (Some(100), 50, None),
            (Some(5), 5, None),
            (Some(5), 6, None),
            (Some(5), 4, Some(24)),
        ] {
            let found = floor(stored.map(at), at(next), at(0));
            assert_eq!(found, expected.map(at), "{stored:?} {next}");
        }
    }
}
