//! Activities.

use super::{circulation::encode_error, decode, id, id_opt, ids, required, texts, timestamp};
use crate::{
    app::{activity::Recorded, ingest::Named},
    domain::{
        activity::{Activity, Kind},
        error::Error,
        ids::{AccountId, EventId, ExternalId, ObjectId, UserId},
        object::{
            Described, VIEWERS_MAX,
            money::{Money, MoneyError},
        },
        refusal::{Reason, Violations},
        text::{check_text, check_unique},
    },
    rpc::proto,
    store::activity::StoredActivity,
};
use chrono::{DateTime, SubsecRound, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Activities of a call at most.
const MAX_ITEMS: usize = 500;
/// Characters of a summary at most.
const SUMMARY_MAX: usize = 1000;
/// Says when a contract ended, and so needs one.
const CONTRACT_TERMINATED: &str = "contract.terminated";

/// Reads activities, each for itself. For a user, who acts in all of them.
pub fn record(messages: &[proto::Activity], user: Option<&UserId>, buffer_unknown: bool) -> Result<Vec<Named>, Error> {
    let mut violations = Violations::default();
    if !(1..=MAX_ITEMS).contains(&messages.len()) {
        violations.add("activities", format!("must have 1 to {MAX_ITEMS} entries"));
    }
    if buffer_unknown && user.is_some() {
        violations.add("buffer_unknown", "must not be set in calls for a user");
    }
    if !violations.is_empty() {
        return Err(violations.into());
    }
    Ok(messages
        .iter()
        .map(|message| decode(|v| read(v, message, user)))
        .collect())
}

/// Reads which account it is about: by our id, or by that of another system.
fn read_account(v: &mut Violations, message: &proto::Activity) -> Option<(AccountId, Option<ExternalId>)> {
    if message.external_account_id.is_empty() {
        let account = id(v, "account_id", &message.account_id, AccountId::parse)?;
        return Some((account, None));
    }
    if !message.account_id.is_empty() {
        v.add("account_id", "must not be set together with external_account_id");
        v.add("external_account_id", "must not be set together with account_id");
    }
    let external = id(
        v,
        "external_account_id",
        &message.external_account_id,
        ExternalId::parse,
    )?;
    Some((AccountId(Uuid::nil()), Some(external)))
}

fn read(
    v: &mut Violations,
    message: &proto::Activity,
    user: Option<&UserId>,
) -> Option<(Activity, Option<ExternalId>)> {
    let event_id = id(v, "event_id", &message.event_id, EventId::parse);
    let account = read_account(v, message);
    let kind = v.check("kind", Kind::parse(&message.kind));
    let object_id = id_opt(v, "object_id", &message.object_id, ObjectId::parse);
    let occur_time = required(v, "occur_time", message.occur_time).and_then(|time| read_time(v, "occur_time", time));
    let actor = match user {
        Some(user) => Some(Some(user.clone())),
        None => id_opt(v, "actor", &message.actor, UserId::parse),
    };
    check_text(v, "summary", &message.summary, SUMMARY_MAX);
    let contract = kind.as_ref().is_some_and(|kind| kind.object() == "contract");
    let contract_end = match message.contract_end_time {
        None => Some(None),
        Some(_) if kind.is_some() && !contract => {
            v.add(
                "contract_end_time",
                "must not be set but for activities about contracts",
            );
            None
        }
        Some(time) => read_time(v, "contract_end_time", time).map(Some),
    };
    let described = read_described(v, message);
    let terminates = kind.as_ref().is_some_and(|kind| kind.as_str() == CONTRACT_TERMINATED);
    if message.object_id.is_empty() && (terminates || message.contract_end_time.is_some()) {
        v.add("object_id", "must be set for activities that say when a contract ends");
    } else if message.object_id.is_empty() && described.as_ref().is_some_and(|it| *it != Described::default()) {
        v.add("object_id", "must be set for activities that say how an object is");
    }
    let (account, external) = account?;
    let mut activity = Activity {
        event_id: event_id?,
        account,
        kind: kind?,
        object_id: object_id?,
        occur_time: occur_time?,
        actor: actor?,
        summary: message.summary.clone(),
        contract_end: contract_end?,
        described: described?,
        payload_hash: [0; 32],
    };
    activity.payload_hash = digest(&activity, external.as_ref());
    Some((activity, external))
}

/// Reads how an activity leaves its object.
fn read_described(v: &mut Violations, message: &proto::Activity) -> Option<Described> {
    let amount = match &message.amount {
        None => Some(None),
        Some(money) => read_money(v, "amount", money).map(Some),
    };
    let owner = id_opt(v, "object_owner", &message.object_owner, UserId::parse);
    let mut visible_to = ids(v, "visible_to", &message.visible_to, VIEWERS_MAX, UserId::parse);
    check_unique(v, "visible_to", &visible_to);
    visible_to.sort_unstable();
    Some(Described {
        amount: amount?,
        owner: owner?,
        visible_to,
        locked: message.object_locked,
        in_workflow: message.object_in_workflow,
    })
}

/// Reads an amount of money.
pub fn read_money(v: &mut Violations, field: &str, message: &proto::Money) -> Option<Money> {
    let mut fit = |part: &str, wrong: Option<MoneyError>| {
        if let Some(error) = wrong {
            v.add_as(Reason::InvalidMoney, format!("{field}.{part}"), error);
        }
    };
    let currency = Money::currency(&message.currency);
    fit("currency", currency.err());
    // Where there is no currency, one with many digits shows what else is wrong.
    let code = if currency.is_ok() { &message.currency } else { "CLF" };
    let money = Money::parse(&message.amount, code);
    fit("amount", money.err());
    money.ok().filter(|_| currency.is_ok())
}

/// An amount of money as a message.
#[must_use]
pub fn encode_money(money: &Money) -> proto::Money {
    proto::Money {
        amount: money.amount_text(),
        currency: money.currency.code().to_owned(),
    }
}

/// A time in whole microseconds between 1970 and 9999.
fn read_time(v: &mut Violations, field: &str, time: prost_types::Timestamp) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let read = nanos
        .filter(|_| (0..253_402_300_800).contains(&time.seconds))
        .and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos))
        .map(|time| time.trunc_subsecs(6));
    v.check(field, read.ok_or("must be a time between 1970 and 9999"))
}

