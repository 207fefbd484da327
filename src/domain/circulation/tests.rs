//! Who may move which account, and everything that can be in the way, as tables: a stage, a change of it, what is said.

use super::{Decision, Item, Move, Subject, decide, knows, reads};
use crate::domain::{
    account::{Account, Status, TeamAccess},
    change::TeamChange,
    error::Error,
    ids::{AccountId, PoolId, UserId},
    limits::{CountsRead, How, Room, UserLimits},
    pool::{ClaimMode, PoolConfig},
    retention::tests::{owned, pool_id},
    stage::{Stage, change, day, fact, said, subject, user},
};
use std::sync::Arc;
use uuid::Uuid;

mod claims;
mod giving;
mod moving;
mod returning;

/// With another configuration of the pool.
fn with(mut stage: Stage, pool: u128, change: impl FnOnce(&mut PoolConfig)) -> Stage {
    change(&mut Arc::make_mut(stage.shop.org.pools.get_mut(&pool_id(pool)).unwrap()).config);
    stage
}

/// An account of pool 1 that nobody has owned yet.
fn waiting() -> Account {
    Account {
        status: Status::Unassigned,
        owner: None,
        owner_since: None,
        ..owned(Some(1), day(0))
    }
}

/// An account of `ann` outside pools.
fn outside() -> Account {
    owned(None, day(0))
}

/// The same in another status.
fn be(status: Status, account: Account) -> Account {
    Account { status, ..account }
}

fn asked(
    stage: &Stage,
    who: &str,
    subject: &Subject,
    wanted: Move,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let principal = stage.principal(who);
    let item = Item {
        account: subject.account.id,
        etag: None,
        wanted,
        follow: Vec::new(),
    };
    decide(&stage.scene(&principal), Some(subject), &item, room)
}

/// What is said to somebody who reads the account as a member of its team, where he could not read it otherwise.
fn says(stage: &Stage, who: &str, account: &Account, wanted: Move) -> String {
    let known = Subject {
        team: Some(TeamAccess::Read),
        ..subject(account)
    };
    said(&asked(stage, who, &known, wanted, None))
}

/// The room of somebody who holds and claimed nothing yet.
fn room(stage: &Stage, who: &UserId, into: Option<PoolId>, how: How) -> Room {
    let limits = UserLimits::of(&stage.shop.org, who, [into], how, stage.now);
    let counts = limits.counts_exact().iter().map(|count| (count.what, 0)).collect();
    Room::new(limits, CountsRead(counts))
}

const EVERYBODY: [&str; 8] = ["root", "service", "top", "sue", "ann", "adm", "oth", "mem"];

/// What it is, who reads it, and who else knows of it.
type Row = (
    &'static str,
    Stage,
    Subject,
    &'static [&'static str],
    &'static [&'static str],
);

/// Owners, those above them, admins of the pool and CRM admins read an account; members of its pool know of it, for as long
/// as they see what is unclaimed there. What is canceled or merged is for CRM admins, what is deleted for nobody.
#[test]
fn an_account_is_there_for_those_whom_it_concerns() {
    let hides = |stage| {
        with(stage, 1, |pool| {
            pool.claim_mode = ClaimMode::AdminsAssign;
            pool.members_may_browse = false;
        })
    };
    let shown = || Stage::new();
    let hidden = || hides(Stage::new());
    let in_team = |account: &Account| Subject {
        team: Some(TeamAccess::Read),
        ..subject(account)
    };
    let rows: Vec<Row> = vec![
        (
            "owned in pool 1",
            shown(),
            subject(&owned(Some(1), day(0))),
            &["root", "service", "top", "sue", "ann", "adm"],
            &["mem"],
        ),
        (
            "waiting in pool 1",
            shown(),
            subject(&waiting()),
            &["root", "service", "adm"],
            &["ann", "mem"],
        ),
        (
            "waiting, hidden",
            hidden(),
            subject(&waiting()),
            &["root", "service", "adm"],
            &[],
        ),
        (
            "outside",
            shown(),
            subject(&outside()),
            &["root", "service", "top", "sue", "ann"],
            &[],
        ),
        ("outside, in its team", shown(), in_team(&outside()), &EVERYBODY, &[]),
        (
            "canceled",
            shown(),
            in_team(&be(Status::Canceled, owned(Some(1), day(0)))),
            &["root", "service"],
            &[],
        ),
        (
            "merged",
            shown(),
            in_team(&be(Status::Merged, waiting())),
            &["root", "service"],
            &[],
        ),
        ("deleted", shown(), in_team(&be(Status::Deleted, waiting())), &[], &[]),
        (
            "nobody's, outside",
            shown(),
            subject(&Account {
                pool_id: None,
                ..waiting()
            }),
            &["root", "service"],
            &[],
        ),
    ];
    for (name, stage, subject, readers, knowers) in rows {
        for who in EVERYBODY {
            let principal = stage.principal(who);
            let scene = stage.scene(&principal);
            let reader = readers.contains(&who);
            assert_eq!(reads(&scene, &subject), reader, "{name}: {who} reads");
            assert_eq!(
                knows(&scene, &subject),
                reader || knowers.contains(&who),
                "{name}: {who} knows"
            );
        }
    }
}

