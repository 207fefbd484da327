//! The tenant's directory: the identity system pushes users, departments and groups, everybody else reads.

use super::{
    App,
    call::Call,
    flow::{Ask, Once, Reply},
    page::{self, List},
    tenant::check_etag,
};
use crate::domain::{
    config_change::{Action, ConfigChange, ConfigEvent, Write},
    directory::{Department, Directory, Entry, Group, User},
    directory_plan::{self, Upsert},
    error::Error,
    ids::{DepartmentId, GroupId, UserId},
    refusal::Violations,
};
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// What an upsert changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New ones.
    pub created: usize,
    /// Those that differed.
    pub updated: usize,
    /// Those that were the same and were not written.
    pub unchanged: usize,
}

/// Entries by id, and the token of the next page.
pub type Page<T> = (Vec<Arc<Entry<T>>>, String);

/// Which users are wanted.
#[derive(Clone, Debug)]
pub struct ListUsers {
    /// Rows at most.
    pub size: usize,
    /// Where to go on.
    pub token: String,
    /// Only users of this department.
    pub department: Option<DepartmentId>,
    /// Only users below this one.
    pub supervisor: Option<UserId>,
}

/// Turns a plan into rows and events.
fn change<K: Ord + ToString, T: Clone + Serialize>(
    resource_type: &'static str,
    plan: Upsert<T>,
    stored: &BTreeMap<K, Arc<Entry<T>>>,
    id: impl Fn(&T) -> &K,
    now: DateTime<Utc>,
    write: impl Fn(Entry<T>) -> Write,
) -> (ConfigChange, Counts) {
    let mut change = ConfigChange::default();
    let mut counts = Counts {
        unchanged: plan.unchanged,
        ..Counts::default()
    };
    for (old, new) in plan.changed {
        let action = if old.is_some() {
            Action::Updated
        } else {
            Action::Created
        };
        let count = if old.is_some() {
            &mut counts.updated
        } else {
            &mut counts.created
        };
        *count += 1;
        change.events.push(ConfigEvent::new(
            resource_type,
            id(&new).to_string(),
            action,
            old.as_ref(),
            Some(&new),
        ));
        let version = stored.get(id(&new)).map_or(0, |entry| entry.version) + 1;
        change.writes.push(write(Entry {
            value: new,
            version,
            update_time: now,
        }));
    }
    (change, counts)
}

/// Those who are active now and will not be: their guard rows are written, so that no acquisition that was decided
/// before can commit after.
fn blocked(directory: &Directory, change: &ConfigChange) -> Vec<Write> {
    let deactivated = |write: &Write| match write {
        Write::User(user) if !user.value.active && directory.is_active(&user.value.id) => {
            Some(Write::BlockHolder(user.value.id.clone()))
        }
        _ => None,
    };
    change.writes.iter().filter_map(deactivated).collect()
}

/// What makes a user inactive; nothing for one who is.
pub(super) fn deactivation(
    directory: &Directory,
    id: &UserId,
    etag: Option<i64>,
    now: DateTime<Utc>,
) -> Result<(ConfigChange, Entry<User>), Error> {
    let old = directory.users.get(id).ok_or_else(|| Error::not_found("user", id))?;
    check_etag(etag, old.version)?;
    if !old.value.active {
        return Ok((ConfigChange::default(), Entry::clone(old)));
    }
    let value = User {
        active: false,
        ..old.value.clone()
    };
    let event = ConfigEvent::new("user", id, Action::Disabled, Some(&old.value), Some(&value));
    let new = Entry {
        value,
        version: old.version + 1,
        update_time: now,
    };
    let writes = vec![Write::User(new.clone()), Write::BlockHolder(id.clone())];
    let events = vec![event];
    Ok((ConfigChange { writes, events }, new))
}

impl App {
    /// Creates or replaces departments.
    pub async fn upsert_departments(
        &self,
        call: &Call,
        once: &Once<'_, Counts>,
        pushed: &[Department],
    ) -> Result<Reply<Counts>, Error> {
        self.configure(call, "BatchUpsertDepartments", once, Ask::Nothing, |facts| {
            let directory = &facts.org.directory;
            let plan = directory_plan::departments(directory, pushed.to_vec())?;
            Ok(change(
                "department",
                plan,
                &directory.departments,
                |d| &d.id,
                facts.now,
                Write::Department,
            ))
        })
        .await
    }

