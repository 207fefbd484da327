//! What the plan of a directory sync decides, case by case.

use super::*;
use crate::domain::ids::GroupId;

fn user(id: &str, supervisor: Option<&str>) -> User {
    User {
        id: UserId::parse(id).unwrap(),
        display_name: String::new(),
        active: true,
        primary_department: None,
        other_departments: vec![],
        supervisor: supervisor.map(|id| UserId::parse(id).unwrap()),
        groups: vec![],
        roles: vec![],
        region: String::new(),
        skills: vec![],
    }
}

fn department(id: &str, parent: Option<&str>) -> Department {
    Department {
        id: DepartmentId::parse(id).unwrap(),
        display_name: String::new(),
        parent: parent.map(|id| DepartmentId::parse(id).unwrap()),
        head: None,
    }
}

fn entry<T>(value: T) -> Arc<Entry<T>> {
    Arc::new(Entry {
        value,
        version: 1,
        update_time: chrono::DateTime::UNIX_EPOCH,
    })
}

fn with_users(users: &[(&str, Option<&str>)]) -> Directory {
    let users = users
        .iter()
        .map(|(id, up)| user(id, *up))
        .map(|user| (user.id.clone(), entry(user)))
        .collect();
    Directory::compile(users, BTreeMap::new(), BTreeMap::new())
}

fn said<T: std::fmt::Debug>(plan: Result<Upsert<T>, Violations>) -> Vec<String> {
    plan.unwrap_err()
        .into_vec()
        .into_iter()
        .map(|v| format!("{}: {}", v.field, v.description))
        .collect()
}

#[test]
fn supervisors_may_come_in_the_same_push() {
    let plan = users(&Directory::default(), vec![user("ann", Some("bob")), user("bob", None)]).unwrap();
    assert_eq!(plan.changed.len(), 2);
}

#[test]
fn everything_wrong_is_named_at_once() {
    let mut bad = user("ann", Some("nobody"));
    bad.primary_department = Some(DepartmentId::parse("d1").unwrap());
    bad.groups = vec![GroupId::parse("g1").unwrap()];
    let plan = users(
        &Directory::default(),
        vec![bad, user("bob", Some("bob")), user("bob", None)],
    );
    assert_eq!(
        said(plan),
        [
            "users[2]: is there twice",
            "users[0].primary_department: department d1 does not exist",
            "users[0].groups[0]: group g1 does not exist",
            "users[0].supervisor: user nobody does not exist",
            "users[1].supervisor: users cannot supervise themselves",
        ]
    );
}

#[test]
fn a_cycle_through_stored_users_is_found() {
    let directory = with_users(&[("ann", None), ("bob", Some("ann")), ("cid", Some("bob"))]);
    assert_eq!(
        said(users(&directory, vec![user("ann", Some("cid"))])),
        ["users[0].supervisor: the user would be above himself"]
    );
    // Turning the chain round in one push is fine.
    let turned = vec![user("ann", Some("bob")), user("bob", Some("cid")), user("cid", None)];
    assert_eq!(users(&directory, turned).unwrap().changed.len(), 3);
}

#[test]
fn a_cycle_of_departments_is_found() {
    let plan = departments(
        &Directory::default(),
        vec![
            department("a", Some("b")),
            department("b", Some("a")),
            department("c", Some("a")),
        ],
    );
    assert_eq!(
        said(plan),
        [
            "departments[0].parent: the department would be above itself",
            "departments[1].parent: the department would be above itself"
        ]
    );
}

#[test]
fn what_did_not_change_is_not_written() {
    let directory = with_users(&[("ann", None), ("bob", Some("ann"))]);
    let plan = users(&directory, vec![user("ann", None), user("bob", None)]).unwrap();
    assert_eq!(plan.unchanged, 1);
    assert_eq!(plan.changed, [(Some(user("bob", Some("ann"))), user("bob", None))]);
}

#[test]
fn supervision_is_transitive() {
    let directory = with_users(&[("ann", None), ("bob", Some("ann")), ("cid", Some("bob")), ("dan", None)]);
    let id = |id| UserId::parse(id).unwrap();
    assert!(directory.supervises(&id("ann"), &id("cid")));
    assert!(!directory.supervises(&id("cid"), &id("ann")));
    assert!(!directory.supervises(&id("ann"), &id("ann")));
    assert!(!directory.supervises(&id("dan"), &id("cid")));
    assert_eq!(directory.subordinates(&id("ann")), [id("bob"), id("cid")]);
}
