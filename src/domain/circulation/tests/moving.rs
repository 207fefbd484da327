//! Moves between pools, with an owner or without [R094, R096, R108, R103, D16].

use super::{asked, be, outside, room, says, waiting, with};
use crate::domain::{
    account::{Account, EndCause, EntryCause, Status},
    change::{EventKind, TeamChange},
    circulation::Move,
    limits::How,
    retention::tests::{owned, pool_id},
    stage::{Stage, change, day, lock, said, subject, user},
};

fn transfer(target: u128, clear_owner: bool) -> Move {
    Move::Transfer {
        target: pool_id(target),
        clear_owner,
    }
}

fn add(target: u128, clear_owner: bool) -> Move {
    Move::AddToPool {
        target: pool_id(target),
        clear_owner,
    }
}

const fn remove(clear_owner: bool) -> Move {
    Move::RemoveFromPool { clear_owner }
}

fn relocate(target: u128) -> Move {
    Move::Relocate {
        source: pool_id(1),
        target: pool_id(target),
        clear_owner: false,
    }
}

/// Owners move their accounts where the pool lets them.
fn free() -> Stage {
    let stage = with(Stage::new(), 1, |pool| {
        pool.members_may_transfer_out = true;
        pool.members_may_add = true;
    });
    with(stage, 2, |pool| pool.members_may_add = true)
}

#[test]
fn admins_move_accounts_and_owners_where_they_may() {
    for (who, transfers, adds, removes) in [
        ("root", ["OK", "OK"], ["OK", "OK"], "OK"),
        ("service", ["OK", "OK"], ["OK", "OK"], "OK"),
        ("adm", ["OK", "OK"], ["OK", "OK"], "OK"),
        (
            "ann",
            ["NOT_AUTHORIZED", "OK"],
            ["NOT_AUTHORIZED", "OK"],
            "NOT_AUTHORIZED",
        ),
        (
            "sue",
            ["NOT_AUTHORIZED", "NOT_AUTHORIZED"],
            ["NOT_AUTHORIZED", "NOT_AUTHORIZED"],
            "NOT_AUTHORIZED",
        ),
        (
            "mem",
            ["NOT_AUTHORIZED", "NOT_AUTHORIZED"],
            ["NOT_AUTHORIZED", "NOT_AUTHORIZED"],
            "NOT_AUTHORIZED",
        ),
        (
            "oth",
            ["NOT_AUTHORIZED", "NOT_AUTHORIZED"],
            ["NOT_AUTHORIZED", "NOT_AUTHORIZED"],
            "NOT_AUTHORIZED",
        ),
    ] {
        for (stage, transfers, adds) in [(Stage::new(), transfers[0], adds[0]), (free(), transfers[1], adds[1])] {
            assert_eq!(
                says(&stage, who, &stage.owned(), transfer(2, false)),
                transfers,
                "{who} transfers"
            );
            assert_eq!(says(&stage, who, &outside(), add(1, false)), adds, "{who} adds");
            assert_eq!(
                says(&stage, who, &stage.owned(), remove(false)),
                removes,
                "{who} takes out"
            );
        }
    }
}

