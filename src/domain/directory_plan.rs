//! What a push of the identity system changes, or everything that is wrong with it.

use super::{
    directory::{Department, Directory, Entry, Group, User},
    ids::{DepartmentId, UserId},
    refusal::Violations,
    text::{LABEL_MAX, NAME_MAX, check_len, check_required_text, check_text, check_unique},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What an upsert comes to. What did not change is not in `changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsert<T> {
    /// New or different entries, by id, with the state before.
    pub changed: Vec<(Option<T>, T)>,
    /// How many were the same.
    pub unchanged: usize,
}

/// Plans departments. Parents and heads must be stored or come in the same push; nobody is his own ancestor.
pub fn departments(directory: &Directory, pushed: Vec<Department>) -> Result<Upsert<Department>, Violations> {
    let mut violations = Violations::default();
    check_unique(
        &mut violations,
        "departments",
        pushed.iter().map(|department| &department.id),
    );
    let after: BTreeMap<&DepartmentId, Option<&DepartmentId>> = directory
        .departments
        .iter()
        .map(|(id, entry)| (id, entry.value.parent.as_ref()))
        .chain(
            pushed
                .iter()
                .map(|department| (&department.id, department.parent.as_ref())),
        )
        .collect();
    for (at, department) in pushed.iter().enumerate() {
        let field = |name: &str| format!("departments[{at}].{name}");
        check_text(
            &mut violations,
            &field("display_name"),
            &department.display_name,
            NAME_MAX,
        );
        if let Some(head) = department
            .head
            .as_ref()
            .filter(|head| !directory.users.contains_key(*head))
        {
            violations.add(field("head"), format!("user {head} does not exist"));
        }
        match &department.parent {
            Some(parent) if !after.contains_key(parent) => {
                violations.add(field("parent"), format!("department {parent} does not exist"));
            }
            Some(_) if cycles(&department.id, |id| after.get(id).copied().flatten()) => {
                violations.add(field("parent"), "the department would be above itself");
            }
            _ => {}
        }
    }
    finish(violations, pushed, &directory.departments, |department| &department.id)
}

/// Plans groups.
pub fn groups(directory: &Directory, pushed: Vec<Group>) -> Result<Upsert<Group>, Violations> {
    let mut violations = Violations::default();
    check_unique(&mut violations, "groups", pushed.iter().map(|group| &group.id));
    for (at, group) in pushed.iter().enumerate() {
        check_text(
            &mut violations,
            &format!("groups[{at}].display_name"),
            &group.display_name,
            NAME_MAX,
        );
    }
    finish(violations, pushed, &directory.groups, |group| &group.id)
}

/// Plans users. Departments and groups must be stored, supervisors stored or in the same push; nobody supervises
/// himself, directly or not.
pub fn users(directory: &Directory, pushed: Vec<User>) -> Result<Upsert<User>, Violations> {
    let mut violations = Violations::default();
    check_unique(&mut violations, "users", pushed.iter().map(|user| &user.id));
    let after: BTreeMap<&UserId, Option<&UserId>> = directory
        .users
        .iter()
        .map(|(id, entry)| (id, entry.value.supervisor.as_ref()))
        .chain(pushed.iter().map(|user| (&user.id, user.supervisor.as_ref())))
        .collect();
    for (at, user) in pushed.iter().enumerate() {
        let field = |name: &str| format!("users[{at}].{name}");
        check_user(&mut violations, &field, user);
        check_references(&mut violations, &field, directory, user);
        match &user.supervisor {
            Some(supervisor) if *supervisor == user.id => {
                violations.add(field("supervisor"), "users cannot supervise themselves");
            }
            Some(supervisor) if !after.contains_key(supervisor) => {
                violations.add(field("supervisor"), format!("user {supervisor} does not exist"));
            }
            Some(_) if cycles(&user.id, |id| after.get(id).copied().flatten()) => {
                violations.add(field("supervisor"), "the user would be above himself");
            }
            _ => {}
        }
    }
    finish(violations, pushed, &directory.users, |user| &user.id)
}

fn check_user(violations: &mut Violations, field: &impl Fn(&str) -> String, user: &User) {
    check_text(violations, &field("display_name"), &user.display_name, NAME_MAX);
    check_text(violations, &field("region"), &user.region, LABEL_MAX);
    check_len(
        violations,
        &field("other_departments"),
        user.other_departments.len(),
        50,
    );
    check_unique(violations, &field("other_departments"), user.departments());
    check_len(violations, &field("groups"), user.groups.len(), 200);
    check_unique(violations, &field("groups"), &user.groups);
    check_len(violations, &field("roles"), user.roles.len(), 50);
    check_unique(violations, &field("roles"), &user.roles);
    check_len(violations, &field("skills"), user.skills.len(), 50);
    check_unique(violations, &field("skills"), &user.skills);
    for (at, skill) in user.skills.iter().enumerate() {
        check_required_text(violations, &field(&format!("skills[{at}]")), skill, LABEL_MAX);
    }
}

fn check_references(violations: &mut Violations, field: &impl Fn(&str) -> String, directory: &Directory, user: &User) {
    if let Some(id) = user
        .primary_department
        .as_ref()
        .filter(|id| !directory.departments.contains_key(*id))
    {
        violations.add(field("primary_department"), format!("department {id} does not exist"));
    }
    for (at, id) in user.other_departments.iter().enumerate() {
        if !directory.departments.contains_key(id) {
            violations.add(
                field(&format!("other_departments[{at}]")),
                format!("department {id} does not exist"),
            );
        }
    }
    for (at, id) in user.groups.iter().enumerate() {
        if !directory.groups.contains_key(id) {
            violations.add(field(&format!("groups[{at}]")), format!("group {id} does not exist"));
        }
    }
}

/// Whether following `above` from `start` comes back to it.
fn cycles<'a, K: Ord>(start: &'a K, above: impl Fn(&K) -> Option<&'a K>) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = above(start);
    while let Some(id) = at {
        if id == start {
            return true;
        }
        // A cycle further up belongs to another entry, which names it.
        if !seen.insert(id) {
            return false;
        }
        at = above(id);
    }
    false
}

fn finish<K: Ord, T: Clone + PartialEq>(
    violations: Violations,
    pushed: Vec<T>,
    stored: &BTreeMap<K, Arc<Entry<T>>>,
    id: impl Fn(&T) -> &K,
) -> Result<Upsert<T>, Violations> {
    if !violations.is_empty() {
        return Err(violations);
    }
    let total = pushed.len();
    let changed: Vec<_> = pushed
        .into_iter()
        .filter_map(|new| match stored.get(id(&new)) {
            Some(old) if old.value == new => None,
            old => Some((old.map(|entry| entry.value.clone()), new)),
        })
        .collect();
    Ok(Upsert {
        unchanged: total - changed.len(),
        changed,
    })
}

#[cfg(test)]
mod tests;
