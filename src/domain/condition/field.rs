//! What conditions can ask of an account, and of which kind each answer is.

use crate::domain::{
    account::{AccountKind, DealStatus, Status},
    configured::Configured,
    custom_field::{CustomField, FieldType},
};
use std::{fmt, sync::Arc};
use uuid::Uuid;

macro_rules! standard {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:expr;)*) => {
        /// Fields that every account has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Standard {
            $($(#[$doc])* $name,)*
        }

        impl Standard {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name after `account.`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            const fn kind(self) -> Kind {
                match self { $(Self::$name => $kind),* }
            }
        }
    };
}

standard! {
    /// Its name.
    Name = "name", Kind::Text;
    /// What it stands for.
    AccountKind = "kind", Kind::Code(Code::AccountKind);
    /// Grade.
    Grade = "grade", Kind::Text;
    /// Industry.
    Industry = "industry", Kind::Text;
    /// Where it came from.
    Source = "source", Kind::Text;
    /// Sales region.
    Region = "region", Kind::Text;
    /// Telephone number.
    Phone = "phone", Kind::Text;
    /// E-mail address.
    Email = "email", Kind::Text;
    /// Web site.
    Website = "website", Kind::Text;
    /// Postal address.
    Address = "address", Kind::Text;
    /// Anything else.
    Remark = "remark", Kind::Text;
    /// Its id in another system.
    ExternalId = "external_id", Kind::Text;
    /// Tags.
    Tags = "tags", Kind::Tags;
    /// Where it is in its life.
    Status = "status", Kind::Code(Code::Status);
    /// Who owns it.
    Owner = "owner", Kind::User;
    /// Who owned it last.
    LastOwner = "last_owner", Kind::User;
    /// Since when the owner owns it.
    OwnerSince = "owner_since", Kind::Time;
    /// Departments of the owner.
    Departments = "departments", Kind::Departments;
    /// The pool that it belongs to.
    Pool = "pool", Kind::Pool;
    /// Who created it.
    Creator = "creator", Kind::User;
    /// When.
    CreateTime = "create_time", Kind::Time;
    /// When it last changed.
    UpdateTime = "update_time", Kind::Time;
    /// When somebody last followed up.
    LastFollowUpTime = "last_follow_up_time", Kind::Time;
    /// When the last deal was closed.
    LastWonTime = "last_won_time", Kind::Time;
    /// How many deals were closed.
    WonCount = "won_count", Kind::Count;
    /// Whether deals were closed.
    DealStatus = "deal_status", Kind::Code(Code::DealStatus);
    /// Whether any was.
    IsWon = "is_won", Kind::Flag;
    /// How often it went from one owner to a different one.
    TransferCount = "transfer_count", Kind::Count;
}

/// Of which kind the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; empty means not set.
    Text,
    /// The id of a user.
    User,
    /// The id of a pool.
    Pool,
    /// One of a published list of names.
    Code(Code),
    /// A whole number.
    Count,
    /// A number.
    Number,
    /// Yes or no.
    Flag,
    /// An instant.
    Time,
    /// One of the choices of a custom field.
    Choice,
    /// Texts.
    Tags,
    /// Ids of departments.
    Departments,
}

/// A published list of names, stored as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// [`AccountKind`].
    AccountKind,
    /// [`Status`].
    Status,
    /// [`DealStatus`].
    DealStatus,
}

impl Code {
    /// The name of a number.
    pub(super) fn name(self, number: i16) -> Option<&'static str> {
        match self {
            Self::AccountKind => AccountKind::from_number(number).map(AccountKind::as_str),
            Self::Status => Status::from_number(number).map(Status::as_str),
            Self::DealStatus => DealStatus::from_number(number).map(DealStatus::as_str),
        }
    }

    /// All numbers with their names.
    pub(super) fn all(self) -> impl Iterator<Item = (i16, &'static str)> {
        // Published lists begin at 0 or 1 and are short.
        (0..32).filter_map(move |number| Some((number, self.name(number)?)))
    }
}

/// A custom field, by its definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Custom {
    /// The definition's id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether the field is in use. One that is not has no values, as everywhere.
    pub enabled: bool,
    pub(super) kind: CustomKind,
}

/// The type of a custom field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CustomKind {
    Text,
    Number,
    Time,
    Choice,
}

/// A field of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// One that every account has.
    Standard(Standard),
    /// One that the tenant added.
    Custom(Custom),
}

impl Field {
    /// Of which kind its values are.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Standard(field) => field.kind(),
            Self::Custom(field) => match field.kind {
                CustomKind::Text => Kind::Text,
                CustomKind::Number => Kind::Number,
                CustomKind::Time => Kind::Time,
                CustomKind::Choice => Kind::Choice,
            },
        }
    }

    /// What a pool hides it as; custom fields are hidden together.
    #[must_use]
    pub const fn hidden_as(&self) -> &'static str {
        match self {
            Self::Standard(field) => field.name(),
            Self::Custom(_) => "custom_fields",
        }
    }

    /// Its name after `account.`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Standard(field) => field.name().to_owned(),
            Self::Custom(field) => format!("custom.{}", field.name),
        }
    }

    /// Whether its name cannot follow a point, being a word of the language.
    pub(super) fn is_bracketed(&self) -> bool {
        matches!(self, Self::Custom(field) if matches!(field.name.as_str(), "in" | "true" | "false" | "null"))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(field) => write!(f, "account.{}", field.name()),
            Self::Custom(field) if self.is_bracketed() => write!(f, "account.custom[\"{}\"]", field.name),
            Self::Custom(field) => write!(f, "account.custom.{}", field.name),
        }
    }
}

/// The fields that there are in a tenant.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'a> {
    custom: &'a [Arc<Configured<CustomField>>],
}

impl<'a> Schema<'a> {
    /// With these custom fields.
    #[must_use]
    pub const fn new(custom: &'a [Arc<Configured<CustomField>>]) -> Self {
        Self { custom }
    }

    /// Those of the organisation.
    #[must_use]
    pub fn of(org: &'a crate::domain::organisation::Organisation) -> Self {
        Self::new(&org.custom_fields)
    }

    pub(super) fn definition(&self, name: &str) -> Option<&'a Configured<CustomField>> {
        self.custom
            .iter()
            .find(|field| field.config.name == name)
            .map(AsRef::as_ref)
    }

    /// Names of the custom fields in use.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let enabled = self.custom.iter().filter(|field| field.config.enabled);
        enabled.map(|field| field.config.name.as_str()).collect()
    }
}

impl Custom {
    pub(super) fn of(definition: &Configured<CustomField>) -> Self {
        Self {
            id: definition.id,
            name: definition.config.name.clone(),
            enabled: definition.config.enabled,
            kind: match definition.config.field_type {
                FieldType::Text => CustomKind::Text,
                FieldType::Number => CustomKind::Number,
                FieldType::Time => CustomKind::Time,
                FieldType::Choice => CustomKind::Choice,
            },
        }
    }
}
