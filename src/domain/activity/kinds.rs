//! Kinds of activities: those that mean something in every tenant, and those that tenants define. Any other kind is kept
//! and shown, and means nothing.

use super::Kind;
use crate::domain::{
    refusal::{Reason, Violations},
    text::{NAME_MAX, check_len, check_required_text, check_unique},
};
use serde::{Deserialize, Serialize};

/// Kinds of a tenant's own at most.
pub const KINDS_MAX: usize = 200;
/// Kinds that one takes back at most.
pub const REVERSES_MAX: usize = 20;

/// When a kind is a follow-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// Never, except where it is the one that closes deals.
    Never,
    /// Where it is chosen.
    Selectable,
    /// The same; new tenants begin with it chosen.
    Default,
    /// Always.
    Always,
}

/// When a kind closes deals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Never.
    Never,
    /// Where it is the one that is chosen.
    Selectable,
    /// The same; new tenants begin with it chosen.
    Default,
}

/// What can be made of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Its name: `object.action`.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// When it is a follow-up.
    pub follow_up: FollowUp,
    /// When it closes deals.
    pub close: Close,
    /// The closes that it takes back.
    pub reverses: Vec<String>,
}

impl Traits {
    /// Whether it can be chosen as a follow-up.
    #[must_use]
    pub const fn can_follow_up(&self) -> bool {
        !matches!(self.follow_up, FollowUp::Never)
    }

    /// Whether it can be chosen as the one that closes deals.
    #[must_use]
    pub const fn can_close(&self) -> bool {
        !matches!(self.close, Close::Never)
    }
}

/// The kind of a user's edit of the account. What a system does to an account is no follow-up, whatever is chosen.
pub const ACCOUNT_UPDATED: &str = "account.updated";

type BuiltIn = (&'static str, &'static str, FollowUp, Close, &'static [&'static str]);

const WON: &[&str] = &["opportunity.won"];
const CONFIRMED: &[&str] = &["sales_order.confirmed"];
const CONTRACTS: &[&str] = &["contract.created", "contract.activated"];

/// What every tenant has.
const BUILT_IN: &[BuiltIn] = {
    use FollowUp::{Always, Default, Never, Selectable};
    &[
        (
            "sales_record.created",
            "Sales record created",
            Default,
            Close::Never,
            &[],
        ),
        (
            ACCOUNT_UPDATED,
            "Account updated by a user",
            Selectable,
            Close::Never,
            &[],
        ),
        ("contact.created", "Contact created", Selectable, Close::Never, &[]),
        ("email.sent", "E-mail sent", Selectable, Close::Never, &[]),
        ("email.received", "E-mail received", Selectable, Close::Never, &[]),
        ("visit.checked_in", "Visit checked in", Selectable, Close::Never, &[]),
        ("call.made", "Call made", Selectable, Close::Never, &[]),
        ("call.received", "Call received", Selectable, Close::Never, &[]),
        (
            "calendar_entry.created",
            "Calendar entry created",
            Selectable,
            Close::Never,
            &[],
        ),
        (
            "personal_reminder.created",
            "Personal reminder created",
            Never,
            Close::Never,
            &[],
        ),
        ("account.forwarded", "Account forwarded", Never, Close::Never, &[]),
        ("opportunity.created", "Opportunity created", Default, Close::Never, &[]),
        (
            "opportunity.stage_changed",
            "Opportunity stage changed",
            Selectable,
            Close::Never,
            &[],
        ),
        ("opportunity.won", "Opportunity won", Always, Close::Default, &[]),
        ("opportunity.lost", "Opportunity lost", Selectable, Close::Never, &[]),
        ("opportunity.reopened", "Opportunity reopened", Never, Close::Never, WON),
        ("opportunity.deleted", "Opportunity deleted", Never, Close::Never, WON),
        ("sales_order.created", "Sales order created", Default, Close::Never, &[]),
        (
            "sales_order.confirmed",
            "Sales order confirmed",
            Never,
            Close::Selectable,
            &[],
        ),
        (
            "sales_order.withdrawn",
            "Sales order withdrawn",
            Never,
            Close::Never,
            CONFIRMED,
        ),
        (
            "sales_order.rejected",
            "Sales order rejected",
            Never,
            Close::Never,
            CONFIRMED,
        ),
        (
            "sales_order.canceled",
            "Sales order canceled",
            Never,
            Close::Never,
            CONFIRMED,
        ),
        (
            "contract.created",
            "Contract created",
            Selectable,
            Close::Selectable,
            &[],
        ),
        (
            "contract.activated",
            "Contract activated",
            Selectable,
            Close::Selectable,
            &[],
        ),
        ("contract.renewed", "Contract renewed", Selectable, Close::Never, &[]),
        (
            "contract.terminated",
            "Contract terminated",
            Never,
            Close::Never,
            CONTRACTS,
        ),
        ("payment.received", "Payment received", Selectable, Close::Never, &[]),
        ("payment.reversed", "Payment reversed", Selectable, Close::Never, &[]),
        ("return.created", "Return created", Never, Close::Never, &[]),
        ("return.canceled", "Return canceled", Never, Close::Never, &[]),
        ("refund.paid", "Refund paid", Never, Close::Never, &[]),
        ("refund.canceled", "Refund canceled", Never, Close::Never, &[]),
        ("expense.created", "Expense created", Never, Close::Never, &[]),
        ("expense.canceled", "Expense canceled", Never, Close::Never, &[]),
    ]
};

