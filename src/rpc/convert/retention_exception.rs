//! Exceptions from retention rules.

use super::{decode, etag, etag_opt, id, id_opt, own_id, page_size_within, read_time, required, timestamp};
use crate::{
    app::{
        exception::{Except, Excepted},
        exception_absence::StoredAbsence,
        exception_dispute,
        exception_pause::{CreatePause, StoredPause},
        page,
    },
    domain::{
        account::{Account, Lock},
        error::Error,
        exception::Wish,
        ids::{AccountId, IdError, PoolId, UserId},
        refusal::Violations,
        retention::{config::UserAbsence, hold::Absence},
        text::{DAYS, check_range, check_required_text, check_text},
    },
    rpc::{
        convert::circulation::{encode_admission, encode_ownership},
        proto,
    },
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Characters of a note at most.
const NOTE_MAX: usize = 1000;

/// Reads which account is to be excepted, and how.
pub fn read(
    (account, etag, validate_only): (&str, &str, bool),
    wish: impl FnOnce(&mut Violations) -> Option<Wish>,
) -> Result<Except, Error> {
    decode(|v| {
        let account = id(v, "account_id", account, AccountId::parse);
        let etag = etag_opt(v, "etag", etag);
        let wish = wish(v);
        Some(Except {
            account: account?,
            etag: etag?,
            wish: wish?,
            validate_only,
        })
    })
}

/// Reads why.
pub fn note(v: &mut Violations, note: &str) -> String {
    check_text(v, "note", note, NOTE_MAX);
    note.to_owned()
}

/// Reads why, where that must be said.
fn reason(v: &mut Violations, reason: &str) -> String {
    check_required_text(v, "reason", reason, NOTE_MAX);
    reason.to_owned()
}

/// Reads by how much an owner's time is extended.
pub fn extend(v: &mut Violations, days: i32, why: &str) -> Option<Wish> {
    // What is below 0 is as wrong as what is too large.
    let days = u32::try_from(days).unwrap_or(u32::MAX);
    check_range(v, "days", Some(days), &DAYS);
    let reason = reason(v, why);
    Some(Wish::Extend { days, reason })
}

/// Reads until when an account is locked.
pub fn lock(v: &mut Violations, expire_time: Option<prost_types::Timestamp>, why: &str) -> Option<Wish> {
    let until = time_opt(v, "expire_time", expire_time);
    let note = note(v, why);
    Some(Wish::Lock { until: until?, note })
}

/// Reads until when nobody may claim an account.
pub fn embargo(v: &mut Violations, until: Option<prost_types::Timestamp>, why: &str) -> Option<Wish> {
    let until = time(v, "until", until);
    let reason = reason(v, why);
    Some(Wish::SetEmbargo { until: until?, reason })
}

fn time(v: &mut Violations, field: &str, time: Option<prost_types::Timestamp>) -> Option<DateTime<Utc>> {
    required(v, field, time).and_then(|time| read_time(v, field, time))
}

/// A time that may be left out. `None` only if it is wrong.
#[expect(clippy::option_option, reason = "as for ids that may be left out")]
fn time_opt(v: &mut Violations, field: &str, time: Option<prost_types::Timestamp>) -> Option<Option<DateTime<Utc>>> {
    time.map_or(Some(None), |time| read_time(v, field, time).map(Some))
}

/// What came of an exception, as the parts of a response.
#[must_use]
pub fn encode(excepted: &Excepted) -> (Option<proto::RetentionExceptions>, Option<proto::Admission>) {
    match excepted {
        Excepted::Done(account, now) => (Some(encode_exceptions(account, *now)), None),
        Excepted::Looked(admission) => (None, Some(encode_admission(admission))),
    }
}

fn encode_exceptions(account: &Account, now: DateTime<Utc>) -> proto::RetentionExceptions {
    let lock = account.lock.as_ref().filter(|lock| lock.holds(now));
    proto::RetentionExceptions {
        ownership: Some(encode_ownership(account)),
        lock: lock.map(encode_lock),
        embargo_time: account.embargo_time.filter(|until| now < *until).and_then(timestamp),
        disputed_time: account.disputed_time.and_then(timestamp),
        extended_days: account.clock.tenure.extended_days.cast_signed(),
    }
}

/// A lock as a message.
#[must_use]
pub fn encode_lock(lock: &Lock) -> proto::AccountLock {
    proto::AccountLock {
        user_id: lock.user.to_string(),
        lock_time: timestamp(lock.from),
        expire_time: lock.until.and_then(timestamp),
    }
}

/// A disputed reclaim as a message.
#[must_use]
pub fn encode_disputed(account: &Account) -> proto::DisputedReclaim {
    let reclaimed = account.memory.reclaimed.as_ref();
    let pool = |id: Option<PoolId>| id.map(|id| id.to_string()).unwrap_or_default();
    proto::DisputedReclaim {
        account_id: account.id.to_string(),
        name: account.profile.name.clone(),
        last_owner: account.last_owner.as_ref().map(ToString::to_string).unwrap_or_default(),
        origin_pool_id: pool(reclaimed.and_then(|reclaimed| reclaimed.pool_id)),
        pool_id: pool(account.pool_id),
        reclaimed_time: reclaimed.and_then(|reclaimed| timestamp(reclaimed.time)),
        disputed_time: account.disputed_time.and_then(timestamp),
        etag: etag(account.version),
    }
}

/// What a list is narrowed to, and how many rows a page has.
pub type Narrowed<T> = (Option<T>, usize);

fn list<T>(
    (field, text): (&str, &str),
    size: i32,
    max: usize,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<Narrowed<T>, Error> {
    decode(|v| {
        let narrowed = id_opt(v, field, text, parse);
        let size = page_size_within(v, size, max);
        narrowed.zip(size)
    })
}

/// Reads which disputed reclaims are wanted.
pub fn list_disputed(message: &proto::ListDisputedReclaimsRequest) -> Result<Narrowed<PoolId>, Error> {
    let max = exception_dispute::MAX_SIZE;
    list(("pool_id", &message.pool_id), message.page_size, max, PoolId::parse)
}

/// Reads which leaves are wanted.
pub fn list_absences(message: &proto::ListUserAbsencesRequest) -> Result<Narrowed<UserId>, Error> {
    list(
        ("user_id", &message.user_id),
        message.page_size,
        page::MAX_SIZE,
        UserId::parse,
    )
}

/// Reads which pauses are wanted.
pub fn list_pauses(message: &proto::ListRetentionPausesRequest) -> Result<Narrowed<PoolId>, Error> {
    list(
        ("pool_id", &message.pool_id),
        message.page_size,
        page::MAX_SIZE,
        PoolId::parse,
    )
}

/// Reads the id and etag of a leave or a pause.
pub fn target(field: &str, text: &str, etag: &str) -> Result<(Uuid, Option<i64>), Error> {
    decode(|v| {
        let id = own_id(v, field, text);
        let etag = etag_opt(v, "etag", etag);
        id.zip(etag)
    })
}

/// Reads a new leave.
pub fn create_absence(message: Option<proto::UserAbsence>) -> Result<UserAbsence, Error> {
    decode(|v| {
        let leave = required(v, "user_absence", message)?;
        let user_id = id(v, "user_absence.user_id", &leave.user_id, UserId::parse);
        let from = time(v, "user_absence.start_time", leave.start_time);
        let until = time(v, "user_absence.end_time", leave.end_time);
        Some(UserAbsence {
            user_id: user_id?,
            absence: Absence {
                from: from?,
                until: until?,
            },
            reason: leave.reason,
        })
    })
}

/// Reads a new pause.
pub fn create_pause(message: Option<proto::RetentionPause>) -> Result<CreatePause, Error> {
    decode(|v| {
        let pause = required(v, "retention_pause", message)?;
        let pool_id = id_opt(v, "retention_pause.pool_id", &pause.pool_id, PoolId::parse);
        let from = time_opt(v, "retention_pause.start_time", pause.start_time);
        let until = time_opt(v, "retention_pause.end_time", pause.end_time);
        Some(CreatePause {
            pool_id: pool_id?,
            from: from?,
            until: until?,
            reason: pause.reason,
        })
    })
}

/// A leave as a message.
#[must_use]
pub fn encode_absence(leave: &StoredAbsence) -> proto::UserAbsence {
    proto::UserAbsence {
        id: leave.id.to_string(),
        user_id: leave.config.user_id.to_string(),
        start_time: timestamp(leave.config.absence.from),
        end_time: timestamp(leave.config.absence.until),
        reason: leave.config.reason.clone(),
        etag: etag(leave.version),
        create_time: timestamp(leave.create_time),
        update_time: timestamp(leave.update_time),
    }
}

/// A pause as a message.
#[must_use]
pub fn encode_pause(pause: &StoredPause) -> proto::RetentionPause {
    proto::RetentionPause {
        id: pause.id.to_string(),
        pool_id: pause.config.pool_id.map(|id| id.to_string()).unwrap_or_default(),
        start_time: timestamp(pause.config.span.from),
        end_time: pause.config.span.until.and_then(timestamp),
        reason: pause.config.reason.clone(),
        etag: etag(pause.version),
        create_time: timestamp(pause.create_time),
        update_time: timestamp(pause.update_time),
    }
}
