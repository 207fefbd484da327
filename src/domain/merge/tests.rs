//! Who may merge what, and what comes of it: the column "Merge" of the effects of operations.

use super::*;
use crate::domain::{
    account::{DealStatus, EntryCause, Location},
    ids::{ExternalId, UserId},
    retention::terms::{GradeDays, ReclaimTerms},
    stage::{Stage, day, follow_up, lock, subject, user},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

fn id(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

/// An owned account of `ann`'s, and others like it.
fn account(stage: &Stage, number: u128) -> Account {
    let mut account = Account {
        id: id(number),
        ..stage.owned()
    };
    account.profile.name = format!("Acme {number}");
    account
}

fn member(name: &str, role: TeamRole, access: TeamAccess) -> TeamMember {
    let since = DateTime::UNIX_EPOCH;
    TeamMember {
        user: user(name),
        role,
        access,
        since,
    }
}

fn deals(won_count: i64, last: Option<DateTime<Utc>>) -> Deals {
    Deals {
        won_count,
        last_won_time: last,
        contract_end: last,
    }
}

fn decided(
    stage: &Stage,
    who: &str,
    accounts: &[Account],
    with: &Belongings,
) -> Result<(Change, Extras, Vec<Change>), Error> {
    let principal = stage.principal(who);
    let scene = stage.scene(&principal);
    let subjects = accounts.iter().map(|account| (account.id, subject(account))).collect();
    let merge = Merge {
        survivor: accounts[0].id,
        losers: accounts[1..].iter().map(|account| account.id).collect(),
        etag: None,
    };
    decide(&scene, &subjects, &merge, with)
}

fn reasons<T>(decided: Result<T, Error>) -> Vec<(Reason, Option<String>)> {
    let Err(Error::Refused(refusals)) = decided else {
        return Vec::new();
    };
    let about = |refusal: Refusal| (refusal.reason, refusal.metadata.get("account_id").cloned());
    refusals.into_iter().map(about).collect()
}

/// R037: for CRM admins alone, whatever else somebody is to the accounts.
#[test]
fn merging_is_for_crm_admins() {
    let stage = Stage::new();
    let accounts = [account(&stage, 1), account(&stage, 2)];
    for (who, wanted) in [
        ("root", None),
        ("service", None),
        ("adm", Some(Reason::NotAuthorized)),
        ("ann", Some(Reason::NotAuthorized)),
        ("sue", Some(Reason::NotAuthorized)),
        ("oth", Some(Reason::NotFound)),
    ] {
        let said = decided(&stage, who, &accounts, &Belongings::default());
        assert_eq!(said.err().map(|error| error.reason()), wanted, "{who}");
    }
}

/// Everything that is in the way is said at once, with the account that it is about.
#[test]
fn what_is_in_the_way_is_named() {
    let stage = Stage::new();
    let mut accounts = [account(&stage, 1), account(&stage, 2), account(&stage, 3)];
    accounts[0].status = Status::Canceled;
    accounts[0].owner = None;
    accounts[1].lock = Some(lock(day(5), None));
    // The lock of the account that stays is in nobody's way.
    accounts[0].lock = Some(lock(day(5), None));
    let with = Belongings {
        rows: ROWS_MAX + 1,
        ..Belongings::default()
    };
    assert_eq!(
        reasons(decided(&stage, "root", &accounts, &with)),
        [
            (Reason::InvalidStatus, Some(id(1).to_string())),
            (Reason::AccountLocked, Some(id(2).to_string())),
            (Reason::MergeLimitReached, None),
        ]
    );
    accounts[2].status = Status::Merged;
    accounts[2].merged_into = Some(id(9));
    let Err(Error::Refused(refusals)) = decided(&stage, "root", &accounts, &with) else {
        panic!("merged twice")
    };
    assert_eq!(refusals[0].reason, Reason::AccountMerged);
    assert_eq!(refusals[0].metadata["merged_into"], id(9).to_string());
}

/// R038, L28: the one that stays keeps what it has and takes what it lacks; facts are the latest, deals those of all.
#[test]
fn the_one_that_stays_takes_over() {
    let stage = Stage::new();
    let mut accounts = [account(&stage, 1), account(&stage, 2), account(&stage, 3)];
    accounts[0].profile.phone = "1".into();
    accounts[0].last_follow_up_time = Some(day(3));
    accounts[0].transfer_count = 2;
    accounts[1].profile.phone = "2".into();
    accounts[1].profile.grade = "A".into();
    accounts[1].profile.external_id = ExternalId::parse("x-2").ok();
    accounts[1].last_follow_up_time = Some(day(7));
    accounts[1].transfer_count = 5;
    accounts[2].profile.grade = "B".into();
    accounts[2].profile.location = Some(Location {
        latitude: 1.0,
        longitude: 2.0,
    });
    let before = accounts[0].clone();
    let with = Belongings {
        deals: [(id(1), deals(1, Some(day(1)))), (id(3), deals(2, Some(day(4))))].into(),
        extras: [
            (
                id(1),
                Extras {
                    tags: vec!["b".into()],
                    ..Extras::default()
                },
            ),
            (
                id(2),
                Extras {
                    tags: vec!["a".into(), "b".into()],
                    ..Extras::default()
                },
            ),
        ]
        .into(),
        ..Belongings::default()
    };
    let (stays, extras, gone) = decided(&stage, "root", &accounts, &with).unwrap();
    let after = &stays.after;
    assert_eq!((after.profile.phone.as_str(), after.profile.grade.as_str()), ("1", "A"));
    assert!(after.profile.location.is_some() && after.profile.external_id.is_none());
    assert_eq!(after.last_follow_up_time, Some(day(7)));
    assert_eq!((after.won_count, after.deal_status), (3, DealStatus::RepeatedlyWon));
    assert_eq!(
        (after.last_won_time, after.contract_end_time),
        (Some(day(4)), Some(day(4)))
    );
    assert_eq!(
        (&after.owner, after.pool_id, after.transfer_count),
        (&before.owner, before.pool_id, 2)
    );
    assert_eq!(extras.tags, ["a", "b"]);
    assert_eq!((stays.end, stays.start, stays.gains), (None, None, None));
    assert_eq!(stays.event.effects.merged, [id(2), id(3)]);
    assert_eq!(
        stays.event.effects.fields,
        [
            "last_follow_up_time",
            "deals",
            "contract_end_time",
            "grade",
            "location",
            "tags"
        ]
    );
    // Thirty days after the follow-up of the account that is gone.
    assert_eq!(after.clock.reclaim_time, Some(day(37)));
    for (change, loser) in gone.iter().zip(&accounts[1..]) {
        assert_eq!(
            (change.after.status, change.after.status_before_cancel),
            (Status::Merged, Some(Status::Assigned))
        );
        assert_eq!((&change.after.owner, &change.after.last_owner), (&None, &loser.owner));
        assert_eq!(
            (change.after.merged_into, change.after.clock.reclaim_time),
            (Some(id(1)), None)
        );
        assert_eq!(
            change.end.as_ref().map(|end| (end.cause, end.bans_claim)),
            Some((EndCause::Merged, false))
        );
        assert_eq!(change.after.profile, loser.profile);
        assert_eq!((change.after.won_count, &change.team), (0, &TeamChange::Clear));
    }
}

/// What waits in a pool goes on waiting, since when it did.
#[test]
fn an_account_that_waits_gets_no_clock() {
    let stage = Stage::new();
    let mut accounts = [account(&stage, 1), account(&stage, 2)];
    accounts[0].status = Status::Unassigned;
    accounts[0].owner = None;
    accounts[0].owner_since = None;
    accounts[0].pool_entry_time = Some(day(1));
    accounts[0].pool_entry_cause = Some(EntryCause::Created);
    accounts[0].clock = retention_plan::stopped(&stage.shop.org);
    let (stays, _, gone) = decided(&stage, "root", &accounts, &Belongings::default()).unwrap();
    assert_eq!(stays.after.clock.reclaim_time, None);
    assert_eq!((&stays.after.owner, stays.after.pool_entry_time), (&None, Some(day(1))));
    assert_eq!(gone[0].after.last_owner, accounts[1].owner);
}

/// Another rule comes to decide, since the grade is known now: where that brings the deadline nearer, the owner has a day.
#[test]
fn nobody_loses_his_notice_by_a_merge() {
    let by_grade = ReclaimTerms {
        grade_days: vec![GradeDays {
            grade: "A".into(),
            days: follow_up(5).days,
        }],
        ..follow_up(30)
    };
    let stage = Stage::new().ruled(&by_grade);
    let mut accounts = [account(&stage, 1), account(&stage, 2)];
    assert_eq!(accounts[0].clock.reclaim_time, Some(day(30)));
    accounts[1].profile.grade = "A".into();
    let (stays, ..) = decided(&stage, "root", &accounts, &Belongings::default()).unwrap();
    assert_eq!(stays.after.clock.reclaim_time, Some(day(11)));
    let reminder = stays.event.effects.reminder.unwrap();
    assert_eq!(reminder.deadline, Some(day(11).timestamp_micros()));
}

/// D43: whoever owned one of the others reads from now on; of several rights the strongest stays, and the owner of the one
/// that stays is above them.
#[test]
fn people_go_along() {
    use TeamAccess::{Read, ReadWrite};
    use TeamRole::{AfterSales, JointFollowUp, Participant};
    let stage = Stage::new();
    let mut accounts = [account(&stage, 1), account(&stage, 2), account(&stage, 3)];
    accounts[0].owner = Some(user("ann"));
    accounts[1].owner = Some(user("mem"));
    accounts[2].owner = Some(user("old"));
    let with = Belongings {
        teams: [
            (
                id(1),
                vec![member("oth", AfterSales, Read), member("adm", Participant, ReadWrite)],
            ),
            (
                id(2),
                vec![
                    member("oth", JointFollowUp, ReadWrite),
                    member("ann", Participant, Read),
                ],
            ),
            (id(3), vec![member("adm", AfterSales, Read)]),
        ]
        .into(),
        ..Belongings::default()
    };
    let (stays, ..) = decided(&stage, "root", &accounts, &with).unwrap();
    let TeamChange::Replace(team) = stays.team else {
        panic!("{:?}", stays.team)
    };
    let told: Vec<(UserId, TeamRole, TeamAccess)> = team
        .into_iter()
        .map(|member| (member.user, member.role, member.access))
        .collect();
    assert_eq!(
        told,
        [
            (user("adm"), Participant, ReadWrite),
            (user("mem"), Participant, Read),
            (user("oth"), JointFollowUp, ReadWrite),
        ]
    );
    let same = [account(&stage, 1), account(&stage, 2)];
    let (stays, ..) = decided(&stage, "root", &same, &Belongings::default()).unwrap();
    assert_eq!(stays.team, TeamChange::Keep);
}

/// More tags or people than one account has are refused, not dropped.
#[test]
fn nothing_is_dropped() {
    let stage = Stage::new();
    let accounts = [account(&stage, 1), account(&stage, 2)];
    let tags = |from: usize, to: usize| Extras {
        tags: (from..to).map(|at| format!("t{at:02}")).collect(),
        ..Extras::default()
    };
    let people = |from: usize, to: usize| -> Vec<_> {
        (from..to)
            .map(|at| member(&format!("u{at:03}"), TeamRole::Participant, TeamAccess::Read))
            .collect()
    };
    for (tag, person, wanted) in [(50, 100, 0), (51, 100, 1), (50, 101, 1), (51, 101, 2)] {
        let with = Belongings {
            extras: [(id(1), tags(0, 30)), (id(2), tags(30, tag))].into(),
            teams: [(id(1), people(0, 60)), (id(2), people(60, person))].into(),
            rows: ROWS_MAX,
            ..Belongings::default()
        };
        let refused = reasons(decided(&stage, "root", &accounts, &with));
        assert_eq!(refused.len(), wanted, "{tag} {person}");
        assert!(refused.iter().all(|(reason, _)| *reason == Reason::MergeLimitReached));
    }
}
