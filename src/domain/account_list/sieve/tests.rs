//! Who is in which department, and by which calendar months are counted.

use super::*;
use crate::domain::{
    account_list::{Filter, Order},
    directory::{Directory, Entry, User},
    ids::DepartmentId,
};
use std::sync::Arc;

fn listing(condition: &str) -> Listing {
    Listing {
        scope: Scope::All,
        filter: Filter {
            condition: condition.into(),
            ..Filter::default()
        },
        order: Order::Created,
        descending: false,
    }
}

fn org(users: usize) -> Organisation {
    let department = |id: &str| DepartmentId::parse(id).unwrap();
    let users = (0..users).map(|at| {
        let id = UserId::parse(&format!("u{at:04}")).unwrap();
        let value = User {
            id: id.clone(),
            display_name: String::new(),
            active: at % 2 == 0,
            primary_department: Some(department("sales")),
            // Twice in the same one is once.
            other_departments: vec![department("sales"), department(if at == 0 { "first" } else { "rest" })],
            supervisor: None,
            groups: Vec::new(),
            roles: Vec::new(),
            region: String::new(),
            skills: Vec::new(),
        };
        let update_time = DateTime::UNIX_EPOCH;
        (
            id,
            Arc::new(Entry {
                value,
                version: 1,
                update_time,
            }),
        )
    });
    let directory = Directory::compile(users.collect(), BTreeMap::new(), BTreeMap::new());
    Organisation {
        directory: Arc::new(directory),
        ..Organisation::bare()
    }
}

#[test]
fn departments_stand_for_their_users() {
    let now = DateTime::UNIX_EPOCH;
    let text =
        "\"sales\" in account.departments || \"first\" in account.departments || \"none\" in account.departments";
    let org = org(3);
    assert_eq!(Sieve::of(&org, &listing(""), now, false), Ok(None));
    let sieve = Sieve::of(&org, &listing(text), now, false).unwrap().unwrap();
    let of = |department| sieve.users(department).iter().map(UserId::as_str).collect::<Vec<_>>();
    assert_eq!(of("sales"), ["u0000", "u0001", "u0002"]);
    assert_eq!(of("first"), ["u0000"]);
    assert!(of("none").is_empty() && of("rest").is_empty());
    assert_eq!((sieve.now, sieve.tz), (now, Tz::Asia__Shanghai));
}

#[test]
fn departments_must_not_be_too_large() {
    let now = DateTime::UNIX_EPOCH;
    let asked = |users, text| Sieve::of(&org(users), &listing(text), now, false);
    assert!(asked(1000, "\"sales\" in account.departments").is_ok());
    let refused = asked(1001, "\"sales\" in account.departments").unwrap_err().to_string();
    assert!(
        refused.contains("filter.condition: the departments that it names have 1001 users"),
        "{refused}"
    );
    assert!(asked(1001, "\"first\" in account.departments").is_ok());
    assert!(
        asked(
            1000,
            "\"sales\" in account.departments && \"first\" in account.departments"
        )
        .is_err()
    );
}

#[test]
fn problems_name_the_field_of_the_request() {
    let refused = Sieve::of(&org(0), &listing("grade == \"A\""), DateTime::UNIX_EPOCH, false).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the request is invalid: filter.condition: line 1, column 1: unknown name grade; write account.grade"
    );
}
