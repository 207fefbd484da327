//! What is wrong with reclaim rules, all of it at once.

use super::*;
use crate::domain::retention::{
    terms::AfterWin,
    tests::{Shop, pool_id, rule_id},
};

fn follow_up(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        priority: 1,
        days: RuleDays {
            follow_up: Some(days),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    }
}

fn rule(terms: ReclaimTerms) -> ReclaimRule {
    ReclaimRule {
        home: RuleHome::Pool(pool_id(1)),
        include_sub_departments: false,
        enabled: true,
        clock_floor: None,
        terms,
    }
}

/// The fields that are wrong with a rule of pool 1; pool 2 is in use, pool 3 is not.
fn wrong(terms: ReclaimTerms) -> Vec<String> {
    let org = Shop::new().pool(1).pool(2).disabled(3).rule(1, 9, &follow_up(7)).org;
    let violations = rule(terms).validate(&org, None).into_vec();
    violations.into_iter().map(|violation| violation.field).collect()
}

/// R133, R134, R135, R146, R148: what can be configured.
#[test]
fn rules_that_can_be_saved() {
    let both = ReclaimTerms {
        days: RuleDays {
            follow_up: Some(30),
            first_contact: Some(30),
            close: Some(9999),
        },
        combine: Some(Combine::Both),
        after_win: Some(AfterWin::Restart),
        target_pool_id: Some(pool_id(2)),
        ..follow_up(30)
    };
    let close = ReclaimTerms {
        days: RuleDays {
            close: Some(1),
            ..RuleDays::default()
        },
        priority: 1,
        ..ReclaimTerms::default()
    };
    let never = ReclaimTerms {
        action: ReclaimAction::NoReclaim,
        priority: 1,
        ..ReclaimTerms::default()
    };
    for terms in [follow_up(30), both, close, never] {
        assert_eq!(wrong(terms.clone()), Vec::<String>::new(), "{terms:?}");
    }
}

/// D07: EITHER or BOTH must be chosen. D54: day counts are 1 to 9999.
#[test]
fn everything_wrong_is_named_at_once() {
    let terms = ReclaimTerms {
        display_name: "x".repeat(256),
        priority: 0,
        days: RuleDays {
            follow_up: Some(15),
            first_contact: Some(10_000),
            close: Some(0),
        },
        target_pool_id: Some(pool_id(3)),
        ..follow_up(15)
    };
    let fields = [
        "priority",
        "display_name",
        "first_contact_days",
        "close_days",
        "first_contact_days",
        "combine",
    ];
    assert_eq!(wrong(terms), [fields.as_slice(), &["target_pool_id"]].concat());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let without_days = ReclaimTerms {
        priority: 1,
        ..ReclaimTerms::default()
    };
    assert_eq!(wrong(without_days.clone()), ["follow_up_days"]);
    let first_only = ReclaimTerms {
        days: RuleDays {
            first_contact: Some(3),
            ..RuleDays::default()
        },
        ..without_days.clone()
    };
    assert_eq!(wrong(first_only), ["first_contact_days"]);
    let nothing_to_combine = ReclaimTerms {
        combine: Some(Combine::Either),
        ..follow_up(15)
    };
    assert_eq!(wrong(nothing_to_combine), ["combine"]);
    let never_after_days = ReclaimTerms {
        action: ReclaimAction::NoReclaim,
        target_pool_id: Some(pool_id(2)),
        ..follow_up(15)
    };
    assert_eq!(wrong(never_after_days), ["follow_up_days", "target_pool_id"]);
    for target in [1, 3, 4] {
        let terms = ReclaimTerms {
            target_pool_id: Some(pool_id(target)),
            ..follow_up(15)
        };
        assert_eq!(wrong(terms), ["target_pool_id"], "{target}");
    }
}

/// D09: priorities are unique within a pool, and only there.
#[test]
fn a_priority_belongs_to_one_rule_of_the_pool() {
    let shop = Shop::new()
        .pool(1)
        .pool(2)
        .rule(1, 9, &follow_up(7))
        .rule(2, 8, &follow_up(7));
    let with = |priority| ReclaimTerms {
        priority,
        ..follow_up(15)
    };
    let fields = |priority, id| -> Vec<_> {
        let violations = rule(with(priority)).validate(&shop.org, id).into_vec();
        violations.into_iter().map(|violation| violation.field).collect()
    };
    assert_eq!(fields(9, None), ["priority"]);
    assert_eq!(fields(9, Some(rule_id(9))), Vec::<String>::new());
    assert_eq!(fields(8, None), Vec::<String>::new());
}

#[test]
fn a_pool_has_a_bounded_number_of_rules() {
    let mut shop = Shop::new().pool(1);
    for priority in 1..=MAX_RULES {
        shop = shop.rule(1, u32::try_from(priority).unwrap(), &follow_up(7));
    }
    let terms = ReclaimTerms {
        priority: 5000,
        ..follow_up(7)
    };
    assert_eq!(rule(terms.clone()).validate(&shop.org, None).into_vec().len(), 1);
    assert!(rule(terms).validate(&shop.org, Some(rule_id(5))).is_empty());
}

/// Stored rules are read by field names; a name that changes makes stored rules unreadable.
#[test]
fn a_rule_is_stored_flat_under_the_names_of_the_api() {
    let stored = serde_json::to_value(rule(ReclaimTerms {
        combine: Some(Combine::Either),
        days: RuleDays {
            close: Some(60),
            ..follow_up(15).days
        },
        ..follow_up(15)
    }))
    .unwrap();
    let fields = stored.as_object().unwrap();
    let names: Vec<_> = fields.keys().map(String::as_str).collect();
    #[rustfmt::skip]
    assert_eq!(names, [
        "action", "after_win", "clock_floor", "close_days", "combine", "condition", "contract_end_days",
        "created_within_months", "cutoff", "day_counting", "display_name", "enabled", "first_contact_days",
        "follow_up_days", "follow_up_kinds", "grade_days", "include_sub_departments", "max_hold_days", "no_restart_days",
        "pool_id", "priority", "reclaim_kinds", "reminders", "repeat_daily", "target_pool_id",
    ]);
    assert_eq!(
        (&stored["action"], &stored["combine"]),
        (&"reclaim".into(), &"either".into())
    );
}
