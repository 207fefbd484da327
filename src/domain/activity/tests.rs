//! Kinds of activities, and when they are too early or too late.

use super::*;
use chrono::TimeZone;

fn at(minute: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap() + TimeDelta::minutes(minute)
}

fn event(id: u32, kind: &str, minute: i64) -> Activity {
    Activity {
        event_id: EventId::parse(&format!("e{id}")).unwrap(),
        account: AccountId(uuid::Uuid::nil()),
        kind: Kind::parse(kind).unwrap(),
        object_id: ObjectId::parse("o").ok(),
        occur_time: at(minute),
        actor: None,
        summary: String::new(),
        contract_end: None,
        described: Described::default(),
        payload_hash: [0; 32],
    }
}

#[test]
fn kinds_are_object_and_action() {
    assert_eq!(
        Kind::parse("sales_order.created").map(|kind| (kind.object().to_owned(), kind.action().to_owned())),
        Ok(("sales_order".into(), "created".into()))
    );
    for wrong in [
        "",
        ".",
        "a.",
        ".b",
        "a",
        "a.b.c",
        "A.b",
        "a.b c",
        "1a.b",
        &format!("a.{}", "b".repeat(63)),
    ] {
        assert_eq!(Kind::parse(wrong), Err(KindError), "{wrong:?}");
    }
}

#[test]
fn a_future_date_does_not_protect_for_ever() {
    assert_eq!(check_time(at(5), at(0)), Ok(()));
    assert_eq!(
        check_time(at(5) + TimeDelta::microseconds(1), at(0)),
        Err(MAX_AHEAD + TimeDelta::microseconds(1))
    );
}

/// P5: what is told long after it happened is marked as late.
#[test]
fn what_is_told_late_is_marked() {
    let told = event(1, "call.made", 0);
    assert!(!told.is_late(at(0) + LATE_AFTER));
    assert!(told.is_late(at(0) + LATE_AFTER + TimeDelta::microseconds(1)));
    assert!(!told.is_late(at(-5)));
}