#[test]
fn everything_in_the_way_of_a_move_is_named() {
    // Nobody but its admin knows of pool 4.
    let hidden = |stage: Stage| Stage {
        shop: stage.shop.pool(4),
        ..stage
    };
    let strict = || with(Stage::new(), 2, |pool| pool.members.users = vec![user("mem")]);
    let clearing = || with(strict(), 2, |pool| pool.clear_owner_on_transfer_in = true);
    let locked = |pool| Account {
        lock: Some(lock(day(0), None)),
        ..owned(pool, day(0))
    };
    let mine = || owned(Some(1), day(0));
    let nobodys = || Account {
        pool_id: None,
        ..waiting()
    };
    let rows = vec![
        (
            "the same pool",
            Stage::new(),
            "root",
            mine(),
            transfer(1, false),
            "SAME_POOL",
        ),
        (
            "outside pools",
            Stage::new(),
            "root",
            outside(),
            transfer(2, false),
            "NOT_A_POOL_ACCOUNT",
        ),
        (
            "no pool",
            Stage::new(),
            "adm",
            mine(),
            transfer(9, false),
            "TARGET_POOL_FORBIDDEN",
        ),
        (
            "out of use",
            Stage::new(),
            "adm",
            mine(),
            transfer(3, false),
            "TARGET_POOL_FORBIDDEN",
        ),
        (
            "unknown to him",
            hidden(free()),
            "ann",
            mine(),
            transfer(4, true),
            "TARGET_POOL_FORBIDDEN",
        ),
        (
            "unknown to the admin",
            hidden(free()),
            "adm",
            mine(),
            transfer(4, true),
            "OK",
        ),
        (
            "its owner is no member",
            strict(),
            "adm",
            mine(),
            transfer(2, false),
            "OWNER_NOT_MEMBER_OF_TARGET",
        ),
        (
            "its owner stays behind",
            strict(),
            "adm",
            mine(),
            transfer(2, true),
            "OK",
        ),
        (
            "the pool clears owners",
            clearing(),
            "adm",
            mine(),
            transfer(2, false),
            "OK",
        ),
        ("nobody's", strict(), "adm", waiting(), transfer(2, false), "OK"),
        (
            "locked",
            Stage::new(),
            "adm",
            locked(Some(1)),
            transfer(2, false),
            "ACCOUNT_LOCKED",
        ),
        (
            "canceled",
            Stage::new(),
            "root",
            be(Status::Canceled, mine()),
            transfer(2, false),
            "INVALID_STATUS",
        ),
        (
            "in a pool",
            Stage::new(),
            "root",
            mine(),
            add(2, false),
            "ALREADY_IN_POOL",
        ),
        (
            "added, unknown",
            hidden(free()),
            "ann",
            outside(),
            add(4, false),
            "TARGET_POOL_FORBIDDEN",
        ),
        (
            "added, none",
            Stage::new(),
            "ann",
            outside(),
            add(9, false),
            "TARGET_POOL_FORBIDDEN",
        ),
        (
            "added, out of use",
            Stage::new(),
            "root",
            outside(),
            add(3, false),
            "TARGET_POOL_FORBIDDEN",
        ),
        (
            "added, no member",
            strict(),
            "root",
            outside(),
            add(2, false),
            "OWNER_NOT_MEMBER_OF_TARGET",
        ),
        ("added, owner cleared", strict(), "root", outside(), add(2, true), "OK"),
        ("added, nobody's", Stage::new(), "root", nobodys(), add(2, false), "OK"),
        (
            "added, locked",
            Stage::new(),
            "root",
            locked(None),
            add(2, false),
            "ACCOUNT_LOCKED",
        ),
        (
            "added, canceled",
            Stage::new(),
            "root",
            be(Status::Canceled, outside()),
            add(1, false),
            "INVALID_STATUS",
        ),
        (
            "taken out, in none",
            Stage::new(),
            "root",
            outside(),
            remove(false),
            "NOT_A_POOL_ACCOUNT",
        ),
        (
            "taken out, locked",
            Stage::new(),
            "adm",
            locked(Some(1)),
            remove(false),
            "ACCOUNT_LOCKED",
        ),
        (
            "taken out, canceled",
            Stage::new(),
            "root",
            be(Status::Canceled, mine()),
            remove(true),
            "INVALID_STATUS",
        ),
        (
            "taken out, nobody's",
            Stage::new(),
            "adm",
            waiting(),
            remove(false),
            "OK",
        ),
    ];
    for (name, stage, who, account, wanted, said) in rows {
        assert_eq!(says(&stage, who, &account, wanted), said, "{name}");
    }
}

