//! X02: what comes back, to where, and what does not.

use super::*;
use crate::domain::{
    account::{EntryCause, PastTenure, StartCause, TenureClock},
    exception::{Facts, Wish, tests::with_facts},
    ids::ReasonId,
    retention::{notice::MIN_NOTICE, tests::pool_id},
    stage::{Stage, change, day, fact, said, subject, user},
    sweep::{self, Terms, Verdict},
};
use chrono::TimeDelta;

/// Day 31: `ann` has lost it to the rule on day 30, into this pool.
struct Lost {
    stage: Stage,
    account: Account,
    tenures: Vec<Tenure>,
}

fn tenure(who: &str, version: i64, since: i64, end: Option<(i64, EndCause)>) -> Tenure {
    Tenure {
        start_version: version,
        user: user(who),
        pool: Some(pool_id(1)),
        start_time: day(since),
        start_cause: StartCause::Claimed,
        start_actor: None,
        end: end.map(|(at, cause)| EndedTenure {
            time: day(at),
            cause,
            actor: None,
            reason: ReasonId::parse("no-budget").ok(),
            note: "not now".into(),
            rule_id: None,
            deadline: None,
        }),
    }
}

impl Lost {
    fn new() -> Self {
        let stage = Stage::new().at(day(30));
        let mut owned = stage.owned();
        owned.last_owner = Some(user("mem"));
        owned.clock.tenure = TenureClock {
            extended_days: 4,
            ..TenureClock::default()
        };
        owned.memory.tenures = vec![PastTenure {
            user: user("mem"),
            since: day(-9),
            until: day(-1),
        }];
        let principal = stage.principal("service");
        let verdict = sweep::decide(&stage.scene(&principal), &owned, &[], Terms::at_once(TimeDelta::zero()));
        let Verdict::Reclaim(change) = verdict else {
            panic!("{verdict:?}")
        };
        Self {
            account: change.after,
            stage: stage.at(day(31)),
            tenures: vec![
                tenure("ann", 5, 0, Some((30, EndCause::AutoReclaimed))),
                tenure("mem", 2, -9, Some((-1, EndCause::Returned))),
            ],
        }
    }

    fn undone(&self, who: &str) -> Result<Decision, Error> {
        let wish = Wish::Undo { note: "sorry".into() };
        let facts = Facts {
            tenures: self.tenures.clone(),
            locked: 0,
        };
        with_facts(&self.stage, who, &self.account, &wish, &facts)
    }
}

/// What is remembered lies in each account that is waiting since: nothing is written of what there is not. A server of
/// before wrote it, and that is read.
#[test]
fn only_what_there_is_is_written() {
    let short = r#"{"owner_since":"1970-01-02T00:00:00Z","time":"1970-01-31T00:00:00Z"}"#;
    let long = r#"{"owner_since":"1970-01-02T00:00:00Z","time":"1970-01-31T00:00:00Z","pool_id":null,"tenure":{},
        "notice_floor":null,"last_follow_up_time":null,"last_won_time":null}"#;
    let least: Reclaimed = serde_json::from_str(short).unwrap();
    assert_eq!(serde_json::from_str::<Reclaimed>(long).unwrap(), least);
    assert_eq!(serde_json::to_string(&least).unwrap(), short);

    let all = Reclaimed {
        pool_id: Some(pool_id(1)),
        tenure: TenureClock {
            extended_days: 4,
            ..TenureClock::default()
        },
        notice_floor: Some(day(3)),
        last_follow_up_time: Some(day(2)),
        last_won_time: Some(day(1)),
        ..least
    };
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Reclaimed>(&text).unwrap(), all, "{text}");
}

