//! How long until the next attempt, when none comes any more, and who waits for whom.

use super::*;
use uuid::Uuid;

const ERROR: Failure = Failure::Status(500, None);

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + seconds)
}

fn waits(attempts: u32, failure: Failure, spread: f64) -> Option<i64> {
    again_at(attempts, 8, failure, at(0), spread).map(|time| (time - at(0)).num_seconds())
}

#[test]
fn eight_attempts_take_about_a_day() {
    let middle: Vec<_> = (1..=8).map(|attempts| waits(attempts, ERROR, 0.5)).collect();
    let expected = [30, 120, 480, 1920, 7680, 30_720, 43_200];
    let mut all: Vec<_> = expected.map(Some).into();
    all.push(None);
    assert_eq!(middle, all);
    assert_eq!(expected.iter().sum::<i64>() / 3600, 23);
    // A fifth to both sides.
    for (spread, wait) in [(0.0, 24), (0.25, 27), (1.0, 36), (7.0, 36), (-1.0, 24)] {
        assert_eq!(waits(1, ERROR, spread), Some(wait), "{spread}");
    }
    assert_eq!(again_at(1, 1, ERROR, at(0), 0.5), None);
    assert!(again_at(u32::MAX - 1, u32::MAX, ERROR, at(0), 0.5).is_some());
}

#[test]
fn a_target_that_names_a_time_is_left_alone_until_then() {
    let after = |seconds| Failure::Status(429, Some(Duration::from_secs(seconds)));
    assert_eq!(waits(1, after(300), 0.5), Some(300));
    // Sooner than it would be tried anyway, or later than ever.
    assert_eq!(waits(2, after(5), 0.5), Some(120));
    assert_eq!(waits(1, after(u64::MAX), 0.5), Some(43_200));
    assert_eq!(waits(8, after(300), 0.5), None);
}

#[test]
fn only_a_status_of_success_means_that_it_was_taken() {
    for (status, taken) in [
        (100, false),
        (199, false),
        (200, true),
        (202, true),
        (204, true),
        (299, true),
        (300, false),
        (301, false),
        (302, false),
        (304, false),
        (307, false),
        (308, false),
        (400, false),
        (401, false),
        (404, false),
        (409, false),
        (410, false),
        (429, false),
        (500, false),
        (503, false),
        (999, false),
    ] {
        assert_eq!(is_taken(status), taken, "{status}");
    }
    assert!(Failure::Status(410, None).is_gone() && !Failure::Status(404, None).is_gone());
}

#[test]
fn a_failure_says_what_it_was_in_few_words() {
    for (failure, text) in [
        (Failure::Status(503, Some(Duration::from_secs(1))), "status 503"),
        (
            Failure::Address("carrier-grade NAT"),
            "address not allowed: carrier-grade NAT",
        ),
        (Failure::Timeout, "timeout"),
    ] {
        assert_eq!(failure.to_string(), text);
        assert!(text.len() <= 64);
    }
}

#[test]
fn a_target_that_takes_nothing_is_left_alone_for_longer_and_longer() {
    let mut health = Health::default();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        health.failed(at(5));
        if health.is_down() {
            health.pause(at(5), 0.5);
            pauses.push((health.pause_until.unwrap() - at(5)).num_seconds());
        }
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
    assert_eq!(health.failing_since, Some(at(5)));
    health.failures = u32::MAX;
    health.pause(at(5), 0.5);
    assert_eq!(health.pause_until, Some(at(605)));
    health.went_well();
    assert_eq!(health, Health::default());
}

#[test]
fn a_webhook_is_given_up_after_days_and_many_attempts() {
    let after = TimeDelta::hours(72);
    let failing = |failures| Health {
        failures,
        failing_since: Some(at(0)),
        pause_until: None,
    };
    let day3 = at(72 * 3600);
    assert!(failing(20).is_given_up(day3, after));
    assert!(!failing(19).is_given_up(day3, after));
    assert!(!failing(20).is_given_up(day3 - TimeDelta::microseconds(1), after));
    assert!(!Health::default().is_given_up(day3, after));
}

fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

fn row(position: i64, of: u128, attempts: u32, next: i64) -> Waiting {
    Waiting {
        position,
        account: account(of),
        attempts,
        next_time: if next == 0 { DateTime::UNIX_EPOCH } else { at(next) },
        attempt_time: at(0),
        error: String::new(),
    }
}

/// Account 1 waits from 3 on, account 2 is due, account 3 has been due for long and has followers.
fn queue() -> Queue {
    Queue::new(vec![
        row(3, 1, 1, 60),
        row(4, 2, 2, 10),
        row(5, 1, 0, 0),
        row(6, 3, 1, 1),
        row(7, 3, 0, 0),
        row(8, 3, 1, 90),
        row(9, 3, 0, 0),
    ])
}

#[test]
fn the_first_of_each_account_goes_first_and_holds_the_others() {
    let queue = queue();
    assert_eq!(queue.due(at(0), 10), Vec::<i64>::new());
    assert_eq!(queue.due(at(1), 10), [6, 7]);
    assert_eq!(queue.due(at(10), 10), [4, 6, 7]);
    assert_eq!(queue.due(at(60), 10), [3, 4, 5, 6, 7]);
    assert_eq!(queue.due(at(90), 10), [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(queue.due(at(90), 2), [3, 4]);
    assert_eq!((queue.next_time(), queue.len()), (Some(at(1)), 7));
    assert!(queue.holds(account(1)) && !queue.holds(account(4)));
}

#[test]
fn a_turn_leaves_what_failed_and_all_behind_it() {
    let mut queue = queue();
    let again = |attempts| again_at(attempts, 3, ERROR, at(10), 0.5);
    queue.delivered(6);
    assert!(!queue.failed((7, account(3)), ERROR, at(10), again));
    assert!(!queue.may_go(8) && queue.may_go(5));
    // Its third attempt was the last; what is behind it goes on.
    assert!(queue.failed((4, account(2)), ERROR, at(10), again));
    assert!(!queue.holds(account(2)));
    // New ones: one fails, the next of its account follows.
    assert!(!queue.failed((10, account(4)), ERROR, at(10), again));
    assert!(queue.holds(account(4)));
    queue.follow(11, account(4));
    let changes = queue.changes();
    assert_eq!(changes.gone, [6]);
    let dead: Vec<_> = changes.dead.iter().map(|row| (row.position, row.attempts)).collect();
    assert_eq!(dead, [(4, 3)]);
    let told = |row: &Waiting| {
        (
            row.position,
            row.attempts,
            (row.next_time - at(10)).num_seconds().max(0),
        )
    };
    assert_eq!(
        changes.waiting.iter().map(told).collect::<Vec<_>>(),
        [(7, 1, 30), (10, 1, 30), (11, 0, 0)]
    );
    assert_eq!(changes.waiting[0].error, "status 500");
    assert_eq!(queue.next_time(), Some(at(40)));
}

#[test]
fn what_fails_and_then_goes_leaves_nothing() {
    let mut queue = Queue::default();
    queue.follow(1, account(1));
    queue.delivered(1);
    assert!(queue.is_empty() && queue.next_time().is_none() && !queue.holds(account(1)));
    assert_eq!(queue.changes().gone, [1]);
}
