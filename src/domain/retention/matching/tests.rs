//! Which reminder rules are for an account, whose rules are for an owner, and in which order rules are asked.

use super::*;
use crate::domain::retention::{
    explain::{
        explain,
        tests::{day, department, directory, of_department, start, user, with_directory},
    },
    reminder_rule::{ReminderRule, ReminderTerms},
    terms::{Recipient, ReclaimTerms},
    tests::{Shop, owned, pool_id},
};
use chrono_tz::Asia;

fn reminder(number: u128, home: RuleHome, sub: bool, terms: ReminderTerms) -> StoredReminder {
    let config = ReminderRule {
        home,
        include_sub_departments: sub,
        enabled: true,
        terms,
    };
    Configured::new(Uuid::from_u128(number), config, DateTime::UNIX_EPOCH)
}

fn terms(condition: &str) -> ReminderTerms {
    ReminderTerms {
        condition: condition.into(),
        idle_days: 5,
        recipients: vec![Recipient::Owner],
        ..ReminderTerms::default()
    }
}

/// R137: the rules of the pool, else of the owner's departments and, where they are for those below, of those above; each
/// once, those in use whose condition holds.
#[test]
fn reminder_rules_are_those_of_the_place() {
    let of = |id: &str| RuleHome::Department(department(id));
    let mut off = reminder(2, of("north"), false, terms(""));
    off.config.enabled = false;
    let mut shop = Shop::new().pool(1);
    shop.rows.reminder_rules = vec![
        reminder(1, of("north"), false, terms("")),
        off,
        // Above both of his departments.
        reminder(3, of("sales"), true, terms("")),
        reminder(4, of("sales"), false, terms("")),
        reminder(5, of("company"), true, terms("account.grade == \"Z\"")),
        reminder(6, of("south"), false, terms("")),
        reminder(7, RuleHome::Pool(pool_id(1)), false, terms("")),
    ];
    let shop = with_directory(shop, directory("north", &["south"]));
    let found = |pool| {
        let (rules, _) = reminders(&shop.org, &owned(pool, start()), start(), Asia::Shanghai);
        rules.iter().map(|rule| rule.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(found(None), [1, 3, 6]);
    assert_eq!(found(Some(1)), [7]);
    assert_eq!(found(Some(2)), [] as [u128; 0]);
}

/// R193: a reminder that is over with a win is over with one of this owner's time.
#[test]
fn a_win_ends_reminders_that_wait_for_one() {
    let until_won = ReminderTerms {
        until_won: true,
        ..terms("")
    };
    let mut shop = Shop::new().pool(1);
    shop.rows.reminder_rules = vec![
        reminder(1, RuleHome::Pool(pool_id(1)), false, until_won),
        reminder(2, RuleHome::Pool(pool_id(1)), false, terms("")),
    ];
    let shop = shop.compiled();
    for (won, expected) in [
        (None, [true, true]),
        (Some(day(-1)), [true, true]),
        (Some(day(0)), [false, true]),
        (Some(day(1)), [false, true]),
    ] {
        let account = Account {
            last_won_time: won,
            ..owned(Some(1), start())
        };
        let found = explain(&shop.org, &account, day(1)).unwrap();
        let waits: Vec<_> = found.look.reminder_rules.iter().map(|(_, at)| at.is_some()).collect();
        assert_eq!(waits, expected, "{won:?}");
    }
}

/// R142: whether somebody should choose, and whether a department stands above the owner's own.
#[test]
fn a_choice_of_several_is_ambiguous_until_it_is_made() {
    let choice = |count, explicit| Choice {
        candidates: vec![(department("north"), false); count],
        explicit,
        ..Choice::default()
    };
    for (count, explicit, ambiguous) in [
        (0, false, false),
        (1, false, false),
        (2, false, true),
        (2, true, false),
        (3, false, true),
    ] {
        assert_eq!(choice(count, explicit).is_ambiguous(), ambiguous, "{count} {explicit}");
    }
    let shop = Shop::new()
        .pool(1)
        .stored(of_department("north", 1, false, ReclaimTerms::default()))
        .stored(of_department("sales", 2, true, ReclaimTerms::default()));
    let shop = with_directory(shop, directory("north", &["south"]));
    let found = choose(&shop.org, &user("ann"));
    assert_eq!(
        found.candidates,
        [(department("north"), false), (department("sales"), true)]
    );
    assert_eq!(
        (found.chosen, found.primary),
        (Some((department("north"), false)), true)
    );
    // Where he is in a department and in one below it, its rules are those of his own.
    let shop = Shop::new()
        .pool(1)
        .stored(of_department("sales", 2, true, ReclaimTerms::default()));
    let shop = with_directory(shop, directory("south", &["sales"]));
    assert_eq!(
        choose(&shop.org, &user("ann")).candidates,
        [(department("sales"), false)]
    );
}

/// R135: an order of rules names each of them, once.
#[test]
fn an_order_names_all_rules() {
    let shop = Shop::new()
        .pool(1)
        .rule(1, 1, &ReclaimTerms::default())
        .rule(1, 2, &ReclaimTerms::default());
    let rules = shop.org.retention.reclaim_rules(&RuleHome::Pool(pool_id(1)));
    let order = |places: &[u128]| {
        let places: Vec<_> = places.iter().map(|id| ReclaimRuleId(Uuid::from_u128(*id))).collect();
        rearrange(rules, &places)
            .map(|rules| rules.iter().map(|rule| rule.id.as_u128()).collect::<Vec<_>>())
            .map_err(|violations| violations.into_vec().into_iter().map(|it| it.field).collect::<Vec<_>>())
    };
    let wrong = |fields: &[&str]| Err(fields.iter().map(ToString::to_string).collect());
    assert_eq!(order(&[2, 1]), Ok(vec![2, 1]));
    assert_eq!(order(&[1, 2]), Ok(vec![1, 2]));
    assert_eq!(order(&[2]), wrong(&["places"]));
    assert_eq!(order(&[1, 9]), wrong(&["places[1].reclaim_rule_id", "places"]));
}

/// R190: owners of new customers are reminded every day, others where the rule says so.
#[test]
fn reminders_come_again_where_that_is_wanted() {
    for (daily, new, expected) in [(false, None, false), (true, None, true), (false, Some(3), true)] {
        let terms = ReminderTerms {
            repeat_daily: daily,
            created_within_months: new,
            ..ReminderTerms::default()
        };
        assert_eq!(terms.repeats(), expected);
    }
}

/// A reminder rule is of something that there is, once, and says for whom it is.
#[test]
fn reminder_rules_are_checked() {
    let mut shop = Shop::new().pool(1);
    let in_pool = || RuleHome::Pool(pool_id(1));
    shop.rows.reminder_rules = (1..=20).map(|at| reminder(at, in_pool(), false, terms(""))).collect();
    let kept = reminder(30, RuleHome::Department(department("south")), false, terms("grade"));
    shop.rows.reminder_rules.push(kept.clone());
    let shop = with_directory(shop, directory("north", &[]));
    // What is stored may stay, also where it could not be written any more.
    assert!(kept.config.validate(&shop.org, Some(kept.id)).is_empty());
    assert!(!kept.config.validate(&shop.org, Some(Uuid::from_u128(3))).is_empty());
    let wrong = |home: RuleHome, sub, id: Option<u128>| {
        let rule = reminder(99, home, sub, terms(""));
        let found = rule.config.validate(&shop.org, id.map(Uuid::from_u128)).into_vec();
        found.into_iter().map(|it| it.field).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(wrong(RuleHome::Department(department("north")), true, None), none);
    assert_eq!(
        wrong(RuleHome::Department(department("moon")), false, None),
        ["department_id"]
    );
    assert_eq!(wrong(RuleHome::Pool(pool_id(9)), false, None), ["pool_id"]);
    assert_eq!(wrong(in_pool(), true, Some(3)), ["include_sub_departments"]);
    assert_eq!(wrong(in_pool(), false, Some(3)), none);
    // It is full.
    assert_eq!(wrong(in_pool(), false, None), ["pool_id"]);
}
