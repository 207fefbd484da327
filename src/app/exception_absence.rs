//! Leaves of absence: create, list, end, delete. They are configuration: clocks follow in the background, with notice where
//! a deadline comes nearer.

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
    exception::absence::{self, ABSENCES_MAX},
    ids::UserId,
    refusal::Reason,
    retention::config::UserAbsence,
};
use std::sync::Arc;
use uuid::Uuid;

const TABLE: ConfigTable = ConfigTable::UserAbsence;

/// A leave of absence as stored.
pub type StoredAbsence = Configured<UserAbsence>;

fn denied() -> Error {
    let message = "only those above the user and CRM admins decide over his leaves";
    Error::refused(Reason::NotAuthorized, message)
}

/// The leave, if the principal may know of it, for a change of it by somebody who may make it and saw the state `etag`.
fn find_to_change<'a>(facts: &Facts<'a>, id: Uuid, etag: Option<i64>) -> Result<&'a StoredAbsence, Error> {
    let org = facts.org;
    let leave = org.retention.stored_absences.iter().find(|leave| leave.id == id);
    let leave = leave.filter(|leave| absence::sees(org, facts.principal, &leave.config.user_id));
    let leave = leave.ok_or_else(|| Error::not_found("user_absence", id))?;
    if !absence::grants(org, facts.principal, &leave.config.user_id) {
        return Err(denied());
    }
    check_etag(etag, leave.version)?;
    Ok(leave)
}

impl App {
    /// Enters a leave.
    pub async fn create_user_absence(
        &self,
        call: &Call,
        once: &Once<'_, StoredAbsence>,
        leave: &UserAbsence,
    ) -> Result<Reply<StoredAbsence>, Error> {
        self.configure(call, "CreateUserAbsence", once, Ask::Nothing, |facts| {
            if !facts.org.directory.users.contains_key(&leave.user_id) {
                return Err(Error::not_found("user", &leave.user_id));
            }
            if !absence::grants(facts.org, facts.principal, &leave.user_id) {
                return Err(denied());
            }
            let violations = absence::check(leave);
            if !violations.is_empty() {
                return Err(violations.into());
            }
            let used = facts.org.retention.stored_absences.len();
            configured::check_number("leaves of absence", used, ABSENCES_MAX)?;
            Ok(configured::create(facts, TABLE, leave))
        })
        .await
    }

    /// The leaves of a user, or all, by id, and the token of the next page.
    pub async fn list_user_absences(
        &self,
        call: &Call,
        user: Option<&UserId>,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<StoredAbsence>>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        match user {
            None => principal.require_crm_admin()?,
            Some(user) if !org.directory.users.contains_key(user) => return Err(Error::not_found("user", user)),
            Some(user) if !absence::sees(&org, &principal, user) => {
                let message = "only the user himself, those above him and CRM admins see his leaves";
                return Err(Error::refused(Reason::NotAuthorized, message));
            }
            Some(_) => {}
        }
        let list = List::new(call, "ListUserAbsences", &user);
        let after: Option<Uuid> = self.pages.open(&list, token)?;
        let all = org.retention.stored_absences.iter();
        let rest = all.filter(|leave| user.is_none_or(|user| leave.config.user_id == *user));
        let rest = rest.filter(|leave| after.is_none_or(|after| leave.id > after));
        let rows = rest.take(size + 1).cloned().collect();
        Ok(page::cut(&self.pages, &list, rows, size, |leave| leave.id))
    }

    /// Ends a leave.
    pub async fn end_user_absence(
        &self,
        call: &Call,
        once: &Once<'_, StoredAbsence>,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<Reply<StoredAbsence>, Error> {
        self.configure(call, "EndUserAbsence", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            if old.config.absence.until <= facts.now {
                return Ok((ConfigChange::default(), old.clone()));
            }
            let mut leave = old.config.clone();
            leave.absence.until = facts.now.max(leave.absence.from);
            Ok(configured::update(facts, TABLE, old, leave))
        })
        .await
    }

    /// Deletes a leave.
    pub async fn delete_user_absence(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteUserAbsence", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            Ok((configured::delete(TABLE, old), ()))
        })
        .await
    }
}
