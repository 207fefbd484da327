//! What one tenure leaves to the next, and what a pause does to what is overdue.

use super::*;
use crate::domain::{
    configured::Configured,
    retention::{notice::MIN_NOTICE, terms::ReclaimTerms},
    stage::{Stage, TICK, day, follow_up, user},
};
use chrono::TimeDelta;
use uuid::Uuid;

fn past(who: &str, since: DateTime<Utc>, until: DateTime<Utc>) -> PastTenure {
    PastTenure {
        user: user(who),
        since,
        until,
    }
}

fn no_restart(days: Option<u32>) -> Stage {
    Stage::new().ruled(&ReclaimTerms {
        no_restart_days: days,
        ..follow_up(30)
    })
}

/// `ann` gets it then, after these tenures.
fn begun(stage: &Stage, at: DateTime<Utc>, tenures: &[PastTenure]) -> Account {
    let mut account = stage.owned();
    account.owner_since = Some(at);
    account.update_time = at;
    account.memory.tenures = tenures.to_vec();
    begin(&stage.shop.org, &mut account);
    account
}

/// X17: whoever gets it back within seven days of his last tenure goes on with its clock, to the microsecond, whoever had it
/// meanwhile.
#[test]
fn x17_an_old_clock_goes_on_within_some_days() {
    let stage = no_restart(Some(7));
    let his = past("ann", day(0), day(5));
    let between = past("mem", day(5), day(9));
    let fresh = |at: DateTime<Utc>| at + TimeDelta::days(30);
    for (at, tenures, deadline) in [
        (day(9), vec![his.clone(), between.clone()], day(30)),
        (day(12), vec![his.clone(), between.clone()], day(30)),
        (
            day(12) + TICK,
            vec![his.clone(), between.clone()],
            fresh(day(12) + TICK),
        ),
        (day(9), vec![between.clone()], fresh(day(9))),
        (day(9), vec![], fresh(day(9))),
    ] {
        let account = begun(&stage, at, &tenures);
        assert_eq!(account.clock.reclaim_time, Some(deadline), "{at}: {tenures:?}");
        let goes_on = deadline == day(30);
        assert_eq!(account.clock.tenure.since, goes_on.then(|| day(0)), "{at}");
    }
    let never = begun(&no_restart(None), day(9), std::slice::from_ref(&his));
    assert_eq!(never.clock.reclaim_time, Some(fresh(day(9))));
    // What is over by the old clock leaves him a day, and what is not leaves him what there is.
    for (since, deadline) in [
        (day(-40), day(9) + MIN_NOTICE),
        (day(-20), day(10)),
        (day(-19), day(11)),
    ] {
        let account = begun(&stage, day(9), &[past("ann", since, day(5))]);
        assert_eq!(account.clock.reclaim_time, Some(deadline), "since {since}");
    }
}

/// X17: of each owner the last tenure is remembered, with the beginning of the chain that it goes on with; of eight owners.
#[test]
fn x17_tenures_are_remembered() {
    let stage = no_restart(Some(7));
    let mut account = begun(
        &stage,
        day(9),
        &[past("ann", day(0), day(5)), past("mem", day(5), day(9))],
    );
    account.clock.tenure.extended_days = 3;
    end(&mut account, day(11));
    let known = [past("mem", day(5), day(9)), past("ann", day(0), day(11))];
    assert_eq!(account.memory.tenures, known);
    assert_eq!(account.clock.tenure, TenureClock::default());
    let mut fresh = begun(&stage, day(9), &[]);
    end(&mut fresh, day(11));
    assert_eq!(fresh.memory.tenures, [past("ann", day(9), day(11))]);
    // Nobody owns it: there is nothing to remember.
    fresh.owner = None;
    end(&mut fresh, day(12));
    assert_eq!(fresh.memory.tenures.len(), 1);

    let mut account = stage.owned();
    for n in 0..9 {
        account.owner = Some(user(&format!("u{n}")));
        account.owner_since = Some(day(n));
        end(&mut account, day(n + 1));
    }
    let users: Vec<_> = account.memory.tenures.iter().map(|past| past.user.as_str()).collect();
    assert_eq!(users, ["u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"]);
}

/// X20: what is overdue when a pause runs waits for its end; what is not, or where none runs, stays as it is.
#[test]
fn x20_what_is_overdue_waits_for_the_end_of_a_pause() {
    let due = Stage::new().owned();
    assert_eq!(due.clock.reclaim_time, Some(day(30)));
    for (from, until, now, deadline) in [
        (day(31), Some(day(40)), day(31), Some(day(40))),
        (day(31), None, day(35), None),
        // Due at this very moment.
        (day(20), Some(day(40)), day(30), Some(day(40))),
        (day(29), Some(day(40)), day(30) - TICK, Some(day(30))),
        // Not yet, and not any more.
        (day(31), Some(day(40)), day(31) - TICK, Some(day(30))),
        (day(31), Some(day(40)), day(40), Some(day(30))),
    ] {
        let mut shop = Stage::new().shop;
        let pause = Configured::new(Uuid::from_u128(1), Stage::pause(from, until), DateTime::UNIX_EPOCH);
        shop.rows.pauses = vec![pause];
        let shop = shop.compiled();
        let mut account = due.clone();
        hold_overdue(&shop.org, &mut account, now);
        assert_eq!(account.clock.reclaim_time, deadline, "{from} to {until:?} at {now}");
    }
}
