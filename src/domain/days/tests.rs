//! W12: calendar days against the worked examples and properties: zones, gaps, overlaps.

use super::*;
use chrono::{TimeDelta, Timelike};
use chrono_tz::{America, Asia, Pacific, TZ_VARIANTS};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn shanghai(text: &str) -> DateTime<Utc> {
    at(&format!("{}+08:00", text.replace(' ', "T")))
}

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(33),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Changes of the clock in `America/New_York`, N = 7.
#[test]
fn a_day_keeps_its_wall_clock_across_changes_of_the_clock() {
    let seven = |from: &str| add_days(at(from), 7, America::New_York);
    // 02:30 does not exist: the first valid instant after the gap.
    assert_eq!(seven("2026-03-01T02:30:00-05:00"), at("2026-03-08T03:00:00-04:00"));
    // 6 d 23 h.
    assert_eq!(seven("2026-03-05T10:00:00-05:00"), at("2026-03-12T10:00:00-04:00"));
    // 01:30 exists twice: the first of the two.
    assert_eq!(seven("2026-10-25T01:30:00-04:00"), at("2026-11-01T01:30:00-04:00"));
}

#[test]
fn a_skipped_date_ends_where_the_next_one_begins() {
    // Samoa went from 29 December 2011 straight to the 31st.
    let from = at("2011-12-23T10:00:00-10:00");
    assert_eq!(add_days(from, 7, Pacific::Apia), at("2011-12-31T00:00:00+14:00"));
    let eve = at("2011-12-29T10:00:00-10:00");
    assert_eq!(next_day_start(eve, Pacific::Apia), at("2011-12-31T00:00:00+14:00"));
}

/// What would come after all time comes at its end, in whole microseconds.
#[test]
fn time_ends_with_its_last_microsecond() {
    let end = DateTime::<Utc>::MAX_UTC;
    let later = add_days(end, 1, Tz::UTC);
    assert_eq!(later.timestamp_micros(), end.timestamp_micros());
    assert_eq!(later.nanosecond() % 1000, 0);
}

/// T60: returned 2026-03-10 14:00, 7 days: refused at 03-17 13:59:59, allowed at 14:00:00.
#[test]
fn t60_a_cool_down_ends_to_the_second() {
    let until = cooldown_until(shanghai("2026-03-10 14:00:00"), 7, Asia::Shanghai);
    assert!(shanghai("2026-03-17 13:59:59") < until);
    assert!(shanghai("2026-03-17 14:00:00") >= until);
}

/// The daily claim limit: Shanghai, 2026-03-10 23:59:59 = 15:59:59Z belongs to the 10th, 16:00:00Z to the 11th.
#[test]
fn a_day_ends_at_local_midnight() {
    let (tenth, eleventh) = (shanghai("2026-03-10 00:00:00"), shanghai("2026-03-11 00:00:00"));
    let last = at("2026-03-10T15:59:59.999999Z");
    assert_eq!(day_start(at("2026-03-10T15:59:59Z"), Asia::Shanghai), tenth);
    assert_eq!(day_start(last, Asia::Shanghai), tenth);
    assert_eq!(next_day_start(last, Asia::Shanghai), eleventh);
    assert_eq!(day_start(at("2026-03-10T16:00:00Z"), Asia::Shanghai), eleventh);
}

#[test]
fn a_day_begins_after_a_gap_at_midnight_and_only_once_where_midnight_repeats() {
    // 00:00 to 01:00 did not exist on 4 November 2018 in Sao Paulo.
    let noon = at("2018-11-04T12:00:00-02:00");
    assert_eq!(day_start(noon, America::Sao_Paulo), at("2018-11-04T01:00:00-02:00"));
    // 00:00 to 01:00 existed twice on 1 November 2026 in Havana.
    let second = at("2026-11-01T00:30:00-05:00");
    assert_eq!(day_start(second, America::Havana), at("2026-11-01T00:00:00-04:00"));
    // At 00:01 on 7 November 2010 the clocks of Newfoundland went back to 23:01 of the 6th: the 7th had begun.
    let again = at("2010-11-06T23:30:00-03:30");
    assert_eq!(day_start(again, America::St_Johns), at("2010-11-07T00:00:00-02:30"));
    assert_eq!(
        next_day_start(again, America::St_Johns),
        at("2010-11-08T00:00:00-03:30")
    );
}

fn zone() -> impl Strategy<Value = Tz> {
    proptest::sample::select(TZ_VARIANTS.as_slice())
}

