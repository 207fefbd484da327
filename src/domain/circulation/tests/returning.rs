//! Returning and taking back [R110-R113, R057, R059, R109, T60].

use super::{asked, be, outside, says, waiting, with};
use crate::domain::{
    account::{Account, EndCause, EntryCause, Status},
    change::{EventKind, TeamChange},
    circulation::Move,
    ids::ReasonId,
    retention::tests::{owned, pool_id},
    stage::{Stage, change, day, lock, subject, user},
    tenant::ReturnReason,
};

fn give_back(reason: &str, note: &str, target: Option<u128>) -> Move {
    Move::Return {
        reason: ReasonId::parse(reason).ok(),
        note: note.into(),
        target: target.map(pool_id),
    }
}

fn plain() -> Move {
    give_back("", "", None)
}

fn take_back() -> Move {
    Move::Reclaim { note: "slow".into() }
}

#[test]
fn owners_return_and_admins_take_back() {
    let stage = Stage::new();
    for (who, returns, takes_back) in [
        ("ann", "OK", "NOT_AUTHORIZED"),
        ("sue", "OK", "NOT_AUTHORIZED"),
        ("top", "OK", "NOT_AUTHORIZED"),
        ("root", "NOT_AUTHORIZED", "OK"),
        ("service", "NOT_AUTHORIZED", "OK"),
        ("adm", "NOT_AUTHORIZED", "OK"),
        ("oth", "NOT_AUTHORIZED", "NOT_AUTHORIZED"),
        ("mem", "NOT_AUTHORIZED", "NOT_AUTHORIZED"),
    ] {
        assert_eq!(says(&stage, who, &stage.owned(), plain()), returns, "{who} returns");
        assert_eq!(
            says(&stage, who, &stage.owned(), take_back()),
            takes_back,
            "{who} takes back"
        );
    }
    // Outside pools there is only returning, also for CRM admins.
    assert_eq!(says(&stage, "root", &outside(), give_back("", "", Some(1))), "OK");
    assert_eq!(says(&stage, "root", &outside(), take_back()), "NOT_A_POOL_ACCOUNT");
    assert_eq!(says(&stage, "adm", &outside(), take_back()), "NOT_AUTHORIZED");
    // Of what nobody owns everybody who knows of it is told so.
    assert_eq!(says(&stage, "mem", &waiting(), plain()), "INVALID_STATUS");
    assert_eq!(says(&stage, "adm", &waiting(), take_back()), "INVALID_STATUS");
    let locked = Account {
        lock: Some(lock(day(0), None)),
        ..owned(Some(1), day(0))
    };
    for (who, wanted) in [("ann", plain()), ("adm", take_back())] {
        assert_eq!(says(&stage, who, &locked, wanted), "ACCOUNT_LOCKED");
    }
    let canceled = be(Status::Canceled, owned(Some(1), day(0)));
    assert_eq!(says(&stage, "root", &canceled, take_back()), "INVALID_STATUS");
}

/// R113: one of the tenant's reasons that is in use and that the pool offers, with a note where it wants one.
#[test]
fn reasons_are_chosen_from_a_list() {
    let reasons = |required: bool, offered: &[&str]| {
        let mut stage = with(Stage::new(), 1, |pool| {
            pool.return_reasons = offered.iter().map(|id| ReasonId::parse(id).unwrap()).collect();
        });
        let reason = |id: &str, enabled, note_required| ReturnReason {
            id: ReasonId::parse(id).unwrap(),
            display_name: id.into(),
            enabled,
            note_required,
        };
        let settings = &mut stage.shop.org.tenant.settings;
        settings.return_reason_required = required;
        settings.return_reasons = vec![
            reason("lost", true, false),
            reason("gone", false, false),
            reason("other", true, true),
        ];
        stage
    };
    for (name, required, offered, reason, note, wanted) in [
        ("none, none needed", false, &[][..], "", "", "OK"),
        ("none", true, &[], "", "why not", "RETURN_REASON_REQUIRED"),
        ("one", true, &[], "lost", "", "OK"),
        ("one, none needed", false, &[], "lost", "", "OK"),
        ("out of use", false, &[], "gone", "", "INVALID_RETURN_REASON"),
        ("unknown", false, &[], "what", "", "INVALID_RETURN_REASON"),
        ("with a note", false, &[], "other", "moved", "OK"),
        ("without", false, &[], "other", "", "RETURN_NOTE_REQUIRED"),
        ("blank", false, &[], "other", " \u{3000}", "RETURN_NOTE_REQUIRED"),
        ("offered", false, &["other"], "other", "moved", "OK"),
        ("not offered", false, &["other"], "lost", "", "INVALID_RETURN_REASON"),
        (
            "offered, out of use",
            false,
            &["gone"],
            "gone",
            "",
            "INVALID_RETURN_REASON",
        ),
    ] {
        let stage = reasons(required, offered);
        assert_eq!(
            says(&stage, "ann", &stage.owned(), give_back(reason, note, None)),
            wanted,
            "{name}"
        );
        let outside = says(&stage, "ann", &outside(), give_back(reason, note, Some(1)));
        let pool_says = name == "not offered";
        assert_eq!(outside, if pool_says { "OK" } else { wanted }, "{name}, outside pools");
    }
    let closed = with(reasons(true, &[]), 1, |pool| pool.members_may_return = false);
    assert_eq!(
        says(&closed, "ann", &closed.owned(), give_back("", "", Some(2))),
        "RETURN_NOT_ALLOWED RETURN_REASON_REQUIRED TARGET_POOL_MISMATCH"
    );
}