/// What makes two tellings of an event the same: what was said, and so also by which id the account was named.
fn digest(activity: &Activity, external: Option<&ExternalId>) -> [u8; 32] {
    // No id of ours looks like that.
    let account = external.map_or_else(|| activity.account.to_string(), |id| format!("external:{id}"));
    let mut hash = Sha256::new();
    let object = activity.object_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let actor = activity.actor.as_ref().map(ToString::to_string).unwrap_or_default();
    let time = activity.occur_time.timestamp_micros().to_string();
    for part in [
        &account,
        activity.kind.as_str(),
        &object,
        &time,
        &actor,
        &activity.summary,
    ] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    // What was digested before there were ends of contracts stays the same.
    if let Some(end) = activity.contract_end {
        hash.update(end.timestamp_micros().to_le_bytes());
    }
    // As was what says nothing of its object. Read as a time, these bytes would be far beyond the calendar.
    if activity.described != Described::default() {
        hash.update(b"described");
        let described = &activity.described;
        let amount = described.amount.map(|money| (money.amount, money.currency.code()));
        let owner = described.owner.as_ref().map(ToString::to_string);
        let flags = (described.locked, described.in_workflow);
        let parts = (amount, owner, texts(&described.visible_to), flags);
        hash.update(serde_json::to_vec(&parts).unwrap_or_default());
    }
    hash.finalize().into()
}

/// What came of an activity, as a message.
#[must_use]
pub fn encode_outcome(outcome: &Result<Recorded, Error>) -> proto::record_activities_response::Result {
    let (outcome, status) = match outcome {
        Ok(Recorded::New) => (proto::RecordOutcome::Recorded, tonic_types::Status::default()),
        Ok(Recorded::Duplicate) => (proto::RecordOutcome::Duplicate, tonic_types::Status::default()),
        Ok(Recorded::Buffered) => (proto::RecordOutcome::Buffered, tonic_types::Status::default()),
        Err(error) => (proto::RecordOutcome::Unspecified, encode_error(error)),
    };
    proto::record_activities_response::Result {
        outcome: outcome.into(),
        status: Some(status),
    }
}

/// An activity as a message.
#[must_use]
pub fn encode(row: StoredActivity) -> proto::Activity {
    let activity = row.activity;
    let late = activity.is_late(row.record_time);
    proto::Activity {
        late,
        source: row.source.to_string(),
        event_id: activity.event_id.to_string(),
        account_id: activity.account.to_string(),
        external_account_id: String::new(),
        kind: activity.kind.to_string(),
        object_id: activity.object_id.map(|id| id.to_string()).unwrap_or_default(),
        occur_time: timestamp(activity.occur_time),
        actor: activity.actor.map(|id| id.to_string()).unwrap_or_default(),
        summary: activity.summary,
        contract_end_time: activity.contract_end.and_then(timestamp),
        record_time: timestamp(row.record_time),
        amount: activity.described.amount.as_ref().map(encode_money),
        object_owner: activity.described.owner.map(|id| id.to_string()).unwrap_or_default(),
        visible_to: texts(&activity.described.visible_to),
        object_locked: activity.described.locked,
        object_in_workflow: activity.described.in_workflow,
    }
}

#[cfg(test)]
mod tests;
