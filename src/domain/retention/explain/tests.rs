//! Explanations: they name what decided and what did not.

use super::*;
use crate::domain::{
    configured::Configured,
    directory::{Department, Directory, Entry},
    ids::{DepartmentId, UserId},
    organisation::Revisions,
    retention::{
        calendar::Cutoff,
        config::{ChosenDepartment, RetentionPause, UserAbsence},
        rule::ReclaimRule,
        terms::{AdvanceReminder, Recipient, RuleDays},
        tests::{Shop, owned, pool_id},
    },
};
use uuid::Uuid;

pub(in crate::domain::retention) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_330_400, 0).unwrap()
}

pub(in crate::domain::retention) fn day(n: i64) -> DateTime<Utc> {
    start() + TimeDelta::days(n)
}

pub(in crate::domain::retention) fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

pub(in crate::domain::retention) fn department(id: &str) -> DepartmentId {
    DepartmentId::parse(id).unwrap()
}

fn follow_up(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        days: RuleDays {
            follow_up: Some(days),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    }
}

fn entry<T>(value: T) -> Arc<Entry<T>> {
    Arc::new(Entry {
        value,
        version: 1,
        update_time: DateTime::UNIX_EPOCH,
    })
}

/// company > sales > (north, south); ann works for these.
pub(in crate::domain::retention) fn directory(primary: &str, others: &[&str]) -> Directory {
    let departments = [
        ("company", None),
        ("sales", Some("company")),
        ("north", Some("sales")),
        ("south", Some("sales")),
    ];
    let departments = departments.map(|(id, parent)| {
        let value = Department {
            id: department(id),
            display_name: id.into(),
            parent: parent.map(department),
            head: None,
        };
        (value.id.clone(), entry(value))
    });
    let ann = User {
        id: user("ann"),
        display_name: "Ann".into(),
        active: true,
        primary_department: Some(department(primary)),
        other_departments: others.iter().map(|id| department(id)).collect(),
        supervisor: None,
        groups: vec![],
        roles: vec![],
        region: String::new(),
        skills: vec![],
    };
    Directory::compile([(ann.id.clone(), entry(ann))].into(), departments.into(), [].into())
}

pub(in crate::domain::retention) fn of_department(
    id: &str,
    number: u128,
    sub: bool,
    terms: ReclaimTerms,
) -> StoredRule {
    let config = ReclaimRule {
        home: RuleHome::Department(department(id)),
        include_sub_departments: sub,
        enabled: true,
        clock_floor: None,
        terms: ReclaimTerms {
            priority: u32::try_from(number).unwrap(),
            cutoff: Some(Cutoff::None),
            target_pool_id: Some(pool_id(1)),
            ..terms
        },
    };
    Configured::new(Uuid::from_u128(number), config, DateTime::UNIX_EPOCH)
}

pub(in crate::domain::retention) fn with_directory(mut shop: Shop, directory: Directory) -> Shop {
    shop.org.directory = Arc::new(directory);
    shop.org.revisions = Revisions {
        config: 1,
        directory: 2,
    };
    shop.compiled()
}

type Standings = Vec<(u128, Option<Standing>)>;

fn standings(found: &Explanation<'_>) -> Standings {
    let asked = found.look.matched.asked.iter();
    let asked = asked.map(|(rule, standing)| (rule.id.as_u128(), Some(*standing)));
    let others = found.others.iter();
    let others = others.map(|rule| (rule.id.as_u128(), standing_of_other(rule)));
    asked.chain(others).collect()
}

