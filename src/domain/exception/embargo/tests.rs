//! X05: embargoes, to the microsecond.

use crate::domain::{
    account::Account,
    change::EventKind,
    exception::{Wish, tests::decided},
    stage::{Stage, TICK, change, day, said},
};

fn set(until: chrono::DateTime<chrono::Utc>) -> Wish {
    Wish::SetEmbargo {
        until,
        reason: "they complained".into(),
    }
}

#[test]
fn an_embargo_ends_in_the_future() {
    let stage = Stage::new();
    let account = stage.owned();
    for (until, wanted) in [
        (day(9), "until"),
        (stage.now, "until"),
        (stage.now + TICK, "OK"),
        (day(400), "OK"),
    ] {
        assert_eq!(said(&decided(&stage, "adm", &account, &set(until))), wanted, "{until}");
    }
    let made = change(decided(&stage, "adm", &account, &set(day(20))));
    assert_eq!(made.after.embargo_time, Some(day(20)));
    assert_eq!(made.event.kind, EventKind::EmbargoSet);
    assert_eq!(made.event.effects.until, Some(day(20).timestamp_micros()));
    assert_eq!(made.event.effects.note, "they complained");
    // Whoever has it keeps it, for as long as before.
    assert_eq!(made.after.clock, account.clock);
    assert_eq!(
        (made.gains, made.end, made.start, made.enters),
        (None, None, None, None)
    );
    assert_eq!(said(&decided(&stage, "adm", &made.after, &set(day(20)))), "SAME");
    assert_eq!(said(&decided(&stage, "adm", &made.after, &set(day(21)))), "OK");
}

#[test]
fn an_embargo_that_is_over_needs_no_clearing() {
    let stage = Stage::new();
    let clear = Wish::ClearEmbargo { note: "well".into() };
    for (until, wanted) in [
        (None, "SAME"),
        (Some(day(9)), "SAME"),
        (Some(stage.now), "SAME"),
        (Some(stage.now + TICK), "OK"),
    ] {
        let account = Account {
            embargo_time: until,
            ..stage.owned()
        };
        let decided = decided(&stage, "adm", &account, &clear);
        assert_eq!(said(&decided), wanted, "{until:?}");
        if wanted == "OK" {
            let made = change(decided);
            assert_eq!(made.after.embargo_time, None);
            assert_eq!(made.event.kind, EventKind::EmbargoCleared);
            assert_eq!(
                (made.event.effects.until, made.event.effects.note),
                (None, "well".into())
            );
        }
    }
}