/// R110-R112: to its pool; outside pools to one in use where the owner or the actor is at home, a CRM admin everywhere.
#[test]
fn it_goes_where_it_came_from_or_where_somebody_is_at_home() {
    let stage = Stage::new();
    let of_top = || Account {
        owner: Some(user("top")),
        ..outside()
    };
    for (name, who, account, target, wanted) in [
        ("its pool", "ann", stage.owned(), None, "OK"),
        ("its pool, named", "ann", stage.owned(), Some(1), "OK"),
        ("another", "ann", stage.owned(), Some(2), "TARGET_POOL_MISMATCH"),
        ("none named", "ann", outside(), None, "TARGET_POOL_REQUIRED"),
        ("the owner's", "ann", outside(), Some(1), "OK"),
        ("the owner's, by who is above him", "sue", outside(), Some(2), "OK"),
        ("out of use", "ann", outside(), Some(3), "TARGET_POOL_FORBIDDEN"),
        ("none", "ann", outside(), Some(9), "TARGET_POOL_FORBIDDEN"),
        ("not his", "top", of_top(), Some(1), "TARGET_POOL_FORBIDDEN"),
        ("not his, by an admin", "root", of_top(), Some(1), "OK"),
        (
            "out of use, by an admin",
            "root",
            of_top(),
            Some(3),
            "TARGET_POOL_FORBIDDEN",
        ),
    ] {
        assert_eq!(says(&stage, who, &account, give_back("", "", target)), wanted, "{name}");
    }
    let managed = with(Stage::new(), 1, |pool| pool.administrators.push(user("top")));
    assert_eq!(
        says(&managed, "top", &of_top(), give_back("", "", Some(1))),
        "OK",
        "the actor administers it"
    );
}

#[test]
fn it_waits_in_the_pool_and_bans_who_had_it() {
    let stage = Stage::new();
    let rows = [
        (
            "ann",
            stage.owned(),
            give_back("lost", "gone", None),
            EndCause::Returned,
            None,
        ),
        (
            "ann",
            stage.planned(outside()),
            give_back("lost", "gone", Some(2)),
            EndCause::Returned,
            Some(2),
        ),
        ("adm", stage.owned(), take_back(), EndCause::Reclaimed, None),
    ];
    for (who, account, wanted, cause, enters) in rows {
        let mut stage = Stage::new();
        stage.shop.org.tenant.settings.return_reasons = vec![ReturnReason {
            id: ReasonId::parse("lost").unwrap(),
            display_name: "Lost".into(),
            enabled: true,
            note_required: false,
        }];
        let returned = cause == EndCause::Returned;
        let made = change(asked(&stage, who, &subject(&account), wanted, None));
        let after = &made.after;
        assert_eq!(
            (after.status, &after.owner, after.owner_since),
            (Status::Unassigned, &None, None)
        );
        assert_eq!(
            (after.pool_id, made.enters),
            (account.pool_id.or(enters.map(pool_id)), enters.map(pool_id))
        );
        let entry = if returned {
            EntryCause::Returned
        } else {
            EntryCause::Reclaimed
        };
        assert_eq!(
            (after.pool_entry_time, after.pool_entry_cause),
            (Some(day(10)), Some(entry))
        );
        assert_eq!(
            (&after.last_owner, &after.lock, after.clock.reclaim_time),
            (&Some(user("ann")), &None, None)
        );
        let reason = ReasonId::parse("lost").ok().filter(|_| returned);
        let note = if returned { "gone" } else { "slow" };
        assert_eq!((&after.last_end_reason, after.last_end_note.as_str()), (&reason, note));
        let kind = if returned {
            EventKind::Returned
        } else {
            EventKind::Reclaimed
        };
        assert_eq!(
            (made.event.kind, made.event.effects.end_cause),
            (kind, Some(cause.as_str()))
        );
        assert_eq!(made.event.effects.reason, reason);
        let end = made.end.unwrap();
        assert_eq!(
            (end.user, end.cause, end.bans_claim, end.note.as_str()),
            (user("ann"), cause, true, note)
        );
        assert_eq!((end.reason, end.deadline), (reason, account.clock.reclaim_time));
        assert_eq!(
            (made.start.is_none(), made.gains, made.team),
            (true, None, TeamChange::Keep)
        );
    }
    let clears = with(Stage::new(), 1, |pool| pool.clear_team_on_owner_change = true);
    let made = change(asked(&clears, "ann", &subject(&clears.owned()), plain(), None));
    assert_eq!(made.team, TeamChange::Clear);
}
