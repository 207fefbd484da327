//! What is wrong with reclaim rules, all of it at once.

use super::*;
use crate::domain::retention::{
    explain::tests::{directory, of_department, with_directory},
    terms::{AdvanceReminder, AfterWin},
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

fn days(follow_up: Option<u32>, first_contact: Option<u32>, close: Option<u32>) -> RuleDays {
    RuleDays {
        follow_up,
        first_contact,
        close,
    }
}

/// R146: days of a grade refine those of the rule, and make sense with them.
#[test]
fn days_of_grades_refine_those_of_the_rule() {
    let graded = |general: RuleDays, own: RuleDays| ReclaimTerms {
        days: general,
        grade_days: vec![GradeDays {
            grade: "A".into(),
            days: own,
        }],
        combine: general.follow_up.and(general.close).map(|_| Combine::Both),
        priority: 1,
        ..ReclaimTerms::default()
    };
    let (follow_up, close) = (days(Some(30), None, None), days(None, None, Some(60)));
    let first = "grade_days[0].first_contact_days";
    for (general, own, expected) in [
        (follow_up, days(Some(10), None, None), None),
        (follow_up, days(Some(10), Some(10), None), None),
        (follow_up, days(Some(10), Some(11), None), Some(first)),
        (follow_up, days(None, Some(30), None), None),
        (follow_up, days(None, Some(31), None), Some(first)),
        (close, days(None, None, Some(10)), None),
        (close, days(None, Some(3), None), Some(first)),
        (follow_up, RuleDays::default(), Some("grade_days[0].follow_up_days")),
        (close, days(Some(10), None, None), Some("grade_days[0].follow_up_days")),
        (follow_up, days(None, None, Some(10)), Some("grade_days[0].close_days")),
    ] {
        let found = wrong(graded(general, own));
        assert_eq!(
            found.first().map(String::as_str),
            expected,
            "{general:?} {own:?} {found:?}"
        );
        assert!(found.len() <= 1, "{found:?}");
    }
    // What is wrong in general is said once, and not of a grade that says nothing of it.
    let general = days(Some(10), Some(11), None);
    assert_eq!(
        wrong(graded(general, days(Some(20), None, None))),
        ["first_contact_days"]
    );
    let general = days(None, Some(3), Some(60));
    assert_eq!(
        wrong(graded(general, days(None, None, Some(10)))),
        ["first_contact_days"]
    );
}

/// R136: reminders come before the fewest days are over, and kinds and recipients are what there is.
#[test]
fn reminders_kinds_and_conditions_are_checked() {
    let reminding = |terms: ReclaimTerms, days_before, recipients: &[Recipient]| ReclaimTerms {
        reminders: vec![AdvanceReminder {
            days_before,
            recipients: recipients.to_vec(),
        }],
        ..terms
    };
    let owner = &[Recipient::Owner];
    let graded = ReclaimTerms {
        grade_days: vec![GradeDays {
            grade: "A".into(),
            days: days(Some(5), None, None),
        }],
        ..follow_up(15)
    };
    let new = ReclaimTerms {
        created_within_months: Some(3),
        ..follow_up(15)
    };
    let with = |edit: fn(&mut ReclaimTerms)| {
        let mut terms = follow_up(15);
        edit(&mut terms);
        terms
    };
    for (terms, expected) in [
        (reminding(follow_up(15), 14, owner), ""),
        (reminding(follow_up(15), 15, owner), "reminders[0].days_before"),
        (reminding(graded.clone(), 4, owner), ""),
        (reminding(graded, 5, owner), "reminders[0].days_before"),
        (reminding(follow_up(15), 3, &[]), "reminders[0].recipients"),
        (
            reminding(follow_up(15), 3, &[Recipient::Team, Recipient::Team]),
            "reminders[0].recipients[1]",
        ),
        (reminding(new.clone(), 3, owner), ""),
        (
            reminding(new, 3, &[Recipient::Owner, Recipient::Team]),
            "reminders[0].recipients",
        ),
        (with(|terms| terms.follow_up_kinds = vec!["phone.called".into()]), ""),
        (
            with(|terms| terms.follow_up_kinds = vec!["called".into()]),
            "follow_up_kinds[0]",
        ),
        (with(|terms| terms.condition = "account.grade == \"A\"".into()), ""),
        (with(|terms| terms.condition = "grade".into()), "condition"),
    ] {
        let found = wrong(terms.clone());
        assert_eq!(found.join(" "), expected, "{terms:?}");
    }
    // A rule that is stored may keep a condition that could not be written any more.
    let mut org = Shop::new()
        .pool(1)
        .rule(1, 9, &with(|terms| terms.condition = "grade".into()))
        .org;
    org.custom_fields.clear();
    let mut kept = rule(with(|terms| terms.condition = "grade".into()));
    kept.terms.priority = 9;
    let id = Some(rule_id(9));
    let fields = |rule: &ReclaimRule| {
        let found = rule.validate(&org, id).into_vec();
        found.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(&kept), Vec::<String>::new());
    kept.terms.condition = "region".into();
    assert_eq!(fields(&kept), ["condition"]);
}

/// Accounts outside pools have to go somewhere, and nobody administers them.
#[test]
fn rules_of_departments_name_a_pool() {
    let org = with_directory(Shop::new().pool(1), directory("north", &[])).org;
    let fields = |edit: fn(&mut ReclaimRule)| {
        let mut rule = of_department("north", 1, false, follow_up(15)).config;
        edit(&mut rule);
        let found = rule.validate(&org, None).into_vec();
        found.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(fields(|_| {}), none);
    assert_eq!(fields(|rule| rule.terms.target_pool_id = None), ["target_pool_id"]);
    assert_eq!(
        fields(|rule| {
            rule.terms = ReclaimTerms {
                action: ReclaimAction::NoReclaim,
                priority: 1,
                ..ReclaimTerms::default()
            };
        }),
        none
    );
    assert_eq!(
        fields(|rule| {
            rule.terms.reminders = vec![AdvanceReminder {
                days_before: 3,
                recipients: vec![Recipient::PoolAdmins],
            }];
        }),
        ["reminders[0].recipients"]
    );
}

/// Whether somebody has to say what becomes of past days: where clocks run differently, and only there.
#[test]
fn it_is_known_what_changes_clocks() {
    let terms = follow_up(15);
    assert!(!terms.changes_clock(&terms.clone()));
    let named = ReclaimTerms {
        display_name: "New".into(),
        ..terms.clone()
    };
    assert!(!terms.changes_clock(&named));
    assert!(terms.changes_clock(&follow_up(16)));
}
