//! The calendar day that daily limits count in: from local midnight to local midnight, so 23 or 25 hours where clocks
//! are changed.

use crate::domain::days::{day_start, next_day_start};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its first instant.
    pub begin: DateTime<Utc>,
    /// The first instant of the next one.
    pub end: DateTime<Utc>,
}

impl Day {
    /// The day of `now` in `zone`.
    #[must_use]
    pub fn of(now: DateTime<Utc>, zone: Tz) -> Self {
        Self {
            begin: day_start(now, zone),
            end: next_day_start(now, zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    fn day(now: &str, zone: Tz) -> (String, String) {
        let day = Day::of(at(now), zone);
        (day.begin.to_rfc3339(), day.end.to_rfc3339())
    }

    /// 3.10 (T60's neighbour): 23:59:59 in Shanghai belongs to the 10th, a second later is the 11th.
    #[test]
    fn a_day_is_local() {
        let tenth = ("2026-03-09T16:00:00+00:00".into(), "2026-03-10T16:00:00+00:00".into());
        let eleventh = ("2026-03-10T16:00:00+00:00".into(), "2026-03-11T16:00:00+00:00".into());
        assert_eq!(day("2026-03-10T15:59:59Z", chrono_tz::Asia::Shanghai), tenth);
        assert_eq!(day("2026-03-10T16:00:00Z", chrono_tz::Asia::Shanghai), eleventh);
    }

    #[test]
    fn days_on_which_clocks_change_are_shorter_and_longer() {
        let berlin = chrono_tz::Europe::Berlin;
        let spring = ("2026-03-28T23:00:00+00:00".into(), "2026-03-29T22:00:00+00:00".into());
        assert_eq!(day("2026-03-29T12:00:00Z", berlin), spring);
        let autumn = ("2026-10-24T22:00:00+00:00".into(), "2026-10-25T23:00:00+00:00".into());
        assert_eq!(day("2026-10-25T12:00:00Z", berlin), autumn);
        // In Beirut midnight itself is jumped over.
        let beirut = ("2026-03-28T22:00:00+00:00".into(), "2026-03-29T21:00:00+00:00".into());
        assert_eq!(day("2026-03-29T12:00:00Z", chrono_tz::Asia::Beirut), beirut);
        // In Havana midnight comes twice; the day begins with the first.
        let havana = ("2026-11-01T04:00:00+00:00".into(), "2026-11-02T05:00:00+00:00".into());
        assert_eq!(day("2026-11-01T12:00:00Z", chrono_tz::America::Havana), havana);
        // Samoa had no 30 December 2011.
        let samoa = ("2011-12-29T10:00:00+00:00".into(), "2011-12-30T10:00:00+00:00".into());
        assert_eq!(day("2011-12-29T12:00:00Z", chrono_tz::Pacific::Apia), samoa);
    }
}
