//! Why a call, or an item of one, was refused: what a program decides by, read from the details of the status.

use prost::Message;
use std::{collections::BTreeMap, fmt, time::Duration};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    /// The status code.
    pub code: Code,
    /// The reason, for example `ALREADY_CLAIMED`: what to decide by. Empty if the answer did not come from the service
    /// but from the transport.
    pub reason: String,
    /// In words, for people.
    pub message: String,
    /// Facts such as `limit`, `used`, `blocked_until`.
    pub metadata: BTreeMap<String, String>,
    /// The fields that are wrong, by their paths in the request, and what is wrong with each.
    pub fields: Vec<(String, String)>,
    /// When it may work again.
    pub retry_after: Option<Duration>,
}

impl From<&Status> for Refused {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let fields = details.bad_request().map(|bad| &bad.field_violations);
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            message: status.message().to_owned(),
            metadata: info
                .map(|info| info.metadata.clone().into_iter().collect())
                .unwrap_or_default(),
            fields: fields
                .into_iter()
                .flatten()
                .map(|violation| (violation.field.clone(), violation.description.clone()))
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

impl Refused {
    /// What came of an item of a bulk call; nothing if it was not refused.
    #[must_use]
    pub fn of_item(status: Option<&tonic_types::Status>) -> Option<Self> {
        let status = status.filter(|status| status.code != 0)?;
        let details = status.encode_to_vec().into();
        let status = Status::with_details(Code::from(status.code), status.message.clone(), details);
        Some(Self::from(&status))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_empty() {
            write!(f, "{:?}", self.code)?;
        } else {
            write!(f, "{}", self.reason)?;
        }
        if self.fields.is_empty() {
            write!(f, ": {}", self.message)?;
            let facts: Vec<_> = self
                .metadata
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            if !facts.is_empty() {
                write!(f, " ({})", facts.join(", "))?;
            }
            return Ok(());
        }
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|(field, what)| format!("{field} {what}"))
            .collect();
        write!(f, ": {}", fields.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use tonic_types::ErrorDetails;

    #[test]
    fn details_are_read_and_shown() {
        let mut details = ErrorDetails::new();
        let facts = ["limit", "used"].map(|key| (key.to_owned(), "2".to_owned()));
        details.set_error_info("POOL_CLAIM_LIMIT_REACHED", "tidepool", facts);
        details.set_retry_info(Some(Duration::from_secs(3)));
        let status = Status::with_error_details(Code::ResourceExhausted, "no more", details);
        let refused = Refused::from(&status);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(3)));
        assert_eq!(
            refused.to_string(),
            "POOL_CLAIM_LIMIT_REACHED: no more (limit=2, used=2)"
        );

        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_ARGUMENT", "tidepool", HashMap::new());
        details.add_bad_request_violation("account.name", "must not be empty");
        let status = Status::with_error_details(Code::InvalidArgument, "account.name: must not be empty", details);
        assert_eq!(
            Refused::from(&status).to_string(),
            "INVALID_ARGUMENT: account.name must not be empty"
        );

        let status = Status::unavailable("no connection");
        assert_eq!(Refused::from(&status).to_string(), "Unavailable: no connection");
        assert_eq!(Refused::of_item(Some(&tonic_types::Status::default())), None);
    }
}
