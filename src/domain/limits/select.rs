//! Which of the limits that name a user holds for him: the one that names him most specifically, as a whole.
//!
//! An admin who names one person expects that number to replace the team's, upward as well as downward. So the order
//! is: the user, his groups, his departments (the primary one, then the others, then the nearest one above), the
//! tenant's default. Among limits of one level the lowest priority number holds, a set one before none, then the
//! smallest limit, then the oldest. Where priorities do not decide, that is a tie, which admins are told of.

use super::rule::LimitRule;
use crate::domain::{
    configured::Configured,
    directory::Directory,
    ids::{DepartmentId, GroupId, UserId},
    organisation::Organisation,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// How specifically a limit names a user; the lesser one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// By himself.
    User,
    /// By a group.
    Group,
    /// By his primary department.
    PrimaryDepartment,
    /// By another department of his.
    OtherDepartment,
    /// By a department above one of his.
    DepartmentAbove {
        /// How far above.
        steps: usize,
        /// Whether it is not above his primary one.
        of_other: bool,
    },
    /// As somebody whom nothing else names.
    TenantDefault,
}

/// Why a limit that names a user does not hold for him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another one names him more specifically.
    LessSpecific,
    /// Another one goes before it by its priority.
    Priority,
    /// Tied, and another one is smaller.
    LargerLimit,
    /// Tied in everything, and another one is older.
    Younger,
}

/// A limit that does not hold, and why.
#[derive(Clone, Debug)]
pub struct Loser {
    /// The limit.
    pub rule: Arc<Configured<LimitRule>>,
    /// How it names the user.
    pub level: Level,
    /// Why it does not hold.
    pub why: Why,
}

/// Which limit holds for a user, and which do not.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// The one that holds, and how it names him; without one he may hold any number.
    pub winner: Option<(Arc<Configured<LimitRule>>, Level)>,
    /// The others that name him, the one that would hold next first.
    pub losers: Vec<Loser>,
}

impl Explained {
    /// The limit that holds.
    #[must_use]
    pub fn rule(&self) -> Option<&Configured<LimitRule>> {
        self.winner.as_ref().map(|(rule, _)| rule.as_ref())
    }
}

/// Another limit that names the same users at the same level with the same priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The other limit.
    pub rule: Arc<Configured<LimitRule>>,
    /// Users whom the tie concerns today.
    pub users: usize,
    /// One of them.
    pub example: Option<UserId>,
}

/// The retention limits of a tenant, with who is named by which looked up in advance.
#[derive(Clone, Debug, Default)]
pub struct LimitRules {
    rules: Vec<Arc<Configured<LimitRule>>>,
    by_user: HashMap<UserId, Vec<usize>>,
    by_group: HashMap<GroupId, Vec<usize>>,
    by_department: HashMap<DepartmentId, Vec<(usize, bool)>>,
    tenant_default: Vec<usize>,
}

impl LimitRules {
    /// Looks up in advance who is named.
    #[must_use]
    pub fn compile(rules: Vec<Arc<Configured<LimitRule>>>) -> Self {
        let mut compiled = Self::default();
        for (at, rule) in rules.iter().enumerate() {
            let subjects = &rule.config.subjects;
            for id in &subjects.users {
                compiled.by_user.entry(id.clone()).or_default().push(at);
            }
            for id in &subjects.groups {
                compiled.by_group.entry(id.clone()).or_default().push(at);
            }
            for department in &subjects.departments {
                let named = compiled.by_department.entry(department.department_id.clone());
                named.or_default().push((at, department.include_sub_departments));
            }
            if subjects.tenant_default {
                compiled.tenant_default.push(at);
            }
        }
        compiled.rules = rules;
        compiled
    }

    /// All of them, the oldest first.
    #[must_use]
    pub fn all(&self) -> &[Arc<Configured<LimitRule>>] {
        &self.rules
    }

