//! Pauses: times at which nothing is reclaimed in a pool, or anywhere.

use crate::domain::{
    organisation::Organisation, refusal::Violations, retention::config::RetentionPause, text::check_text,
};

/// Pauses of a tenant at most, past ones included.
pub const PAUSES_MAX: usize = 1000;
/// Characters of a reason at most.
const REASON_MAX: usize = 1000;

/// Everything that is wrong with it.
#[must_use]
pub fn check(org: &Organisation, pause: &RetentionPause) -> Violations {
    let mut violations = Violations::default();
    if pause.pool_id.is_some_and(|id| org.pool(id).is_none()) {
        violations.add("retention_pause.pool_id", "does not exist");
    }
    if pause.span.until.is_some_and(|until| until <= pause.span.from) {
        violations.add("retention_pause.end_time", "must be after start_time");
    }
    check_text(&mut violations, "retention_pause.reason", &pause.reason, REASON_MAX);
    violations
}

#[cfg(test)]
mod tests;
