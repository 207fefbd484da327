//! Explanations say what is stored, whatever is configured: a property over random rules, leaves, pauses and facts.

use super::{
    tests::{day, user},
    *,
};
use crate::domain::{
    configured::Configured,
    retention::{
        calendar::{Cutoff, DayCounting},
        check::faults,
        config::{RetentionPause, UserAbsence},
        reminder_rule::{ReminderRule, ReminderTerms},
        terms::{AdvanceReminder, AfterWin, Combine, GradeDays, Recipient, RuleDays},
        tests::{Shop, owned, pool_id},
    },
    retention_plan,
};
use chrono_tz::Asia;
use proptest::{
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed},
};
use uuid::Uuid;

prop_compose! {
    fn terms()(
        (a, b, close, clocks) in (1..=40_u32, 1..=40_u32, 1..=60_u32, 0..3_u8),
        (first, either, daily, business, cutoff) in any::<(bool, bool, bool, bool, bool)>(),
        after_win in option::of(select(vec![AfterWin::Exempt, AfterWin::Restart])),
        max_hold_days in option::of(20..80_u32),
        contract_end_days in option::of(1..30_u32),
        created_within_months in option::weighted(0.2, 1..3_u32),
        grade in option::of(1..40_u32),
        condition in select(vec!["", "account.grade == \"A\"", "older_than_months(1)", "account.won_count > 0"]),
        reminders in proptest::collection::btree_set(1..20_u32, 0..3),
    ) -> ReclaimTerms {
        let follow_up = (clocks != 1).then_some(a.max(b));
        let grade = grade.zip(follow_up).map(|(days, _)| GradeDays {
            grade: "A".into(),
            days: RuleDays { follow_up: Some(days), ..RuleDays::default() },
        });
        ReclaimTerms {
            days: RuleDays {
                follow_up,
                first_contact: follow_up.filter(|_| first).map(|_| a.min(b)),
                close: (clocks != 0).then_some(close),
            },
            grade_days: grade.into_iter().collect(),
            combine: (clocks == 2).then_some(if either { Combine::Either } else { Combine::Both }),
            after_win,
            cutoff: Some(if cutoff { Cutoff::USUAL } else { Cutoff::None }),
            day_counting: if business { DayCounting::Business } else { DayCounting::Calendar },
            max_hold_days,
            contract_end_days,
            created_within_months,
            condition: condition.into(),
            reminders: reminders.into_iter().map(|days_before| AdvanceReminder {
                days_before,
                recipients: vec![Recipient::Owner],
            }).collect(),
            repeat_daily: daily,
            ..ReclaimTerms::default()
        }
    }
}

prop_compose! {
    /// A few rules of the pool, leaves, pauses, a reminder rule.
    fn shop()(
        rules in proptest::collection::vec((terms(), any::<bool>(), option::of(-20..20_i64)), 1..4),
        absences in proptest::collection::vec((-20..60_i64, 1..20_i64), 0..3),
        pauses in proptest::collection::vec((-20..60_i64, option::of(1..20_i64)), 0..3),
        idle in option::of((1..20_u32, any::<bool>(), any::<bool>())),
    ) -> Shop {
        let mut shop = Shop::new().pool(1);
        for (at, (terms, enabled, floor)) in (1..).zip(rules) {
            shop = shop.rule(1, at, &terms);
            let rule = shop.rows.reclaim_rules.last_mut().unwrap();
            rule.config.enabled = enabled || at == 1;
            rule.config.clock_floor = floor.map(day);
        }
        let rows = &mut shop.rows;
        rows.absences = (100..).zip(absences).map(|(id, (from, days))| {
            let absence = UserAbsence {
                user_id: user("ann"),
                absence: Absence { from: day(from), until: day(from + days) },
                reason: String::new(),
            };
            Configured::new(Uuid::from_u128(id), absence, DateTime::UNIX_EPOCH)
        }).collect();
        rows.pauses = (200..).zip(pauses).map(|(id, (from, days))| {
            let span = Span { from: day(from), until: days.map(|days| day(from + days)) };
            let pause = RetentionPause { pool_id: None, span, reason: String::new() };
            Configured::new(Uuid::from_u128(id), pause, DateTime::UNIX_EPOCH)
        }).collect();
        rows.reminder_rules = idle.into_iter().map(|(idle_days, until_won, repeat_daily)| {
            let rule = ReminderRule {
                home: RuleHome::Pool(pool_id(1)),
                include_sub_departments: false,
                enabled: true,
                terms: ReminderTerms {
                    idle_days,
                    until_won,
                    repeat_daily,
                    recipients: vec![Recipient::Owner],
                    ..ReminderTerms::default()
                },
            };
            Configured::new(Uuid::from_u128(300), rule, DateTime::UNIX_EPOCH)
        }).collect();
        shop.compiled()
    }
}

prop_compose! {
    fn account()(
        grade in select(vec!["A", "B"]),
        (follow_up, won, contract, extended) in (
            option::of(-20_000..40_000_i64), option::of(-20_000..40_000_i64),
            option::of(-20..60_i64), option::of(1..60_i64),
        ),
        lock in option::of((0..30_i64, option::of(1..30_i64))),
        notice in option::of(1..30_i64),
    ) -> Account {
        let minute = |n| day(0) + TimeDelta::minutes(n);
        let mut account = owned(Some(1), day(0));
        account.profile.grade = grade.into();
        account.last_follow_up_time = follow_up.map(minute);
        account.last_won_time = won.map(minute);
        account.won_count = i64::from(won.is_some());
        account.contract_end_time = contract.map(day);
        account.clock.tenure.extended_to = extended.map(day);
        account.clock.notice_floor = notice.map(day);
        account.lock = lock.map(|(from, days)| Lock {
            user: user("ann"),
            from: day(from),
            until: days.map(|days| day(from + days)),
        });
        account
    }
}

proptest! {
    // The same cases in every run.
    #![proptest_config(Config { cases: 1_000, rng_seed: RngSeed::Fixed(8), failure_persistence: None, ..Config::default() })]

    // X08, X15: until the worker's next look nothing happens, so what an explanation says is what is stored, and verify
    // finds nothing wrong with it.
    #[test]
    fn an_explanation_says_what_is_stored(
        shop in shop(), account in account(), planned in 0..80_i64, passed in 0..100_000_u32,
    ) {
        let mut stored = account;
        stored.update_time = day(planned);
        retention_plan::plan(&shop.org, &mut stored);
        // Some time from then until the worker looks, or long after where it never does.
        let wake = stored.clock.wake_time.unwrap_or(day(planned + 400));
        let wait = (wake - day(planned)).num_seconds().max(0);
        let now = day(planned) + TimeDelta::seconds(wait * i64::from(passed) / 100_000);
        let found = explain(&shop.org, &stored, now).unwrap();
        let deadline = found.look.workings.deadline;
        prop_assert_eq!(deadline.map(|deadline| deadline.at), stored.clock.reclaim_time);
        prop_assert_eq!(deadline.map(|deadline| deadline.anchor), stored.clock.anchor_time);
        prop_assert_eq!(found.look.matched.rule.map(|rule| rule.id), stored.clock.rule_id);
        prop_assert_eq!(found.outcome == Outcome::Reclaim, stored.clock.reclaim_time.is_some());
        prop_assert_eq!(faults(&shop.org, &stored, now), vec![]);
        prop_assert!(stored.clock.wake_time.is_none_or(|wake| stored.clock.reclaim_time.is_none_or(|at| wake <= at)));
        prop_assert_eq!(found.tz, Asia::Shanghai);
    }
}
