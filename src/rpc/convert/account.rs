//! Accounts.

use super::{
    choice, circulation::encode_error, circulation::encode_ownership, decode, etag_opt, id, id_opt, mask, read_time,
    required, retention_exception::encode_lock, timestamp,
};
use crate::{
    app::{
        account::View,
        copy::CopyAccount,
        create::{CreateAccounts, Created},
    },
    domain::{
        account::{AccountKind, DealStatus, Extras, Location, Profile},
        creation::NewAccount,
        custom_field::{FIELDS_MAX, FieldValue},
        custom_values::Given,
        edit::Edit,
        error::Error,
        ids::{AccountId, ExternalId, PoolId, UserId},
        refusal::Violations,
        text::check_len,
    },
    rpc::proto,
};
use std::collections::BTreeSet;

/// Accounts of a call at most.
const MAX_ITEMS: usize = 500;

/// An account as a message.
#[must_use]
pub fn encode(view: &View) -> proto::Account {
    let (account, profile) = (&view.account, &view.account.profile);
    let user = |id: Option<&UserId>| id.map(ToString::to_string).unwrap_or_default();
    proto::Account {
        id: account.id.to_string(),
        ownership: Some(encode_ownership(account)),
        kind: encode_kind(profile.kind).into(),
        name: profile.name.clone(),
        grade: profile.grade.clone(),
        industry: profile.industry.clone(),
        source: profile.source.clone(),
        region: profile.region.clone(),
        phone: profile.phone.clone(),
        email: profile.email.clone(),
        website: profile.website.clone(),
        address: profile.address.clone(),
        location: profile.location.map(|at| proto::Location {
            latitude: at.latitude,
            longitude: at.longitude,
        }),
        remark: profile.remark.clone(),
        external_id: profile
            .external_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        tags: view.tags.clone(),
        custom_fields: view.custom_fields.iter().map(encode_value).collect(),
        deals: Some(proto::Deals {
            status: match account.deal_status {
                DealStatus::Open => proto::DealStatus::Open,
                DealStatus::Won => proto::DealStatus::Won,
                DealStatus::RepeatedlyWon => proto::DealStatus::RepeatedlyWon,
            }
            .into(),
            won_count: account.won_count,
            last_won_time: account.last_won_time.and_then(timestamp),
        }),
        last_follow_up_time: account.last_follow_up().and_then(timestamp),
        remaining_retention: view.remaining.map(|left| prost_types::Duration {
            seconds: left.num_seconds(),
            nanos: left.subsec_nanos(),
        }),
        profile_completeness_percent: view.completeness_percent.map(i32::from),
        last_end_reason_id: account
            .last_end_reason
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        last_end_note: account.last_end_note.clone(),
        hidden_fields: view.hidden.clone(),
        creator: user(account.creator.as_ref()),
        create_time: timestamp(account.create_time),
        update_time: timestamp(account.update_time),
        lock: account.lock.as_ref().map(encode_lock),
        embargo_time: account.embargo_time.and_then(timestamp),
        disputed_time: account.disputed_time.and_then(timestamp),
        merged_into: account.merged_into.map(|id| id.to_string()).unwrap_or_default(),
    }
}

fn encode_value((name, value): (&String, &FieldValue)) -> proto::CustomFieldValue {
    use proto::custom_field_value::Value;
    proto::CustomFieldValue {
        field: name.clone(),
        value: match value {
            FieldValue::Text(text) => Some(Value::TextValue(text.clone())),
            FieldValue::Number(number) => Some(Value::NumberValue(*number)),
            FieldValue::Time(time) => timestamp(*time).map(Value::TimeValue),
        },
    }
}

/// Reads values of custom fields. Whether there are such fields is for the decision to say.
fn read_values(v: &mut Violations, at: &str, messages: Vec<proto::CustomFieldValue>) -> Given {
    use proto::custom_field_value::Value;
    check_len(v, &format!("{at}custom_fields"), messages.len(), FIELDS_MAX);
    let mut given = Vec::with_capacity(messages.len());
    for (at_value, message) in messages.into_iter().enumerate() {
        let field = format!("{at}custom_fields[{at_value}].value");
        let Some(value) = required(v, &field, message.value) else {
            continue;
        };
        let value = match value {
            Value::TextValue(text) => Some(FieldValue::Text(text)),
            Value::NumberValue(number) => Some(FieldValue::Number(number)),
            Value::TimeValue(time) => read_time(v, &field, time).map(FieldValue::Time),
        };
        given.extend(value.map(|value| (message.field, value)));
    }
    given
}

const fn encode_kind(kind: AccountKind) -> proto::AccountKind {
    match kind {
        AccountKind::Company => proto::AccountKind::Company,
        AccountKind::Group => proto::AccountKind::Group,
        AccountKind::Person => proto::AccountKind::Person,
    }
}