/// Whoever may not know of an account is told that it is not there, and so is everybody of one that is not; of a merged
/// one those who may know are told into which.
#[test]
fn what_one_may_not_know_of_is_not_found() {
    let stage = Stage::new();
    let leave = || Move::LeaveTeam(user("old"));
    assert_eq!(
        said(&asked(
            &stage,
            "oth",
            &subject(&owned(Some(1), day(0))),
            Move::Claim,
            None
        )),
        "NOT_FOUND"
    );
    let deleted = be(Status::Deleted, waiting());
    for wanted in [Move::Claim, leave()] {
        assert_eq!(
            said(&asked(&stage, "root", &subject(&deleted), wanted.clone(), None)),
            "NOT_FOUND"
        );
        let principal = stage.principal("root");
        let item = Item {
            account: deleted.id,
            etag: None,
            wanted,
            follow: Vec::new(),
        };
        assert_eq!(said(&decide(&stage.scene(&principal), None, &item, None)), "NOT_FOUND");
    }
    let merged = Account {
        merged_into: Some(AccountId(Uuid::from_u128(8))),
        ..be(Status::Merged, waiting())
    };
    let decided = asked(&stage, "root", &subject(&merged), Move::Claim, None);
    assert_eq!(said(&decided), "ACCOUNT_MERGED");
    assert_eq!(fact(&decided, "merged_into"), Uuid::from_u128(8).to_string());
    assert_eq!(
        said(&asked(&stage, "mem", &subject(&merged), Move::Claim, None)),
        "NOT_FOUND"
    );
}

/// Somebody who left goes out of teams; nobody else does that way.
#[test]
fn who_left_goes_out_of_the_team() {
    let stage = Stage::new();
    let account = stage.owned();
    let leave = |who: &str, leaver: &str| asked(&stage, who, &subject(&account), Move::LeaveTeam(user(leaver)), None);
    assert_eq!(said(&leave("adm", "old")), "NOT_AUTHORIZED");
    assert_eq!(said(&leave("root", "mem")), "USER_ACTIVE");
    let left = change(leave("service", "old"));
    assert_eq!(left.team, TeamChange::Remove(user("old")));
    assert_eq!(left.event.effects.member, Some(user("old")));
    assert_eq!(
        (left.after.version, left.after.owner),
        (account.version + 1, account.owner.clone())
    );
}

/// L22: a decision's time is never before the account's last change, whatever the clock says.
#[test]
fn time_does_not_go_back() {
    let stage = Stage::new();
    let late = Account {
        update_time: day(11),
        ..waiting()
    };
    let principal = stage.principal("mem");
    let item = Item {
        account: late.id,
        etag: Some(late.version),
        wanted: Move::Claim,
        follow: Vec::new(),
    };
    let decided = decide(&stage.scene(&principal), Some(&subject(&late)), &item, None);
    let after = change(decided).after;
    assert_eq!((after.update_time, after.owner_since), (day(11), Some(day(11))));
}
