//! Which department's rules are for the accounts of an employee who is in several that have some: choose, take back, and
//! list those for whom nobody chose.

use super::{
    App,
    call::Call,
    configured,
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    tenant::check_etag,
};
use crate::domain::{
    config_change::ConfigChange,
    configured::{ConfigTable, Configured},
    error::Error,
    ids::{DepartmentId, UserId},
    organisation::Organisation,
    refusal::Violations,
    retention::{
        config::ChosenDepartment,
        matching::{Choice, choose},
    },
};
use std::{ops::Bound, sync::Arc};

const TABLE: ConfigTable = ConfigTable::ChosenDepartment;

/// The departments of an employee.
#[derive(Clone, Debug)]
pub struct Departments {
    /// Whose.
    pub user: UserId,
    /// Which there are, and which is in effect.
    pub choice: Choice,
    /// Which one somebody chose, whether it still counts or not, and the version of that.
    pub chosen: Option<(DepartmentId, i64)>,
}

impl Departments {
    fn of(org: &Organisation, user: &UserId) -> Self {
        let chosen = org.retention.departments.get(user);
        Self {
            user: user.clone(),
            choice: choose(org, user),
            chosen: chosen.map(|row| (row.config.department_id.clone(), row.version)),
        }
    }

    /// As they are once `row` is stored.
    fn with(mut self, row: Option<&Configured<ChosenDepartment>>, org: &Organisation) -> Self {
        let mut after = org.clone();
        after.retention.departments.remove(&self.user);
        self.chosen = None;
        if let Some(row) = row {
            let departments = &mut after.retention.departments;
            departments.insert(self.user.clone(), Arc::new(row.clone()));
            self.chosen = Some((row.config.department_id.clone(), row.version));
        }
        self.choice = choose(&after, &self.user);
        self
    }
}

/// What is chosen for the user, for a change of it by a CRM admin who saw the state `etag`.
fn find_to_change<'a>(
    facts: &Facts<'a>,
    user: &UserId,
    etag: Option<i64>,
) -> Result<Option<&'a Configured<ChosenDepartment>>, Error> {
    facts.principal.require_crm_admin()?;
    if facts.org.directory.user(user).is_none() {
        return Err(Error::not_found("user", user));
    }
    let stored = facts.org.retention.departments.get(user).map(AsRef::as_ref);
    check_etag(etag, stored.map_or(0, |stored| stored.version))?;
    Ok(stored)
}

/// Refuses a department whose rules are not for the user: the choice would be without effect, and nobody would know.
fn check(before: &Departments, department: &DepartmentId) -> Result<(), Error> {
    let candidates = &before.choice.candidates;
    if candidates.iter().any(|(candidate, _)| candidate == department) {
        return Ok(());
    }
    let named: Vec<_> = candidates.iter().map(|(id, _)| id.to_string()).collect();
    let mut violations = Violations::default();
    let message = match named.as_slice() {
        [] => "none of the user's departments has reclaim rules in use".to_owned(),
        some => format!(
            "must be one of the departments whose rules could be for the user: {}",
            some.join(", ")
        ),
    };
    violations.add("department_id", message);
    Err(violations.into())
}

impl App {
    /// Chooses whose rules are for the accounts of `user` outside pools.
    pub async fn choose_retention_department(
        &self,
        call: &Call,
        once: &Once<'_, Departments>,
        config: &ChosenDepartment,
        etag: Option<i64>,
    ) -> Result<Reply<Departments>, Error> {
        self.configure(call, "ChooseRetentionDepartment", once, Ask::Nothing, |facts| {
            let stored = find_to_change(facts, &config.user_id, etag)?;
            let before = Departments::of(facts.org, &config.user_id);
            check(&before, &config.department_id)?;
            let (change, row) = match stored {
                Some(old) => configured::update(facts, TABLE, old, config.clone()),
                None => configured::create(facts, TABLE, config),
            };
            Ok((change, before.with(Some(&row), facts.org)))
        })
        .await
    }

    /// Takes the choice back.
    pub async fn unchoose_retention_department(
        &self,
        call: &Call,
        once: &Once<'_, Departments>,
        user: &UserId,
        etag: Option<i64>,
    ) -> Result<Reply<Departments>, Error> {
        self.configure(call, "UnchooseRetentionDepartment", once, Ask::Nothing, |facts| {
            let stored = find_to_change(facts, user, etag)?;
            let before = Departments::of(facts.org, user);
            Ok(match stored {
                Some(old) => (configured::delete(TABLE, old), before.with(None, facts.org)),
                None => (ConfigChange::default(), before),
            })
        })
        .await
    }

    /// The employees for whom a department should be chosen, by id, and the token of the next page.
    pub async fn list_ambiguous_employees(
        &self,
        call: &Call,
        include_chosen: bool,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Departments>, String), Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?.require_crm_admin()?;
        let list = List::new(call, "ListAmbiguousEmployees", &include_chosen);
        let after: Option<UserId> = self.pages.open(&list, token)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let users = org.directory.users.range::<UserId, _>((from, Bound::Unbounded));
        let wanted = users.filter_map(|(id, entry)| {
            let departments = Departments::of(&org, id);
            let chosen = include_chosen && departments.chosen.is_some();
            let open = entry.value.active && departments.choice.is_ambiguous();
            (open || chosen).then_some(departments)
        });
        let rows = wanted.take(size + 1).collect();
        Ok(page::cut(&self.pages, &list, rows, size, |row| row.user.clone()))
    }
}
