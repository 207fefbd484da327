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
