//! Ids. Our own are UUIDv7; those that other systems give us are printable ASCII without blanks, compared byte by byte.

use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The small key of a tenant inside the database. It never leaves the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantKey(pub i32);

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// Longer than allowed.
    #[error("must be at most {0} bytes long")]
    TooLong(usize),
    /// A character outside printable ASCII, or a blank.
    #[error("must be printable ASCII without blanks")]
    Character,
    /// Not a UUID.
    #[error("must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
    NotUuid,
}

fn check_foreign(text: &str, max: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > max {
        return Err(IdError::TooLong(max));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(IdError::Character);
    }
    Ok(())
}

/// Reads an id of ours: a UUID in its usual text form.
pub fn parse_own(text: &str) -> Result<Uuid, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    // Only the hyphenated form: one resource has one name.
    if text.len() != 36 {
        return Err(IdError::NotUuid);
    }
    Uuid::try_parse(text).map_err(|_| IdError::NotUuid)
}

macro_rules! foreign_id {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest id in bytes.
            pub const MAX: usize = $max;

            /// Accepts 1 to [`Self::MAX`] bytes of printable ASCII without blanks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check_foreign(text, Self::MAX)?;
                Ok(Self(text.into()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Accepts a UUID in its usual text form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse_own(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

foreign_id!(
    /// The name of a tenant, as callers say it.
    TenantName,
    64
);
foreign_id!(
    /// A user of the tenant's directory.
    UserId,
    64
);
foreign_id!(
    /// A department of the tenant's directory.
    DepartmentId,
    64
);
foreign_id!(
    /// A user group of the tenant's directory.
    GroupId,
    64
);
foreign_id!(
    /// A role that the identity system gives to users.
    Role,
    64
);
foreign_id!(
    /// The service that makes a call.
    CallerId,
    64
);
foreign_id!(
    /// Makes a repeated mutation answer as the first did.
    RequestId,
    128
);
foreign_id!(
    /// An account's id in another system.
    ExternalId,
    64
);
foreign_id!(
    /// An event of a source.
    EventId,
    128
);
foreign_id!(
    /// A business object of a source.
    ObjectId,
    64
);
foreign_id!(
    /// A reason for returning an account, from the tenant's list.
    ReasonId,
    64
);

own_id!(
    /// A pool.
    PoolId
);
own_id!(
    /// An account.
    AccountId
);
own_id!(
    /// A job.
    JobId
);
own_id!(
    /// A reclaim rule.
    ReclaimRuleId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_ids_are_printable_ascii_within_their_bound() {
        assert_eq!(UserId::parse(""), Err(IdError::Empty));
        assert_eq!(UserId::parse("a b"), Err(IdError::Character));
        assert_eq!(UserId::parse("zo\u{eb}"), Err(IdError::Character));
        assert_eq!(UserId::parse(&"x".repeat(65)), Err(IdError::TooLong(64)));
        assert!(UserId::parse(&"x".repeat(64)).is_ok());
        assert!(RequestId::parse(&"x".repeat(128)).is_ok());
        assert_ne!(UserId::parse("ann"), UserId::parse("Ann"));
    }

    #[test]
    fn own_ids_have_one_text_form() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(PoolId::parse(text).map(|id| id.to_string()), Ok(text.to_owned()));
        assert_eq!(PoolId::parse(&text.replace('-', "")), Err(IdError::NotUuid));
        assert_eq!(PoolId::parse(""), Err(IdError::Empty));
    }
}
