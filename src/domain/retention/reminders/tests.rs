//! Reminders against the worked examples.

use super::*;
use crate::domain::retention::{
    calendar::NINE,
    clock::{AnchorCause, Basis},
    terms::RuleDays,
};
use chrono::FixedOffset;
use chrono_tz::Asia;

fn shanghai(text: &str) -> DateTime<Utc> {
    let text = format!("2026-{}:00+08:00", text.replace(' ', "T"));
    text.parse::<DateTime<FixedOffset>>().unwrap().to_utc()
}

fn due(at: &str) -> Deadline {
    Deadline {
        anchor: shanghai("03-01 10:00"),
        at: shanghai(at),
        basis: Basis::FollowUp,
        cause: AnchorCause::OwnerSince,
    }
}

fn reminding(days: &[u32]) -> ReclaimTerms {
    let reminder = |days_before: &u32| AdvanceReminder {
        days_before: *days_before,
        recipients: vec![Recipient::Owner],
    };
    ReclaimTerms {
        days: RuleDays {
            follow_up: Some(30),
            ..RuleDays::default()
        },
        reminders: days.iter().map(reminder).collect(),
        ..ReclaimTerms::default()
    }
}

fn next_at_time(
    terms: &ReclaimTerms,
    deadline: &str,
    sent: Option<Reminded>,
    now: &str,
) -> Option<(DateTime<Utc>, u32)> {
    let next = next(terms, &due(deadline), sent, NINE, Asia::Shanghai, shanghai(now));
    next.map(|next| (next.at, next.days_before))
}

/// T50-T52: at least n full days before, at the time of day at which reminders go out.
#[test]
fn t50_to_t52_advance_reminders() {
    for (deadline, expected) in [
        ("03-31 10:00", "03-28 09:00"),
        ("03-31 08:00", "03-27 09:00"),
        ("03-31 09:00", "03-28 09:00"),
    ] {
        let next = next_at_time(&reminding(&[3]), deadline, None, "03-01 10:00");
        assert_eq!(next, Some((shanghai(expected), 3)), "{deadline}");
    }
}

/// Days before are full days, and a reminder from before the days began reminds of nothing.
#[test]
fn a_reminder_is_of_days_that_have_begun() {
    let next = |days| next_at_time(&reminding(&[days]), "03-31 10:00", None, "02-01 10:00");
    assert_eq!(next(30), Some((shanghai("03-01 09:00"), 30)));
    assert_eq!(next(31), None);
}

/// R136: several reminders, each once for a deadline; another deadline arms them again.
#[test]
fn r136_each_reminder_is_sent_once_for_a_deadline() {
    let terms = reminding(&[1, 7, 3]);
    let sent = |deadline, days_before| {
        Some(Reminded {
            deadline: shanghai(deadline),
            days_before,
        })
    };
    let deadline = "03-31 10:00";
    assert_eq!(
        next_at_time(&terms, deadline, None, "03-01 10:00"),
        Some((shanghai("03-24 09:00"), 7))
    );
    let after = next_at_time(&terms, deadline, sent(deadline, 7), "03-24 09:00");
    assert_eq!(after, Some((shanghai("03-28 09:00"), 3)));
    assert_eq!(next_at_time(&terms, deadline, sent(deadline, 1), "03-30 09:00"), None);
    let moved = next_at_time(&terms, "04-02 10:00", sent(deadline, 1), "03-30 09:00");
    assert_eq!(moved, Some((shanghai("03-30 09:00"), 3)));
}

/// What is late is sent at once, and of several late ones only the nearest.
#[test]
fn a_late_reminder_is_sent_at_once_and_alone() {
    let terms = reminding(&[7, 3, 1]);
    let late = next_at_time(&terms, "03-31 10:00", None, "03-29 12:00");
    assert_eq!(late, Some((shanghai("03-28 09:00"), 3)));
    let all = upcoming(
        &terms,
        &due("03-31 10:00"),
        None,
        NINE,
        Asia::Shanghai,
        shanghai("03-29 12:00"),
        30,
    );
    let days: Vec<_> = all.iter().map(|next| next.days_before).collect();
    assert_eq!(days, [3, 1]);
    let (due, now) = (due("03-31 10:00"), shanghai("03-29 12:00"));
    let first = upcoming(&terms, &due, None, NINE, Asia::Shanghai, now, 1);
    assert_eq!(first, all[..1]);
}

/// A first contact that is due in two days is not reminded of three days before.
#[test]
fn nothing_reminds_before_the_days_began() {
    assert_eq!(next_at_time(&reminding(&[3]), "03-03 10:00", None, "03-01 10:00"), None);
}

/// R190, R155: every day, also of rules for new customers.
#[test]
fn r190_reminders_of_new_customers_are_repeated_every_day() {
    let daily = ReclaimTerms {
        repeat_daily: true,
        ..reminding(&[3])
    };
    let new = ReclaimTerms {
        created_within_months: Some(6),
        ..reminding(&[3])
    };
    for terms in [daily, new] {
        let all = upcoming(
            &terms,
            &due("03-31 10:00"),
            None,
            NINE,
            Asia::Shanghai,
            shanghai("03-01 10:00"),
            30,
        );
        let times: Vec<_> = all.iter().map(|next| next.at).collect();
        assert_eq!(times, ["03-28 09:00", "03-29 09:00", "03-30 09:00"].map(shanghai));
    }
}

/// X04: the owner first, others as the deadline comes nearer.
#[test]
fn x04_recipients_by_distance() {
    let mut terms = reminding(&[7, 3, 1]);
    terms.reminders[1].recipients = vec![Recipient::Owner, Recipient::Supervisor];
    terms.reminders[2].recipients = vec![Recipient::PoolAdmins];
    assert_eq!(recipients(&terms, 7), [Recipient::Owner]);
    assert_eq!(recipients(&terms, 5), [Recipient::Owner]);
    assert_eq!(recipients(&terms, 3), [Recipient::Owner, Recipient::Supervisor]);
    assert_eq!(recipients(&terms, 1), [Recipient::PoolAdmins]);
}

/// R153: so many days after the last that happened, once or every day, and again when something happened since.
#[test]
fn r153_reminders_that_nothing_happens() {
    let anchor = shanghai("03-01 10:00");
    let next = |daily, sent: Option<&str>| next_nudge(anchor, 5, daily, sent.map(shanghai), NINE, Asia::Shanghai);
    assert_eq!(next(false, None), Some(shanghai("03-06 10:00")));
    assert_eq!(next(false, Some("02-20 10:00")), Some(shanghai("03-06 10:00")));
    assert_eq!(next(false, Some("03-06 10:00")), None);
    assert_eq!(next(true, Some("03-06 10:00")), Some(shanghai("03-07 09:00")));
    assert_eq!(next(true, Some("03-07 09:00")), Some(shanghai("03-08 09:00")));
}
