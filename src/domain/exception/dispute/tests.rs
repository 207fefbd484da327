//! X16: which news of the time before a reclaim make it disputed.

use super::*;
use crate::domain::{
    account::EntryCause,
    activity::{Activity, Heard, Kind, Reversal, rules::Standing},
    exception::undo::remember,
    ids::{AccountId, EventId, ObjectId},
    object::{Described, Mark},
    retention::terms::{ReclaimTerms, RuleDays},
    stage::{Stage, TICK, day, follow_up, user},
};
use chrono::{DateTime, Utc};

const FOLLOW_UP: &str = "sales_record.created";
const WIN: &str = "opportunity.won";

fn told(kind: &str, at: DateTime<Utc>) -> Activity {
    Activity {
        event_id: EventId::parse("e").unwrap(),
        account: AccountId(uuid::Uuid::nil()),
        kind: Kind::parse(kind).unwrap(),
        object_id: ObjectId::parse("o").ok(),
        occur_time: at,
        actor: Some(user("ann")),
        summary: String::new(),
        contract_end: None,
        described: Described::default(),
        payload_hash: [0; 32],
    }
}

/// What `ann` had from day 0 on and lost on day 30.
fn taken(stage: &Stage) -> Account {
    let mut owned = stage.owned();
    owned.update_time = day(30);
    let mut account = owned.clone();
    account.memory.reclaimed = remember(&owned);
    account.status = Status::Unassigned;
    account.last_owner = account.owner.take();
    account.owner_since = None;
    account.pool_entry_cause = Some(EntryCause::AutoReclaimed);
    account.update_time = day(31);
    account
}

fn noted(stage: &Stage, account: &mut Account, activities: &[&Activity], standing: Standing) -> bool {
    noted_beside(stage, account, activities, standing, &[])
}

fn noted_beside(
    stage: &Stage,
    account: &mut Account,
    activities: &[&Activity],
    standing: Standing,
    reversals: &[Reversal],
) -> bool {
    let principal = stage.principal("service");
    let scene = stage.scene(&principal);
    let heard = activities
        .iter()
        .map(|activity| Heard::new(scene.org, activity, standing));
    let heard: Vec<_> = heard.collect();
    let follow_ups = FollowUps::heard(scene.org, &heard, &[]);
    note(&scene, account, &heard, &follow_ups, reversals)
}

fn disputed(stage: &Stage, activity: &Activity) -> bool {
    let mut account = taken(stage);
    let since = noted(stage, &mut account, &[activity], Standing::Owner);
    assert_eq!(account.disputed_time, since.then(|| day(31)));
    since
}

/// Of 30 days without a follow-up: whatever happened in his tenure and would have moved the deadline beyond the reclaim.
#[test]
fn what_would_have_saved_it_disputes_it() {
    let stage = Stage::new();
    for (kind, at, wanted) in [
        (FOLLOW_UP, day(-1), false),
        // At the first instant the deadline is what it was.
        (FOLLOW_UP, day(0), false),
        (FOLLOW_UP, day(0) + TICK, true),
        (FOLLOW_UP, day(20), true),
        (FOLLOW_UP, day(30) - TICK, true),
        (FOLLOW_UP, day(30), false),
        (FOLLOW_UP, day(31), false),
        (WIN, day(20), true),
        ("customer.sneezed", day(20), false),
        ("opportunity.reopened", day(20), false),
    ] {
        assert_eq!(disputed(&stage, &told(kind, at)), wanted, "{kind} at {at}");
    }
    // The win of somebody whose deals do not count is a follow-up all the same.
    let mut account = taken(&stage);
    assert!(noted(&stage, &mut account, &[&told(WIN, day(20))], Standing::Other));
    assert_eq!(account.memory.reclaimed.unwrap().last_won_time, None);
}

/// What is tracked for rules with kinds of their own counts as they count it.
#[test]
fn kinds_of_rules_count_as_rules_count_them() {
    let calls = ReclaimTerms {
        follow_up_kinds: vec!["phone.called".into()],
        ..follow_up(30)
    };
    let stage = Stage::new().ruled(&calls);
    assert!(disputed(&stage, &told("phone.called", day(20))));
    assert!(!disputed(&stage, &told(FOLLOW_UP, day(20))));
    // What was known and happened after the reclaim does not count for the time before.
    let mut account = taken(&stage);
    account.memory.kind_times.insert("phone.called".into(), day(30));
    assert!(!noted(
        &stage,
        &mut account,
        &[&told(FOLLOW_UP, day(20))],
        Standing::Owner
    ));
    account.memory.kind_times.insert("phone.called".into(), day(30) - TICK);
    assert!(noted(
        &stage,
        &mut account,
        &[&told(FOLLOW_UP, day(20))],
        Standing::Owner
    ));
    // The latest of a kind counts, whatever comes in last.
    let mut account = taken(&stage);
    let both = [&told("phone.called", day(20)), &told("phone.called", day(0))];
    assert!(noted(&stage, &mut account, &both, Standing::Owner));
    // Reclaimed at once, he would have lost it all the same.
    let opted_out = ReclaimTerms {
        reclaim_kinds: vec!["customer.opted_out".into()],
        ..follow_up(30)
    };
    let stage = Stage::new().ruled(&opted_out);
    assert!(!disputed(&stage, &told("customer.opted_out", day(20))));
    assert!(disputed(&stage, &told(FOLLOW_UP, day(20))));
}

