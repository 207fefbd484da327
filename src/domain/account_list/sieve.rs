//! The condition of a list, with all that it takes to ask it of rows: the time, the zone, who is in which department.
//!
//! Rows know their owners and not the departments of these. So what a condition says of departments is said of their
//! users, of whom there must not be too many.

use super::{Listing, Scope};
use crate::domain::{
    condition::{
        Condition, Schema,
        field::{Field, Standard},
        tree::Test,
    },
    error::Error,
    ids::UserId,
    organisation::Organisation,
    refusal::Violations,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// Users of the departments that a condition names at most, all together.
pub const DEPARTMENT_USERS_MAX: usize = 1000;

/// A condition that rows can be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sieve {
    /// What is asked.
    pub condition: Condition,
    /// When.
    pub now: DateTime<Utc>,
    /// By which calendar.
    pub tz: Tz,
    users: BTreeMap<String, Vec<UserId>>,
}

impl Sieve {
    /// The condition of the list, if it has one: as somebody asks for it now, or as it was kept with a job.
    pub fn of(org: &Organisation, listing: &Listing, now: DateTime<Utc>, kept: bool) -> Result<Option<Self>, Error> {
        let text = listing.filter.condition.as_str();
        if text.is_empty() {
            return Ok(None);
        }
        let schema = Schema::of(org);
        let read = if kept {
            Condition::restore(text, &schema)
        } else {
            Condition::compile(text, &schema)
        };
        let condition = read.map_err(invalid)?;
        let pool = match listing.scope {
            Scope::PoolUnclaimed(id) | Scope::PoolAll(id) => org.pool(id),
            _ => None,
        };
        Ok(Some(Self {
            users: users(org, &condition)?,
            tz: pool.map_or(org.tenant.settings.time_zone, |pool| org.zone(pool)),
            condition,
            now,
        }))
    }

    /// Everybody in a department that the condition names.
    #[must_use]
    pub fn users(&self, department: &str) -> &[UserId] {
        self.users.get(department).map_or(&[], Vec::as_slice)
    }
}

fn invalid(problem: impl ToString) -> Error {
    let mut violations = Violations::default();
    violations.add("filter.condition", problem);
    violations.into()
}

fn users(org: &Organisation, condition: &Condition) -> Result<BTreeMap<String, Vec<UserId>>, Error> {
    let mut users: BTreeMap<String, Vec<UserId>> = BTreeMap::new();
    condition.tree().each_test(&mut |test| {
        if let Test::Member(department, Field::Standard(Standard::Departments)) = test {
            users.entry(department.clone()).or_default();
        }
    });
    if users.is_empty() {
        return Ok(users);
    }
    let mut count = 0;
    for (id, user) in &org.directory.users {
        for department in user.value.departments() {
            if let Some(found) = users
                .get_mut(department.as_str())
                .filter(|found| found.last() != Some(id))
            {
                found.push(id.clone());
                count += 1;
            }
        }
    }
    if count > DEPARTMENT_USERS_MAX {
        return Err(invalid(format!(
            "the departments that it names have {count} users, and lists take at most {DEPARTMENT_USERS_MAX}; name smaller departments, or owners"
        )));
    }
    Ok(users)
}

#[cfg(test)]
mod tests;
