//! Moves of accounts and what came of them.

use super::{decode, etag, etag_opt, id, id_opt, related, timestamp};
use crate::{
    app::circulate::{Admission, Bulk, Mode, Outcome},
    domain::{
        account::{Account, EntryCause, Status},
        circulation::{Item, Move},
        error::Error,
        ids::{AccountId, PoolId, ReasonId, UserId},
        limits::{LimitKind, RoomLeft},
        refusal::{Refusal, Violations},
        text::check_text,
    },
    rpc::proto,
};
use std::collections::BTreeSet;

/// Accounts of a bulk call at most.
pub const MAX_ITEMS: usize = 500;
/// Characters of a note at most.
const NOTE_MAX: usize = 1000;

/// Reads a call for one account.
pub fn single<M>(
    (account, etag, validate_only): (&str, &str, bool),
    message: &M,
    wanted: impl Fn(&mut Violations, &str, &M) -> Option<Move>,
) -> Result<Bulk, Error> {
    decode(|v| {
        let item = read_item(v, "", account, etag, |v| wanted(v, "", message));
        Some(Bulk {
            items: vec![item?],
            mode: Mode::Single,
            validate_only,
        })
    })
}

/// Reads a bulk call.
pub fn bulk<M>(
    messages: &[M],
    target: impl Fn(&M) -> (String, String),
    (atomic, validate_only): (bool, bool),
    wanted: impl Fn(&mut Violations, &str, &M) -> Option<Move>,
) -> Result<Bulk, Error> {
    decode(|v| {
        if !(1..=MAX_ITEMS).contains(&messages.len()) {
            v.add("items", format!("must have 1 to {MAX_ITEMS} entries"));
            return None;
        }
        let mut seen = BTreeSet::new();
        let mut items = Vec::with_capacity(messages.len());
        for (at, message) in messages.iter().enumerate() {
            let at = format!("items[{at}].");
            let (account, etag) = target(message);
            let Some(item) = read_item(v, &at, &account, &etag, |v| wanted(v, &at, message)) else {
                continue;
            };
            if !seen.insert(item.account) {
                v.add(format!("{at}account_id"), "is there twice");
            }
            items.push(item);
        }
        let mode = if atomic { Mode::Atomic } else { Mode::Each };
        Some(Bulk {
            items,
            mode,
            validate_only,
        })
    })
}

fn read_item(
    v: &mut Violations,
    at: &str,
    account: &str,
    etag: &str,
    wanted: impl FnOnce(&mut Violations) -> Option<Move>,
) -> Option<Item> {
    let account = id(v, &format!("{at}account_id"), account, AccountId::parse);
    let etag = etag_opt(v, &format!("{at}etag"), etag);
    let wanted = wanted(v);
    Some(Item {
        account: account?,
        etag: etag?,
        wanted: wanted?,
        follow: Vec::new(),
    })
}

/// Reads which objects are to follow each account of a call, by the path of the field.
pub fn following<'a>(
    read: Result<Bulk, Error>,
    types: impl Iterator<Item = (String, &'a Vec<i32>)>,
) -> Result<Bulk, Error> {
    let mut violations = Violations::default();
    let types: Vec<_> = types
        .map(|(field, numbers)| related::follow(&mut violations, &field, numbers))
        .collect();
    match read {
        Ok(_) if !violations.is_empty() => Err(violations.into()),
        Ok(mut bulk) => {
            for (item, types) in bulk.items.iter_mut().zip(types) {
                item.follow = types;
            }
            Ok(bulk)
        }
        Err(Error::Invalid(mut wrong)) => {
            wrong.extend(violations.into_vec());
            Err(Error::Invalid(wrong))
        }
        Err(other) => Err(other),
    }
}

/// Reads who an account is assigned to.
pub fn assign(v: &mut Violations, at: &str, assignee: &str) -> Option<Move> {
    id(v, &format!("{at}assignee"), assignee, UserId::parse).map(Move::Assign)
}

/// Reads who an account is handed over to.
pub fn change_owner(v: &mut Violations, at: &str, new_owner: &str) -> Option<Move> {
    id(v, &format!("{at}new_owner"), new_owner, UserId::parse).map(Move::ChangeOwner)
}

/// Reads why and where an account is returned.
pub fn give_back(v: &mut Violations, at: &str, reason: &str, note: &str, target: &str) -> Option<Move> {
    let reason = id_opt(v, &format!("{at}reason_id"), reason, ReasonId::parse);
    check_text(v, &format!("{at}note"), note, NOTE_MAX);
    let target = id_opt(v, &format!("{at}target_pool_id"), target, PoolId::parse);
    Some(Move::Return {
        reason: reason?,
        note: note.to_owned(),
        target: target?,
    })
}

/// Reads why an account is taken back.
pub fn reclaim(v: &mut Violations, at: &str, note: &str) -> Option<Move> {
    check_text(v, &format!("{at}note"), note, NOTE_MAX);
    Some(Move::Reclaim { note: note.to_owned() })
}

/// Reads where an account is transferred.
pub fn transfer(v: &mut Violations, at: &str, target: &str, clear_owner: bool) -> Option<Move> {
    let target = id(v, &format!("{at}target_pool_id"), target, PoolId::parse)?;
    Some(Move::Transfer { target, clear_owner })
}

/// Reads which pool an account is put into.
pub fn add_to_pool(v: &mut Violations, at: &str, target: &str, clear_owner: bool) -> Option<Move> {
    let target = id(v, &format!("{at}target_pool_id"), target, PoolId::parse)?;
    Some(Move::AddToPool { target, clear_owner })
}

