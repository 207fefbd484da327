//! Local days once more, as one would count them with a calendar and a clock on the wall.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

pub(super) type Instant = DateTime<Utc>;

/// When clocks show `local`: of two such times the earlier one; where they skip it, the first minute that they show.
pub(super) fn instant(local: NaiveDateTime, tz: Tz) -> Instant {
    match tz.from_local_datetime(&local) {
        LocalResult::Single(only) => only.to_utc(),
        LocalResult::Ambiguous(one, other) => one.min(other).to_utc(),
        LocalResult::None => {
            let minute = local.with_second(0).unwrap().with_nanosecond(0).unwrap();
            instant(minute + TimeDelta::minutes(1), tz)
        }
    }
}

fn shown(t: Instant, tz: Tz) -> NaiveDateTime {
    t.with_timezone(&tz).naive_local()
}

/// Which day it is.
pub(super) fn day(t: Instant, tz: Tz) -> NaiveDate {
    shown(t, tz).date()
}

/// The same time of day so many days later.
pub(super) fn plus(t: Instant, days: u32, tz: Tz) -> Instant {
    instant(shown(t, tz) + Days::new(days.into()), tz)
}

/// The same time of day so many days earlier.
pub(super) fn minus(t: Instant, days: u32, tz: Tz) -> Instant {
    instant(shown(t, tz) - Days::new(days.into()), tz)
}

/// When it is `time`, so many days after the day of `t`.
fn at(t: Instant, later: i64, time: NaiveTime, tz: Tz) -> Instant {
    instant((day(t, tz) + TimeDelta::days(later)).and_time(time), tz)
}

/// The first `time` of a day that is not before `t`.
pub(super) fn next(t: Instant, time: NaiveTime, tz: Tz) -> Instant {
    (0..3)
        .map(|day| at(t, day, time, tz))
        .find(|found| *found >= t)
        .unwrap()
}

/// The last `time` of a day that is not after `t`.
pub(super) fn last(t: Instant, time: NaiveTime, tz: Tz) -> Instant {
    (0..3)
        .map(|day| at(t, -day, time, tz))
        .find(|found| *found <= t)
        .unwrap()
}