/// Admins of the pool from which it was taken, wherever it lies now; those of where it lies are not asked.
#[test]
fn who_lost_it_decides() {
    let mut lost = Lost::new();
    for (who, wanted) in [
        ("root", "OK"),
        ("service", "OK"),
        ("adm", "OK"),
        ("oth", "NOT_FOUND"),
        ("mem", "NOT_AUTHORIZED"),
        ("ann", "NOT_AUTHORIZED"),
        ("sue", "NOT_FOUND"),
    ] {
        assert_eq!(said(&lost.undone(who)), wanted, "{who}");
    }
    lost.account.pool_id = Some(pool_id(2));
    for (who, wanted) in [("adm", "OK"), ("oth", "NOT_AUTHORIZED"), ("mem", "NOT_AUTHORIZED")] {
        assert_eq!(said(&lost.undone(who)), wanted, "{who}, from afar");
    }
    // Of a reclaim from before origins were remembered it is the pool where it lies.
    lost.account.memory.reclaimed = None;
    for (who, wanted) in [("adm", "NOT_FOUND"), ("oth", "OK")] {
        assert_eq!(said(&lost.undone(who)), wanted, "{who}, without a memory");
    }
    // From outside pools: CRM admins alone.
    let mut lost = Lost::new();
    lost.account.memory.reclaimed.as_mut().unwrap().pool_id = None;
    for (who, wanted) in [("root", "OK"), ("adm", "NOT_AUTHORIZED"), ("oth", "NOT_FOUND")] {
        assert_eq!(said(&lost.undone(who)), wanted, "{who}, outside pools");
    }
}

/// Only what a rule took, from somebody who is still there.
#[test]
fn only_what_a_rule_took_comes_back() {
    let no = "RECLAIM_NOT_UNDOABLE";
    for cause in [
        EndCause::Returned,
        EndCause::Reclaimed,
        EndCause::Reassigned,
        EndCause::OwnerChanged,
        EndCause::Transferred,
        EndCause::OwnerLeft,
        EndCause::Canceled,
    ] {
        let mut lost = Lost::new();
        lost.tenures[0] = tenure("ann", 5, 0, Some((30, cause)));
        let decided = lost.undone("adm");
        assert_eq!(said(&decided), no, "{cause:?}");
        assert_eq!(fact(&decided, "end_cause"), cause.as_str());
    }
    let mut lost = Lost::new();
    lost.tenures.clear();
    assert_eq!(said(&lost.undone("adm")), no);
    let mut lost = Lost::new();
    lost.tenures[0] = tenure("old", 5, 0, Some((30, EndCause::AutoReclaimed)));
    let decided = lost.undone("adm");
    assert_eq!(
        (said(&decided), fact(&decided, "assignee")),
        ("ASSIGNEE_INACTIVE".into(), "old".into())
    );
    lost.tenures[0] = tenure("old", 5, 0, Some((30, EndCause::Returned)));
    assert_eq!(said(&lost.undone("adm")), format!("{no} ASSIGNEE_INACTIVE"));
    // Who has it now, or why it is not about, says enough.
    lost.account.status = Status::Assigned;
    assert_eq!(said(&lost.undone("adm")), "INVALID_STATUS");
    lost.account.status = Status::Canceled;
    assert_eq!(said(&lost.undone("root")), "INVALID_STATUS");
    assert_eq!(said(&lost.undone("adm")), "NOT_FOUND");
}

