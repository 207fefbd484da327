//! How jobs go through their accounts.

use super::*;
use std::time::Duration;
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
