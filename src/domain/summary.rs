//! What the business objects of an account come to: totals by currency, and what is still to be collected.

use super::ids::UserId;
use std::collections::BTreeMap;

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Total {
    /// Opportunities [R075].
    Opportunities,
    /// Sales orders [R076].
    SalesOrders,
    /// Returns of goods [R077].
    Returns,
    /// Payments that were collected [R078].
    Payments,
    /// Refunds that were paid [R079].
    Refunds,
}

impl Total {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Opportunities,
        Self::SalesOrders,
        Self::Returns,
        Self::Payments,
        Self::Refunds,
    ];

    /// The type of the objects, as their activities have it.
    #[must_use]
    pub const fn object_type(self) -> &'static str {
        match self {
            Self::Opportunities => "opportunity",
            Self::SalesOrders => "sales_order",
            Self::Returns => "return",
            Self::Payments => "payment",
            Self::Refunds => "refund",
        }
    }

    /// The total to which objects of the type belong.
    #[must_use]
    pub fn of(object_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|total| total.object_type() == object_type)
    }
}

/// An object does not count while the last that was done to it is one of these, and why. Apart from [`NOT_YET`] everything
/// else counts: a total is of all objects of its type, so a lost opportunity is in it.
pub const OUT: [(&str, &str); 6] = [
    ("canceled", "somebody called it off: nothing will come of it"),
    ("deleted", "it was taken out of the books, as if it had never been"),
    ("rejected", "whoever had to approve it did not"),
    ("reversed", "it was booked back: the money did not move after all"),
    ("terminated", "it ended before its time"),
    ("withdrawn", "whoever handed it in took it back"),
];

/// These do not count either while they are only created: an order that nobody confirmed is owed by nobody, and no money has
/// moved before a payment is received or a refund paid.
pub const NOT_YET: (&str, [Total; 3]) = ("created", [Total::SalesOrders, Total::Payments, Total::Refunds]);

/// Objects of one type, currency and owner, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What they are.
    pub total: Total,
    /// In which currency.
    pub currency: Option<String>,
    /// Whose they are.
    pub owner: Option<UserId>,
    /// How many have an amount.
    pub count: i64,
    /// How many have none.
    pub without_amount: i64,
    /// The sum of the amounts, in ten thousandths.
    pub sum: i128,
}

/// A sum and how many went into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// In ten thousandths.
    pub amount: i128,
    /// Objects.
    pub count: i64,
}

/// What there is in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Total, Sum>);

impl Totals {
    /// One of them.
    #[must_use]
    pub fn get(&self, total: Total) -> Sum {
        self.0.get(&total).copied().unwrap_or_default()
    }

    /// What is still to be collected [R080].
    #[must_use]
    pub fn pending(&self) -> i128 {
        let amount = |total| self.get(total).amount;
        (amount(Total::SalesOrders) - amount(Total::Returns)) - (amount(Total::Payments) - amount(Total::Refunds))
    }
}

/// What there is in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By currency; amounts are never added across currencies [D41].
    pub currencies: BTreeMap<String, Totals>,
    /// Objects that have no amount.
    pub without_amount: i64,
}

impl Summary {
    /// Adds parts that the viewer may see.
    pub fn add(&mut self, parts: impl IntoIterator<Item = Part>) {
        for part in parts {
            self.without_amount += part.without_amount;
            let Some(currency) = part.currency.filter(|_| part.count > 0) else {
                continue;
            };
            let sum = self
                .currencies
                .entry(currency)
                .or_default()
                .0
                .entry(part.total)
                .or_default();
            sum.amount += part.sum;
            sum.count += part.count;
        }
    }
}

#[cfg(test)]
mod tests;
