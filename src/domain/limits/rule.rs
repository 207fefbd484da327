//! A retention limit as configured. It names people in any mix of ways and limits each of them for himself: a limit of
//! 10 for a department is 10 for every employee of it, not 10 for all of them together.

use crate::domain::{
    ids::{DepartmentId, GroupId, UserId},
    organisation::Organisation,
    refusal::Violations,
    text::{LIMITS, NAME_MAX, check_len, check_range, check_required_text, check_unique},
};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Retention limits of a tenant at most.
pub const RULES_MAX: usize = 1000;
/// Range of priorities; 1 decides first.
pub const PRIORITIES: RangeInclusive<u32> = 1..=9999;

/// A department whose employees are limited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LimitDepartment {
    /// The department.
    pub department_id: DepartmentId,
    /// Whether employees of the departments below it are limited too, where nothing nearer limits them.
    pub include_sub_departments: bool,
}

/// Who is limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSubjects {
    /// These users.
    pub users: Vec<UserId>,
    /// Users in one of these groups.
    pub groups: Vec<GroupId>,
    /// Employees of these departments.
    pub departments: Vec<LimitDepartment>,
    /// Everybody whom no other limit names.
    pub tenant_default: bool,
}

/// A retention limit. Field names are those of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRule {
    /// Name for people.
    pub display_name: String,
    /// Who is limited.
    pub subjects: LimitSubjects,
    /// How many accounts each of them may hold.
    pub limit: u32,
    /// Whether accounts of pools count.
    pub count_pool_accounts: bool,
    /// Whether won accounts count.
    pub count_won: bool,
    /// Which of several limits that name a user in the same way holds: the lowest number, a set one first.
    pub priority: Option<u32>,
}

impl LimitRule {
    /// Everything that is wrong with the limit, in the organisation that it is for.
    #[must_use]
    pub fn validate(&self, org: &Organisation) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        check_required_text(v, "display_name", &self.display_name, NAME_MAX);
        check_range(v, "limit", Some(self.limit), &LIMITS);
        check_range(v, "priority", self.priority, &PRIORITIES);
        self.subjects.validate(v, org);
        violations
    }
}

impl LimitSubjects {
    fn validate(&self, v: &mut Violations, org: &Organisation) {
        let named = !(self.users.is_empty() && self.groups.is_empty() && self.departments.is_empty());
        if self.tenant_default && named {
            v.add(
                "subjects.tenant_default",
                "is for everybody whom no other limit names; make a limit of its own for it",
            );
        }
        if !self.tenant_default && !named {
            v.add("subjects", "must name somebody, or be the tenant's default");
        }
        let directory = &org.directory;
        check_len(v, "subjects.users", self.users.len(), 5000);
        check_unique(v, "subjects.users", &self.users);
        for (at, id) in self.users.iter().enumerate() {
            if !directory.users.contains_key(id) {
                v.add(format!("subjects.users[{at}]"), format!("user {id} does not exist"));
            }
        }
        check_len(v, "subjects.groups", self.groups.len(), 500);
        check_unique(v, "subjects.groups", &self.groups);
        for (at, id) in self.groups.iter().enumerate() {
            if !directory.groups.contains_key(id) {
                v.add(format!("subjects.groups[{at}]"), format!("group {id} does not exist"));
            }
        }
        check_len(v, "subjects.departments", self.departments.len(), 500);
        let departments = self.departments.iter().map(|department| &department.department_id);
        check_unique(v, "subjects.departments", departments.clone());
        for (at, id) in departments.enumerate() {
            if !directory.departments.contains_key(id) {
                v.add(
                    format!("subjects.departments[{at}].department_id"),
                    format!("department {id} does not exist"),
                );
            }
        }
    }
}
