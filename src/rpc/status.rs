//! The one place where an [`Error`] becomes a gRPC status with its details.

use crate::domain::{
    error::Error,
    refusal::{Class, Reason, Refusal, Violation},
};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, QuotaViolation, StatusExt};

/// The domain of all reasons.
pub const DOMAIN: &str = "tidepool";
/// Details must fit into the trailers; what does not fit is counted.
const DETAILS: usize = 3 * 1024;
/// Characters of one message or description.
const TEXT: usize = 300;
const RETRY_DELAY: Duration = Duration::from_millis(250);

const fn code(class: Class) -> Code {
    match class {
        Class::InvalidArgument => Code::InvalidArgument,
        Class::Unauthenticated => Code::Unauthenticated,
        Class::PermissionDenied => Code::PermissionDenied,
        Class::NotFound => Code::NotFound,
        Class::AlreadyExists => Code::AlreadyExists,
        Class::FailedPrecondition => Code::FailedPrecondition,
        Class::ResourceExhausted => Code::ResourceExhausted,
        Class::Aborted => Code::Aborted,
        Class::OutOfRange => Code::OutOfRange,
        Class::Unavailable => Code::Unavailable,
        Class::DeadlineExceeded => Code::DeadlineExceeded,
        Class::Internal => Code::Internal,
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let reason = error.reason();
        let mut details = ErrorDetails::new();
        let (message, mut metadata) = match &error {
            Error::Invalid(violations) => {
                let violations: Vec<_> = violations.iter().map(field_violation).collect();
                let (fitting, metadata) = fit(&violations, |v| v.field.len() + v.description.len());
                details.set_bad_request(fitting);
                (summary(&violations), metadata)
            }
            Error::Refused(refusals) => {
                let size = |r: &Refusal| r.message.len() + r.reason.as_str().len();
                let (fitting, mut metadata) = fit(refusals, size);
                set_refusals(&mut details, reason, fitting);
                let first = refusals.first();
                metadata.extend(
                    first
                        .into_iter()
                        .flat_map(|r| &r.metadata)
                        .map(|(k, v)| ((*k).to_owned(), v.clone())),
                );
                (first.map_or_else(String::new, |first| first.message.clone()), metadata)
            }
        };
        metadata.retain(|_, value| value.len() <= 512);
        details.set_error_info(reason.as_str(), DOMAIN, metadata);
        if matches!(reason.class(), Class::Unavailable) || reason == Reason::Contention {
            details.set_retry_info(Some(RETRY_DELAY));
        } else if let Some(delay) = delay(&error) {
            details.set_retry_info(Some(delay));
        }
        Self::with_error_details(code(reason.class()), clip(&message), details)
    }
}

/// When the call may work again without anything else changing: when the last of its refusals has gone by itself.
fn delay(error: &Error) -> Option<Duration> {
    match error {
        Error::Invalid(_) => None,
        Error::Refused(refusals) => {
            let delays: Option<Vec<_>> = refusals.iter().map(|refusal| refusal.retry_after).collect();
            delays?.into_iter().max()
        }
    }
}

/// For callers that show nothing but the message.
fn summary(violations: &[FieldViolation]) -> String {
    let first = violations
        .first()
        .map(|v| format!("{}: {}", v.field, v.description))
        .unwrap_or_default();
    match violations.len() {
        0 | 1 => first,
        many => format!("{first} (and {} more, see the details)", many - 1),
    }
}

fn field_violation(violation: &Violation) -> FieldViolation {
    FieldViolation::new(clip(&violation.field), clip(&violation.description))
}

/// Words that quote the caller are as long as he likes; the trailers that carry them are not.
fn clip(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn set_refusals(details: &mut ErrorDetails, reason: Reason, refusals: &[Refusal]) {
    match reason.class() {
        Class::ResourceExhausted => {
            let violations = refusals
                .iter()
                .map(|r| QuotaViolation::new(r.reason.as_str(), r.message.clone()));
            details.set_quota_failure(violations.collect::<Vec<_>>());
        }
        // Of several refusals the first decides the code; here they all are, whatever it is.
        class if class == Class::FailedPrecondition || refusals.len() > 1 => {
            let violations = refusals
                .iter()
                .map(|r| PreconditionViolation::new(r.reason.as_str(), "", r.message.clone()));
            details.set_precondition_failure(violations.collect::<Vec<_>>());
        }
        _ => {}
    }
}

/// The first items that fit into the details, and how many there are if not all do.
fn fit<T>(items: &[T], size: impl Fn(&T) -> usize) -> (&[T], HashMap<String, String>) {
    let mut room = DETAILS;
    let fitting = items
        .iter()
        .take_while(|item| {
            let size = size(item) + 16;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        })
        .count();
    let mut metadata = HashMap::new();
    if fitting < items.len() {
        metadata.insert("total".to_owned(), items.len().to_string());
    }
    (&items[..fitting], metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::refusal::Violations,
        rpc::proto::{DESCRIPTORS, ErrorReason},
    };
    use prost::Message as _;

    #[test]
    fn every_reason_is_published_and_every_published_reason_exists() {
        for reason in Reason::ALL {
            let name = format!("ERROR_REASON_{}", reason.as_str());
            assert!(
                ErrorReason::from_str_name(&name).is_some(),
                "{name} is not in error_reason.proto"
            );
        }
        let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let reasons = set
            .file
            .iter()
            .flat_map(|file| &file.enum_type)
            .find(|e| e.name() == "ErrorReason")
            .unwrap();
        // All but ERROR_REASON_UNSPECIFIED.
        assert_eq!(reasons.value.len() - 1, Reason::ALL.len());
    }

    #[test]
    fn details_name_all_violations_and_stay_small() {
        let mut violations = Violations::default();
        violations.add("name", "must not be empty");
        violations.add_as(Reason::FieldNotUpdatable, "update_mask", "no such field");
        let status = Status::from(Error::from(violations));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.bad_request().map(|b| b.field_violations.len()), Some(2));
        assert_eq!(
            details.error_info().map(|info| info.reason.as_str()),
            Some("FIELD_NOT_UPDATABLE")
        );

        let mut many = Violations::default();
        for at in 0..500 {
            many.add(
                format!("users[{at}].supervisor"),
                "user somebody-with-a-long-name does not exist",
            );
        }
        let status = Status::from(Error::from(many));
        assert!(status.details().len() < 4096, "{}", status.details().len());
        let details = status.get_error_details();
        assert_eq!(
            details
                .error_info()
                .and_then(|info| info.metadata.get("total"))
                .map(String::as_str),
            Some("500")
        );
    }

    /// L31: only the daily limit says when to try again, and not where something else stands in the way as well.
    #[test]
    fn retrying_is_suggested_where_time_alone_helps() {
        let daily = || Refusal::new(Reason::DailyClaimLimitReached, "").retry_after(Duration::from_hours(2));
        let pool = Refusal::new(Reason::PoolClaimLimitReached, "");
        let retry = |refusals| {
            let status = Status::from(Error::Refused(refusals));
            assert_eq!(status.code(), Code::ResourceExhausted);
            status
                .get_error_details()
                .retry_info()
                .and_then(|info| info.retry_delay)
        };
        let longer = daily().retry_after(Duration::from_hours(3));
        assert_eq!(retry(vec![daily(), longer]), Some(Duration::from_hours(3)));
        assert_eq!(retry(vec![daily(), pool.clone()]), None);
        assert_eq!(retry(vec![pool]), None);
    }
}
