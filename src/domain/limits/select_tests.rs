//! Which limit holds for whom.

use super::{
    rule::{LimitDepartment, LimitRule, LimitSubjects},
    select::{Level, LimitRules, Why},
};
use crate::domain::{
    configured::Configured,
    directory::{Department, Directory, Entry, User},
    ids::{DepartmentId, GroupId, UserId},
};
use chrono::DateTime;
use std::sync::Arc;
use uuid::Uuid;

fn user_id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn department_id(text: &str) -> DepartmentId {
    DepartmentId::parse(text).unwrap()
}

fn entry<T>(value: T) -> Arc<Entry<T>> {
    Arc::new(Entry {
        value,
        version: 1,
        update_time: DateTime::UNIX_EPOCH,
    })
}

/// company > sales > (north, south); ann works for north and also for events, and is in the group "keys".
fn directory() -> Directory {
    let department = |id: &str, parent: Option<&str>| {
        let id = department_id(id);
        let department = Department {
            display_name: id.to_string(),
            parent: parent.map(department_id),
            head: None,
            id: id.clone(),
        };
        (id, entry(department))
    };
    let departments = [
        department("company", None),
        department("sales", Some("company")),
        department("north", Some("sales")),
        department("south", Some("sales")),
        department("marketing", Some("company")),
        department("events", Some("marketing")),
    ];
    let user = |id: &str, primary: Option<&str>, other: &[&str], groups: &[&str]| {
        let id = user_id(id);
        let user = User {
            display_name: id.to_string(),
            active: true,
            primary_department: primary.map(department_id),
            other_departments: other.iter().map(|id| department_id(id)).collect(),
            supervisor: None,
            groups: groups.iter().map(|id| GroupId::parse(id).unwrap()).collect(),
            roles: vec![],
            region: String::new(),
            skills: vec![],
            id: id.clone(),
        };
        (id, entry(user))
    };
    let users = [
        user("ann", Some("north"), &["events"], &["keys"]),
        user("bob", Some("south"), &[], &[]),
        user("cid", None, &[], &["keys", "new"]),
    ];
    Directory::compile(users.into(), departments.into(), [].into())
}