/// The kinds that every tenant has.
pub fn built_in() -> impl Iterator<Item = Traits> {
    BUILT_IN
        .iter()
        .map(|(name, display_name, follow_up, close, reverses)| Traits {
            name: (*name).to_owned(),
            display_name: (*display_name).to_owned(),
            follow_up: *follow_up,
            close: *close,
            reverses: reverses.iter().map(ToString::to_string).collect(),
        })
}

/// Whether every tenant has a kind of this name.
#[must_use]
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, ..)| *known == name)
}

/// A kind that a tenant defines. Field names are those of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityKind {
    /// `object.action`; never changes.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// Whether it can be chosen as a follow-up.
    pub follow_up_selectable: bool,
    /// Whether it can be chosen as the one that closes deals.
    pub close_selectable: bool,
    /// The kinds that it takes back, where one of them closes deals.
    pub reverses: Vec<String>,
}

impl ActivityKind {
    /// What can be made of it.
    #[must_use]
    pub fn traits(&self) -> Traits {
        Traits {
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            follow_up: if self.follow_up_selectable {
                FollowUp::Selectable
            } else {
                FollowUp::Never
            },
            close: if self.close_selectable {
                Close::Selectable
            } else {
                Close::Never
            },
            reverses: self.reverses.clone(),
        }
    }

    /// Everything that is wrong with it; `closes` says which kinds can close deals.
    #[must_use]
    pub fn validate(&self, closes: impl Fn(&str) -> bool) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        let kind = v.check("name", Kind::parse(&self.name));
        if is_built_in(&self.name) {
            v.add("name", format!("{} is a kind that every tenant has", self.name));
        }
        check_required_text(v, "display_name", &self.display_name, NAME_MAX);
        check_len(v, "reverses", self.reverses.len(), REVERSES_MAX);
        check_unique(v, "reverses", &self.reverses);
        for (at, reversed) in self.reverses.iter().enumerate().take(REVERSES_MAX) {
            let field = format!("reverses[{at}]");
            let object = reversed.split_once('.').map_or("", |(object, _)| object);
            if *reversed == self.name || !closes(reversed) {
                v.add(field, format!("{reversed:?} is no other kind that can close deals"));
            } else if kind.as_ref().is_some_and(|kind| kind.object() != object) {
                v.add(field, format!("{reversed:?} is about objects of another type"));
            }
        }
        violations
    }

    /// What is wrong with going from this to `new`: the name stays.
    #[must_use]
    pub fn validate_change(&self, new: &Self, closes: impl Fn(&str) -> bool) -> Violations {
        let mut violations = new.validate(closes);
        if new.name != self.name {
            violations.add_as(Reason::FieldNotUpdatable, "name", "never changes; define another kind");
        }
        violations
    }
}