/// With its owner the tenure goes on, without him it ends; an owner who gave it away by moving it may not claim it back at
/// once, and whom an admin took it from may [D16].
#[test]
fn a_move_keeps_the_owner_or_ends_his_tenure() {
    let rows = [
        ("adm", transfer(2, false), EventKind::Transferred, Some(2), None),
        ("adm", transfer(2, true), EventKind::Transferred, Some(2), Some(false)),
        ("ann", transfer(2, true), EventKind::Transferred, Some(2), Some(true)),
        ("adm", remove(false), EventKind::RemovedFromPool, None, None),
        ("adm", remove(true), EventKind::RemovedFromPool, None, Some(false)),
        ("ann", add(2, false), EventKind::AddedToPool, Some(2), None),
        ("ann", add(2, true), EventKind::AddedToPool, Some(2), Some(true)),
        ("root", add(2, true), EventKind::AddedToPool, Some(2), Some(false)),
    ];
    for (who, wanted, kind, pool, bans) in rows {
        let stage = with(free(), 1, |pool| pool.clear_team_on_owner_change = true);
        let added = kind == EventKind::AddedToPool;
        let account = if added { stage.planned(outside()) } else { stage.owned() };
        let made = change(asked(&stage, who, &subject(&account), wanted.clone(), None));
        let after = &made.after;
        let name = format!("{who}: {wanted:?}");
        assert_eq!(
            (after.pool_id, made.enters),
            (pool.map(pool_id), pool.map(pool_id)),
            "{name}"
        );
        assert_eq!((made.event.kind, after.version), (kind, account.version + 1), "{name}");
        assert_eq!(made.end.as_ref().map(|end| end.bans_claim), bans, "{name}");
        assert_eq!((made.start.is_none(), &made.gains), (true, &None), "{name}");
        if bans.is_some() {
            let end = made.end.as_ref().unwrap();
            assert_eq!((&end.user, end.cause), (&user("ann"), EndCause::Transferred), "{name}");
            assert_eq!(end.deadline, account.clock.reclaim_time, "{name}");
            assert_eq!((after.status, &after.owner), (Status::Unassigned, &None), "{name}");
            let entry = if added {
                EntryCause::Added
            } else {
                EntryCause::Transferred
            };
            assert_eq!(
                (after.pool_entry_time, after.pool_entry_cause),
                (Some(day(10)), Some(entry)),
                "{name}"
            );
            assert_eq!(made.event.effects.end_cause, Some("TRANSFERRED"), "{name}");
            assert_eq!(
                made.team,
                if added { TeamChange::Keep } else { TeamChange::Clear },
                "{name}"
            );
        } else {
            assert_eq!(
                (after.status, &after.owner),
                (Status::Assigned, &account.owner),
                "{name}"
            );
            assert_eq!(after.owner_since, account.owner_since, "{name}");
            // Where there is no rule there is no deadline.
            assert_eq!(after.clock.reclaim_time, None, "{name}");
            assert_eq!(
                (made.team, made.event.effects.end_cause),
                (TeamChange::Keep, None),
                "{name}"
            );
        }
    }
    // What nobody owns waits in the other pool from now on, and no tenure ends.
    for (wanted, entry) in [
        (transfer(2, false), EntryCause::Transferred),
        (transfer(2, true), EntryCause::Transferred),
    ] {
        let stage = Stage::new();
        let made = change(asked(&stage, "adm", &subject(&waiting()), wanted, None));
        assert_eq!((made.end.is_none(), made.team), (true, TeamChange::Keep));
        assert_eq!(
            (made.after.pool_entry_time, made.after.pool_entry_cause),
            (Some(day(10)), Some(entry))
        );
        assert_eq!(made.after.status, Status::Unassigned);
    }
}

/// An admin who owns the account himself moves it as an admin.
#[test]
fn an_admin_gives_his_own_account_away_without_a_ban() {
    let stage = Stage::new();
    let own = Account {
        owner: Some(user("adm")),
        ..stage.owned()
    };
    let made = change(asked(&stage, "adm", &subject(&own), transfer(2, true), None));
    let end = made.end.unwrap();
    assert_eq!((end.user, end.bans_claim), (user("adm"), false));
}