#[derive(Clone, Copy)]
enum Names {
    User(&'static str),
    Group(&'static str),
    Department(&'static str),
    Tree(&'static str),
    Everybody,
}

/// A limit whose id is `id` and whose number is `limit`.
fn rule(id: u128, limit: u32, priority: Option<u32>, names: &[Names]) -> Arc<Configured<LimitRule>> {
    let mut subjects = LimitSubjects::default();
    for name in names {
        match name {
            Names::User(id) => subjects.users.push(user_id(id)),
            Names::Group(id) => subjects.groups.push(GroupId::parse(id).unwrap()),
            Names::Department(id) | Names::Tree(id) => subjects.departments.push(LimitDepartment {
                department_id: department_id(id),
                include_sub_departments: matches!(name, Names::Tree(_)),
            }),
            Names::Everybody => subjects.tenant_default = true,
        }
    }
    let config = LimitRule {
        display_name: format!("limit {id}"),
        subjects,
        limit,
        count_pool_accounts: true,
        count_won: false,
        priority,
    };
    Arc::new(Configured::new(Uuid::from_u128(id), config, DateTime::UNIX_EPOCH))
}

/// The ids in the order in which they hold for the user.
fn order(rules: &LimitRules, user: &str) -> Vec<u128> {
    let explained = rules.explain(&directory(), &user_id(user));
    let losers = explained.losers.iter().map(|loser| loser.rule.id.as_u128());
    explained
        .rule()
        .map(|rule| rule.id.as_u128())
        .into_iter()
        .chain(losers)
        .collect()
}

/// R118, 4.5: the most specific limit holds, upward as well as downward.
#[test]
fn the_most_specific_limit_holds() {
    let rules = LimitRules::compile(vec![
        rule(1, 5, None, &[Names::Everybody]),
        rule(2, 6, None, &[Names::Tree("company")]),
        rule(3, 7, None, &[Names::Tree("sales")]),
        rule(4, 8, None, &[Names::Department("events")]),
        rule(5, 9, None, &[Names::Department("north")]),
        rule(6, 10, None, &[Names::Group("keys")]),
        rule(7, 11, None, &[Names::User("ann")]),
    ]);
    assert_eq!(order(&rules, "ann"), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(order(&rules, "bob"), [3, 2, 1]);
    assert_eq!(order(&rules, "cid"), [6, 1]);
    // Nobody knows him, and he is limited all the same.
    assert_eq!(order(&rules, "zoe"), [1]);
    let explained = rules.explain(&directory(), &user_id("ann"));
    assert_eq!(explained.winner.unwrap().1, Level::User);
    assert!(explained.losers.iter().all(|loser| loser.why == Why::LessSpecific));
}

/// R120: who is in no limit has none.
#[test]
fn who_is_not_named_is_not_limited() {
    let rules = LimitRules::compile(vec![rule(1, 5, None, &[Names::User("ann")])]);
    assert!(rules.explain(&directory(), &user_id("bob")).rule().is_none());
}

/// D34: a department's limit reaches down only where it says so, and the nearest one holds.
#[test]
fn departments_above_limit_only_where_they_say_so() {
    let silent = LimitRules::compile(vec![rule(1, 5, None, &[Names::Department("sales")])]);
    assert_eq!(order(&silent, "bob"), [0_u128; 0]);
    let rules = LimitRules::compile(vec![
        rule(1, 5, None, &[Names::Tree("company")]),
        rule(2, 50, None, &[Names::Tree("sales")]),
        rule(3, 1, None, &[Names::Tree("marketing")]),
    ]);
    assert_eq!(order(&rules, "bob"), [2, 1]);
    // Both are one step above; the primary department's goes first, however large.
    assert_eq!(order(&rules, "ann"), [2, 3, 1]);
}

/// D35: the primary department first; then, of several others, the smallest limit.
#[test]
fn the_primary_department_goes_before_others() {
    let rules = LimitRules::compile(vec![
        rule(1, 1, None, &[Names::Department("events")]),
        rule(2, 20, None, &[Names::Department("north")]),
    ]);
    assert_eq!(order(&rules, "ann"), [2, 1]);
}

/// R195: one limit names any mix; each user is taken at the most specific level that it names him at.
#[test]
fn one_limit_names_any_mix() {
    let mix = [Names::User("bob"), Names::Group("keys"), Names::Tree("sales")];
    let rules = LimitRules::compile(vec![
        rule(1, 9, None, &mix),
        rule(2, 1, None, &[Names::Group("keys"), Names::Department("south")]),
    ]);
    let level = |user: &str| {
        rules
            .explain(&directory(), &user_id(user))
            .winner
            .map(|(rule, level)| (rule.id.as_u128(), level))
    };
    assert_eq!(level("bob"), Some((1, Level::User)));
    assert_eq!(level("cid"), Some((2, Level::Group)));
    assert_eq!(level("ann"), Some((2, Level::Group)));
}

/// 4.5: within a level a set priority, the lower number, the smaller limit, the older one.
#[test]
fn within_a_level_priority_then_size_then_age_decide() {
    let rules = LimitRules::compile(vec![
        rule(1, 5, None, &[Names::Group("keys")]),
        rule(2, 5, None, &[Names::Group("new")]),
        rule(3, 3, None, &[Names::Group("new")]),
        rule(4, 90, Some(2), &[Names::Group("keys")]),
        rule(5, 99, Some(1), &[Names::Group("new")]),
    ]);
    assert_eq!(order(&rules, "cid"), [5, 4, 3, 1, 2]);
    let why = |winner_only: &[Arc<Configured<LimitRule>>]| {
        let rules = LimitRules::compile(winner_only.to_vec());
        rules
            .explain(&directory(), &user_id("cid"))
            .losers
            .iter()
            .map(|loser| loser.why)
            .collect::<Vec<_>>()
    };
    assert_eq!(why(rules.all()), [Why::Priority; 4]);
    assert_eq!(why(&rules.all()[..3]), [Why::LargerLimit, Why::LargerLimit]);
    assert_eq!(why(&rules.all()[..2]), [Why::Younger]);
}

/// 4.5: a tie is reported with who is concerned, where nothing but size or age decides.
#[test]
fn ties_are_found() {
    let rules = LimitRules::compile(vec![
        rule(1, 5, None, &[Names::Group("keys")]),
        rule(2, 7, None, &[Names::Group("new")]),
        rule(3, 7, Some(1), &[Names::Group("new")]),
        rule(4, 7, None, &[Names::Department("north")]),
        rule(5, 7, None, &[Names::Group("nobody")]),
        rule(6, 8, None, &[Names::Group("nobody")]),
    ]);
    let ties = |id| {
        let ties = rules.ties(&directory(), Uuid::from_u128(id)).into_iter();
        ties.map(|tie| {
            (
                tie.rule.id.as_u128(),
                tie.users,
                tie.example.map(|user| user.to_string()),
            )
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(ties(1), [(2, 1, Some("cid".into()))]);
    assert_eq!(ties(2), [(1, 1, Some("cid".into()))]);
    assert_eq!(ties(3), []);
    assert_eq!(ties(4), []);
    // Nobody is in that group yet.
    assert_eq!(ties(5), [(6, 0, None)]);
    assert_eq!(ties(99), []);
}