/// The owner has it as if he had never lost it, with a day at least; of the one before him he knows what he knew.
#[test]
fn the_owner_has_it_as_before() {
    let mut lost = Lost::new();
    lost.account.memory.tenures.push(PastTenure {
        user: user("ann"),
        since: day(0),
        until: day(30),
    });
    let made = change(lost.undone("adm"));
    let after = &made.after;
    assert_eq!(
        (after.owner.clone(), after.owner_since),
        (Some(user("ann")), Some(day(0)))
    );
    assert_eq!((after.status, after.pool_id), (Status::Assigned, Some(pool_id(1))));
    assert_eq!((after.pool_entry_time, after.pool_entry_cause), (None, None));
    assert_eq!((after.memory.reclaimed.clone(), after.disputed_time), (None, None));
    let past: Vec<_> = after.memory.tenures.iter().map(|past| past.user.as_str()).collect();
    assert_eq!(past, ["mem"]);
    assert_eq!(after.clock.tenure.extended_days, 4);
    assert_eq!(after.clock.reclaim_time, Some(lost.stage.now + MIN_NOTICE));
    assert_eq!(after.last_owner, Some(user("mem")));
    assert_eq!(after.last_end_reason, ReasonId::parse("no-budget").ok());
    assert_eq!(after.last_end_note, "not now");
    assert_eq!(after.transfer_count, lost.account.transfer_count);
    assert_eq!((made.enters, made.gains.clone()), (None, Some(user("ann"))));
    assert_eq!((made.end.clone(), made.start.clone()), (None, None));
    assert_eq!(made.team, TeamChange::Remove(user("ann")));
    assert_eq!(
        made.last_reclaim,
        LastReclaim::Undone {
            start_version: 5,
            disputed: None
        }
    );
    assert_eq!(made.event.kind, EventKind::ReclaimUndone);
    assert_eq!(made.event.effects.note, "sorry");

    // The first owner had nobody before him.
    lost.tenures.pop();
    let made = change(lost.undone("adm")).after;
    assert_eq!(
        (made.last_owner, made.last_end_reason, made.last_end_note),
        (None, None, String::new())
    );
    // Where days are left they are left.
    lost.account.last_follow_up_time = Some(day(25));
    let made = change(lost.undone("adm")).after;
    assert_eq!(made.clock.reclaim_time, Some(day(55)));
    // The same from before reclaims were remembered.
    lost.account.memory.reclaimed = None;
    let made = change(lost.undone("adm")).after;
    assert_eq!(
        (made.owner_since, made.clock.reclaim_time),
        (Some(day(0)), Some(day(55)))
    );
    assert_eq!(made.clock.tenure, TenureClock::default());
}

/// Back to where it came from, unless that pool is out of use or gone; a dispute ends in the list in which it stands.
#[test]
fn it_goes_back_to_where_it_came_from() {
    for (origin, lies, goes, enters) in [
        (Some(1), Some(1), Some(1), None),
        (Some(1), Some(2), Some(1), Some(1)),
        (Some(2), Some(1), Some(2), Some(2)),
        (Some(3), Some(1), Some(1), None),
        (Some(9), Some(1), Some(1), None),
        (None, Some(1), None, None),
        (Some(1), None, Some(1), Some(1)),
    ] {
        let mut lost = Lost::new();
        lost.account.memory.reclaimed.as_mut().unwrap().pool_id = origin.map(pool_id);
        lost.account.pool_id = lies.map(pool_id);
        lost.account.disputed_time = Some(day(30));
        let made = change(lost.undone("root"));
        assert_eq!(
            (made.after.pool_id, made.enters),
            (goes.map(pool_id), enters.map(pool_id)),
            "from {origin:?}, in {lies:?}"
        );
        let LastReclaim::Undone { disputed, .. } = made.last_reclaim else {
            panic!("{:?}", made.last_reclaim)
        };
        assert_eq!(disputed, Some(origin.map(pool_id)));
        assert_eq!(made.after.disputed_time, None);
    }
}

/// What is remembered of a reclaim is of the owner's time alone, from its first instant on.
#[test]
fn of_a_reclaim_the_owners_own_time_is_remembered() {
    let stage = Stage::new();
    let mut account = stage.owned();
    account.clock.notice_floor = Some(day(3));
    for (at, counts) in [(-1, false), (0, true), (7, true)] {
        account.last_follow_up_time = Some(day(at));
        account.last_won_time = Some(day(at));
        let known = remember(&account).unwrap();
        let time = counts.then(|| day(at));
        assert_eq!(
            (known.last_follow_up_time, known.last_won_time),
            (time, time),
            "day {at}"
        );
        assert_eq!((known.owner_since, known.time), (day(0), account.update_time));
        assert_eq!((known.pool_id, known.notice_floor), (account.pool_id, Some(day(3))));
        assert_eq!(known.tenure, account.clock.tenure);
    }
    account.owner_since = None;
    assert_eq!(remember(&account), None);
    let lost = Lost::new();
    assert_eq!(lost.account.pool_entry_cause, Some(EntryCause::AutoReclaimed));
    assert!(subject(&lost.account).account.memory.reclaimed.is_some());
}
