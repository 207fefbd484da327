//! Which objects are part of an account's totals, by what was done with them last.

/// A total of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Total {
    /// Of opportunities.
    Opportunities,
    /// Of sales orders.
    SalesOrders,
    /// Of returns.
    Returns,
    /// Of payments.
    Payments,
    /// Of refunds.
    Refunds,
    /// Of expenses.
    Expenses,
}

impl Total {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Opportunities,
        Self::SalesOrders,
        Self::Returns,
        Self::Payments,
        Self::Refunds,
        Self::Expenses,
    ];

    /// The type of its objects.
    #[must_use]
    pub const fn object_type(self) -> &'static str {
        match self {
            Self::Opportunities => "opportunity",
            Self::SalesOrders => "sales_order",
            Self::Returns => "return",
            Self::Payments => "payment",
            Self::Refunds => "refund",
            Self::Expenses => "expense",
        }
    }

    /// The total that objects of this type are part of.
    #[must_use]
    pub fn of(object_type: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|total| total.object_type() == object_type)
            .copied()
    }

    /// The actions after which an object is not part of it: it is not yet, or not any more.
    #[must_use]
    pub const fn left_out(self) -> &'static [&'static str] {
        match self {
            Self::Opportunities => &["deleted"],
            Self::SalesOrders => &["created", "withdrawn", "rejected", "canceled", "deleted"],
            Self::Payments => &["created", "reversed", "canceled", "deleted"],
            Self::Refunds => &["created", "canceled", "deleted"],
            Self::Returns | Self::Expenses => &["canceled", "deleted"],
        }
    }

    /// Whether an object with which this was done last is part of it.
    #[must_use]
    pub fn has(self, action: &str) -> bool {
        !self.left_out().contains(&action)
    }
}