/// X08, R138, R131: each rule that was asked says why it decides or does not; R137: those of departments are of another
/// home.
#[test]
fn every_rule_says_why() {
    let with = |condition: &str| ReclaimTerms {
        condition: condition.into(),
        ..follow_up(30)
    };
    let shop = Shop::new()
        .pool(1)
        .rule(1, 1, &with("account.grade == \"A\""))
        .rule(1, 2, &with("this is no condition"))
        .rule(1, 3, &follow_up(40))
        .rule(1, 4, &follow_up(30))
        .rule(1, 5, &follow_up(20))
        .rule(1, 6, &with("account.grade == \"A\""))
        .rule(1, 8, &with("account.grade != \"A\""))
        .stored(of_department("north", 7, false, follow_up(9)));
    let mut off = shop
        .org
        .retention
        .reclaim_rule(Uuid::from_u128(3))
        .unwrap()
        .as_ref()
        .clone();
    off.config.enabled = false;
    let shop = with_directory(shop.stored(off), directory("north", &[]));
    let account = owned(Some(1), start());
    let found = explain(&shop.org, &account, start()).unwrap();
    assert_eq!(found.outcome, Outcome::Reclaim);
    let mut other = of_department("north", 7, false, follow_up(9));
    assert_eq!(standing_of_other(&other), None);
    other.config.enabled = false;
    assert_eq!(standing_of_other(&other), Some(Standing::Disabled));
    let expected: Standings = vec![
        (1, Some(Standing::OutOfScope)),
        (2, Some(Standing::Broken)),
        (3, Some(Standing::Disabled)),
        (4, Some(Standing::Decides)),
        (5, Some(Standing::Outranked)),
        (6, Some(Standing::OutOfScope)),
        (8, Some(Standing::Outranked)),
        (7, None),
    ];
    assert_eq!(standings(&found), expected);
    assert_eq!(found.look.workings.deadline.unwrap().at, day(30));
}

/// R142, 3.5: whose rules are for the owner, and why; the rules of the others are named.
#[test]
fn departments_are_chosen_for_a_reason() {
    let rules = || {
        Shop::new()
            .pool(1)
            .stored(of_department("north", 5, false, follow_up(50)))
            .stored(of_department("sales", 2, true, follow_up(20)))
            .stored(of_department("company", 9, false, follow_up(90)))
    };
    let account = owned(None, start());
    let decided = |shop: &Shop| {
        let found = explain(&shop.org, &account, start()).unwrap();
        let choice = found.departments.clone();
        let chosen = choice.chosen.map(|(id, above)| (id.to_string(), above));
        (
            chosen,
            choice.explicit,
            choice.primary,
            choice.candidates.len(),
            standings(&found),
        )
    };
    let of = |id: &str, above| Some((id.to_owned(), above));
    let decides = Some(Standing::Decides);
    let only = with_directory(rules(), directory("south", &[]));
    let expected: Standings = vec![(2, decides), (9, None)];
    assert_eq!(decided(&only), (of("sales", true), false, true, 1, expected));
    let primary = with_directory(rules(), directory("north", &["south"]));
    let expected: Standings = vec![(5, decides), (2, None), (9, None)];
    assert_eq!(decided(&primary), (of("north", false), false, true, 2, expected));
    // Rules of company are not for those below, so the primary department has none.
    let mut shop = rules();
    shop.rows.reclaim_rules.retain(|rule| rule.id.as_u128() != 2);
    let shop = shop.stored(of_department("sales", 2, false, follow_up(20)));
    let priority = with_directory(shop, directory("south", &["north", "sales"]));
    let (chosen, explicit, primary, candidates, _) = decided(&priority);
    assert_eq!(
        (chosen, explicit, primary, candidates),
        (of("sales", false), false, false, 2)
    );
    let mut shop = rules();
    let row = ChosenDepartment {
        user_id: user("ann"),
        department_id: department("sales"),
    };
    shop.rows
        .departments
        .push(Configured::new(Uuid::from_u128(50), row, DateTime::UNIX_EPOCH));
    let explicit = with_directory(shop, directory("north", &["south"]));
    let (chosen, explicit, _, _, standings) = decided(&explicit);
    assert_eq!((chosen, explicit), (of("sales", true), true));
    assert_eq!(standings, [(2, decides), (5, None), (9, None)]);
    // None at all.
    let (chosen, _, _, candidates, standings) = decided(&with_directory(rules(), directory("company", &[])));
    assert_eq!(
        (chosen, candidates, standings),
        (of("company", false), 1, vec![(9, decides)])
    );
}