/// Who owns the account, as a message.
#[must_use]
pub fn encode_ownership(account: &Account) -> proto::Ownership {
    let text = |id: Option<&UserId>| id.map(ToString::to_string).unwrap_or_default();
    proto::Ownership {
        account_id: account.id.to_string(),
        status: encode_status(account.status).into(),
        owner: text(account.owner.as_ref()),
        owner_since: account.owner_since.and_then(timestamp),
        last_owner: text(account.last_owner.as_ref()),
        pool_id: account.pool_id.map(|id| id.to_string()).unwrap_or_default(),
        pool_entry_time: account.pool_entry_time.and_then(timestamp),
        pool_entry_cause: account
            .pool_entry_cause
            .map_or(proto::PoolEntryCause::Unspecified, encode_entry_cause)
            .into(),
        transfer_count: account.transfer_count,
        reclaim_time: account.clock.reclaim_time.and_then(timestamp),
        etag: etag(account.version),
    }
}

/// A status as a message.
#[must_use]
pub const fn encode_status(status: Status) -> proto::AccountStatus {
    match status {
        Status::Unactivated => proto::AccountStatus::Unactivated,
        Status::Reporting => proto::AccountStatus::Reporting,
        Status::Unassigned => proto::AccountStatus::Unassigned,
        Status::Assigned => proto::AccountStatus::Assigned,
        Status::Canceled => proto::AccountStatus::Canceled,
        Status::Merged => proto::AccountStatus::Merged,
        Status::Deleted => proto::AccountStatus::Deleted,
    }
}

const fn encode_entry_cause(cause: EntryCause) -> proto::PoolEntryCause {
    match cause {
        EntryCause::Created => proto::PoolEntryCause::Created,
        EntryCause::Returned => proto::PoolEntryCause::Returned,
        EntryCause::Reclaimed => proto::PoolEntryCause::Reclaimed,
        EntryCause::AutoReclaimed => proto::PoolEntryCause::AutoReclaimed,
        EntryCause::Transferred => proto::PoolEntryCause::Transferred,
        EntryCause::OwnerLeft => proto::PoolEntryCause::OwnerLeft,
        EntryCause::Added => proto::PoolEntryCause::Added,
        EntryCause::Restored => proto::PoolEntryCause::Restored,
    }
}

/// The parts of the response of a call for one account.
#[must_use]
pub fn encode_single(outcome: &Outcome) -> (Option<proto::Ownership>, Option<proto::Admission>) {
    let Some(item) = outcome.items.first() else {
        return (None, None);
    };
    let ownership = item.moved.as_ref().ok().and_then(Option::as_ref).map(encode_ownership);
    (ownership, item.admission.as_ref().map(encode_admission))
}

/// How many contacts do not follow the account of a call for one, since they are too many.
#[must_use]
pub fn encode_left(outcome: &Outcome) -> i32 {
    let left = outcome.items.first().map_or(0, |item| item.left_behind);
    left.cast_signed()
}

/// The parts of the response of a bulk call.
#[must_use]
pub fn encode_bulk(outcome: &Outcome) -> (bool, Vec<proto::MoveResult>) {
    let results = outcome.items.iter().map(|item| {
        let status = match &item.moved {
            Ok(_) => tonic_types::Status::default(),
            Err(error) => encode_error(error),
        };
        proto::MoveResult {
            account_id: item.account.to_string(),
            status: Some(status),
            ownership: item.moved.as_ref().ok().and_then(Option::as_ref).map(encode_ownership),
            admission: item.admission.as_ref().map(encode_admission),
            contacts_left_behind: item.left_behind.cast_signed(),
        }
    });
    (outcome.applied, results.collect())
}

/// The status that a single call would answer, as a message.
#[must_use]
pub fn encode_error(error: &Error) -> tonic_types::Status {
    use prost::Message;
    let status = tonic::Status::from(error.clone());
    tonic_types::Status::decode(status.details()).unwrap_or_else(|_| tonic_types::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// What stands in the way, as a message.
#[must_use]
pub fn encode_admission(admission: &Admission) -> proto::Admission {
    proto::Admission {
        admitted: admission.refusals.is_empty(),
        refusals: admission.refusals.iter().map(encode_refusal).collect(),
        rooms: admission.rooms.iter().map(encode_room).collect(),
    }
}

/// A refusal as a message.
#[must_use]
pub fn encode_refusal(refusal: &Refusal) -> proto::Refusal {
    let name = format!("ERROR_REASON_{}", refusal.reason.as_str());
    proto::Refusal {
        reason: proto::ErrorReason::from_str_name(&name).unwrap_or_default().into(),
        message: refusal.message.clone(),
        metadata: refusal
            .metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
    }
}

fn encode_room(room: &RoomLeft) -> proto::LimitRoom {
    proto::LimitRoom {
        kind: match room.kind {
            LimitKind::Holding => proto::LimitKind::Holding,
            LimitKind::Pool => proto::LimitKind::Pool,
            LimitKind::DailyPool => proto::LimitKind::DailyPool,
            LimitKind::DailyTenant => proto::LimitKind::DailyTenant,
        }
        .into(),
        limit: room.limit.cast_signed(),
        used: room.used.cast_signed(),
        room: room.limit.saturating_sub(room.used).cast_signed(),
        rule_id: room.rule_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}
