//! Objects that follow an account to its new owner: which do, and how many at once.
//!
//! What follows belongs to the owner whom the account leaves, or left last, is in a state in which somebody still has to
//! care for it, and is neither locked nor in a workflow of its service.

use crate::domain::{
    account::Account,
    change::RelatedEffect,
    ids::{AccountId, UserId},
    refusal::{Reason, Refusal},
    tenant::TenantSettings,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Objects of an account that follow at most.
pub const PER_ACCOUNT: usize = 200;
/// Objects that follow in one call at most.
pub const PER_CALL: usize = 2000;

/// A type of objects that can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// Contacts.
    Contact,
    /// Opportunities.
    Opportunity,
    /// Sales orders.
    SalesOrder,
    /// Contracts.
    Contract,
}

/// The states from which objects follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// These.
    In(&'static [&'static str]),
    /// All but these.
    Not(&'static [&'static str]),
}

impl Follows {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Contact, Self::Opportunity, Self::SalesOrder, Self::Contract];

    /// The type of the objects, as their activities have it.
    #[must_use]
    pub const fn object_type(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
            Self::SalesOrder => "sales_order",
            Self::Contract => "contract",
        }
    }

    /// What is of that type.
    #[must_use]
    pub fn of(object_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.object_type() == object_type)
    }

    /// The states, as the last activity says them (R060).
    #[must_use]
    pub const fn states(self) -> States {
        match self {
            Self::Contact => States::Not(&["canceled", "deleted"]),
            Self::Opportunity => States::Not(&["won", "lost", "canceled", "deleted"]),
            Self::SalesOrder => States::In(&["confirmed", "shipped", "received", "rejected", "withdrawn"]),
            Self::Contract => States::In(&["activated", "renewed"]),
        }
    }
}

/// Whose objects may follow an account to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which account.
    pub account: AccountId,
    /// The owner whom it leaves, or who was its last.
    pub from: UserId,
    /// Of which types.
    pub types: Vec<Follows>,
    /// Whether contacts are among them only because the tenant lets them follow.
    pub contacts_if_few: bool,
}

/// Whose objects may follow the account: its owner's, or while it waits its last owner's.
#[must_use]
pub const fn old_owner(account: &Account) -> Option<&UserId> {
    match &account.owner {
        Some(owner) => Some(owner),
        None => account.last_owner.as_ref(),
    }
}

/// What may follow the account from its old owner to `to`. Nothing if it comes back to him, or has had none.
#[must_use]
pub fn wish(
    settings: &TenantSettings,
    (account, from): (AccountId, Option<&UserId>),
    has_contacts: bool,
    to: &UserId,
    asked: &[Follows],
) -> Option<Wish> {
    let from = from?;
    let mut types = asked.to_vec();
    let contacts_if_few = has_contacts && settings.contacts_follow_owner && !types.contains(&Follows::Contact);
    if contacts_if_few {
        types.push(Follows::Contact);
    }
    types.sort_unstable();
    (from != to && !types.is_empty()).then(|| Wish {
        account,
        from: from.clone(),
        types,
        contacts_if_few,
    })
}

/// What may follow in a call, and what does so far.
#[derive(Clone, Debug, Default)]
pub struct Followers {
    wishes: BTreeMap<AccountId, (Wish, BTreeMap<Follows, usize>)>,
    taken: usize,
    chosen: Vec<Wish>,
}

impl Followers {
    /// Begins with how many objects of each type there are for each wish.
    #[must_use]
    pub fn new(wishes: Vec<Wish>, counts: &BTreeMap<(AccountId, Follows), usize>) -> Self {
        let with = |wish: Wish| {
            let count = |which: &Follows| counts.get(&(wish.account, *which)).map(|count| (*which, *count));
            let counted: BTreeMap<_, _> = wish.types.iter().filter_map(count).collect();
            (wish.account, (wish, counted))
        };
        Self {
            wishes: wishes.into_iter().map(with).collect(),
            taken: 0,
            chosen: Vec::new(),
        }
    }

    /// How many objects would follow, and whether contacts that nobody asked for are among them: where they are too many
    /// for one account, all of them stay.
    fn following(&self, account: AccountId) -> Option<(usize, bool)> {
        let (wish, counts) = self.wishes.get(&account)?;
        let all: usize = counts.values().sum();
        if wish.contacts_if_few && all > PER_ACCOUNT {
            let contacts = counts.get(&Follows::Contact).copied().unwrap_or(0);
            return Some((all - contacts, false));
        }
        Some((all, true))
    }

    /// Whether what follows the account alone would follow, and is too much beside what follows already.
    #[must_use]
    pub fn is_full(&self, account: AccountId) -> bool {
        self.following(account)
            .is_some_and(|(count, _)| count <= PER_ACCOUNT && self.taken + count > PER_CALL)
    }

    /// Why the account cannot take along what is to follow it. Contacts that nobody asked for are in the way only of the
    /// call, which another call is not: they are never left behind since others came first.
    #[must_use]
    pub fn refusal(&self, account: AccountId) -> Option<Refusal> {
        let (count, _) = self.following(account)?;
        let (limit, used, what) = if count > PER_ACCOUNT {
            (PER_ACCOUNT, count, "follow an account; hand fewer types over at once")
        } else if self.is_full(account) {
            (
                PER_CALL,
                self.taken + count,
                "follow in one call; send the account in another one",
            )
        } else {
            return None;
        };
        let message = format!("{count} objects would follow, and at most {limit} {what}");
        Some(
            Refusal::new(Reason::RelatedObjectLimitReached, message)
                .with("limit", limit)
                .with("used", used),
        )
    }

    /// The account goes: what was wished goes with it. Contacts that nobody asked for stay where an account has too many;
    /// says how many do.
    pub fn take(&mut self, account: AccountId) -> u32 {
        let Some((count, with_contacts)) = self.following(account) else {
            return 0;
        };
        let Some((wish, counts)) = self.wishes.get_mut(&account) else {
            return 0;
        };
        let left = if with_contacts {
            None
        } else {
            counts.remove(&Follows::Contact)
        };
        wish.types.retain(|which| counts.contains_key(which));
        if !wish.types.is_empty() {
            self.taken += count;
            self.chosen.push(wish.clone());
        }
        u32::try_from(left.unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// What follows after all.
    #[must_use]
    pub fn chosen(self) -> Vec<Wish> {
        self.chosen
    }
}

/// The type that an object is of, if such can follow.
#[must_use]
pub fn followed(effect: &RelatedEffect) -> Option<Follows> {
    Follows::of(&effect.object_type)
}

#[cfg(test)]
mod tests;
