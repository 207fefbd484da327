//! Claims [R089, R092, R104, R128, R129, T60, X01].

use super::{asked, be, outside, room, waiting, with};
use crate::domain::{
    account::{Account, DealStatus, StartCause, Status, TeamAccess},
    change::{EventKind, TeamChange},
    circulation::{Item, Move, Subject, decide},
    limits::{How, LimitKind, Room},
    pool::{ClaimMode, PoolState},
    retention::tests::{owned, pool_id},
    stage::{Stage, TICK, change, day, fact, said, subject, user},
};
use std::sync::Arc;

type Row = (
    &'static str,
    &'static str,
    fn(Stage) -> Stage,
    fn(&mut Subject),
    &'static str,
);

const fn same(stage: Stage) -> Stage {
    stage
}

fn out_of_use(mut stage: Stage) -> Stage {
    Arc::make_mut(stage.shop.org.pools.get_mut(&pool_id(1)).unwrap()).state = PoolState::Disabled;
    stage
}

fn cooling(stage: Stage) -> Stage {
    with(stage, 1, |pool| pool.cooldown_days = Some(7))
}

#[test]
fn a_claim_names_everything_in_its_way() {
    let rows: [Row; 20] = [
        ("a member", "mem", same, |_| {}, "OK"),
        ("an admin of the pool", "adm", same, |_| {}, "OK"),
        ("nobody", "service", same, |_| {}, "ACTOR_REQUIRED"),
        ("no member", "root", same, |_| {}, "NOT_POOL_MEMBER"),
        (
            "outside pools",
            "root",
            same,
            |s| s.account.pool_id = None,
            "NOT_A_POOL_ACCOUNT",
        ),
        (
            "owned",
            "mem",
            same,
            |s| s.account = owned(Some(1), day(0)),
            "ALREADY_CLAIMED",
        ),
        (
            "his own",
            "ann",
            same,
            |s| s.account = owned(Some(1), day(0)),
            "ALREADY_CLAIMED",
        ),
        (
            "reporting",
            "mem",
            same,
            |s| s.account.status = Status::Reporting,
            "INVALID_STATUS",
        ),
        ("out of use", "mem", out_of_use, |_| {}, "POOL_DISABLED"),
        (
            "admins assign",
            "mem",
            |stage| {
                with(stage, 1, |pool| {
                    pool.claim_mode = ClaimMode::AdminsAssign;
                    pool.members_may_browse = true;
                })
            },
            |_| {},
            "POOL_NOT_CLAIMABLE",
        ),
        (
            "kept from claims",
            "mem",
            same,
            |s| s.account.embargo_time = Some(day(10) + TICK),
            "ACCOUNT_EMBARGOED",
        ),
        (
            "not any more",
            "mem",
            same,
            |s| s.account.embargo_time = Some(day(10)),
            "OK",
        ),
        (
            "too soon",
            "mem",
            cooling,
            |s| s.banned_since = Some(day(3) + TICK),
            "CLAIM_COOLDOWN_ACTIVE",
        ),
        (
            "seven days later",
            "mem",
            cooling,
            |s| s.banned_since = Some(day(3)),
            "OK",
        ),
        ("never lost", "mem", cooling, |_| {}, "OK"),
        ("no cool-down", "mem", same, |s| s.banned_since = Some(day(10)), "OK"),
        ("changed", "mem", same, |s| s.account.version += 1, "ETAG_MISMATCH"),
        (
            "locked before, nobody's now",
            "mem",
            same,
            |s| s.account.lock = Some(crate::domain::stage::lock(day(0), None)),
            "OK",
        ),
        (
            "all at once",
            "mem",
            |stage| out_of_use(cooling(stage)),
            |s| {
                s.account.version += 1;
                s.account.embargo_time = Some(day(11));
                s.banned_since = Some(day(9));
            },
            "ETAG_MISMATCH POOL_DISABLED ACCOUNT_EMBARGOED CLAIM_COOLDOWN_ACTIVE",
        ),
        ("in its team", "mem", same, |s| s.team = Some(TeamAccess::Read), "OK"),
    ];
    for (name, who, stage, subject_is, wanted) in rows {
        let stage = stage(Stage::new());
        let mut claimed = subject(&waiting());
        let etag = Some(claimed.account.version);
        subject_is(&mut claimed);
        let principal = stage.principal(who);
        let item = Item {
            account: claimed.account.id,
            etag,
            wanted: Move::Claim,
            follow: Vec::new(),
        };
        let decided = decide(&stage.scene(&principal), Some(&claimed), &item, None);
        assert_eq!(said(&decided), wanted, "{name}");
    }
}

