//! Lengths of time as text: weeks, days, hours, minutes and seconds of a fixed length, in the ISO 8601 form (`P90D`,
//! `P1DT12H`) and in the one that CEL itself has (`24h`, `1h30m`). Months have no fixed length and are not among them.

use chrono::TimeDelta;

/// The longest, in seconds: a hundred years of 365 days.
const SECONDS_MAX: i64 = 36_500 * 86_400;

/// What such a text looks like.
pub(super) const EXPECTED: &str = "a length of time such as \"P90D\", \"P2W\", \"PT12H\" or \"24h\", of at most 36500 days; for months there is created_within_months";

/// Reads one.
pub(super) fn parse(text: &str) -> Option<TimeDelta> {
    let seconds = match text.strip_prefix('P') {
        Some(iso) => match iso.split_once('T') {
            Some((days, clock)) => add(
                if days.is_empty() {
                    0
                } else {
                    sum(days, &[('D', 86_400)])?
                },
                sum(clock, &[('H', 3600), ('M', 60), ('S', 1)])?,
            )?,
            None => sum(iso, &[('W', 7 * 86_400)]).or_else(|| sum(iso, &[('D', 86_400)]))?,
        },
        None => sum(text, &[('h', 3600), ('m', 60), ('s', 1)])?,
    };
    TimeDelta::try_seconds(seconds).filter(|_| seconds <= SECONDS_MAX)
}

/// As [`parse`] reads it.
pub(super) fn print(length: TimeDelta) -> String {
    format!("PT{}S", length.num_seconds())
}

fn add(one: i64, other: i64) -> Option<i64> {
    one.checked_add(other)
}

/// Whole numbers, each with one of the units, in their order.
fn sum(mut text: &str, mut units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0_i64;
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        let unit = rest.chars().next()?;
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let number: i64 = number.parse().ok()?;
        total = add(total, number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        text = &rest[unit.len_utf8()..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_both_forms() {
        let day = 86_400;
        for (text, seconds) in [
            ("P90D", 90 * day),
            ("P2W", 14 * day),
            ("PT36H", 36 * 3600),
            ("P1DT12H30M5S", day + 12 * 3600 + 30 * 60 + 5),
            ("PT0S", 0),
            ("24h", day),
            ("1h30m", 5400),
            ("90m", 5400),
            ("45s", 45),
            ("P36500D", 36_500 * day),
        ] {
            assert_eq!(parse(text).map(|length| length.num_seconds()), Some(seconds), "{text}");
            assert_eq!(
                parse(text).map(print).and_then(|text| parse(&text)),
                parse(text),
                "{text}"
            );
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "90",
            "D",
            "P1DT",
            "P1M",
            "P1Y",
            "P1W1D",
            "P-1D",
            "-24h",
            "+1h",
            "1.5h",
            "P1.5D",
            "1d",
            "1m1h",
            "1h1h",
            "P36501D",
            "p1d",
            " 24h",
            "P1D ",
            "P9999999999999999999D",
            "PT99999999999999S",
            "P1\u{e9}",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
