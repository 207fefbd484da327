//! Lists of accounts.

use super::{choice, decode, id, id_opt, ids, page_size_within, read_time};
use crate::{
    app::account_list::{ListAccounts, MAX_SIZE},
    domain::{
        account::Status,
        account_list::{Filter, Listing, Order, Scope, Span},
        error::Error,
        ids::{PoolId, UserId},
        refusal::Violations,
        text::{LABEL_MAX, check_len, check_text, check_unique, name_key},
    },
    rpc::proto,
};

/// Values of a filter at most.
const VALUES_MAX: usize = 100;
/// Characters of a name prefix at most, those of a name.
const PREFIX_MAX: usize = 200;

/// Reads which page of which list is wanted.
pub fn list(message: proto::ListAccountsRequest) -> Result<ListAccounts, Error> {
    decode(|v| {
        let scope = read_scope(v, message.scope, &message.pool_id);
        let filter = read_filter(v, "filter", message.filter.unwrap_or_default());
        let order = choice(v, "order", message.order, |order| match order {
            proto::AccountOrder::Unspecified | proto::AccountOrder::Created => Order::Created,
            proto::AccountOrder::Name => Order::Name,
            proto::AccountOrder::LastFollowUp => Order::LastFollowUp,
            proto::AccountOrder::Deadline => Order::Deadline,
        });
        let size = page_size_within(v, message.page_size, MAX_SIZE);
        Some(ListAccounts {
            listing: Listing {
                scope: scope?,
                filter,
                order: order?,
                descending: message.descending,
            },
            size: size?,
            token: message.page_token,
        })
    })
}

fn read_scope(v: &mut Violations, scope: i32, pool: &str) -> Option<Scope> {
    let Some(scope) = choice(v, "scope", scope, |scope: proto::AccountScope| scope) else {
        // Whatever it is for, an id has the form of one.
        id_opt(v, "pool_id", pool, PoolId::parse);
        return None;
    };
    let whole = match scope {
        proto::AccountScope::PoolUnclaimed => return id(v, "pool_id", pool, PoolId::parse).map(Scope::PoolUnclaimed),
        proto::AccountScope::PoolAll => return id(v, "pool_id", pool, PoolId::parse).map(Scope::PoolAll),
        proto::AccountScope::Unspecified => {
            v.add("scope", "must be set");
            return None;
        }
        proto::AccountScope::Mine => Scope::Mine,
        proto::AccountScope::Team => Scope::Team,
        proto::AccountScope::Participated => Scope::Participated,
        proto::AccountScope::All => Scope::All,
    };
    if !pool.is_empty() {
        v.add("pool_id", "is for the scopes of a pool; filter.pool_ids narrows others");
    }
    Some(whole)
}

/// Reads which accounts are wanted. `at` is where the request has the filter.
pub fn read_filter(v: &mut Violations, at: &str, message: proto::AccountFilter) -> Filter {
    let field = |name: &str| format!("{at}.{name}");
    let statuses = read_statuses(v, &field("statuses"), &message.statuses);
    let owners = ids(v, &field("owners"), &message.owners, VALUES_MAX, UserId::parse);
    check_unique(v, &field("owners"), &owners);
    let pools = ids(v, &field("pool_ids"), &message.pool_ids, VALUES_MAX, PoolId::parse);
    check_unique(v, &field("pool_ids"), &pools);
    for (name, values) in [
        ("grades", &message.grades),
        ("regions", &message.regions),
        ("industries", &message.industries),
        ("sources", &message.sources),
        ("tags", &message.tags),
    ] {
        let field = field(name);
        check_len(v, &field, values.len(), VALUES_MAX);
        check_unique(v, &field, values);
        // What no account can have is a mistake, and is told.
        for (at, value) in values.iter().enumerate().take(VALUES_MAX) {
            check_text(v, &format!("{field}[{at}]"), value, LABEL_MAX);
        }
    }
    let name_prefix = name_key(&message.name_prefix);
    if name_prefix.is_empty() && !message.name_prefix.is_empty() {
        v.add(field("name_prefix"), "must have more than white space");
    }
    if message.name_prefix.trim().chars().any(char::is_control) {
        v.add(field("name_prefix"), "must not contain control characters");
    }
    if message.name_prefix.chars().count() > PREFIX_MAX {
        v.add(
            field("name_prefix"),
            format!("must be at most {PREFIX_MAX} characters long"),
        );
    }
    Filter {
        statuses,
        owners,
        pools,
        grades: message.grades,
        regions: message.regions,
        industries: message.industries,
        sources: message.sources,
        tags: message.tags,
        name_prefix,
        reclaim_time: read_span(
            v,
            &field("reclaim_time"),
            message.reclaim_time_from,
            message.reclaim_time_before,
        ),
        create_time: read_span(
            v,
            &field("create_time"),
            message.create_time_from,
            message.create_time_before,
        ),
        condition: message.condition,
    }
}

fn read_statuses(v: &mut Violations, field: &str, numbers: &[i32]) -> Vec<Status> {
    check_len(v, field, numbers.len(), VALUES_MAX);
    let mut statuses = Vec::new();
    for (at, number) in numbers.iter().enumerate().take(VALUES_MAX) {
        let field = format!("{field}[{at}]");
        // Published and stored numbers are the same.
        let status = i16::try_from(*number).ok().and_then(Status::from_number);
        statuses.extend(v.check(field, status.ok_or("is not a status")));
    }
    check_unique(v, field, &statuses);
    statuses
}

fn read_span(
    v: &mut Violations,
    field: &str,
    from: Option<prost_types::Timestamp>,
    before: Option<prost_types::Timestamp>,
) -> Span {
    Span {
        from: from.and_then(|time| read_time(v, &format!("{field}_from"), time)),
        before: before.and_then(|time| read_time(v, &format!("{field}_before"), time)),
    }
}
