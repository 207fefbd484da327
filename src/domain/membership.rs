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
    use crate::domain::{directory::Entry, ids::GroupId};
    use std::{collections::BTreeMap, sync::Arc};

    #[test]
    fn inactive_users_are_members_of_nothing() {
        let group = GroupId::parse("night").unwrap();
        let id = UserId::parse("ida").unwrap();
        let user = |active| User {
            id: id.clone(),
            display_name: String::new(),
            active,
            primary_department: None,
            other_departments: vec![],
            supervisor: None,
            groups: vec![group.clone()],
            roles: vec![],
            region: String::new(),
            skills: vec![],
        };
        for active in [true, false] {
            let entry = Arc::new(Entry {
                value: user(active),
                version: 1,
                update_time: chrono::DateTime::UNIX_EPOCH,
            });
            let directory = Directory::compile(BTreeMap::from([(id.clone(), entry)]), BTreeMap::new(), BTreeMap::new());
            let everyone = PoolMembers {
                everyone: true,
                ..PoolMembers::default()
            };
            let named = PoolMembers {
                users: vec![id.clone()],
                groups: vec![group.clone()],
                ..PoolMembers::default()
            };
            for members in [everyone, named] {
                assert_eq!(members.include(&directory, &user(active)), active);
            }
        }
    }
}
