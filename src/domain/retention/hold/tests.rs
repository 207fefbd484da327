//! Leaves, pauses and locks.

use super::*;
use chrono::FixedOffset;
use chrono_tz::{America, Asia};

fn shanghai(text: &str) -> DateTime<Utc> {
    let text = format!("2026-{}:00+08:00", text.replace(' ', "T"));
    text.parse::<DateTime<FixedOffset>>().unwrap().to_utc()
}

fn away(from: &str, until: &str) -> Absence {
    Absence {
        from: shanghai(from),
        until: shanghai(until),
    }
}

fn span(from: &str, until: Option<&str>) -> Span {
    Span {
        from: shanghai(from),
        until: until.map(shanghai),
    }
}

/// X07: days do not run while the owner is away, however his leaves overlap.
#[test]
fn x07_days_stand_still_while_the_owner_is_away() {
    let (anchor, end) = (shanghai("03-01 10:00"), shanghai("03-11 10:00"));
    #[rustfmt::skip]
    let table: &[(&[Absence], &str)] = &[
        (&[], "03-11 10:00"),
        (&[away("03-03 00:00", "03-05 00:00")], "03-13 10:00"),
        // Before the days began, and after they were over.
        (&[away("02-01 00:00", "02-20 00:00"), away("03-11 10:00", "03-20 00:00")], "03-11 10:00"),
        (&[away("02-20 00:00", "03-03 10:00")], "03-13 10:00"),
        // A second one reaches into the days that the first one added.
        (&[away("03-03 00:00", "03-05 00:00"), away("03-12 00:00", "03-14 00:00")], "03-15 10:00"),
        (&[away("03-03 00:00", "03-07 00:00"), away("03-04 00:00", "03-05 00:00")], "03-15 10:00"),
        (&[away("03-03 00:00", "03-05 00:00"), away("03-04 00:00", "03-06 00:00")], "03-14 10:00"),
    ];
    for (absences, expected) in table {
        let holds = Holds {
            absences,
            ..Holds::NONE
        };
        assert_eq!(
            holds.absent(anchor, end, Asia::Shanghai),
            shanghai(expected),
            "{absences:?}"
        );
    }
}

/// A leave of whole days moves a deadline by whole days, also where the clocks change in between.
#[test]
fn a_leave_of_whole_days_keeps_the_time_of_day() {
    let new_york = |text: &str| text.parse::<DateTime<FixedOffset>>().unwrap().to_utc();
    let absences = [Absence {
        from: new_york("2026-03-05T00:00:00-05:00"),
        until: new_york("2026-03-10T00:00:00-04:00"),
    }];
    let holds = Holds {
        absences: &absences,
        ..Holds::NONE
    };
    let (anchor, end) = (
        new_york("2026-03-01T10:00:00-05:00"),
        new_york("2026-03-06T10:00:00-05:00"),
    );
    let moved = holds.absent(anchor, end, America::New_York);
    assert_eq!(moved, new_york("2026-03-11T10:00:00-04:00"));
}

/// X20, D49: nothing is taken within a pause or under a lock; what would be is taken when they end, if they do.
#[test]
fn x20_pauses_and_locks_hold_what_is_due() {
    let counting = Counting::continuous(Asia::Shanghai);
    let pauses = [
        span("03-10 00:00", Some("03-15 00:00")),
        span("03-14 00:00", Some("03-20 00:00")),
    ];
    let at = |text: &str| Some(shanghai(text));
    let holds = Holds {
        pauses: &pauses,
        ..Holds::NONE
    };
    assert_eq!(
        holds.hold(shanghai("03-09 23:59"), &counting),
        (at("03-09 23:59"), vec![])
    );
    assert_eq!(
        holds.hold(shanghai("03-10 00:00"), &counting),
        (at("03-20 00:00"), pauses.to_vec())
    );
    assert_eq!(
        holds.hold(shanghai("03-20 00:00"), &counting),
        (at("03-20 00:00"), vec![])
    );
    let lock = span("03-20 00:00", None);
    let locked = Holds {
        lock: Some(lock),
        ..holds
    };
    assert_eq!(locked.hold(shanghai("03-12 00:00"), &counting), (None, vec![lock]));
}
