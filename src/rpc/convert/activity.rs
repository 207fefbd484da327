//! Activities.

use super::{circulation::encode_error, decode, id, id_opt, required, timestamp};
use crate::{
    app::activity::{Recorded, Told},
    domain::{
        activity::{Activity, Kind, Meaning},
        error::Error,
        ids::{AccountId, EventId, ObjectId, UserId},
        refusal::Violations,
        text::check_text,
    },
    rpc::proto,
    store::activity::StoredActivity,
};
use chrono::{DateTime, SubsecRound, Utc};
use sha2::{Digest, Sha256};

/// Activities of a call at most.
const MAX_ITEMS: usize = 500;
/// Characters of a summary at most.
const SUMMARY_MAX: usize = 1000;

/// Reads activities, each for itself. For a user, who acts in all of them.
pub fn record(messages: &[proto::Activity], user: Option<&UserId>) -> Result<Vec<Told>, Error> {
    if !(1..=MAX_ITEMS).contains(&messages.len()) {
        let mut violations = Violations::default();
        violations.add("activities", format!("must have 1 to {MAX_ITEMS} entries"));
        return Err(violations.into());
    }
    Ok(messages
        .iter()
        .map(|message| decode(|v| read(v, message, user)))
        .collect())
}

fn read(v: &mut Violations, message: &proto::Activity, user: Option<&UserId>) -> Option<Activity> {
    let event_id = id(v, "event_id", &message.event_id, EventId::parse);
    let account = id(v, "account_id", &message.account_id, AccountId::parse);
    let kind = v.check("kind", Kind::parse(&message.kind));
    let object_id = id_opt(v, "object_id", &message.object_id, ObjectId::parse);
    let occur_time = required(v, "occur_time", message.occur_time).and_then(|time| read_time(v, "occur_time", time));
    let actor = match user {
        Some(user) => Some(Some(user.clone())),
        None => id_opt(v, "actor", &message.actor, UserId::parse),
    };
    check_text(v, "summary", &message.summary, SUMMARY_MAX);
    if kind.as_ref().is_some_and(|kind| kind.meaning().is_deal()) && message.object_id.is_empty() {
        v.add(
            "object_id",
            "must be set for activities that close a deal or take one back",
        );
    }
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
    let tells_end =
        kind.as_ref().is_some_and(|kind| kind.meaning() == Meaning::Termination) || message.contract_end_time.is_some();
    if tells_end && message.object_id.is_empty() {
        v.add("object_id", "must be set for activities that say when a contract ends");
    }
    let mut activity = Activity {
        event_id: event_id?,
        account: account?,
        kind: kind?,
        object_id: object_id?,
        occur_time: occur_time?,
        actor: actor?,
        summary: message.summary.clone(),
        contract_end: contract_end?,
        payload_hash: [0; 32],
    };
    activity.payload_hash = digest(&activity);
    Some(activity)
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

/// What makes two tellings of an event the same.
fn digest(activity: &Activity) -> [u8; 32] {
    let mut hash = Sha256::new();
    let object = activity.object_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let actor = activity.actor.as_ref().map(ToString::to_string).unwrap_or_default();
    let time = activity.occur_time.timestamp_micros().to_string();
    for part in [
        &activity.account.to_string(),
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
    hash.finalize().into()
}

/// What came of an activity, as a message.
#[must_use]
pub fn encode_outcome(outcome: &Result<Recorded, Error>) -> proto::record_activities_response::Result {
    let (outcome, status) = match outcome {
        Ok(Recorded::New) => (proto::RecordOutcome::Recorded, tonic_types::Status::default()),
        Ok(Recorded::Duplicate) => (proto::RecordOutcome::Duplicate, tonic_types::Status::default()),
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
    proto::Activity {
        source: row.source.to_string(),
        event_id: activity.event_id.to_string(),
        account_id: activity.account.to_string(),
        kind: activity.kind.to_string(),
        object_id: activity.object_id.map(|id| id.to_string()).unwrap_or_default(),
        occur_time: timestamp(activity.occur_time),
        actor: activity.actor.map(|id| id.to_string()).unwrap_or_default(),
        summary: activity.summary,
        contract_end_time: activity.contract_end.and_then(timestamp),
        record_time: timestamp(row.record_time),
    }
}
