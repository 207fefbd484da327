//! Who sees an object for whose it is.

use super::*;
use crate::domain::directory::{Entry, User};
use std::{collections::BTreeMap, sync::Arc};

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// Each of these is below the one before.
fn chain(ids: &[&str]) -> Directory {
    let mut users = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        let value = User {
            id: user(id),
            display_name: String::new(),
            active: true,
            primary_department: None,
            other_departments: vec![],
            supervisor: at.checked_sub(1).map(|above| user(ids[above])),
            groups: vec![],
            roles: vec![],
            region: String::new(),
            skills: vec![],
        };
        let entry = Entry {
            value,
            version: 1,
            update_time: DateTime::UNIX_EPOCH,
        };
        users.insert(user(id), Arc::new(entry));
    }
    Directory::compile(users, BTreeMap::new(), BTreeMap::new())
}

/// D42: by owner an object is seen by himself and everybody above him, and by nobody below or beside.
#[test]
fn objects_are_seen_by_their_owner_and_those_above() {
    let directory = chain(&["top", "mid", "low"]);
    let sees = |viewer: &str, owner: Option<&str>| {
        let owner = owner.map(user);
        Sight::Of(user(viewer)).by_owner(&directory, owner.as_ref())
    };
    for (viewer, owner, expected) in [
        ("mid", Some("mid"), true),
        ("mid", Some("low"), true),
        ("top", Some("low"), true),
        ("mid", Some("top"), false),
        ("low", Some("mid"), false),
        ("stranger", Some("mid"), false),
        // Whose owner the directory does not know sees it, if it is he who asks.
        ("stranger", Some("stranger"), true),
        ("top", None, false),
    ] {
        assert_eq!(sees(viewer, owner), expected, "{viewer} {owner:?}");
    }
    assert!(Sight::All.by_owner(&directory, None));
}
