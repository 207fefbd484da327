//! X14: how many, and what a window lets through.

use super::*;

fn settings(percent: u32, accounts: u32) -> TenantSettings {
    TenantSettings {
        breaker_percent: percent,
        breaker_accounts: accounts,
        ..TenantSettings::new("Acme".into(), chrono_tz::UTC)
    }
}

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
}

/// X14: a share of the pool or a number, whichever is reached first; tiny pools are not stopped by their size.
#[test]
fn the_limit_is_a_share_or_a_number() {
    for (percent, accounts, assigned, expected) in [
        (20, 1000, 0, 20),
        (20, 1000, 99, 20),
        (20, 1000, 100, 20),
        (20, 1000, 104, 20),
        (20, 1000, 105, 21),
        (20, 1000, 5000, 1000),
        (20, 1000, 5005, 1000),
        (20, 1000, 1_000_000, 1000),
        (100, 1_000_000, 300, 300),
        (1, 1000, 50_000, 500),
        // A third of what is counted is all that may be taken, and no fraction less.
        (33, 500, 2000, 500),
        // What an admin chose counts, also below the floor.
        (20, 5, 1000, 5),
    ] {
        assert_eq!(
            limit(&settings(percent, accounts), assigned),
            expected,
            "{percent} {accounts} {assigned}"
        );
        let seen = assigned.min(countable(&settings(percent, accounts)));
        assert_eq!(
            limit(&settings(percent, accounts), seen),
            expected,
            "counted as far as {seen}"
        );
    }
}

/// X14: exactly so many go through, the surplus opens it, and time alone does not close it again.
#[test]
fn the_surplus_opens_it_for_good() {
    let rules = settings(20, 1000);
    let mut breaker = Breaker::current(None, &rules, 150, at(0));
    assert_eq!((breaker.take(20, at(1)), breaker.is_open()), (20, false));
    assert_eq!((breaker.take(10, at(2)), breaker.is_open()), (10, false));
    assert_eq!((breaker.take(5, at(3)), breaker.open_time), (0, Some(at(3))));
    assert_eq!(breaker.take(1, at(4)), 0);
    assert_eq!(breaker.open_time, Some(at(3)), "since when it is open stays");
    assert_eq!(Breaker::current(Some(breaker), &rules, 10_000, at(500)), breaker);
    assert!(!Breaker::begins(Some(&breaker), at(500)));
}

/// X14: what was let through is forgotten when the window is over, and not a moment before.
#[test]
fn windows_follow_each_other() {
    let rules = settings(20, 1000);
    let mut breaker = Breaker::current(None, &rules, 150, at(0));
    breaker.take(30, at(0));
    let before = at(24) - TimeDelta::microseconds(1);
    assert!(!Breaker::begins(Some(&breaker), before) && Breaker::begins(Some(&breaker), at(24)));
    assert!(Breaker::begins(None, at(0)));
    assert!(!breaker.is_over(before) && breaker.is_over(at(24)));
    assert_eq!(Breaker::current(Some(breaker), &rules, 120, before).left(), 0);
    assert_eq!(Breaker::current(Some(breaker), &rules, 120, at(24)).left(), 24);
}

/// X14: a confirmation lets exactly so many through; nothing is confirmed in advance.
#[test]
fn a_confirmation_is_for_so_many() {
    let mut breaker = Breaker::current(None, &settings(20, 1000), 0, at(0));
    assert_eq!(breaker.confirm(5, at(1)).unwrap_err().reason, Reason::BreakerClosed);
    breaker.take(21, at(1));
    let mut breaker = breaker.confirm(5, at(30)).unwrap();
    assert_eq!(
        Breaker::current(Some(breaker), &settings(100, 1000), 1000, at(31)),
        breaker
    );
    assert_eq!((breaker.take(6, at(31)), breaker.is_open()), (5, true));
}
