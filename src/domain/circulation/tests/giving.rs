//! Assigning and handing over [R106, R115, R091, T12].

use super::{asked, be, outside, room, says, waiting, with};
use crate::domain::{
    account::{Account, EndCause, StartCause, Status},
    change::{EventKind, TeamChange},
    circulation::Move,
    limits::How,
    pool::PoolState,
    retention::tests::{owned, pool_id},
    stage::{Stage, change, day, lock, said, subject, user},
};
use std::sync::Arc;

fn assign(to: &str) -> Move {
    Move::Assign(user(to))
}

fn hand_over(to: &str) -> Move {
    Move::ChangeOwner(user(to))
}

fn out_of_use(mut stage: Stage) -> Stage {
    Arc::make_mut(stage.shop.org.pools.get_mut(&pool_id(1)).unwrap()).state = PoolState::Disabled;
    stage
}

#[test]
fn admins_assign_and_owners_hand_over() {
    let stage = Stage::new();
    for (who, assigns, hands_over) in [
        ("root", "OK", "OK"),
        ("service", "OK", "OK"),
        ("adm", "OK", "NOT_AUTHORIZED"),
        ("oth", "NOT_AUTHORIZED", "NOT_AUTHORIZED"),
        ("mem", "NOT_AUTHORIZED", "NOT_AUTHORIZED"),
        ("ann", "NOT_AUTHORIZED", "OK"),
        ("sue", "NOT_AUTHORIZED", "OK"),
        ("top", "NOT_AUTHORIZED", "OK"),
    ] {
        let account = stage.owned();
        assert_eq!(says(&stage, who, &account, assign("mem")), assigns, "{who} assigns");
        assert_eq!(
            says(&stage, who, &account, hand_over("mem")),
            hands_over,
            "{who} hands over"
        );
        // What nobody owns cannot be handed over, whoever asks.
        assert_eq!(
            says(&stage, who, &waiting(), assign("mem")),
            assigns,
            "{who} assigns from the pool"
        );
        assert_eq!(
            says(&stage, who, &waiting(), hand_over("mem")),
            "INVALID_STATUS",
            "{who} hands nothing over"
        );
    }
}

#[test]
fn everything_in_the_way_of_a_new_owner_is_named() {
    let locked = |until| Account {
        lock: Some(lock(day(0), until)),
        ..owned(Some(1), day(0))
    };
    let mine = || owned(Some(1), day(0));
    let rows = vec![
        ("in the pool", Stage::new(), mine(), "mem", "OK", "OK"),
        ("himself", Stage::new(), mine(), "ann", "SAME", "SAME"),
        (
            "outside pools",
            Stage::new(),
            outside(),
            "sue",
            "NOT_A_POOL_ACCOUNT",
            "OK",
        ),
        (
            "who left",
            Stage::new(),
            mine(),
            "old",
            "ASSIGNEE_INACTIVE",
            "ASSIGNEE_INACTIVE",
        ),
        (
            "unknown",
            Stage::new(),
            mine(),
            "who",
            "ASSIGNEE_INACTIVE",
            "ASSIGNEE_INACTIVE",
        ),
        (
            "no member",
            Stage::new(),
            mine(),
            "sue",
            "ASSIGNEE_NOT_MEMBER",
            "ASSIGNEE_NOT_MEMBER",
        ),
        (
            "pool out of use",
            out_of_use(Stage::new()),
            mine(),
            "mem",
            "POOL_DISABLED",
            "OK",
        ),
        (
            "himself, out of use",
            out_of_use(Stage::new()),
            mine(),
            "ann",
            "POOL_DISABLED",
            "SAME",
        ),
        (
            "locked",
            Stage::new(),
            locked(None),
            "mem",
            "ACCOUNT_LOCKED",
            "ACCOUNT_LOCKED",
        ),
        (
            "locked until later",
            Stage::new(),
            locked(Some(day(11))),
            "mem",
            "ACCOUNT_LOCKED",
            "ACCOUNT_LOCKED",
        ),
        (
            "locked until now",
            Stage::new(),
            locked(Some(day(10))),
            "mem",
            "OK",
            "OK",
        ),
        ("locked, himself", Stage::new(), locked(None), "ann", "SAME", "SAME"),
        (
            "canceled",
            Stage::new(),
            be(Status::Canceled, mine()),
            "mem",
            "INVALID_STATUS",
            "INVALID_STATUS",
        ),
        (
            "several",
            Stage::new(),
            be(Status::Canceled, locked(None)),
            "old",
            "ACCOUNT_LOCKED INVALID_STATUS ASSIGNEE_INACTIVE",
            "ACCOUNT_LOCKED INVALID_STATUS ASSIGNEE_INACTIVE",
        ),
    ];
    for (name, stage, account, to, assigned, handed_over) in rows {
        assert_eq!(says(&stage, "root", &account, assign(to)), assigned, "{name}: assigned");
        assert_eq!(
            says(&stage, "root", &account, hand_over(to)),
            handed_over,
            "{name}: handed over"
        );
    }
}

