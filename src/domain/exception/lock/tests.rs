//! D49: locks, their number and what they do to the clock.

use super::*;
use crate::domain::{
    exception::{Facts, Wish, tests::with_facts},
    retention::notice::MIN_NOTICE,
    stage::{Stage, TICK, change, day, fact, lock as held, said, user},
};

fn locks(
    stage: &Stage,
    who: &str,
    account: &Account,
    until: Option<DateTime<Utc>>,
    locked: u32,
) -> Result<Decision, Error> {
    let wish = Wish::Lock {
        until,
        note: "mine".into(),
    };
    let facts = Facts {
        locked,
        ..Facts::default()
    };
    with_facts(stage, who, account, &wish, &facts)
}

/// The limit is 10. A lock that holds is counted already, and may be changed; one that is over is not.
#[test]
fn locks_are_counted() {
    let stage = Stage::new();
    let now = stage.now;
    let table = [
        (None, 0, "OK"),
        (None, 9, "OK"),
        (None, 10, "LOCK_LIMIT_REACHED"),
        (None, 11, "LOCK_LIMIT_REACHED"),
        (Some(None), 10, "OK"),
        (Some(Some(now + TICK)), 10, "OK"),
        // Over at this very moment.
        (Some(Some(now)), 9, "OK"),
        (Some(Some(now)), 10, "LOCK_LIMIT_REACHED"),
    ];
    for (lock, locked, wanted) in table {
        let mut account = stage.owned();
        account.lock = lock.map(|until| held(day(5), until));
        let decided = locks(&stage, "ann", &account, Some(day(50)), locked);
        assert_eq!(said(&decided), wanted, "{lock:?} of {locked}");
        if wanted != "OK" {
            assert_eq!(fact(&decided, "limit"), "10");
            assert_eq!(fact(&decided, "used"), locked.to_string());
        }
    }
    // What has no owner has no number of locks.
    let waiting = Account {
        status: Status::Unassigned,
        owner: None,
        owner_since: None,
        ..stage.owned()
    };
    assert_eq!(said(&locks(&stage, "adm", &waiting, None, 10)), "INVALID_STATUS");
}

#[test]
fn a_lock_ends_in_the_future() {
    let stage = Stage::new();
    for (until, wanted) in [
        (Some(day(9)), "expire_time"),
        (Some(stage.now), "expire_time"),
        (Some(stage.now + TICK), "OK"),
        (None, "OK"),
    ] {
        assert_eq!(
            said(&locks(&stage, "ann", &stage.owned(), until, 0)),
            wanted,
            "{until:?}"
        );
    }
}

/// Who locked it since when; the same again is no change; another end keeps the beginning.
#[test]
fn a_lock_remembers_who_and_since_when() {
    let stage = Stage::new();
    let made = change(locks(&stage, "sue", &stage.owned(), None, 0));
    let lock = made.after.lock.clone().unwrap();
    assert_eq!((lock.user, lock.from, lock.until), (user("sue"), stage.now, None));
    assert_eq!(made.event.kind, EventKind::Locked);
    assert_eq!(
        (made.event.effects.until, made.event.effects.note.as_str()),
        (None, "mine")
    );
    // Whoever is locked for the owner at the same time notices this.
    assert_eq!(made.gains, Some(user("ann")));
    let stage = stage.at(day(12));
    assert_eq!(said(&locks(&stage, "ann", &made.after, None, 1)), "SAME");
    let changed = change(locks(&stage, "ann", &made.after, Some(day(60)), 1));
    let lock = changed.after.lock.unwrap();
    assert_eq!(
        (lock.user, lock.from, lock.until),
        (user("ann"), day(10), Some(day(60)))
    );
    assert_eq!(changed.event.effects.until, Some(day(60).timestamp_micros()));
    // One that is over begins anew.
    let mut over = stage.owned();
    over.lock = Some(held(day(5), Some(day(11))));
    let lock = change(locks(&stage, "ann", &over, Some(day(13)), 0))
        .after
        .lock
        .unwrap();
    assert_eq!((lock.from, lock.until), (day(12), Some(day(13))));
    // A service stands for the owner.
    let lock = change(locks(&stage, "service", &stage.owned(), None, 0))
        .after
        .lock
        .unwrap();
    assert_eq!(lock.user, user("ann"));
}

/// Nothing is taken while it holds, also what was overdue when it was locked; a deadline behind it stays as it is.
#[test]
fn a_lock_holds_the_clock() {
    let table = [
        (10, None, None),
        (10, Some(day(20)), Some(day(30))),
        (10, Some(day(30)), Some(day(30))),
        (10, Some(day(31)), Some(day(31))),
        // Overdue since day 30.
        (31, None, None),
        (31, Some(day(45)), Some(day(45))),
    ];
    for (at, until, deadline) in table {
        let stage = Stage::new().at(day(at));
        let after = change(locks(&stage, "ann", &stage.owned(), until, 0)).after;
        assert_eq!(after.clock.reclaim_time, deadline, "day {at}, until {until:?}");
    }
}

/// Whoever unlocks leaves the owner a day at least.
#[test]
fn unlocking_leaves_a_day() {
    let wish = Wish::Unlock { note: "done".into() };
    let none = Facts::default();
    for (at, deadline) in [(10, day(30)), (29, day(30)), (30, day(30) + MIN_NOTICE), (40, day(41))] {
        let stage = Stage::new().at(day(at));
        let mut account = stage.owned();
        account.lock = Some(held(day(5), None));
        let account = stage.planned(account);
        assert_eq!(account.clock.reclaim_time, None);
        let made = change(with_facts(&stage, "ann", &account, &wish, &none));
        assert_eq!(
            (made.after.lock, made.after.clock.reclaim_time),
            (None, Some(deadline)),
            "day {at}"
        );
        assert_eq!(made.event.kind, EventKind::Unlocked);
        assert_eq!(made.event.effects.note, "done");
    }
    let stage = Stage::new();
    for (until, wanted) in [(stage.now, "SAME"), (stage.now + TICK, "OK")] {
        let mut account = stage.owned();
        account.lock = Some(held(day(5), Some(until)));
        assert_eq!(said(&with_facts(&stage, "ann", &account, &wish, &none)), wanted);
    }
}