    /// Creates or replaces groups.
    pub async fn upsert_groups(
        &self,
        call: &Call,
        once: &Once<'_, Counts>,
        pushed: &[Group],
    ) -> Result<Reply<Counts>, Error> {
        self.configure(call, "BatchUpsertGroups", once, Ask::Nothing, |facts| {
            let directory = &facts.org.directory;
            let plan = directory_plan::groups(directory, pushed.to_vec())?;
            Ok(change(
                "group",
                plan,
                &directory.groups,
                |group| &group.id,
                facts.now,
                Write::Group,
            ))
        })
        .await
    }

    /// Creates or replaces users.
    pub async fn upsert_users(
        &self,
        call: &Call,
        once: &Once<'_, Counts>,
        pushed: &[User],
    ) -> Result<Reply<Counts>, Error> {
        self.configure(call, "BatchUpsertUsers", once, Ask::Nothing, |facts| {
            let directory = &facts.org.directory;
            let plan = directory_plan::users(directory, pushed.to_vec())?;
            let (mut change, counts) = change("user", plan, &directory.users, |user| &user.id, facts.now, Write::User);
            change.writes.extend(blocked(directory, &change));
            Ok((change, counts))
        })
        .await
    }

    /// Makes a user inactive.
    pub async fn deactivate_user(
        &self,
        call: &Call,
        once: &Once<'_, Entry<User>>,
        id: &UserId,
        etag: Option<i64>,
    ) -> Result<Reply<Entry<User>>, Error> {
        self.configure(call, "DeactivateUser", once, Ask::Nothing, |facts| {
            deactivation(&facts.org.directory, id, etag, facts.now)
        })
        .await
    }

    /// Reads a user.
    pub async fn get_user(&self, call: &Call, id: &UserId) -> Result<Arc<Entry<User>>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        org.directory
            .users
            .get(id)
            .cloned()
            .ok_or_else(|| Error::not_found("user", id))
    }

    /// Lists users by id.
    pub async fn list_users(&self, call: &Call, input: &ListUsers) -> Result<Page<User>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        let directory = &org.directory;
        let list = List::new(call, "ListUsers", &(&input.department, &input.supervisor));
        self.list_entries(&list, &directory.users, input.size, &input.token, |user: &User| {
            input
                .department
                .as_ref()
                .is_none_or(|id| user.departments().any(|department| department == id))
                && input
                    .supervisor
                    .as_ref()
                    .is_none_or(|id| directory.supervises(id, &user.id))
        })
    }

    /// Reads a department.
    pub async fn get_department(&self, call: &Call, id: &DepartmentId) -> Result<Arc<Entry<Department>>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        org.directory
            .departments
            .get(id)
            .cloned()
            .ok_or_else(|| Error::not_found("department", id))
    }

    /// Lists departments by id.
    pub async fn list_departments(&self, call: &Call, size: usize, token: &str) -> Result<Page<Department>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        let list = List::new(call, "ListDepartments", &());
        self.list_entries(&list, &org.directory.departments, size, token, |_| true)
    }

    /// Reads a group.
    pub async fn get_group(&self, call: &Call, id: &GroupId) -> Result<Arc<Entry<Group>>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        org.directory
            .groups
            .get(id)
            .cloned()
            .ok_or_else(|| Error::not_found("group", id))
    }

    /// Lists groups by id.
    pub async fn list_groups(&self, call: &Call, size: usize, token: &str) -> Result<Page<Group>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        let list = List::new(call, "ListGroups", &());
        self.list_entries(&list, &org.directory.groups, size, token, |_| true)
    }

    /// One page of a part of the directory, by id.
    fn list_entries<K: Ord + Clone + Serialize + DeserializeOwned, T: Serialize>(
        &self,
        list: &List,
        stored: &BTreeMap<K, Arc<Entry<T>>>,
        size: usize,
        token: &str,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, Error> {
        let after: Option<K> = self.pages.open(list, token)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = stored
            .range((from, Bound::Unbounded))
            .filter(|(_, entry)| keep(&entry.value));
        let rows: Vec<_> = rest
            .take(size + 1)
            .map(|(id, entry)| (id.clone(), entry.clone()))
            .collect();
        let weigh = |(_, entry): &(K, Arc<Entry<T>>)| page::weigh(&entry.value);
        let (rows, token) = page::cut_by_weight(&self.pages, list, rows, size, |(id, _)| id.clone(), weigh);
        Ok((rows.into_iter().map(|(_, entry)| entry).collect(), token))
    }
}

/// Refuses a push of nothing or of too much.
pub fn check_push(field: &'static str, len: usize) -> Result<(), Violations> {
    let mut violations = Violations::default();
    if !(1..=1000).contains(&len) {
        violations.add(field, "must have 1 to 1000 entries");
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}