/// Reads the account of a create request.
pub fn create(message: Option<proto::NewAccount>) -> Result<CreateAccounts, Error> {
    decode(|v| {
        let message = required(v, "new_account", message)?;
        Some(CreateAccounts {
            accounts: vec![read_new(v, "new_account", message)?],
            single: true,
        })
    })
}

/// Reads the accounts of a bulk create request.
pub fn bulk_create(messages: Vec<proto::NewAccount>) -> Result<CreateAccounts, Error> {
    decode(|v| {
        if !(1..=MAX_ITEMS).contains(&messages.len()) {
            v.add("new_accounts", format!("must have 1 to {MAX_ITEMS} entries"));
            return None;
        }
        let read = messages.into_iter().enumerate();
        let accounts = read
            .filter_map(|(at, message)| read_new(v, &format!("new_accounts[{at}]"), message))
            .collect();
        Some(CreateAccounts {
            accounts,
            single: false,
        })
    })
}

fn read_new(v: &mut Violations, at: &str, message: proto::NewAccount) -> Option<NewAccount> {
    let pool = id_opt(v, &format!("{at}.pool_id"), &message.pool_id, PoolId::parse);
    let owner = id_opt(v, &format!("{at}.owner"), &message.owner, UserId::parse);
    let at = format!("{at}.account");
    let account = required(v, &at, message.account)?;
    let (profile, tags, given) = read_profile(v, &format!("{at}."), account)?;
    Some(NewAccount {
        profile,
        extras: Extras {
            tags,
            ..Extras::default()
        },
        given,
        pool: pool?,
        owner: owner?,
        at,
    })
}

fn read_profile(v: &mut Violations, at: &str, message: proto::Account) -> Option<(Profile, Vec<String>, Given)> {
    let kind = choice(v, &format!("{at}kind"), message.kind, |kind| match kind {
        proto::AccountKind::Unspecified | proto::AccountKind::Company => AccountKind::Company,
        proto::AccountKind::Group => AccountKind::Group,
        proto::AccountKind::Person => AccountKind::Person,
    });
    let external_id = id_opt(v, &format!("{at}external_id"), &message.external_id, ExternalId::parse);
    check_len(v, &format!("{at}tags"), message.tags.len(), 50);
    let tags = message.tags;
    let given = read_values(v, at, message.custom_fields);
    let profile = Profile {
        kind: kind?,
        name: message.name,
        grade: message.grade,
        industry: message.industry,
        source: message.source,
        region: message.region,
        phone: message.phone,
        email: message.email,
        website: message.website,
        address: message.address,
        location: message.location.map(|at| Location {
            latitude: at.latitude,
            longitude: at.longitude,
        }),
        remark: message.remark,
        external_id: external_id?,
    };
    Some((profile, tags, given))
}

/// Reads an update.
pub fn update(message: proto::UpdateAccountRequest) -> Result<Edit, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let etag = etag_opt(v, "etag", &message.etag);
        let account = required(v, "account", message.account)?;
        let id = id(v, "account.id", &account.id, AccountId::parse);
        let (profile, tags, given) = read_profile(v, "account.", account)?;
        Some(Edit {
            account: id?,
            etag: etag?,
            profile,
            tags,
            given,
            paths,
            override_name_lock: message.override_name_lock,
        })
    })
}

/// Reads which copy is wanted.
pub fn copy(message: &proto::CopyAccountRequest) -> Result<CopyAccount, Error> {
    decode(|v| {
        let source = id(v, "account_id", &message.account_id, AccountId::parse);
        let pool = id_opt(v, "pool_id", &message.pool_id, PoolId::parse);
        let owner = id_opt(v, "owner", &message.owner, UserId::parse);
        Some(CopyAccount {
            source: source?,
            name: message.name.clone(),
            pool: pool?,
            owner: owner?,
        })
    })
}

/// What came of new accounts, as messages.
#[must_use]
pub fn encode_created(created: &[Created]) -> Vec<proto::bulk_create_accounts_response::Result> {
    let result = |one: &Created| match one {
        Ok(view) => proto::bulk_create_accounts_response::Result {
            status: Some(tonic_types::Status::default()),
            account_id: view.account.id.to_string(),
        },
        Err(error) => proto::bulk_create_accounts_response::Result {
            status: Some(encode_error(error)),
            account_id: String::new(),
        },
    };
    created.iter().map(result).collect()
}

/// Reads which accounts are wanted.
pub fn batch_get(texts: &[String]) -> Result<Vec<AccountId>, Error> {
    decode(|v| {
        if !(1..=MAX_ITEMS).contains(&texts.len()) {
            v.add("account_ids", format!("must have 1 to {MAX_ITEMS} entries"));
            return None;
        }
        let mut seen = BTreeSet::new();
        let mut ids = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let field = format!("account_ids[{at}]");
            let Some(id) = id(v, &field, text, AccountId::parse) else {
                continue;
            };
            if !seen.insert(id) {
                v.add(field, "is there twice");
            }
            ids.push(id);
        }
        Some(ids)
    })
}
