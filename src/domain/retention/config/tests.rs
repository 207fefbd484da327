//! What the rules of a tenant ask for, all together.

use super::*;
use crate::domain::{
    condition::tests::fields,
    ids::DepartmentId,
    retention::{
        reminder_rule::{ReminderRule, ReminderTerms},
        rule::ReclaimRule,
        terms::{AdvanceReminder, ReclaimTerms},
        tests::pool_id,
    },
};
use chrono::DateTime;

fn stored<T: Serialize + Clone>(number: u128, config: T) -> Configured<T> {
    Configured::new(Uuid::from_u128(number), config, DateTime::UNIX_EPOCH)
}

fn department(id: &str) -> RuleHome {
    RuleHome::Department(DepartmentId::parse(id).unwrap())
}

fn rule(number: u128, home: RuleHome, terms: ReclaimTerms) -> StoredRule {
    let config = ReclaimRule {
        home,
        include_sub_departments: false,
        enabled: true,
        clock_floor: None,
        terms,
    };
    stored(number, config)
}

fn reminder(number: u128, home: RuleHome, terms: ReminderTerms) -> StoredReminder {
    let config = ReminderRule {
        home,
        include_sub_departments: false,
        enabled: true,
        terms,
    };
    stored(number, config)
}

fn in_pool(number: u128, terms: ReclaimTerms) -> StoredRule {
    rule(number, RuleHome::Pool(pool_id(1)), terms)
}

fn compiled(reclaim_rules: Vec<StoredRule>, reminder_rules: Vec<StoredReminder>) -> Retention {
    let rows = RetentionRows {
        reclaim_rules,
        reminder_rules,
        ..RetentionRows::default()
    };
    Retention::compile(rows, &Schema::new(&fields()))
}

fn on(condition: &str) -> ReclaimTerms {
    ReclaimTerms {
        condition: condition.into(),
        ..ReclaimTerms::default()
    }
}

/// Tags and custom fields are read where a condition looks at them, departments where one does or a rule is of one.
#[test]
fn what_conditions_look_at_is_known() {
    for (condition, extras, departments) in [
        ("", false, false),
        ("account.grade == \"A\"", false, false),
        ("\"vip\" in account.tags", true, false),
        ("account.custom.size > 1", true, false),
        ("\"sales\" in account.departments", false, true),
    ] {
        let all = compiled(vec![in_pool(1, on(condition))], vec![]);
        assert_eq!(
            (all.uses_extras(), all.looks_at_departments()),
            (extras, departments),
            "{condition}"
        );
        let scope = all.scope_of(Uuid::from_u128(1));
        assert_eq!(scope.is_some(), !condition.is_empty());
        assert_eq!(scope.is_some_and(Scope::uses_extras), extras, "{condition}");
    }
    let of_department = compiled(vec![rule(1, department("sales"), on(""))], vec![]);
    assert!(of_department.looks_at_departments());
    let reminding = compiled(vec![], vec![reminder(1, department("sales"), ReminderTerms::default())]);
    assert!(reminding.looks_at_departments());
    let in_pool = RuleHome::Pool(pool_id(1));
    assert!(!compiled(vec![], vec![reminder(1, in_pool, ReminderTerms::default())]).looks_at_departments());
}

/// A custom field that rules look at cannot go.
#[test]
fn rules_that_read_a_field_are_named() {
    let all = compiled(
        vec![
            in_pool(1, on("account.custom.size > 1")),
            in_pool(2, on("account.custom.note == \"x\"")),
            in_pool(3, on("")),
        ],
        vec![],
    );
    assert_eq!(all.rules_reading(Uuid::from_u128(2)), [Uuid::from_u128(1)]);
    assert_eq!(all.rules_reading(Uuid::from_u128(3)), [] as [Uuid; 0]);
}

/// Rules in use say which kinds matter; those out of use name them all the same, so that a kind is not taken from them.
#[test]
fn rules_that_name_a_kind_are_known() {
    let kinds = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let follow_up = ReclaimTerms {
        follow_up_kinds: kinds(&["phone.called"]),
        ..ReclaimTerms::default()
    };
    let trigger = ReclaimTerms {
        reclaim_kinds: kinds(&["deal.lost"]),
        ..ReclaimTerms::default()
    };
    let mut off = in_pool(3, trigger.clone());
    off.config.enabled = false;
    let all = compiled(vec![in_pool(1, follow_up), in_pool(2, trigger), off], vec![]);
    let kind = |name: &str| Kind::parse(name).unwrap();
    let naming = |name: &str| all.rules_naming(name).map(|id| id.as_u128()).collect::<Vec<_>>();
    assert_eq!(
        (naming("phone.called"), naming("deal.lost"), naming("mail.sent")),
        (vec![1], vec![2, 3], vec![])
    );
    assert!(all.names(&kind("phone.called")) && all.names(&kind("deal.lost")) && !all.names(&kind("mail.sent")));
    assert!(all.reclaims_upon(&kind("deal.lost")));
    assert!(!all.reclaims_upon(&kind("phone.called")) && !all.reclaims_upon(&kind("mail.sent")));
}

/// Members of teams are read where somebody is to remind them.
#[test]
fn it_is_known_whether_teams_are_reminded() {
    let to = |recipient| vec![Recipient::Owner, recipient];
    let advance = |recipient| ReclaimTerms {
        reminders: vec![AdvanceReminder {
            days_before: 3,
            recipients: to(recipient),
        }],
        ..ReclaimTerms::default()
    };
    let nudge = |recipient| {
        let terms = ReminderTerms {
            recipients: to(recipient),
            ..ReminderTerms::default()
        };
        reminder(9, RuleHome::Pool(pool_id(1)), terms)
    };
    for (reclaim, idle, expected) in [
        (Recipient::Supervisor, Recipient::Supervisor, false),
        (Recipient::Team, Recipient::Supervisor, true),
        (Recipient::Supervisor, Recipient::Team, true),
    ] {
        let all = compiled(vec![in_pool(1, advance(reclaim))], vec![nudge(idle)]);
        assert_eq!(all.reminds_teams(), expected, "{reclaim:?} {idle:?}");
    }
}
