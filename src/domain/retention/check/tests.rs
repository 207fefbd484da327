//! Faults of stored clocks, each made by hand.

use super::*;
use crate::domain::retention::{
    terms::{AdvanceReminder, Recipient, ReclaimTerms, RuleDays},
    tests::{Shop, owned},
};
use chrono::TimeDelta;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_330_400, 0).unwrap()
}

fn thirty() -> ReclaimTerms {
    ReclaimTerms {
        days: RuleDays {
            follow_up: Some(30),
            ..RuleDays::default()
        },
        reminders: vec![AdvanceReminder {
            days_before: 3,
            recipients: vec![Recipient::Owner],
        }],
        ..ReclaimTerms::default()
    }
}

/// X15: a stored clock is right, or it is said what is not; an account that waits for the worker is left to it.
#[test]
fn what_is_wrong_with_a_stored_clock_is_named() {
    let shop = Shop::new().pool(1).rule(1, 1, &thirty());
    let mut right = owned(Some(1), start());
    retention_plan::plan(&shop.org, &mut right);
    let wake = right.clock.wake_time.unwrap();
    let deadline = right.clock.reclaim_time.unwrap();
    assert!(wake < deadline);
    let second = TimeDelta::seconds(1);
    let with = |change: fn(&mut RetentionClock)| {
        let mut account = right.clone();
        change(&mut account.clock);
        account
    };
    let later = with(|clock| clock.reclaim_time = clock.reclaim_time.map(|at| at + TimeDelta::seconds(1)));
    let anchor = with(|clock| clock.anchor_time = None);
    let rule = with(|clock| clock.rule_id = None);
    let late = with(|clock| clock.wake_time = clock.reclaim_time.map(|at| at + TimeDelta::seconds(1)));
    let early = with(|clock| clock.wake_time = clock.wake_time.map(|at| at - TimeDelta::days(1)));
    let never = with(|clock| clock.wake_time = None);
    let table = [
        (&right, start(), vec![]),
        (&right, wake - second, vec![]),
        (&later, start(), vec![Fault::Deadline]),
        (&anchor, start(), vec![Fault::Deadline]),
        (&rule, start(), vec![Fault::Deadline]),
        (&late, start(), vec![Fault::Wake]),
        (&never, start(), vec![Fault::Wake]),
        (&early, start(), vec![]),
        // The worker's.
        (&later, wake, vec![]),
        // Due, and left alone until events had time to arrive.
        (&late, deadline, vec![]),
        (&never, deadline, vec![Fault::Wake]),
    ];
    for (at, (account, now, expected)) in table.into_iter().enumerate() {
        assert_eq!(faults(&shop.org, account, now), expected, "{at}");
    }
    // Nothing is to come of an account without a rule, so the worker never looks at it.
    let none = Shop::new().pool(1);
    let mut bare = owned(Some(1), start());
    retention_plan::plan(&none.org, &mut bare);
    assert_eq!(faults(&none.org, &bare, start()), []);
    bare.clock.wake_time = Some(start() + second);
    assert_eq!(faults(&none.org, &bare, start()), [Fault::Wake]);
}
