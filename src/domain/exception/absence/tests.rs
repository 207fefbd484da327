//! X07: what a leave must be, and whose word it is.

use super::*;
use crate::domain::stage::{Stage, TICK, day};

#[test]
fn a_leave_has_an_end_within_a_year() {
    for (from, until, wrong) in [
        (day(1), day(1) + TICK, false),
        (day(1), day(1), true),
        (day(2), day(1), true),
        (day(1), day(1 + DAYS_MAX), false),
        (day(1), day(1 + DAYS_MAX) + TICK, true),
    ] {
        let found = check(&Stage::away(from, until, "ann")).into_vec();
        let fields: Vec<_> = found.iter().map(|violation| violation.field.as_str()).collect();
        let wanted: &[&str] = if wrong { &["user_absence.end_time"] } else { &[] };
        assert_eq!(fields, wanted, "{from} to {until}");
    }
    for (length, wrong) in [(REASON_MAX, false), (REASON_MAX + 1, true)] {
        let leave = UserAbsence {
            reason: "x".repeat(length),
            ..Stage::away(day(1), day(2), "ann")
        };
        let found = check(&leave).into_vec();
        assert_eq!(
            found.iter().any(|violation| violation.field == "user_absence.reason"),
            wrong
        );
    }
}

/// Those above him decide, at any distance, and CRM admins; he himself only sees it; admins of pools are nobody here.
#[test]
fn those_above_decide_and_he_himself_sees() {
    let stage = Stage::new();
    let org = &stage.shop.org;
    let ann = UserId::parse("ann").unwrap();
    for (who, may, looks) in [
        ("root", true, true),
        ("service", true, true),
        ("top", true, true),
        ("sue", true, true),
        ("ann", false, true),
        ("adm", false, false),
        ("mem", false, false),
    ] {
        let principal = stage.principal(who);
        assert_eq!(
            (grants(org, &principal, &ann), sees(org, &principal, &ann)),
            (may, looks),
            "{who}"
        );
    }
}