#[test]
fn refusals_say_until_when() {
    let stage = cooling(Stage::new());
    let banned = Subject {
        banned_since: Some(day(4)),
        ..subject(&waiting())
    };
    let decided = asked(&stage, "mem", &banned, Move::Claim, None);
    assert_eq!(fact(&decided, "blocked_until"), day(11).to_rfc3339());
    let kept = Account {
        embargo_time: Some(day(12)),
        ..waiting()
    };
    let decided = asked(&stage, "mem", &subject(&kept), Move::Claim, None);
    assert_eq!(fact(&decided, "embargoed_until"), day(12).to_rfc3339());
    let decided = asked(&stage, "root", &subject(&waiting()), Move::Claim, None);
    assert_eq!(fact(&decided, "pool_id"), pool_id(1).to_string());
}

/// What a claim makes of the account: an owner from now on, who waits in no pool, with a clock of his own.
#[test]
fn a_claim_makes_an_owner() {
    let stage = Stage::new();
    let mut account = waiting();
    account.pool_entry_time = Some(day(1));
    account.disputed_time = Some(day(2));
    account.last_end_note = "too far".into();
    let made = change(asked(&stage, "mem", &subject(&account), Move::Claim, None));
    let after = &made.after;
    assert_eq!(
        (after.status, after.owner.as_ref()),
        (Status::Assigned, Some(&user("mem")))
    );
    assert_eq!(
        (after.owner_since, after.update_time, after.version),
        (Some(day(10)), day(10), account.version + 1)
    );
    assert_eq!(
        (after.pool_entry_time, after.pool_entry_cause, after.disputed_time),
        (None, None, None)
    );
    assert_eq!(after.clock.reclaim_time, Some(day(40)));
    assert_eq!(
        after.last_end_note, "too far",
        "nobody's reason is taken away by who comes next"
    );
    assert_eq!(
        made.start.as_ref().map(|start| (&start.user, start.cause)),
        Some((&user("mem"), StartCause::Claimed))
    );
    assert_eq!(
        (made.end.is_none(), made.gains, made.enters),
        (true, Some(user("mem")), None)
    );
    assert_eq!(made.event.kind, EventKind::Claimed);
    assert_eq!(made.team, TeamChange::Keep);
}

/// Clear rule 1 [R095], and the owner is never a member beside it.
#[test]
fn the_team_goes_or_its_new_owner_leaves_it() {
    let clears = || with(Stage::new(), 1, |pool| pool.clear_team_on_owner_change = true);
    for (stage, team, wanted) in [
        (Stage::new(), None, TeamChange::Keep),
        (Stage::new(), Some(TeamAccess::Read), TeamChange::Remove(user("mem"))),
        (clears(), None, TeamChange::Clear),
        (clears(), Some(TeamAccess::Read), TeamChange::Clear),
    ] {
        let claimed = Subject {
            team,
            ..subject(&waiting())
        };
        assert_eq!(change(asked(&stage, "mem", &claimed, Move::Claim, None)).team, wanted);
    }
}

/// R023, D22: the first owner and one who takes it back are no change from one owner to another.
#[test]
fn transfers_are_counted() {
    for (last, wanted) in [(None, 3), (Some("mem"), 3), (Some("ann"), 4)] {
        let account = Account {
            last_owner: last.map(user),
            transfer_count: 3,
            ..waiting()
        };
        let after = change(asked(&Stage::new(), "mem", &subject(&account), Move::Claim, None)).after;
        assert_eq!(
            (after.transfer_count, after.last_owner),
            (wanted, last.map(user)),
            "{last:?}"
        );
    }
}