/// T01, T02, T04, T09, T22, R191: what the days count from, and which activity to look for.
#[test]
fn the_anchor_names_its_activity() {
    let close = ReclaimTerms {
        days: RuleDays {
            close: Some(60),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    };
    let out = ReclaimTerms {
        reclaim_kinds: vec!["customer.opted_out".into()],
        ..follow_up(30)
    };
    let (called, won) = (Some(day(10)), Some(day(20)));
    let kind = |text: &str| Kind::parse(text).unwrap();
    let call = kind("sales_record.created");
    let win = kind("opportunity.won");
    let opted = kind("customer.opted_out");
    let table = [
        (follow_up(30), None, None, Outcome::Reclaim, None),
        (follow_up(30), called, None, Outcome::Reclaim, Some((day(10), &call))),
        (follow_up(30), called, won, Outcome::Reclaim, Some((day(20), &win))),
        (close.clone(), called, won, Outcome::Never, Some((day(20), &win))),
        (close, called, None, Outcome::Reclaim, None),
        (out.clone(), called, None, Outcome::Reclaim, Some((day(10), &call))),
        (out, None, None, Outcome::Reclaim, Some((day(5), &opted))),
    ];
    for (at, (terms, last_follow_up_time, last_won_time, outcome, expected)) in table.into_iter().enumerate() {
        let shop = Shop::new().pool(1).rule(1, 1, &terms);
        let mut account = owned(Some(1), start());
        (account.last_follow_up_time, account.last_won_time) = (last_follow_up_time, last_won_time);
        if last_follow_up_time.is_none() && !terms.reclaim_kinds.is_empty() {
            account.memory.kind_times.insert("customer.opted_out".into(), day(5));
        }
        let found = explain(&shop.org, &account, day(21)).unwrap();
        assert_eq!(found.outcome, outcome, "{at}");
        assert_eq!(
            found.activity.map(|sought| sought.at),
            expected.map(|(at, _)| at),
            "{at}"
        );
        for known in [&call, &win, &opted] {
            let fits = found
                .activity
                .is_some_and(|sought| sought.fits(&shop.org.activity_rules, known));
            // A win is a follow-up too.
            let fitting = expected.is_some_and(|(_, kind)| kind == known || *kind == call && *known == win);
            assert_eq!(fits, fitting, "{at} {known}");
        }
    }
}

/// X03, X07, X20: what puts a deadline off is named: leaves with their days, a lock or a pause with its end.
#[test]
fn what_puts_a_deadline_off_is_named() {
    let mut shop = Shop::new().pool(1).rule(1, 1, &follow_up(30));
    let absence = UserAbsence {
        user_id: user("ann"),
        absence: Absence {
            from: day(5),
            until: day(9),
        },
        reason: String::new(),
    };
    let gone = UserAbsence {
        absence: Absence {
            from: day(-9),
            until: day(-5),
        },
        ..absence.clone()
    };
    let pause = |from, until| RetentionPause {
        pool_id: None,
        span: Span { from, until },
        reason: String::new(),
    };
    let row = |n| Uuid::from_u128(n);
    let other = |from, until| UserAbsence {
        absence: Absence { from, until },
        ..absence.clone()
    };
    // These end when the days begin, and begin when they are over.
    let (before, after) = (other(day(-4), day(0)), other(day(34), day(35)));
    let away = absence.absence;
    shop.rows.absences = [gone, absence.clone(), before, after]
        .into_iter()
        .zip([1, 2, 8, 9])
        .map(|(absence, at)| Configured::new(row(at), absence, DateTime::UNIX_EPOCH))
        .collect();
    let past = Configured::new(row(3), pause(day(-3), Some(day(-1))), DateTime::UNIX_EPOCH);
    let due = Configured::new(row(4), pause(day(30), Some(day(40))), DateTime::UNIX_EPOCH);
    let later = Configured::new(row(5), pause(day(90), None), DateTime::UNIX_EPOCH);
    // The deadline falls into one and then into the next; within both there is one that puts nothing off.
    let next = Configured::new(row(6), pause(day(39), Some(day(45))), DateTime::UNIX_EPOCH);
    let within = Configured::new(row(7), pause(day(35), Some(day(36))), DateTime::UNIX_EPOCH);
    shop.rows.pauses = vec![past, due, later, next, within];
    let shop = shop.compiled();
    let mut account = owned(Some(1), start());
    let found = explain(&shop.org, &account, start()).unwrap();
    assert_eq!(found.follow_up.unwrap().absence_days, 4);
    assert_eq!(found.follow_up.unwrap().running.over.unwrap().at, day(34));
    assert_eq!(found.look.workings.deadline.unwrap().at, day(45));
    assert_eq!(found.absences, [away]);
    let holds: Vec<_> = found.holds.iter().map(|(_, waits)| *waits).collect();
    assert_eq!(
        (holds, found.outcome),
        (vec![true, false, true, false], Outcome::Reclaim)
    );
    // A pause is over at its end.
    assert_eq!(explain(&shop.org, &account, day(45)).unwrap().holds.len(), 1);
    // A lock that ends within the first of them is the first of three.
    account.lock = Some(Lock {
        user: user("ann"),
        from: day(1),
        until: Some(day(38)),
    });
    let found = explain(&shop.org, &account, start()).unwrap();
    assert_eq!(found.look.workings.deadline.unwrap().at, day(45));
    let put_off: Vec<_> = found.holds.iter().filter(|(_, waits)| *waits).collect();
    assert!(matches!(
        put_off[..],
        [(Hold::Lock(_), _), (Hold::Pause(_), _), (Hold::Pause(_), _)]
    ));
    account.lock = Some(Lock {
        user: user("ann"),
        from: day(1),
        until: None,
    });
    let found = explain(&shop.org, &account, start()).unwrap();
    assert_eq!(found.outcome, Outcome::Held);
    assert!(matches!(found.holds[0], (Hold::Lock(_), true)));
    assert_eq!((found.remaining, found.displayed), (None, false));
    let shop = Shop::new().pool(1).rule(
        1,
        1,
        &ReclaimTerms {
            action: ReclaimAction::NoReclaim,
            ..ReclaimTerms::default()
        },
    );
    assert_eq!(
        explain(&shop.org, &account, start()).unwrap().outcome,
        Outcome::NoReclaim
    );
    let account = owned(Some(2), start());
    assert_eq!(explain(&shop.org, &account, start()).unwrap().outcome, Outcome::NoRule);
}

/// R136, R190, R152: the reminders to come, and whether what is left is displayed.
#[test]
fn reminders_and_what_is_left() {
    let terms = ReclaimTerms {
        reminders: vec![AdvanceReminder {
            days_before: 50,
            recipients: vec![Recipient::Owner],
        }],
        repeat_daily: true,
        ..follow_up(60)
    };
    let shop = Shop::new().pool(1).rule(1, 1, &terms);
    let account = owned(Some(1), start());
    let found = explain(&shop.org, &account, day(42)).unwrap();
    assert_eq!(found.reminders.len(), 18);
    assert_eq!(found.remaining, Some(TimeDelta::days(18)));
    assert!(!found.displayed);
    assert_eq!(
        explain(&shop.org, &account, start()).unwrap().reminders.len(),
        REMINDERS
    );
    let found = explain(&shop.org, &account, day(42) + TimeDelta::microseconds(1)).unwrap();
    assert!(found.displayed);
    let found = explain(&shop.org, &account, day(99)).unwrap();
    assert_eq!((found.remaining, found.displayed), (Some(TimeDelta::zero()), true));
    assert!(found.reminders.iter().all(|next| next.at <= day(60)));
}
