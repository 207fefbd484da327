//! The only calendar arithmetic: days are local calendar days in a zone, never multiples of 24 hours.
//!
//! A local time that does not exist stands for the first instant after the gap, one that exists twice for the earlier
//! of the two. Results saturate at the ends of what a time can be; nothing here panics.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

mod months;

pub use months::{months_before, months_pass};

/// Wider than any zone's distance from UTC, seconds: a local time lies within this of the same reading in UTC.
const REACH: i64 = 27 * 3600;

/// Days that are looked through for one that counts.
const SEARCH: usize = 8_000;

/// The last instant there is, in whole microseconds like all others.
fn latest() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(DateTime::<Utc>::MAX_UTC.timestamp_micros()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// What the clocks of the zone show at `t`; `None` within a day of the ends of time.
fn local(t: DateTime<Utc>, tz: Tz) -> Option<NaiveDateTime> {
    let utc = t.naive_utc();
    utc.checked_add_offset(tz.offset_from_utc_datetime(&utc).fix())
}

/// The instant at which the clocks of the zone show `local`.
fn resolve(local: NaiveDateTime, tz: Tz) -> Option<DateTime<Utc>> {
    let readings = tz.offset_from_local_datetime(&local);
    let instant = |offset: chrono_tz::TzOffset| local.checked_sub_offset(offset.fix());
    match (readings.earliest(), readings.latest()) {
        (Some(one), Some(other)) => Some(instant(one)?.min(instant(other)?).and_utc()),
        _ => after_gap(local, tz),
    }
}

/// The first instant at which the clocks of the zone show more than `missing`, which they skip.
fn after_gap(missing: NaiveDateTime, tz: Tz) -> Option<DateTime<Utc>> {
    let reading = missing.and_utc().timestamp();
    let (mut before, mut after) = (reading.checked_sub(REACH)?, reading.checked_add(REACH)?);
    // Clocks jump at whole seconds.
    while before + 1 < after {
        let middle = before + (after - before) / 2;
        if local(DateTime::from_timestamp(middle, 0)?, tz)? < missing {
            before = middle;
        } else {
            after = middle;
        }
    }
    DateTime::from_timestamp(after, 0)
}

/// The same local wall clock `n` calendar days after `t`.
#[must_use]
pub fn add_days(t: DateTime<Utc>, n: u32, tz: Tz) -> DateTime<Utc> {
    let days = Days::new(n.into());
    local(t, tz)
        .and_then(|local| resolve(local.checked_add_days(days)?, tz))
        // Where the zone's clocks leave the range of times, its distance from UTC is the least of all worries.
        .or_else(|| t.checked_add_days(days))
        .unwrap_or_else(latest)
}

/// The same local wall clock `n` calendar days before `t`.
#[must_use]
pub fn sub_days(t: DateTime<Utc>, n: u32, tz: Tz) -> DateTime<Utc> {
    let days = Days::new(n.into());
    local(t, tz)
        .and_then(|local| resolve(local.checked_sub_days(days)?, tz))
        .or_else(|| t.checked_sub_days(days))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// `t` put off by as much as the clocks of the zone move from `from` to `until`: whole days stay whole days, whatever
/// happens to the clocks in between.
#[must_use]
pub fn put_off(t: DateTime<Utc>, from: DateTime<Utc>, until: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
    let moved = local(from, tz).zip(local(until, tz)).map(|(from, until)| until - from);
    let moved = moved.unwrap_or(until - from);
    local(t, tz)
        .and_then(|local| resolve(local.checked_add_signed(moved)?, tz))
        .or_else(|| t.checked_add_signed(moved))
        .unwrap_or_else(latest)
}

/// The local date at `t`.
#[must_use]
pub fn local_date(t: DateTime<Utc>, tz: Tz) -> NaiveDate {
    local(t, tz).map_or_else(|| t.date_naive(), |local| local.date())
}

/// When the clocks of the zone show `time` on `date`.
fn at(date: NaiveDate, time: NaiveTime, tz: Tz) -> Option<DateTime<Utc>> {
    resolve(date.and_time(time), tz)
}

/// The first instant at or after `t` at which the clocks show `time`, on a day that is wanted. Gives up after
/// 8,000 days.
#[must_use]
pub fn next_at(t: DateTime<Utc>, time: NaiveTime, tz: Tz, wanted: impl Fn(NaiveDate) -> bool) -> DateTime<Utc> {
    let mut days = local_date(t, tz).iter_days().take(SEARCH);
    days.find_map(|date| at(date, time, tz).filter(|found| *found >= t && wanted(date)))
        .unwrap_or_else(latest)
}

/// The last instant at or before `t` at which the clocks show `time`.
#[must_use]
pub fn last_at(t: DateTime<Utc>, time: NaiveTime, tz: Tz) -> DateTime<Utc> {
    let date = local_date(t, tz);
    let days = [
        Some(date),
        date.pred_opt(),
        date.pred_opt().and_then(|date| date.pred_opt()),
    ];
    let mut found = days.into_iter().flatten().filter_map(|date| at(date, time, tz));
    found.find(|found| *found <= t).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// The same local wall clock on the `n`th day after `t` that counts.
#[must_use]
pub fn add_counted_days(t: DateTime<Utc>, n: u32, tz: Tz, counts: impl Fn(NaiveDate) -> bool) -> DateTime<Utc> {
    let Some(start) = local(t, tz) else {
        return add_days(t, n, tz);
    };
    let last = usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let day = start.date().iter_days().skip(1).filter(|date| counts(*date)).nth(last);
    day.and_then(|date| at(date, start.time(), tz)).unwrap_or_else(latest)
}

/// When a user who lost an account at `ended` may claim it again: he is blocked while `now` is before it.
#[must_use]
pub fn cooldown_until(ended: DateTime<Utc>, days: u32, tz: Tz) -> DateTime<Utc> {
    add_days(ended, days, tz)
}

fn midnight(date: NaiveDate, tz: Tz) -> Option<DateTime<Utc>> {
    resolve(date.and_time(NaiveTime::MIN), tz)
}

/// The local calendar day in which `t` lies, from its first instant to the next day's first. Days follow upon each other
/// without gap or overlap, even where clocks are set back across midnight.
fn day(t: DateTime<Utc>, tz: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let date = local(t, tz)?.date();
    let next = date.succ_opt()?;
    let (start, end) = (midnight(date, tz)?, midnight(next, tz)?);
    if t < end {
        return Some((start, end));
    }
    // Set back from after midnight to before it: the next day has begun and is not begun again.
    Some((end, midnight(next.succ_opt()?, tz)?))
}

/// The first instant of the local calendar day in which `t` lies.
#[must_use]
pub fn day_start(t: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
    day(t, tz).map_or(t, |(start, _)| start)
}

/// The first instant of the local calendar day after the one in which `t` lies.
#[must_use]
pub fn next_day_start(t: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
    day(t, tz).map_or_else(|| add_days(t, 1, tz), |(_, end)| end)
}

#[cfg(test)]
mod tests;
