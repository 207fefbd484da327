//! Users, departments and groups.

use super::{decode, etag, id, id_opt, ids, page_size, timestamp};
use crate::{
    app::directory::{Counts, ListUsers, check_push},
    domain::{
        directory::{Department, Entry, Group, User},
        error::Error,
        ids::{DepartmentId, GroupId, Role, UserId},
        refusal::Violations,
    },
    rpc::proto,
};

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// A user as a message.
#[must_use]
pub fn encode_user(entry: &Entry<User>) -> proto::User {
    let user = &entry.value;
    proto::User {
        id: user.id.to_string(),
        display_name: user.display_name.clone(),
        active: user.active,
        primary_department: text(user.primary_department.as_ref()),
        other_departments: texts(&user.other_departments),
        supervisor: text(user.supervisor.as_ref()),
        groups: texts(&user.groups),
        roles: texts(&user.roles),
        region: user.region.clone(),
        skills: user.skills.clone(),
        etag: etag(entry.version),
        update_time: timestamp(entry.update_time),
    }
}

/// A department as a message.
#[must_use]
pub fn encode_department(entry: &Entry<Department>) -> proto::Department {
    let department = &entry.value;
    proto::Department {
        id: department.id.to_string(),
        display_name: department.display_name.clone(),
        parent: text(department.parent.as_ref()),
        head: text(department.head.as_ref()),
        etag: etag(entry.version),
        update_time: timestamp(entry.update_time),
    }
}

/// A group as a message.
#[must_use]
pub fn encode_group(entry: &Entry<Group>) -> proto::Group {
    proto::Group {
        id: entry.value.id.to_string(),
        display_name: entry.value.display_name.clone(),
        etag: etag(entry.version),
        update_time: timestamp(entry.update_time),
    }
}

/// What an upsert changed, as a message.
#[must_use]
pub fn encode_counts(counts: &Counts) -> proto::UpsertCounts {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    proto::UpsertCounts {
        created: count(counts.created),
        updated: count(counts.updated),
        unchanged: count(counts.unchanged),
    }
}

/// Reads a push of users.
pub fn users(messages: Vec<proto::User>) -> Result<Vec<User>, Error> {
    check_push("users", messages.len())?;
    decode(|v| {
        Some(
            messages
                .into_iter()
                .enumerate()
                .filter_map(|(at, message)| user(v, at, message))
                .collect(),
        )
    })
}

fn user(v: &mut Violations, at: usize, message: proto::User) -> Option<User> {
    let field = |name: &str| format!("users[{at}].{name}");
    let id = id(v, &field("id"), &message.id, UserId::parse);
    let primary = id_opt(
        v,
        &field("primary_department"),
        &message.primary_department,
        DepartmentId::parse,
    );
    let others = ids(
        v,
        &field("other_departments"),
        &message.other_departments,
        50,
        DepartmentId::parse,
    );
    let supervisor = id_opt(v, &field("supervisor"), &message.supervisor, UserId::parse);
    let groups = ids(v, &field("groups"), &message.groups, 200, GroupId::parse);
    let roles = ids(v, &field("roles"), &message.roles, 50, Role::parse);
    Some(User {
        id: id?,
        display_name: message.display_name,
        active: message.active,
        primary_department: primary?,
        other_departments: others,
        supervisor: supervisor?,
        groups,
        roles,
        region: message.region,
        skills: message.skills,
    })
}

/// Reads a push of departments.
pub fn departments(messages: Vec<proto::Department>) -> Result<Vec<Department>, Error> {
    check_push("departments", messages.len())?;
    decode(|v| {
        Some(
            messages
                .into_iter()
                .enumerate()
                .filter_map(|(at, message)| department(v, at, message))
                .collect(),
        )
    })
}

fn department(v: &mut Violations, at: usize, message: proto::Department) -> Option<Department> {
    let field = |name: &str| format!("departments[{at}].{name}");
    let id = id(v, &field("id"), &message.id, DepartmentId::parse);
    let parent = id_opt(v, &field("parent"), &message.parent, DepartmentId::parse);
    let head = id_opt(v, &field("head"), &message.head, UserId::parse);
    Some(Department {
        id: id?,
        display_name: message.display_name,
        parent: parent?,
        head: head?,
    })
}

/// Reads a push of groups.
pub fn groups(messages: Vec<proto::Group>) -> Result<Vec<Group>, Error> {
    check_push("groups", messages.len())?;
    decode(|v| {
        let read = messages.into_iter().enumerate().filter_map(|(at, message)| {
            let id = id(v, &format!("groups[{at}].id"), &message.id, GroupId::parse)?;
            Some(Group {
                id,
                display_name: message.display_name,
            })
        });
        Some(read.collect())
    })
}

/// Reads a list request.
pub fn list_users(message: proto::ListUsersRequest) -> Result<ListUsers, Error> {
    decode(|v| {
        let size = page_size(v, message.page_size);
        let department = id_opt(v, "department_id", &message.department_id, DepartmentId::parse);
        let supervisor = id_opt(v, "supervisor_id", &message.supervisor_id, UserId::parse);
        Some(ListUsers {
            size: size?,
            token: message.page_token,
            department: department?,
            supervisor: supervisor?,
        })
    })
}
