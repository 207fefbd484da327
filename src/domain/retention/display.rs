//! The remaining retention that owners are shown: only near the end, so that it means something.

use chrono::{DateTime, TimeDelta, Utc};

/// What remains until `deadline`, if it is less than 30 % of what there was from `anchor` on; nothing remains once it is
/// over. Without a clock that runs there is nothing to show.
#[must_use]
pub fn display_remaining(
    anchor: Option<DateTime<Utc>>,
    deadline: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<TimeDelta> {
    let (anchor, deadline) = (anchor?, deadline?);
    let micros = |t: DateTime<Utc>| i128::from(t.timestamp_micros());
    let total = micros(deadline) - micros(anchor);
    let remaining = micros(deadline) - micros(now);
    // Whole numbers: the boundary is exact to the microsecond.
    let shown = remaining <= 0 || remaining * 10 < total * 3;
    shown.then(|| (deadline - now).max(TimeDelta::zero()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    fn shanghai(day: &str) -> DateTime<Utc> {
        let text = format!("2026-{}+08:00", day.replace(' ', "T"));
        text.parse::<DateTime<FixedOffset>>().unwrap().to_utc()
    }

    /// T40: 30 d, claim 03-01 10:00: at 03-22 10:00:00 remaining is exactly 9 d = 30 % -> hidden; one second later shown.
    #[test]
    fn t40_remaining_retention_is_shown_below_thirty_percent() {
        let (anchor, deadline) = (Some(shanghai("03-01 10:00:00")), Some(shanghai("03-31 10:00:00")));
        let boundary = shanghai("03-22 10:00:00");
        assert_eq!(display_remaining(anchor, deadline, shanghai("03-01 10:00:00")), None);
        assert_eq!(display_remaining(anchor, deadline, boundary), None);
        let nine = TimeDelta::days(9);
        for past in [TimeDelta::microseconds(1), TimeDelta::seconds(1)] {
            assert_eq!(display_remaining(anchor, deadline, boundary + past), Some(nine - past));
        }
    }

    /// T40: overdue shows 0.
    #[test]
    fn an_overdue_account_shows_that_nothing_remains() {
        let (anchor, deadline) = (Some(shanghai("03-01 10:00:00")), Some(shanghai("03-31 10:00:00")));
        for now in [
            shanghai("03-31 10:00:00"),
            shanghai("04-30 10:00:00"),
            DateTime::<Utc>::MAX_UTC,
        ] {
            assert_eq!(display_remaining(anchor, deadline, now), Some(TimeDelta::zero()));
        }
    }
}