    /// The limit of this id.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<&Arc<Configured<LimitRule>>> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Which limits name the user, each at its most specific level, the one that holds first.
    fn naming(&self, directory: &Directory, user: &UserId) -> Vec<(Level, usize)> {
        let mut best: BTreeMap<usize, Level> = BTreeMap::new();
        let mut note = |at: usize, level: Level| {
            let known = best.entry(at).or_insert(level);
            *known = level.min(*known);
        };
        for at in self.by_user.get(user).into_iter().flatten() {
            note(*at, Level::User);
        }
        for at in &self.tenant_default {
            note(*at, Level::TenantDefault);
        }
        if let Some(user) = directory.user(user) {
            for group in &user.groups {
                for at in self.by_group.get(group).into_iter().flatten() {
                    note(*at, Level::Group);
                }
            }
            for own in user.departments() {
                let of_other = user.primary_department.as_ref() != Some(own);
                for (steps, id) in directory.department_and_above(own).enumerate() {
                    let level = match (steps, of_other) {
                        (0, false) => Level::PrimaryDepartment,
                        (0, true) => Level::OtherDepartment,
                        _ => Level::DepartmentAbove { steps, of_other },
                    };
                    for (at, include_sub_departments) in self.by_department.get(id).into_iter().flatten() {
                        if steps == 0 || *include_sub_departments {
                            note(*at, level);
                        }
                    }
                }
            }
        }
        let mut naming: Vec<_> = best.into_iter().map(|(at, level)| (level, at)).collect();
        naming.sort_by_key(|(level, at)| {
            let rule = &self.rules[*at];
            (*level, order(rule.config.priority), rule.config.limit, rule.id)
        });
        naming
    }

    /// Which limit holds for the user, which do not, and why.
    #[must_use]
    pub fn explain(&self, directory: &Directory, user: &UserId) -> Explained {
        let naming = self.naming(directory, user);
        let Some(((level, first), rest)) = naming.split_first() else {
            return Explained::default();
        };
        let winner = &self.rules[*first];
        let losers = rest.iter().map(|(loses_at, at)| {
            let rule = &self.rules[*at];
            let why = if loses_at != level {
                Why::LessSpecific
            } else if rule.config.priority != winner.config.priority {
                Why::Priority
            } else if rule.config.limit != winner.config.limit {
                Why::LargerLimit
            } else {
                Why::Younger
            };
            Loser {
                rule: rule.clone(),
                level: *loses_at,
                why,
            }
        });
        Explained {
            losers: losers.collect(),
            winner: Some((winner.clone(), *level)),
        }
    }

    /// The other limits that tie with the one of this id: nothing but the smaller number or the greater age decides
    /// between them for some user, or would for users yet to come.
    #[must_use]
    pub fn ties(&self, directory: &Directory, id: Uuid) -> Vec<Tie> {
        let Some(this) = self.rules.iter().position(|rule| rule.id == id) else {
            return Vec::new();
        };
        let priority = self.rules[this].config.priority;
        let mut tied: BTreeMap<usize, (usize, Option<UserId>)> = BTreeMap::new();
        for at in self.sharing_a_subject(this) {
            tied.entry(at).or_default();
        }
        for user in directory.users.keys() {
            let naming = self.naming(directory, user);
            let Some((level, _)) = naming.iter().find(|(_, at)| *at == this) else {
                continue;
            };
            for (_, at) in naming.iter().filter(|(other, at)| other == level && *at != this) {
                let (users, example) = tied.entry(*at).or_default();
                *users += 1;
                example.get_or_insert_with(|| user.clone());
            }
        }
        let tied = tied
            .into_iter()
            .filter(|(at, _)| self.rules[*at].config.priority == priority);
        tied.map(|(at, (users, example))| Tie {
            rule: self.rules[at].clone(),
            users,
            example,
        })
        .collect()
    }

    fn sharing_a_subject(&self, this: usize) -> Vec<usize> {
        let subjects = &self.rules[this].config.subjects;
        let users = subjects.users.iter().filter_map(|id| self.by_user.get(id));
        let groups = subjects.groups.iter().filter_map(|id| self.by_group.get(id));
        let departments = subjects
            .departments
            .iter()
            .filter_map(|department| self.by_department.get(&department.department_id));
        let defaults: &[usize] = if subjects.tenant_default {
            &self.tenant_default
        } else {
            &[]
        };
        let mut sharing: Vec<_> = users.chain(groups).flatten().chain(defaults).copied().collect();
        sharing.extend(departments.flatten().map(|(at, _)| *at));
        sharing.retain(|at| *at != this);
        sharing
    }
}

/// Set priorities by number, then unset ones.
const fn order(priority: Option<u32>) -> u32 {
    match priority {
        Some(number) => number,
        None => u32::MAX,
    }
}

/// Which limit holds for the user in this organisation, which do not, and why.
#[must_use]
pub fn holding_rule(org: &Organisation, user: &UserId) -> Explained {
    org.limit_rules.explain(&org.directory, user)
}
