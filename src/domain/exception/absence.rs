//! Leaves of absence: while an owner is away his clocks stand still.

use crate::domain::{
    ids::UserId, organisation::Organisation, principal::Principal, refusal::Violations, retention::config::UserAbsence,
    text::check_text,
};
use chrono::TimeDelta;

/// Days of one leave at most.
pub const DAYS_MAX: i64 = 366;
/// Leaves of a tenant at most, past ones included.
pub const ABSENCES_MAX: usize = 20_000;
/// Characters of a reason at most.
const REASON_MAX: usize = 1000;

/// Everything that is wrong with it. Leaves of a user may overlap: no day counts twice.
#[must_use]
pub fn check(leave: &UserAbsence) -> Violations {
    let mut violations = Violations::default();
    let (from, until) = (leave.absence.from, leave.absence.until);
    if until <= from {
        violations.add("user_absence.end_time", "must be after start_time");
    }
    if until - from > TimeDelta::days(DAYS_MAX) {
        let message = format!("must be at most {DAYS_MAX} days after start_time");
        violations.add("user_absence.end_time", message);
    }
    check_text(&mut violations, "user_absence.reason", &leave.reason, REASON_MAX);
    violations
}

/// Whether the principal decides over the user's leaves: those above him and CRM admins, not he himself.
#[must_use]
pub fn grants(org: &Organisation, principal: &Principal, user: &UserId) -> bool {
    let above = |actor: &UserId| org.directory.supervises(actor, user);
    principal.crm_admin || principal.actor.as_ref().is_some_and(above)
}

/// Whether he sees them: he himself does as well.
#[must_use]
pub fn sees(org: &Organisation, principal: &Principal, user: &UserId) -> bool {
    grants(org, principal, user) || principal.actor.as_ref() == Some(user)
}

#[cfg(test)]
mod tests;
