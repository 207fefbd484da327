//! How jobs go through their accounts.

use super::*;
use crate::domain::{
    pool::Pool,
    refusal::Reason,
    retention::tests::pool_id,
    stage::{Stage, user},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

fn job(work: Work) -> Job {
    let now = DateTime::UNIX_EPOCH;
    Job {
        id: JobId(Uuid::nil()),
        state: JobState::Running,
        work,
        administers: true,
        caller: CallerId::parse("test").unwrap(),
        actor: None,
        phase: 0,
        after: None,
        turn: 0,
        total: 0,
        done: 0,
        moved: 0,
        refused: 0,
        reason: String::new(),
        message: String::new(),
        version: 1,
        create_time: now,
        update_time: now,
        finish_time: None,
    }
}

/// Phases until the end, where each pass finds so many accounts.
fn phases(work: Work, found: &[i64]) -> i64 {
    let mut job = job(work);
    while job.state.is_open() {
        let pass = usize::try_from(job.phase / job.work.parts()).unwrap();
        if job.work.passes() > 1 && job.phase % job.work.parts() == 0 {
            assert_eq!(job.turn, 0);
            job.turn = *found.get(pass).or(found.last()).unwrap();
        }
        job = job.next_phase(DateTime::UNIX_EPOCH);
    }
    assert_eq!(job.state, JobState::Succeeded);
    job.phase
}

#[test]
fn all_is_gone_through_until_nothing_new_is_found() {
    let pool = PoolId(Uuid::nil());
    let whole = || Work::TransferPool {
        source: pool,
        target: pool,
        clear_owner: false,
    };
    let leaver = || Work::ReleaseOwner {
        user: UserId::parse("eve").unwrap(),
        target: None,
    };
    let matching = Work::TransferMatching {
        selection: Selection {
            pool,
            filter: Filter::default(),
            accounts: vec![],
        },
        target: pool,
        clear_owner: false,
    };
    assert_eq!(phases(whole(), &[0]), 1);
    assert_eq!(phases(whole(), &[7, 0]), 2);
    assert_eq!(phases(whole(), &[7, 2, 1, 0]), 4);
    assert_eq!(phases(whole(), &[1]), PASSES);
    assert_eq!(phases(leaver(), &[7, 0]), 4);
    assert_eq!(phases(leaver(), &[1]), 2 * PASSES);
    assert_eq!(phases(matching, &[7]), 1);
}

#[test]
fn batches_follow_what_the_last_one_took() {
    let after = |size: usize, millis: u64| next_batch(size, Duration::from_millis(millis));
    for (size, millis, wanted) in [
        (25, 10, 50),
        (50, 124, 100),
        (100, 10, 100),
        (100, 125, 100),
        (100, 500, 100),
        (100, 501, 50),
        (3, 5000, 1),
        (1, 5000, 1),
        (1, 0, 2),
    ] {
        assert_eq!(after(size, millis), wanted, "{size} in {millis} ms");
    }
    assert!(BATCH.contains(BATCH.start()));
}

fn selection(filter: Filter, accounts: &[u128]) -> Selection {
    Selection {
        pool: pool_id(1),
        filter,
        accounts: accounts.iter().map(|id| AccountId(Uuid::from_u128(*id))).collect(),
    }
}

fn assign(assignees: &[&str], follow: &[Follows]) -> Work {
    Work::AssignMatching {
        selection: selection(Filter::default(), &[]),
        assignees: assignees.iter().copied().map(user).collect(),
        follow: follow.to_vec(),
    }
}

fn transfer(selection: Selection, target: u128) -> Work {
    Work::TransferMatching {
        selection,
        target: pool_id(target),
        clear_owner: false,
    }
}

fn release(who: &str, target: Option<u128>) -> Work {
    Work::ReleaseOwner {
        user: user(who),
        target: target.map(pool_id),
    }
}

fn whole(source: u128, target: u128) -> Work {
    Work::TransferPool {
        source: pool_id(source),
        target: pool_id(target),
        clear_owner: true,
    }
}

/// What is stored and published.
#[test]
fn states_and_kinds_have_numbers() {
    let states = [
        (JobState::Pending, 1, "PENDING", true),
        (JobState::Running, 2, "RUNNING", true),
        (JobState::Succeeded, 3, "SUCCEEDED", false),
        (JobState::Canceled, 4, "CANCELED", false),
        (JobState::Failed, 5, "FAILED", false),
    ];
    for (state, number, name, open) in states {
        assert_eq!((state.number(), state.as_str(), state.is_open()), (number, name, open));
        assert_eq!(JobState::from_number(number), Some(state));
    }
    assert_eq!(JobState::from_number(0).or(JobState::from_number(6)), None);
    let all = selection(Filter::default(), &[]);
    let works = [
        assign(&["ann"], &[]),
        transfer(all, 2),
        release("old", None),
        whole(1, 2),
        Work::RecomputeDeals,
    ];
    let numbers: Vec<_> = works.iter().map(Work::number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

/// Where its accounts are: those that are named, else those of its states, else those that this kind of work is about.
#[test]
fn work_finds_its_accounts() {
    let named = transfer(selection(Filter::default(), &[3, 4]), 2);
    let ids = [3, 4].map(|id| AccountId(Uuid::from_u128(id)));
    assert_eq!(named.source(0), Some(Source::Named(ids.to_vec())));
    assert_eq!(named.source(1), None);
    let among = |work: &Work, phase| match work.source(phase) {
        Some(Source::Listed(_, among)) => among,
        other => panic!("{other:?}"),
    };
    let in_pool = |statuses: &[Status]| Among::Places(statuses.iter().map(|it| (Some(pool_id(1)), *it)).collect());
    let all = || selection(Filter::default(), &[]);
    assert_eq!(among(&assign(&["ann"], &[]), 0), in_pool(&[Status::Unassigned]));
    assert_eq!(
        among(&transfer(all(), 2), 0),
        in_pool(&[Status::Unassigned, Status::Assigned])
    );
    let reporting = Filter {
        statuses: vec![Status::Reporting],
        ..Filter::default()
    };
    assert_eq!(
        among(&transfer(selection(reporting, &[]), 2), 0),
        in_pool(&[Status::Reporting])
    );
    assert_eq!(among(&whole(1, 2), 0), in_pool(KEPT));
    assert_eq!(
        among(&release("old", None), 0),
        Among::Owners(vec![user("old")], OWNED.to_vec())
    );
    assert_eq!(
        among(&release("old", None), 1),
        Among::TeamOf(user("old"), KEPT.to_vec())
    );
    assert_eq!(
        among(&release("old", None), 2),
        Among::Owners(vec![user("old")], OWNED.to_vec())
    );
    assert_eq!(among(&Work::RecomputeDeals, 0), Among::Tenant(LIVE.to_vec()));
    // Accounts that are named have to be in their pool; whoever left may own some in any.
    assert_eq!(named.within(), Some(pool_id(1)));
    assert_eq!(assign(&["ann"], &[]).within(), Some(pool_id(1)));
    assert_eq!(release("old", None).within(), None);
}

/// Whoever's turn it is comes first, and then the others, in their order.
#[test]
fn assignees_take_turns() {
    let to = |who: &[&str]| who.iter().map(|id| Move::Assign(user(id))).collect::<Vec<_>>();
    let work = assign(&["ann", "mem", "sue"], &[Follows::Contact]);
    assert_eq!(work.moves(0, 0), to(&["ann", "mem", "sue"]));
    assert_eq!(work.moves(0, 1), to(&["mem", "sue", "ann"]));
    assert_eq!(work.moves(0, 5), to(&["sue", "ann", "mem"]));
    assert_eq!(assign(&[], &[]).moves(0, 3), vec![]);
    assert_eq!(work.follow(), [Follows::Contact]);
    assert_eq!(whole(1, 2).follow(), []);
    let leaves = release("old", Some(2));
    let released = Move::Release {
        user: user("old"),
        target: Some(pool_id(2)),
    };
    assert_eq!(leaves.moves(0, 0), std::slice::from_ref(&released));
    assert_eq!(leaves.moves(1, 0), [Move::LeaveTeam(user("old"))]);
    assert_eq!(leaves.moves(2, 0), [released]);
    assert_eq!(Work::RecomputeDeals.moves(0, 0), []);
    assert_eq!(
        whole(1, 2).moves(0, 0),
        [Move::Relocate {
            source: pool_id(1),
            target: pool_id(2),
            clear_owner: true
        }]
    );
}

/// Another assignee is tried where it is the first one who cannot have it, and not where the account is in the way.
#[test]
fn another_one_may_where_it_is_about_him() {
    let refused = |reasons: &[Reason]| {
        let refusals = reasons.iter().map(|reason| Refusal::new(*reason, "no")).collect();
        another_may(&Error::Refused(refusals))
    };
    assert!(refused(&[Reason::HoldingLimitReached]));
    assert!(refused(&[Reason::AssigneeInactive, Reason::AssigneeNotMember]));
    assert!(!refused(&[Reason::PoolDisabled]));
    assert!(!refused(&[Reason::AssigneeInactive, Reason::PoolDisabled]));
    assert!(!another_may(&Error::internal()));
}

/// What may be started, by whom, and what could not end well for any account.
#[test]
fn jobs_are_checked_before_they_begin() {
    let mut stage = Stage::new();
    // Who administers pool 1 sees pool 2 as well.
    let second: &mut Pool = Arc::make_mut(stage.shop.org.pools.get_mut(&pool_id(2)).unwrap());
    second.config.members.users.push(user("adm"));
    let all = || selection(Filter::default(), &[]);
    for (who, work, deactivate, expected) in [
        ("adm", assign(&["ann", "mem"], &[]), false, "OK"),
        ("adm", assign(&["ann", "old"], &[]), false, "ASSIGNEE_INACTIVE"),
        ("adm", assign(&["top"], &[]), false, "ASSIGNEE_NOT_MEMBER"),
        (
            "adm",
            assign(&["top", "old"], &[]),
            false,
            "ASSIGNEE_NOT_MEMBER ASSIGNEE_INACTIVE",
        ),
        ("oth", assign(&["ann"], &[]), false, "NOT_FOUND"),
        ("mem", assign(&["ann"], &[]), false, "NOT_AUTHORIZED"),
        ("adm", transfer(all(), 2), false, "OK"),
        ("adm", transfer(all(), 1), false, "SAME_POOL"),
        ("adm", transfer(all(), 3), false, "TARGET_POOL_FORBIDDEN"),
        ("adm", transfer(all(), 9), false, "TARGET_POOL_FORBIDDEN"),
        ("oth", transfer(all(), 2), false, "NOT_FOUND"),
        ("mem", transfer(all(), 2), false, "NOT_AUTHORIZED"),
        ("root", release("old", None), false, "OK"),
        ("adm", release("old", None), false, "NOT_AUTHORIZED"),
        ("root", release("ann", None), false, "USER_ACTIVE"),
        ("root", release("ann", None), true, "OK"),
        ("root", release("nobody", None), true, "NOT_FOUND"),
        ("root", release("old", Some(2)), false, "OK"),
        ("root", release("old", Some(3)), false, "TARGET_POOL_FORBIDDEN"),
        ("root", Work::RecomputeDeals, false, "OK"),
        ("adm", Work::RecomputeDeals, false, "NOT_AUTHORIZED"),
        ("root", whole(1, 2), false, "OK"),
        ("root", whole(3, 2), false, "OK"),
        ("root", whole(1, 1), false, "SAME_POOL"),
        ("root", whole(1, 3), false, "TARGET_POOL_FORBIDDEN"),
        ("root", whole(9, 2), false, "NOT_FOUND"),
        ("root", whole(1, 9), false, "NOT_FOUND"),
        ("adm", whole(1, 2), false, "NOT_AUTHORIZED"),
        ("oth", whole(1, 2), false, "NOT_FOUND"),
        ("oth", whole(3, 2), false, "OK"),
        ("mem", whole(1, 2), false, "NOT_AUTHORIZED"),
    ] {
        let principal = stage.principal(who);
        let found = match check(&stage.scene(&principal), &work, deactivate) {
            Ok(()) => "OK".to_owned(),
            Err(Error::Refused(refusals)) => {
                let reasons: Vec<_> = refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
                reasons.join(" ")
            }
            Err(error) => error.reason().as_str().to_owned(),
        };
        assert_eq!(found, expected, "{who} {work:?}");
    }
    // Nothing is given from a pool that is out of use.
    let mut from_disabled = assign(&["ann"], &[]);
    if let Work::AssignMatching { selection, .. } = &mut from_disabled {
        selection.pool = pool_id(3);
    }
    let root = stage.principal("root");
    let refused = check(&stage.scene(&root), &from_disabled, false).unwrap_err();
    assert_eq!(refused.reason(), Reason::PoolDisabled);
}

/// A job is known to CRM admins, to whom it was started for, and to the service that started it for nobody.
#[test]
fn jobs_are_shown_to_whoever_started_them() {
    let stage = Stage::new();
    let (root, ann, mem) = (stage.principal("root"), stage.principal("ann"), stage.principal("mem"));
    let service = |name: &str| {
        let caller = CallerId::parse(name).unwrap();
        Principal::resolve(&stage.shop.org, caller, None, false).unwrap()
    };
    let mut own = job(Work::RecomputeDeals);
    own.caller = ann.caller.clone();
    own.actor = Some(user("ann"));
    assert!(own.is_shown_to(&ann) && own.is_shown_to(&root));
    assert!(!own.is_shown_to(&mem));
    own.actor = None;
    assert!(!own.is_shown_to(&ann));
    own.caller = CallerId::parse("erp").unwrap();
    assert!(own.is_shown_to(&service("erp")) && !own.is_shown_to(&service("crm")));
}

/// Accounts that were refused in the first pass are passed over in silence in the next ones.
#[test]
fn a_second_pass_is_one() {
    let mut leaver = job(release("old", None));
    assert!(!leaver.again());
    leaver.phase = 1;
    assert!(!leaver.again());
    leaver.phase = 2;
    assert!(leaver.again());
}
