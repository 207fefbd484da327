//! The one error type above the database: what a caller is told. Driver texts never get in here.

use super::refusal::{Class, Reason, Refusal, Violation, Violations};

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is wrong; everything that is wrong with it.
    #[error("the request is invalid: {}", list(.0))]
    Invalid(Vec<Violation>),
    /// The request is right but refused; the first reason decides the status code. Never empty.
    #[error("{}", .0.first().map_or("refused", |r| &r.message))]
    Refused(Vec<Refusal>),
}

fn list(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(|v| format!("{}: {}", v.field, v.description))
        .collect::<Vec<_>>()
        .join("; ")
}

impl Error {
    /// One refusal.
    pub fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Refusal::new(reason, message).into()
    }

    /// There is no such resource, or none that the caller may know of: both read the same.
    pub fn not_found(resource: &'static str, id: impl ToString) -> Self {
        let id = id.to_string();
        Refusal::new(Reason::NotFound, format!("{resource} {id:?} does not exist"))
            .with("resource", resource)
            .with("id", id)
            .into()
    }

    /// A fault of ours. What went wrong is logged where it is found, never sent.
    #[must_use]
    pub fn internal() -> Self {
        Self::refused(Reason::Internal, "internal error")
    }

    /// The reason that decides the status code.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Invalid(violations) => violations
                .iter()
                .map(|v| v.reason)
                .find(|reason| *reason != Reason::InvalidArgument)
                .unwrap_or(Reason::InvalidArgument),
            Self::Refused(refusals) => refusals.first().map_or(Reason::Internal, |r| r.reason),
        }
    }

    /// The same, with the fields that are wrong as parts of `message`.
    #[must_use]
    pub fn within(self, message: &str) -> Self {
        match self {
            Self::Invalid(violations) => Self::Invalid(
                violations
                    .into_iter()
                    .map(|violation| Violation {
                        field: format!("{message}.{}", violation.field),
                        ..violation
                    })
                    .collect(),
            ),
            refused @ Self::Refused(_) => refused,
        }
    }

    /// The kind of answer.
    #[must_use]
    pub fn class(&self) -> Class {
        self.reason().class()
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations.into_vec())
    }
}
