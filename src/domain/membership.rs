//! Who is what in a pool. An inactive user is nothing anywhere.

use super::{
    directory::{Directory, User},
    ids::UserId,
    pool::{ClaimMode, Pool, PoolMembers},
};

impl PoolMembers {
    /// Whether the user fits one of the lists.
    #[must_use]
    pub fn include(&self, directory: &Directory, user: &User) -> bool {
        user.active
            && (self.everyone
                || self.users.contains(&user.id)
                || self.roles.iter().any(|role| user.roles.contains(role))
                || self.groups.iter().any(|group| user.groups.contains(group))
                || self.departments.iter().any(|member| {
                    user.departments().any(|id| {
                        *id == member.department_id
                            || member.include_sub_departments
                                && directory
                                    .department_and_above(id)
                                    .any(|above| *above == member.department_id)
                    })
                }))
    }
}

impl Pool {
    /// Whether the user is an active member.
    #[must_use]
    pub fn is_member(&self, directory: &Directory, user: &UserId) -> bool {
        directory
            .user(user)
            .is_some_and(|user| self.config.members.include(directory, user))
    }

    /// Whether the user is an active administrator.
    #[must_use]
    pub fn is_admin(&self, directory: &Directory, user: &UserId) -> bool {
        self.config.administrators.contains(user) && directory.is_active(user)
    }

    /// Whether the user can own accounts of the pool: its members can, and its admins.
    #[must_use]
    pub fn can_hold(&self, directory: &Directory, user: &UserId) -> bool {
        self.is_member(directory, user) || self.is_admin(directory, user)
    }

    /// Whether members see accounts that wait for an owner.
    #[must_use]
    pub fn shows_unclaimed(&self) -> bool {
        self.config.claim_mode == ClaimMode::MembersClaim || self.config.members_may_browse
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        directory::{Department, Entry},
        ids::{DepartmentId, GroupId, Role},
        pool::PoolDepartment,
    };
    use std::{collections::BTreeMap, sync::Arc};

    fn entry<T>(value: T) -> Arc<Entry<T>> {
        Arc::new(Entry {
            value,
            version: 1,
            update_time: chrono::DateTime::UNIX_EPOCH,
        })
    }

    fn department(id: &str) -> DepartmentId {
        DepartmentId::parse(id).unwrap()
    }

    /// `ida` works in sales of the north, which belongs to sales, and helps out in support.
    fn ida(active: bool) -> User {
        User {
            id: UserId::parse("ida").unwrap(),
            display_name: String::new(),
            active,
            primary_department: Some(department("north")),
            other_departments: vec![department("support")],
            supervisor: None,
            groups: vec![GroupId::parse("night").unwrap()],
            roles: vec![Role::parse("seller").unwrap()],
            region: String::new(),
            skills: vec![],
        }
    }

    fn directory(active: bool) -> Directory {
        let user = ida(active);
        let departments = [("sales", None), ("north", Some("sales")), ("support", None)].map(|(id, parent)| {
            let department = Department {
                id: department(id),
                display_name: String::new(),
                parent: parent.map(department),
                head: None,
            };
            (department.id.clone(), entry(department))
        });
        let users = BTreeMap::from([(user.id.clone(), entry(user))]);
        Directory::compile(users, departments.into(), BTreeMap::new())
    }

    /// R058: each list by itself makes a member, and nobody is one who is in none of them or has left.
    #[test]
    fn every_list_makes_members() {
        let none = PoolMembers::default;
        let of = |id: &str, include_sub_departments| PoolMembers {
            departments: vec![PoolDepartment {
                department_id: department(id),
                include_sub_departments,
            }],
            ..none()
        };
        let roles = |role: &str| PoolMembers {
            roles: vec![Role::parse(role).unwrap()],
            ..none()
        };
        let groups = |group: &str| PoolMembers {
            groups: vec![GroupId::parse(group).unwrap()],
            ..none()
        };
        let users = |user: &str| PoolMembers {
            users: vec![UserId::parse(user).unwrap()],
            ..none()
        };
        let everyone = PoolMembers {
            everyone: true,
            ..none()
        };
        for (members, included) in [
            (none(), false),
            (everyone, true),
            (users("ida"), true),
            (users("max"), false),
            (roles("seller"), true),
            (roles("buyer"), false),
            (groups("night"), true),
            (groups("day"), false),
            (of("north", false), true),
            (of("support", false), true),
            (of("sales", true), true),
            (of("sales", false), false),
            (of("support", true), true),
            (of("nowhere", true), false),
        ] {
            assert_eq!(members.include(&directory(true), &ida(true)), included, "{members:?}");
            assert!(!members.include(&directory(false), &ida(false)), "{members:?}");
        }
    }
}