/// An account whose deadline comes nearer by a move is not taken before its owner had a day's notice, and he is told.
#[test]
fn a_nearer_deadline_is_told() {
    let stage = Stage::new();
    let strict = Stage {
        shop: stage.shop.rule(2, 2, &crate::domain::stage::follow_up(5)),
        ..stage
    };
    let account = strict.owned();
    let made = change(asked(&strict, "adm", &subject(&account), transfer(2, false), None));
    assert_eq!(made.after.clock.reclaim_time, Some(day(11)));
    assert_eq!(
        made.event.effects.reminder.map(|told| told.deadline),
        Some(Some(day(11).timestamp_micros()))
    );
    let made = change(asked(&strict, "adm", &subject(&account), remove(false), None));
    assert_eq!(made.event.effects.reminder, None);
}

/// The owner who stays needs room in the pool that he comes to; one who goes needs none.
#[test]
fn an_owner_who_stays_must_have_room() {
    let stage = with(Stage::new(), 2, |pool| pool.claim_limit = Some(1));
    let mut room = room(&stage, &user("ann"), Some(pool_id(2)), How::Given);
    let mut moved = |clears| {
        let decided = asked(
            &stage,
            "adm",
            &subject(&stage.owned()),
            transfer(2, clears),
            Some(&mut room),
        );
        let gains = decided.as_ref().ok().and_then(|decided| match decided {
            crate::domain::circulation::Decision::Change(change) => change.gains.clone(),
            crate::domain::circulation::Decision::Same(_) => None,
        });
        (said(&decided), gains)
    };
    assert_eq!(moved(true), ("OK".into(), None));
    assert_eq!(moved(false), ("OK".into(), Some(user("ann"))));
    assert_eq!(moved(true), ("OK".into(), None));
    assert_eq!(moved(false), ("POOL_CLAIM_LIMIT_REACHED".into(), None));
}

/// A pool that moves takes everything with it, and only that: what is canceled only changes its pool.
#[test]
fn a_whole_pool_moves() {
    let stage = Stage::new();
    let both = with(Stage::new(), 2, |pool| pool.administrators.push(user("adm")));
    let canceled = || be(Status::Canceled, owned(Some(1), day(0)));
    let elsewhere = || owned(Some(2), day(0));
    for (name, stage, who, account, target, wanted) in [
        ("a CRM admin", &stage, "root", stage.owned(), 2, "OK"),
        ("an admin of the one", &stage, "adm", stage.owned(), 2, "NOT_AUTHORIZED"),
        (
            "an admin of the other",
            &stage,
            "oth",
            stage.owned(),
            2,
            "NOT_AUTHORIZED",
        ),
        ("an admin of both", &both, "adm", stage.owned(), 2, "OK"),
        ("no pool", &stage, "root", stage.owned(), 9, "TARGET_POOL_FORBIDDEN"),
        ("not in it any more", &stage, "root", elsewhere(), 3, "SAME"),
        ("outside pools", &stage, "root", outside(), 2, "SAME"),
        ("waiting", &stage, "root", waiting(), 2, "OK"),
        ("canceled", &stage, "root", canceled(), 2, "OK"),
        // Whoever may move the pool moves what he cannot read too.
        ("canceled, both", &both, "adm", canceled(), 2, "OK"),
        (
            "canceled, out of use",
            &stage,
            "root",
            canceled(),
            3,
            "TARGET_POOL_FORBIDDEN",
        ),
        ("canceled, none", &stage, "root", canceled(), 9, "TARGET_POOL_FORBIDDEN"),
    ] {
        assert_eq!(says(stage, who, &account, relocate(target)), wanted, "{name}");
    }
    let made = change(asked(&stage, "root", &subject(&canceled()), relocate(2), None));
    assert_eq!(
        (made.after.status, made.after.pool_id),
        (Status::Canceled, Some(pool_id(2)))
    );
    assert_eq!(
        (made.event.kind, made.enters),
        (EventKind::Transferred, Some(pool_id(2)))
    );
    assert_eq!((made.after.version, made.end.is_none()), (canceled().version + 1, true));
}