/// A win saves where the clock of wins runs, and what the notice of a change of rules left to him counts.
#[test]
fn the_deadline_of_then_is_asked() {
    let close = ReclaimTerms {
        days: RuleDays {
            close: Some(30),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    };
    let stage = Stage::new().ruled(&close);
    assert!(disputed(&stage, &told(WIN, day(20))));
    assert!(!disputed(&stage, &told(FOLLOW_UP, day(20))));
    // Extra days and the notice are as they were then.
    let stage = Stage::new().ruled(&follow_up(5));
    assert!(!disputed(&stage, &told(FOLLOW_UP, day(20))));
    for floor in [day(30), day(30) + TICK] {
        let mut account = taken(&stage);
        account.memory.reclaimed.as_mut().unwrap().notice_floor = Some(floor);
        let saved = noted(&stage, &mut account, &[&told(FOLLOW_UP, day(20))], Standing::Owner);
        // A deadline that is the very time of the reclaim does not save.
        assert_eq!(saved, floor > day(30));
    }
}

/// X16: a deal that was taken back before the reclaim did not stand when the account was taken, whether that is told with it
/// or was known; one that was taken back later did.
#[test]
fn a_deal_that_was_taken_back_before_saves_nothing() {
    const REOPENED: &str = "opportunity.reopened";
    let close = ReclaimTerms {
        days: RuleDays {
            close: Some(30),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    };
    let stage = Stage::new().ruled(&close);
    let of = |object: &str, event: &str, kind: &str, at: DateTime<Utc>| Activity {
        object_id: ObjectId::parse(object).ok(),
        event_id: EventId::parse(event).unwrap(),
        ..told(kind, at)
    };
    let won = |at| of("o", "m", WIN, at);
    for (what, closings, reversal, wanted) in [
        (
            "before the reclaim",
            vec![won(day(20))],
            of("o", "r", REOPENED, day(25)),
            false,
        ),
        (
            "in the last instant",
            vec![won(day(20))],
            of("o", "r", REOPENED, day(30) - TICK),
            false,
        ),
        (
            "with the reclaim",
            vec![won(day(20))],
            of("o", "r", REOPENED, day(30)),
            true,
        ),
        (
            "after the reclaim",
            vec![won(day(20))],
            of("o", "r", REOPENED, day(31)),
            true,
        ),
        (
            "before it was closed",
            vec![won(day(20))],
            of("o", "r", REOPENED, day(19)),
            true,
        ),
        (
            "at the same time, by the later event",
            vec![won(day(20))],
            of("o", "z", REOPENED, day(20)),
            false,
        ),
        (
            "at the same time, by the earlier event",
            vec![won(day(20))],
            of("o", "a", REOPENED, day(20)),
            true,
        ),
        (
            "of another object",
            vec![won(day(20))],
            of("p", "r", REOPENED, day(25)),
            true,
        ),
        (
            "of another type",
            vec![won(day(20))],
            of("o", "r", "contract.terminated", day(25)),
            true,
        ),
        (
            "and closed again",
            vec![won(day(20)), of("o", "n", WIN, day(27))],
            of("o", "r", REOPENED, day(25)),
            true,
        ),
    ] {
        let mut activities: Vec<_> = closings.iter().collect();
        activities.push(&reversal);
        let mut account = taken(&stage);
        assert_eq!(
            noted(&stage, &mut account, &activities, Standing::Owner),
            wanted,
            "{what}"
        );
        let last = account.memory.reclaimed.unwrap().last_won_time;
        let expected = closings.last().map(|closing| closing.occur_time).filter(|_| wanted);
        assert_eq!(last, expected, "{what}");
        // The same where the reversal was known before.
        let known = reversal.kind.as_str() == REOPENED;
        let known = known.then(|| (reversal.object().unwrap(), Mark::of(&reversal)));
        let known: Vec<_> = known.into_iter().collect();
        let mut account = taken(&stage);
        let closings: Vec<_> = closings.iter().collect();
        let since = noted_beside(&stage, &mut account, &closings, Standing::Owner, &known);
        assert_eq!(since, wanted, "{what}, known before");
    }
    // A follow-up of the same day saves it where follow-ups count, whatever became of the deal.
    let stage = Stage::new().ruled(&follow_up(30));
    let mut account = taken(&stage);
    let both = [&won(day(20)), &of("o", "r", REOPENED, day(25))];
    assert!(!noted(&stage, &mut account, &both, Standing::Owner));
    assert!(noted(
        &stage,
        &mut account,
        &[&told(FOLLOW_UP, day(20))],
        Standing::Owner
    ));
}

/// It is asked only where it matters: of deals that he closed in his time.
#[test]
fn reversals_are_asked_for_where_they_matter() {
    let stage = Stage::new();
    let principal = stage.principal("service");
    let scene = stage.scene(&principal);
    let account = taken(&stage);
    let mut again = account.clone();
    again.status = Status::Assigned;
    for (account, kind, at, standing, wanted) in [
        (&account, WIN, day(20), Standing::Owner, true),
        (&account, WIN, day(30), Standing::Owner, false),
        (&account, WIN, day(20), Standing::Other, false),
        (&account, FOLLOW_UP, day(20), Standing::Owner, false),
        (&again, WIN, day(20), Standing::Owner, false),
    ] {
        let activity = told(kind, at);
        let heard = Heard::new(scene.org, &activity, standing);
        assert_eq!(asks_of_reversals(account, &heard), wanted, "{kind} at {at}");
    }
}

/// Two that each would not save it do so together; it is disputed once; whatever is learned is kept.
#[test]
fn it_is_disputed_once() {
    let both = ReclaimTerms {
        days: RuleDays {
            follow_up: Some(30),
            close: Some(30),
            ..RuleDays::default()
        },
        combine: Some(crate::domain::retention::terms::Combine::Either),
        ..ReclaimTerms::default()
    };
    let stage = Stage::new().ruled(&both);
    let (call, win) = (told(FOLLOW_UP, day(20)), told(WIN, day(1)));
    assert!(!disputed(&stage, &call));
    let mut account = taken(&stage);
    assert!(!noted(&stage, &mut account, &[&call], Standing::Owner));
    let known = account.memory.reclaimed.clone().unwrap();
    assert_eq!(known.last_follow_up_time, Some(day(20)));
    assert!(noted(&stage, &mut account, &[&win], Standing::Owner));
    assert_eq!(account.disputed_time, Some(day(31)));
    account.update_time = day(32);
    assert!(!noted(
        &stage,
        &mut account,
        &[&told(FOLLOW_UP, day(25))],
        Standing::Owner
    ));
    assert_eq!(account.disputed_time, Some(day(31)));
    let known = account.memory.reclaimed.clone().unwrap();
    assert_eq!(
        (known.last_follow_up_time, known.last_won_time),
        (Some(day(25)), Some(day(1)))
    );
    // Earlier ones move nothing back.
    noted(
        &stage,
        &mut account,
        &[&told(FOLLOW_UP, day(2)), &told(WIN, day(0))],
        Standing::Owner,
    );
    let known = account.memory.reclaimed.unwrap();
    assert_eq!(
        (known.last_follow_up_time, known.last_won_time),
        (Some(day(25)), Some(day(1)))
    );
}

/// Rules that give more time today were not those of then: only news dispute a reclaim, and they are asked about then.
#[test]
fn rules_of_today_dispute_nothing_by_themselves() {
    let longer = Stage::new().ruled(&follow_up(60));
    let mut account = taken(&Stage::new());
    let nothing = [
        &told("customer.sneezed", day(20)),
        &told("opportunity.reopened", day(20)),
    ];
    assert!(!noted(&longer, &mut account, &nothing, Standing::Owner));
    assert!(!noted(&longer, &mut account, &[], Standing::Owner));
    assert!(noted(
        &longer,
        &mut account,
        &[&told(FOLLOW_UP, day(0))],
        Standing::Owner
    ));
    // By the time at which this becomes known the rule is not for the account any more; then it was.
    let young = ReclaimTerms {
        created_within_months: Some(1),
        ..follow_up(30)
    };
    let stage = Stage::new().ruled(&young);
    let mut account = taken(&stage);
    account.update_time = day(40);
    assert!(!noted(
        &stage,
        &mut account,
        &[&told(FOLLOW_UP, day(0))],
        Standing::Owner
    ));
    assert!(noted(
        &stage,
        &mut account,
        &[&told(FOLLOW_UP, day(1))],
        Standing::Owner
    ));
}

/// Nothing is disputed that nobody lost to a rule, or that somebody owns by now.
#[test]
fn only_a_reclaim_that_stands_is_disputed() {
    let stage = Stage::new();
    let call = told(FOLLOW_UP, day(20));
    let mut again = taken(&stage);
    again.status = Status::Assigned;
    let mut returned = taken(&stage);
    returned.memory.reclaimed = None;
    let mut orphan = taken(&stage);
    orphan.last_owner = None;
    for account in [&mut again, &mut returned, &mut orphan] {
        let before = account.clone();
        assert!(!noted(&stage, account, &[&call], Standing::Owner));
        assert_eq!(*account, before);
        assert!(!by_last_owner(account, &call));
    }
}

/// A deal counts as closed by the owner if he closed it in his time.
#[test]
fn deals_of_his_time_are_the_last_owners() {
    let stage = Stage::new();
    let account = taken(&stage);
    for (actor, at, wanted) in [
        (Some("ann"), day(0) - TICK, false),
        (Some("ann"), day(0), true),
        (Some("ann"), day(30) - TICK, true),
        (Some("ann"), day(30), false),
        (Some("mem"), day(20), false),
        (None, day(20), false),
    ] {
        let activity = Activity {
            actor: actor.map(user),
            ..told(WIN, at)
        };
        assert_eq!(by_last_owner(&account, &activity), wanted, "{actor:?} at {at}");
    }
}
