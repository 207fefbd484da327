//! Days, cutoffs and business days against the worked examples.

use super::*;
use chrono::{FixedOffset, NaiveDate};
use chrono_tz::Asia;

fn shanghai(text: &str) -> DateTime<Utc> {
    let text = format!("2026-{}+08:00", text.replace(' ', "T"));
    text.parse::<DateTime<FixedOffset>>().unwrap().to_utc()
}

fn date(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap()
}

/// The national holidays of October 2026, with a Saturday worked for them.
fn october() -> WorkCalendar {
    WorkCalendar {
        holidays: (1..=7).map(|day| date(10, day)).collect(),
        extra_work_days: [date(10, 10)].into(),
        ..WorkCalendar::default()
    }
}

/// R147, D03: assigned before 09:00 reclaims at 09:00 on day N, after it on day N + 1.
#[test]
fn r147_the_cutoff_of_nine() {
    #[rustfmt::skip]
    let table = [
        ("03-02 00:00:00", "03-09 09:00:00", "03-09 00:00:00", "03-09 00:00:00"),
        ("03-02 08:59:59", "03-09 09:00:00", "03-09 08:59:59", "03-10 00:00:00"),
        ("03-02 09:00:00", "03-09 09:00:00", "03-09 09:00:00", "03-10 00:00:00"),
        ("03-02 09:00:01", "03-10 09:00:00", "03-09 09:00:01", "03-10 00:00:00"),
        ("03-02 23:30:00", "03-10 09:00:00", "03-09 23:30:00", "03-10 00:00:00"),
    ];
    for (anchor, nine, none, midnight) in table {
        for (cutoff, expected) in [
            (Cutoff::USUAL, nine),
            (Cutoff::None, none),
            (Cutoff::At(NaiveTime::MIN), midnight),
        ] {
            let counting = Counting {
                cutoff,
                ..Counting::continuous(Asia::Shanghai)
            };
            let due = counting.effective(counting.add(shanghai(anchor), 7));
            assert_eq!(due, shanghai(expected), "{anchor} {cutoff}");
        }
    }
}

/// T70, X10: holidays do not count, worked weekends do.
#[test]
fn t70_business_days() {
    let calendar = october();
    let counting = |cutoff, calendar| Counting {
        tz: Asia::Shanghai,
        cutoff,
        calendar,
    };
    let start = shanghai("09-30 16:00:00");
    let due = |counting: Counting<'_>| counting.effective(counting.add(start, 5));
    assert_eq!(due(counting(Cutoff::None, Some(&calendar))), shanghai("10-13 16:00:00"));
    assert_eq!(
        due(counting(Cutoff::USUAL, Some(&calendar))),
        shanghai("10-14 09:00:00")
    );
    assert_eq!(due(counting(Cutoff::None, None)), shanghai("10-05 16:00:00"));
}

#[test]
fn nothing_takes_effect_on_a_day_that_does_not_count() {
    let calendar = october();
    let business = Counting {
        calendar: Some(&calendar),
        ..Counting::continuous(Asia::Shanghai)
    };
    // A Saturday of the holidays, the worked Saturday, and a Sunday.
    for (at, expected) in [
        ("10-03 16:00:00", "10-08 00:00:00"),
        ("10-10 16:00:00", "10-10 16:00:00"),
        ("10-11 16:00:00", "10-12 00:00:00"),
    ] {
        assert_eq!(business.effective(shanghai(at)), shanghai(expected), "{at}");
    }
    let nine = Counting {
        cutoff: Cutoff::USUAL,
        ..business
    };
    assert_eq!(nine.effective(shanghai("10-10 09:00:01")), shanghai("10-12 09:00:00"));
}

#[test]
fn times_of_day_are_read_exactly() {
    for (text, read) in [
        ("00:00", Some("00:00")),
        ("23:59", Some("23:59")),
        ("NONE", Some("NONE")),
    ] {
        assert_eq!(
            text.parse::<Cutoff>().ok().map(|cutoff| cutoff.to_string()).as_deref(),
            read
        );
    }
    for text in [
        "", "9:00", "24:00", "09:60", "09:00:00", "none", "+9:00", "09-00", " 09:00",
    ] {
        assert!(text.parse::<Cutoff>().is_err(), "{text}");
    }
}

#[test]
fn everything_wrong_with_a_calendar_is_named() {
    let wrong = WorkCalendar {
        weekdays: vec![],
        holidays: [date(10, 10)].into(),
        extra_work_days: [date(10, 10)].into(),
    };
    let mut violations = Violations::default();
    wrong.check(&mut violations, "work_calendar");
    let fields: Vec<_> = violations
        .into_vec()
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(fields, ["work_calendar.weekdays", "work_calendar.extra_work_days"]);
    let twice = WorkCalendar {
        weekdays: vec![Weekday::Mon, Weekday::Mon],
        ..WorkCalendar::default()
    };
    let mut violations = Violations::default();
    twice.check(&mut violations, "work_calendar");
    assert_eq!(violations.into_vec().len(), 1);
}
