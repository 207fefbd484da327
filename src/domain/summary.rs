//! What the business objects of an account come to: totals by currency, and what is still to be collected.

use super::{ids::UserId, object::total::Total};
use iso_currency::Currency;
use std::collections::BTreeMap;

/// Objects of one type, currency and owner, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What they are.
    pub total: Total,
    /// In which currency.
    pub currency: Option<Currency>,
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

    /// What is still to be collected (R080).
    #[must_use]
    pub fn pending(&self) -> i128 {
        let amount = |total| self.get(total).amount;
        (amount(Total::SalesOrders) - amount(Total::Returns)) - (amount(Total::Payments) - amount(Total::Refunds))
    }
}

/// What there is in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By currency; amounts are never added across currencies (D41).
    pub currencies: BTreeMap<String, (Currency, Totals)>,
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
            let of = self.currencies.entry(currency.code().to_owned());
            let (_, totals) = of.or_insert_with(|| (currency, Totals::default()));
            let sum = totals.0.entry(part.total).or_default();
            sum.amount += part.sum;
            sum.count += part.count;
        }
    }
}

#[cfg(test)]
mod tests;