/// The first change of the zone's clocks within 400 days after `t`, to the second, or `t` if there is none.
fn next_change(t: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
    let offset = |t: DateTime<Utc>| tz.offset_from_utc_datetime(&t.naive_utc()).fix();
    let whole = DateTime::from_timestamp(t.timestamp(), 0).unwrap();
    let day = |n: i64| whole + TimeDelta::days(n);
    let Some(n) = (1..400).find(|n| offset(day(*n)) != offset(day(n - 1))) else {
        return t;
    };
    let hit = (0..86_400).collect::<Vec<_>>().partition_point(|second| {
        let t = day(n - 1) + TimeDelta::seconds(*second);
        offset(t) == offset(day(n - 1))
    });
    day(n - 1) + TimeDelta::seconds(i64::try_from(hit).unwrap())
}

/// A zone and an instant in whole microseconds between 1890 and 2110, every second time near a change of its clocks.
fn moment() -> impl Strategy<Value = (DateTime<Utc>, Tz)> {
    let bound = |text: &str| at(text).timestamp_micros();
    let micros = bound("1890-01-01T00:00:00Z")..bound("2110-01-01T00:00:00Z");
    let near = -14_400_000_000..14_400_000_000_i64;
    (micros, zone(), any::<bool>(), near).prop_map(|(micros, tz, hunt, near)| {
        let t = DateTime::from_timestamp_micros(micros).unwrap();
        let t = if hunt {
            next_change(t, tz) + TimeDelta::microseconds(near)
        } else {
            t
        };
        (t, tz)
    })
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn never_fewer_than_n_local_calendar_days((t, tz) in moment(), n in 0..=9999_u32) {
        let (from, to) = (local(t, tz).unwrap(), local(add_days(t, n, tz), tz).unwrap());
        let same = from + TimeDelta::days(n.into());
        prop_assert!(to >= same);
        // More only where the wall clock skips, and then no more than that.
        prop_assert!(to - same <= TimeDelta::days(1));
    }

    #[test]
    fn what_falls_into_a_gap_is_the_first_instant_after_it((t, tz) in moment()) {
        let change = next_change(t, tz);
        let before = change - TimeDelta::microseconds(1);
        let (shown, next) = (local(before, tz).unwrap(), local(change, tz).unwrap());
        if next <= shown + TimeDelta::microseconds(1) {
            return Ok(());
        }
        prop_assert_eq!(resolve(shown, tz), Some(before));
        prop_assert_eq!(resolve(shown + TimeDelta::microseconds(1), tz), Some(change));
        prop_assert_eq!(resolve(next - TimeDelta::microseconds(1), tz), Some(change));
        prop_assert_eq!(resolve(next, tz), Some(change));
    }

    #[test]
    fn a_later_wall_clock_is_never_due_earlier((t, tz) in moment(), later in 0..18_000_000_000_i64, n in 1..=9999_u32) {
        let next = t + TimeDelta::microseconds(later);
        prop_assume!(local(next, tz) >= local(t, tz));
        prop_assert!(add_days(next, n, tz) >= add_days(t, n, tz));
    }

    #[test]
    fn days_cover_time_without_gap_or_overlap((t, tz) in moment()) {
        let (start, end) = (day_start(t, tz), next_day_start(t, tz));
        prop_assert!(start <= t && t < end);
        prop_assert_eq!(day_start(start, tz), start);
        prop_assert_eq!(day_start(end, tz), end);
        prop_assert_eq!(next_day_start(start, tz), end);
        prop_assert_eq!(day_start(end - TimeDelta::microseconds(1), tz), start);
    }

    #[test]
    fn nothing_panics_at_the_ends_of_time(micros in any::<i64>(), near in 0..200_000_000_000_i64, n in 0..=9999_u32, tz in zone()) {
        let (first, last) = (DateTime::<Utc>::MIN_UTC.timestamp_micros() + 1, DateTime::<Utc>::MAX_UTC.timestamp_micros());
        for micros in [micros.clamp(first, last), first + near, last - near] {
            let t = DateTime::from_timestamp_micros(micros).unwrap();
            let later = add_days(t, n, tz);
            // A reading in the second pass of a repeated hour may move into the first.
            prop_assert!(n == 0 || later > t || later == latest());
            prop_assert_eq!(later.nanosecond() % 1000, 0);
            prop_assert!(day_start(t, tz) <= t);
            prop_assert!(next_day_start(t, tz) > t || t > latest() - TimeDelta::days(2));
        }
    }
}
