//! The organisation's directory: users, departments, groups, and the questions that rules ask of it.

use super::ids::{DepartmentId, GroupId, Role, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The role that makes a CRM admin.
pub const CRM_ADMIN: &str = "crm-admin";

/// A user, as the identity system knows him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Id in the identity system.
    pub id: UserId,
    /// Name for people.
    pub display_name: String,
    /// Whether he may act and own accounts.
    pub active: bool,
    /// The department that he mainly belongs to.
    pub primary_department: Option<DepartmentId>,
    /// Further departments.
    pub other_departments: Vec<DepartmentId>,
    /// His direct supervisor.
    pub supervisor: Option<UserId>,
    /// Groups that he belongs to.
    pub groups: Vec<GroupId>,
    /// Roles that he has.
    pub roles: Vec<Role>,
    /// Sales region; empty means none.
    pub region: String,
    /// Skills.
    pub skills: Vec<String>,
}

/// A department. Departments form trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Department {
    /// Id in the identity system.
    pub id: DepartmentId,
    /// Name for people.
    pub display_name: String,
    /// The department above.
    pub parent: Option<DepartmentId>,
    /// Who heads it.
    pub head: Option<UserId>,
}

/// A user group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Id in the identity system.
    pub id: GroupId,
    /// Name for people.
    pub display_name: String,
}

/// An entry of the directory as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// What the identity system says.
    pub value: T,
    /// Raised by every change.
    pub version: i64,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
}

/// The directory of a tenant at one revision, with what rules look up precomputed.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Users by id.
    pub users: BTreeMap<UserId, Arc<Entry<User>>>,
    /// Departments by id.
    pub departments: BTreeMap<DepartmentId, Arc<Entry<Department>>>,
    /// Groups by id.
    pub groups: BTreeMap<GroupId, Arc<Entry<Group>>>,
    reports: HashMap<UserId, Vec<UserId>>,
}

impl Directory {
    /// Precomputes what rules look up.
    #[must_use]
    pub fn compile(
        users: BTreeMap<UserId, Arc<Entry<User>>>,
        departments: BTreeMap<DepartmentId, Arc<Entry<Department>>>,
        groups: BTreeMap<GroupId, Arc<Entry<Group>>>,
    ) -> Self {
        let mut reports: HashMap<UserId, Vec<UserId>> = HashMap::new();
        for (id, user) in &users {
            if let Some(supervisor) = &user.value.supervisor {
                reports.entry(supervisor.clone()).or_default().push(id.clone());
            }
        }
        Self {
            users,
            departments,
            groups,
            reports,
        }
    }

    /// The user, if there is one.
    #[must_use]
    pub fn user(&self, id: &UserId) -> Option<&User> {
        self.users.get(id).map(|entry| &entry.value)
    }

    /// The department, if there is one.
    #[must_use]
    pub fn department(&self, id: &DepartmentId) -> Option<&Department> {
        self.departments.get(id).map(|entry| &entry.value)
    }

    /// Whether the user is there and active.
    #[must_use]
    pub fn is_active(&self, id: &UserId) -> bool {
        self.user(id).is_some_and(|user| user.active)
    }

    /// Whether the user is an active CRM admin.
    #[must_use]
    pub fn is_crm_admin(&self, id: &UserId) -> bool {
        self.user(id)
            .is_some_and(|user| user.active && user.roles.iter().any(|role| role.as_str() == CRM_ADMIN))
    }

    /// The user's supervisors, the direct one first.
    pub fn supervisors<'a>(&'a self, id: &UserId) -> impl Iterator<Item = &'a UserId> {
        let above = |id: &UserId| self.user(id).and_then(|user| user.supervisor.as_ref());
        // Cycles are refused when they are written; the bound holds for rows that came in another way.
        std::iter::successors(above(id), move |id| above(id)).take(self.users.len())
    }

    /// Whether `manager` is above `user`, directly or not.
    #[must_use]
    pub fn supervises(&self, manager: &UserId, user: &UserId) -> bool {
        self.supervisors(user).any(|id| id == manager)
    }

    /// Whether anybody is below `manager`.
    #[must_use]
    pub fn has_reports(&self, manager: &UserId) -> bool {
        self.reports.contains_key(manager)
    }

    /// Everybody below `manager`, directly or not, himself not included.
    #[must_use]
    pub fn subordinates(&self, manager: &UserId) -> Vec<UserId> {
        let mut below = Vec::new();
        let mut next = vec![manager];
        while let Some(id) = next.pop() {
            for report in self.reports.get(id).into_iter().flatten() {
                if below.len() >= self.users.len() {
                    return below;
                }
                below.push(report.clone());
                next.push(report);
            }
        }
        below
    }

    /// The department and those above it, itself first.
    pub fn department_and_above<'a>(&'a self, id: &'a DepartmentId) -> impl Iterator<Item = &'a DepartmentId> {
        let above = |id: &DepartmentId| self.departments.get(id).and_then(|entry| entry.value.parent.as_ref());
        std::iter::successors(Some(id), move |id| above(id)).take(self.departments.len().max(1))
    }
}

impl User {
    /// The departments that the user belongs to, the primary one first.
    pub fn departments(&self) -> impl Iterator<Item = &DepartmentId> {
        self.primary_department.iter().chain(&self.other_departments)
    }
}