/// L22, R092, R127: what is claimed uses up the room of what is claimed after it, by the pool, by the day and by the holding
/// limit; won accounts take no room where they do not count.
#[test]
fn a_claim_uses_up_room() {
    let full = |daily: Option<u32>, held: Option<u32>| {
        with(Stage::new(), 1, |pool| {
            pool.claim_limit = held;
            pool.daily_claim_limit = daily;
        })
    };
    for (name, stage, refused) in [
        ("held", full(None, Some(2)), "POOL_CLAIM_LIMIT_REACHED"),
        ("a day", full(Some(2), None), "DAILY_CLAIM_LIMIT_REACHED"),
        (
            "both",
            full(Some(2), Some(2)),
            "DAILY_CLAIM_LIMIT_REACHED POOL_CLAIM_LIMIT_REACHED",
        ),
    ] {
        let mut room = room(&stage, &user("mem"), Some(pool_id(1)), How::Claimed);
        let mut claim = || {
            said(&asked(
                &stage,
                "mem",
                &subject(&waiting()),
                Move::Claim,
                Some(&mut room),
            ))
        };
        assert_eq!([claim(), claim(), claim()], ["OK", "OK", refused], "{name}");
    }
    let stage = full(None, Some(1));
    let mut room = room(&stage, &user("mem"), Some(pool_id(1)), How::Claimed);
    let won = Account {
        deal_status: DealStatus::Won,
        ..waiting()
    };
    let mut claim = |account: &Account| said(&asked(&stage, "mem", &subject(account), Move::Claim, Some(&mut room)));
    assert_eq!(
        [claim(&won), claim(&won), claim(&waiting()), claim(&won)],
        ["OK", "OK", "OK", "POOL_CLAIM_LIMIT_REACHED"]
    );
}

/// X01: what is left before a move, of which the account itself stands in its own way nowhere.
#[test]
fn room_is_told_before_a_move() {
    let stage = with(Stage::new(), 2, |pool| pool.claim_limit = Some(3));
    let principal = stage.principal("root");
    let scene = stage.scene(&principal);
    let account = stage.owned();
    let transfer = Move::Transfer {
        target: pool_id(2),
        clear_owner: false,
    };
    let gain = super::super::acquisition(&scene, &account, &transfer).unwrap();
    assert_eq!(
        (&gain.user, gain.how, gain.from.unwrap().pool, gain.to.pool),
        (&user("ann"), How::Given, Some(pool_id(1)), Some(pool_id(2)))
    );
    let mut room = room(&stage, &user("ann"), Some(pool_id(2)), How::Given);
    let left = |room: &Room| {
        let left = gain.room_left(room);
        left.iter()
            .map(|left| (left.kind, left.limit, left.used))
            .collect::<Vec<_>>()
    };
    assert_eq!(left(&room), [(LimitKind::Pool, 3, 0)]);
    gain.take(&mut room);
    assert_eq!(left(&room), [(LimitKind::Pool, 3, 1)]);
    // Moves that give nobody more than he has gain nobody.
    for (account, wanted) in [
        (&account, Move::Reclaim { note: String::new() }),
        (&account, Move::Assign(user("ann"))),
        (&account, Move::ChangeOwner(user("ann"))),
        (&account, Move::RemoveFromPool { clear_owner: true }),
        (&waiting(), Move::RemoveFromPool { clear_owner: false }),
        (&be(Status::Assigned, outside()), Move::LeaveTeam(user("old"))),
    ] {
        assert_eq!(super::super::acquisition(&scene, account, &wanted), None, "{wanted:?}");
    }
    let removed = super::super::acquisition(&scene, &account, &Move::RemoveFromPool { clear_owner: false }).unwrap();
    assert_eq!((removed.from.unwrap().pool, removed.to.pool), (Some(pool_id(1)), None));
}
