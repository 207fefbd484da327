//! Who may make which exception, in which status, and what is checked of all of them.

use super::*;
use crate::domain::{
    account::Status,
    stage::{Stage, TICK, day, lock, said, subject},
};

/// One of each kind.
fn wishes() -> [Wish; 6] {
    let note = String::new;
    [
        Wish::Undo { note: note() },
        Wish::Extend {
            days: 5,
            reason: note(),
        },
        Wish::Lock {
            until: None,
            note: note(),
        },
        Wish::Unlock { note: note() },
        Wish::SetEmbargo {
            until: day(20),
            reason: note(),
        },
        Wish::ClearEmbargo { note: note() },
    ]
}

pub(super) fn decided(stage: &Stage, who: &str, account: &Account, wish: &Wish) -> Result<Decision, Error> {
    with_facts(stage, who, account, wish, &Facts::default())
}

pub(super) fn with_facts(
    stage: &Stage,
    who: &str,
    account: &Account,
    wish: &Wish,
    facts: &Facts,
) -> Result<Decision, Error> {
    let principal = stage.principal(who);
    let scene = stage.scene(&principal);
    decide(&scene, Some(&subject(account)), account.id, None, wish, facts)
}

/// Of an owned account: who may do what. `mem` is a member of the pool, `oth` administers another one. Undoing is for
/// admins of the pool that it came from, but nothing was reclaimed here.
#[test]
fn each_exception_has_its_people() {
    let stage = Stage::new();
    let mut account = stage.owned();
    account.lock = Some(lock(day(5), None));
    account.embargo_time = Some(day(15));
    let unlocked = Account {
        lock: None,
        ..account.clone()
    };
    let (no, nothing) = ("NOT_AUTHORIZED", "INVALID_STATUS");
    // Undo, extend, lock, unlock, set and clear an embargo.
    let table = [
        ("root", [nothing, "OK", "OK", "OK", "OK", "OK"]),
        ("service", [nothing, "OK", "OK", "OK", "OK", "OK"]),
        ("adm", [nothing, "OK", "OK", "OK", "OK", "OK"]),
        ("sue", [no, "OK", "OK", "OK", no, no]),
        ("top", [no, "OK", "OK", "OK", no, no]),
        ("ann", [no, no, "OK", "OK", no, no]),
        ("mem", [no; 6]),
        ("oth", ["NOT_FOUND"; 6]),
    ];
    for (who, wanted) in table {
        for (wish, wanted) in wishes().iter().zip(wanted) {
            let account = if matches!(wish, Wish::Unlock { .. }) {
                &account
            } else {
                &unlocked
            };
            assert_eq!(said(&decided(&stage, who, account, wish)), wanted, "{who}: {wish:?}");
        }
    }
}

/// In which status what can be done. A canceled account is nothing that others than CRM admins know of.
#[test]
fn each_exception_has_its_statuses() {
    let stage = Stage::new();
    let undone = "RECLAIM_NOT_UNDOABLE";
    let no = "INVALID_STATUS";
    let table = [
        (Status::Unactivated, [no, no, no, no, "OK", "SAME"]),
        (Status::Reporting, [no, no, no, no, "OK", "SAME"]),
        (Status::Unassigned, [undone, no, no, no, "OK", "SAME"]),
        (Status::Assigned, [no, "OK", "OK", "SAME", "OK", "SAME"]),
        (Status::Canceled, [no; 6]),
        (Status::Merged, ["ACCOUNT_MERGED"; 6]),
        (Status::Deleted, ["NOT_FOUND"; 6]),
    ];
    for (status, wanted) in table {
        let account = Account {
            status,
            ..stage.owned()
        };
        for (wish, wanted) in wishes().iter().zip(wanted) {
            let said = said(&decided(&stage, "root", &account, wish));
            // Undo begins by asking who may.
            let undoes = matches!(wish, Wish::Undo { .. });
            let wanted = match status {
                Status::Merged | Status::Deleted if undoes => no,
                _ => wanted,
            };
            assert_eq!(said, wanted, "{status:?}: {wish:?}");
            let other = self::said(&decided(&stage, "adm", &account, wish));
            if matches!(status, Status::Canceled | Status::Merged | Status::Deleted) {
                assert_eq!(other, "NOT_FOUND", "{status:?}: {wish:?}");
            }
        }
    }
}

/// An etag of another state is refused by all of them, beside everything else that is in the way.
#[test]
fn each_exception_looks_at_the_etag() {
    let stage = Stage::new();
    let account = stage.owned();
    let principal = stage.principal("root");
    let scene = stage.scene(&principal);
    for wish in wishes() {
        let ask = |etag| {
            let subject = subject(&account);
            said(&decide(
                &scene,
                Some(&subject),
                account.id,
                Some(etag),
                &wish,
                &Facts::default(),
            ))
        };
        let without = said(&decided(&stage, "root", &account, &wish));
        assert_eq!(ask(account.version), without, "{wish:?}");
        let wanted = match without.as_str() {
            "OK" | "SAME" => "ETAG_MISMATCH".to_owned(),
            refused => format!("ETAG_MISMATCH {refused}"),
        };
        assert_eq!(ask(account.version + 1), wanted, "{wish:?}");
    }
    let nothing = decide(&scene, None, account.id, None, &wishes()[1], &Facts::default());
    assert_eq!(said(&nothing), "NOT_FOUND");
}

/// Clocks of servers differ: no decision is made before the account's last change.
#[test]
fn no_decision_is_before_the_last_change() {
    let stage = Stage::new();
    let mut account = stage.owned();
    account.update_time = day(12);
    let until = |until| Wish::SetEmbargo {
        until,
        reason: String::new(),
    };
    assert_eq!(said(&decided(&stage, "root", &account, &until(day(12)))), "until");
    let change = crate::domain::stage::change(decided(&stage, "root", &account, &until(day(12) + TICK)));
    assert_eq!(change.after.update_time, day(12));
    assert_eq!(change.after.version, account.version + 1);
}
