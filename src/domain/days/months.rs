//! Calendar months before a day: the same day of an earlier month, or the last of that month where it is shorter.

use super::{local, midnight};
use chrono::{DateTime, Months, NaiveDate, Utc};
use chrono_tz::Tz;

/// The longest run of days that the same day of an earlier month is the answer for: the 28th to the 31st of a month, of
/// a 28th of February.
const CLAMPED: usize = 4;

/// The local day in which `t` lies, as `day` divides time into days.
fn date(t: DateTime<Utc>, tz: Tz) -> Option<NaiveDate> {
    let date = local(t, tz)?.date();
    let next = date.succ_opt()?;
    Some(if t < midnight(next, tz)? { date } else { next })
}

/// The first instant of the local day `n` months before the day of `now`.
#[must_use]
pub fn months_before(now: DateTime<Utc>, n: u32, tz: Tz) -> DateTime<Utc> {
    date(now, tz)
        .and_then(|today| midnight(today.checked_sub_months(Months::new(n))?, tz))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// The first `now` of which [`months_before`] is later than `t`; none where the calendar ends.
#[must_use]
pub fn months_pass(t: DateTime<Utc>, n: u32, tz: Tz) -> Option<DateTime<Utc>> {
    let (day, months) = (date(t, tz)?, Months::new(n));
    let passes = day
        .checked_add_months(months)?
        .iter_days()
        .skip(1)
        .take(CLAMPED)
        .find(|today| today.checked_sub_months(months).is_some_and(|since| since > day))?;
    midnight(passes, tz)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// R149: months are clamped to the end of a shorter month.
    #[test]
    fn a_shorter_month_ends_earlier() {
        for (now, n, since) in [
            ("2026-11-15", 6, "2026-05-15"),
            ("2026-08-31", 6, "2026-02-28"),
            ("2026-05-31", 3, "2026-02-28"),
            ("2028-02-29", 12, "2027-02-28"),
        ] {
            let now = at(&format!("{now}T12:34:56Z"));
            assert_eq!(
                months_before(now, n, Tz::UTC),
                at(&format!("{since}T00:00:00Z")),
                "{now}"
            );
        }
        let tz = chrono_tz::Asia::Shanghai;
        assert_eq!(
            months_before(at("2026-11-14T16:00:00Z"), 6, tz),
            at("2026-05-14T16:00:00Z")
        );
        assert_eq!(
            months_before(at("2026-11-14T15:59:59Z"), 6, tz),
            at("2026-05-13T16:00:00Z")
        );
    }

    #[test]
    fn months_pass_at_midnight_after_the_last_day_that_looks_back_so_far() {
        for (t, n, passes) in [
            ("2026-05-15T23:59:59Z", 6, "2026-11-16T00:00:00Z"),
            ("2026-02-28T00:00:00Z", 6, "2026-09-01T00:00:00Z"),
            ("2028-02-29T00:00:00Z", 12, "2029-03-01T00:00:00Z"),
            ("2027-02-28T00:00:00Z", 12, "2028-03-01T00:00:00Z"),
            ("2026-01-31T00:00:00Z", 1, "2026-03-01T00:00:00Z"),
        ] {
            assert_eq!(months_pass(at(t), n, Tz::UTC), Some(at(passes)), "{t}");
        }
    }

    #[test]
    fn the_ends_of_time_are_no_harm() {
        for t in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            for tz in [chrono_tz::Asia::Shanghai, chrono_tz::America::Los_Angeles] {
                let _ = (months_before(t, 120, tz), months_pass(t, 120, tz));
            }
        }
    }

    proptest! {
        #[test]
        fn the_instant_at_which_months_pass_is_exact(
            seconds in -2_000_000_000_i64..4_000_000_000,
            n in 1_u32..=120,
            tz in prop::sample::select(vec![
                Tz::UTC, Tz::Asia__Shanghai, Tz::America__Sao_Paulo, Tz::Pacific__Apia, Tz::Europe__Berlin,
                Tz::America__St_Johns, Tz::Africa__Cairo, Tz::Pacific__Kwajalein,
            ]),
        ) {
            let t = DateTime::from_timestamp(seconds, 0).unwrap();
            let passes = months_pass(t, n, tz).unwrap();
            let just_before = passes - chrono::TimeDelta::microseconds(1);
            prop_assert!(months_before(just_before, n, tz) <= t);
            prop_assert!(months_before(passes, n, tz) > t);
        }
    }
}
