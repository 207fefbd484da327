//! Business objects of accounts.

use super::{activity::encode_money, choice, decode, id, page_size, timestamp};
use crate::{
    app::related::ListRelated,
    domain::{
        activity::Kind,
        error::Error,
        ids::AccountId,
        object::{money::amount_text, total::Total},
        refusal::Violations,
        related::{RelatedObject, handover::Follows},
        summary::{Sum, Summary},
        text::{check_len, check_unique},
    },
    rpc::proto,
};

/// Reads a list request.
pub fn list(message: proto::ListRelatedObjectsRequest) -> Result<ListRelated, Error> {
    decode(|v| {
        let account = id(v, "account_id", &message.account_id, AccountId::parse);
        let object_type = Some(message.object_type).filter(|text| !text.is_empty());
        // A type is what kinds of activities begin with.
        if let Some(text) = &object_type
            && (text.contains('.') || Kind::parse(&format!("{text}.a")).is_err())
        {
            v.add(
                "object_type",
                "must be lower case letters, digits and underscores, a letter first",
            );
        }
        let size = page_size(v, message.page_size);
        Some(ListRelated {
            account: account?,
            object_type,
            size: size?,
            token: message.page_token,
        })
    })
}

/// Reads which objects are to follow an account.
pub fn follow(v: &mut Violations, field: &str, numbers: &[i32]) -> Vec<Follows> {
    let most = Follows::ALL.len();
    check_len(v, field, numbers.len(), most);
    let mut all = Vec::new();
    for (at, number) in numbers.iter().enumerate().take(most) {
        let field = format!("{field}[{at}]");
        let read = choice(v, &field, *number, |value| match value {
            proto::RelatedObjectType::Unspecified => None,
            proto::RelatedObjectType::Contact => Some(Follows::Contact),
            proto::RelatedObjectType::Opportunity => Some(Follows::Opportunity),
            proto::RelatedObjectType::SalesOrder => Some(Follows::SalesOrder),
            proto::RelatedObjectType::Contract => Some(Follows::Contract),
        });
        if read == Some(None) {
            v.add(&field, "must be set");
        }
        all.extend(read.flatten());
    }
    check_unique(v, field, &all);
    all
}

/// An object as a message.
#[must_use]
pub fn encode(object: RelatedObject) -> proto::RelatedObject {
    proto::RelatedObject {
        source: object.source.to_string(),
        object_type: object.object_type,
        object_id: object.object_id.to_string(),
        action: object.action.unwrap_or_default(),
        amount: object.money.as_ref().map(encode_money),
        owner: object.owner.map(|owner| owner.to_string()).unwrap_or_default(),
        occur_time: timestamp(object.occur_time),
        locked: object.locked,
        in_workflow: object.in_workflow,
        closed: object.closed,
    }
}

/// A summary as a message.
#[must_use]
pub fn encode_summary(account: AccountId, summary: &Summary) -> proto::AccountSummary {
    let total = |sum: Sum, currency| {
        Some(proto::RelatedObjectTotal {
            amount: amount_text(sum.amount, currency),
            count: sum.count,
        })
    };
    let currencies = summary.currencies.iter().map(|(code, (currency, totals))| {
        let of = |which| total(totals.get(which), *currency);
        proto::CurrencySummary {
            currency: code.clone(),
            opportunities: of(Total::Opportunities),
            sales_orders: of(Total::SalesOrders),
            returns: of(Total::Returns),
            payments: of(Total::Payments),
            refunds: of(Total::Refunds),
            expenses: of(Total::Expenses),
            amount_pending: amount_text(totals.pending(), *currency),
        }
    });
    proto::AccountSummary {
        account_id: account.to_string(),
        currencies: currencies.collect(),
        objects_without_amount: summary.without_amount,
    }
}