/// From the pool it is an assignment, out of somebody's hands a change of owner, which ends his tenure without a cool-down.
#[test]
fn tenures_end_and_begin() {
    let stage = Stage::new();
    let rows = [
        (
            waiting(),
            assign("mem"),
            EventKind::Assigned,
            StartCause::Assigned,
            None,
        ),
        (
            stage.owned(),
            assign("mem"),
            EventKind::OwnerChanged,
            StartCause::Assigned,
            Some(EndCause::Reassigned),
        ),
        (
            stage.owned(),
            hand_over("mem"),
            EventKind::OwnerChanged,
            StartCause::OwnerChanged,
            Some(EndCause::OwnerChanged),
        ),
    ];
    for (mut account, wanted, kind, start, end) in rows {
        account.last_end_note = "gave it up".into();
        let made = change(asked(&stage, "root", &subject(&account), wanted, None));
        assert_eq!(made.event.kind, kind);
        assert_eq!(
            made.start.map(|start| (start.user, start.cause)),
            Some((user("mem"), start))
        );
        assert_eq!(made.event.effects.end_cause, end.map(EndCause::as_str));
        assert_eq!(
            made.after.last_end_note.is_empty(),
            end.is_some(),
            "a reason is the last owner's"
        );
        assert_eq!(made.after.last_owner, account.owner);
        assert_eq!((made.after.owner, made.gains), (Some(user("mem")), Some(user("mem"))));
        assert_eq!(made.after.transfer_count, i64::from(end.is_some()));
        // It is not known whether the new owner is in the team.
        assert_eq!(made.team, TeamChange::Remove(user("mem")));
        if let Some(ended) = &made.end {
            assert_eq!(
                (&ended.user, ended.cause, ended.bans_claim),
                (&user("ann"), end.unwrap(), false)
            );
            assert_eq!(ended.deadline, Some(day(30)));
        }
        assert_eq!(made.end.is_some(), end.is_some());
    }
}

/// Outside pools the tenant says whether the team goes [R095].
#[test]
fn the_tenant_clears_teams_outside_pools() {
    for clears in [false, true] {
        let mut stage = Stage::new();
        stage.shop.org.tenant.settings.clear_team_on_owner_change = clears;
        let team = |account: &Account| change(asked(&stage, "root", &subject(account), hand_over("mem"), None)).team;
        let kept = TeamChange::Remove(user("mem"));
        assert_eq!(team(&outside()), if clears { TeamChange::Clear } else { kept.clone() });
        assert_eq!(team(&stage.owned()), kept, "its pool says that it stays");
    }
}

/// The pool's limit is the new owner's; the daily one is for claims [L32].
#[test]
fn the_new_owner_must_have_room() {
    let stage = with(Stage::new(), 1, |pool| {
        pool.claim_limit = Some(1);
        pool.daily_claim_limit = Some(0);
    });
    for wanted in [assign("mem"), hand_over("mem")] {
        let mut room = room(&stage, &user("mem"), Some(pool_id(1)), How::Given);
        let mut give = || {
            said(&asked(
                &stage,
                "root",
                &subject(&stage.owned()),
                wanted.clone(),
                Some(&mut room),
            ))
        };
        assert_eq!([give(), give()], ["OK", "POOL_CLAIM_LIMIT_REACHED"], "{wanted:?}");
    }
}
