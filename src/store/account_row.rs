//! Between the row of an account and the account.

use super::{
    codec::{Row, to_json},
    entity::account::Model,
    instant::{instant, micros, or_never, unless_never},
};
use crate::domain::{
    account::{Account, AccountKind, DealStatus, EntryCause, Extras, Location, Lock, Profile, RetentionClock, Status},
    ids::{AccountId, ExternalId, PoolId, ReasonId, TenantKey, UserId},
    text::name_key,
};
use sea_orm::{DbErr, Value};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// A column and its value.
pub type Column = (&'static str, Value);

/// `Account::last_follow_up` of a row that is read as `a`; 0 is never, as in its columns.
pub(super) const LAST_FOLLOW_UP: &str = "CASE WHEN a.last_won_time = 0 \
     OR (a.last_follow_up_time <> 0 AND a.last_follow_up_time > a.last_won_time) \
     THEN a.last_follow_up_time ELSE a.last_won_time END";

/// Nothing at all is written as nothing: most accounts have nothing to remember.
fn json<T: Serialize + Default + PartialEq>(value: &T) -> Option<String> {
    // What is stored this way has string keys only and cannot fail.
    (*value != T::default()).then(|| to_json(value).unwrap_or_default())
}

fn json_or_default<T: DeserializeOwned + Default>(
    at: &Row<'_, Uuid>,
    column: &str,
    text: Option<&String>,
) -> Result<T, DbErr> {
    text.map_or_else(|| Ok(T::default()), |text| at.json(column, text))
}

/// Reads a row.
pub fn read(row: Model) -> Result<Account, DbErr> {
    let at = Row {
        table: "account",
        tenant: TenantKey(row.tenant),
        key: &row.id,
    };
    let last_end_reason = Some(&row.last_end_reason).filter(|text| !text.is_empty());
    Ok(Account {
        id: AccountId(row.id),
        version: row.version,
        status: at.choice("status", Status::from_number(row.status))?,
        status_before_cancel: row
            .status_before_cancel
            .map(|number| at.choice("status_before_cancel", Status::from_number(number)))
            .transpose()?,
        owner: at.id_opt("owner", row.owner.as_ref(), UserId::parse)?,
        last_owner: at.id_opt("last_owner", row.last_owner.as_ref(), UserId::parse)?,
        owner_since: row.owner_since.map(instant),
        pool_id: row.pool_id.map(PoolId),
        pool_entry_time: row.pool_entry_time.map(instant),
        pool_entry_cause: row
            .pool_entry_cause
            .map(|number| at.choice("pool_entry_cause", EntryCause::from_number(number)))
            .transpose()?,
        last_end_reason: at.id_opt("last_end_reason", last_end_reason, ReasonId::parse)?,
        last_end_note: row.last_end_note,
        transfer_count: row.transfer_count,
        deal_status: at.choice("deal_status", DealStatus::from_number(row.deal_status))?,
        won_count: row.won_count,
        last_won_time: unless_never(row.last_won_time),
        last_follow_up_time: unless_never(row.last_follow_up_time),
        clock: RetentionClock {
            anchor_time: row.anchor_time.map(instant),
            reclaim_time: row.reclaim_time.map(instant),
            wake_time: row.wake_time.map(instant),
            rule_id: row.rule_id,
            notice_floor: unless_never(row.notice_floor),
            planned_revision: row.planned_revision,
            tenure: json_or_default(&at, "tenure_clock", row.tenure_clock.as_ref())?,
        },
        contract_end_time: unless_never(row.contract_end_time),
        lock: at
            .id_opt("locked_by", row.locked_by.as_ref(), UserId::parse)?
            .map(|user| Lock {
                user,
                from: instant(row.lock_time),
                until: unless_never(row.lock_expire_time),
            }),
        embargo_time: unless_never(row.embargo_time),
        disputed_time: unless_never(row.disputed_time),
        merged_into: row.merged_into.map(AccountId),
        memory: json_or_default(&at, "clock_memory", row.clock_memory.as_ref())?,
        extras: Extras::default(),
        profile: Profile {
            kind: at.choice("kind", AccountKind::from_number(row.kind))?,
            name: row.name,
            grade: row.grade,
            industry: row.industry,
            source: row.source,
            region: row.region,
            phone: row.phone,
            email: row.email,
            website: row.website,
            address: row.address,
            location: row
                .latitude
                .zip(row.longitude)
                .map(|(latitude, longitude)| Location { latitude, longitude }),
            remark: row.remark,
            external_id: at.id_opt("external_id", row.external_id.as_ref(), ExternalId::parse)?,
        },
        creator: at.id_opt("creator", row.creator.as_ref(), UserId::parse)?,
        create_time: instant(row.create_time),
        update_time: instant(row.update_time),
    })
}

/// What is noted of an account without a new version: see `due::mark`. Changes write all of it whatever it was.
pub(super) const LOOKED_AT: [&str; 2] = ["planned_revision", "wake_time"];

/// The columns that changes write, the version and the profile aside.
pub(super) fn columns(account: &Account) -> Vec<Column> {
    let mut columns = clock(account);
    circulation(account, &mut columns);
    columns
}

/// The columns of a new account, the version aside.
#[must_use]
pub fn all_columns(account: &Account) -> Vec<Column> {
    let mut columns = columns(account);
    profile(account, &mut columns);
    columns.push(("creator", text(account.creator.as_ref())));
    columns.push(("create_time", micros(account.create_time).into()));
    columns
}

fn text<T: ToString>(value: Option<&T>) -> Value {
    value.map(ToString::to_string).into()
}

fn clock(account: &Account) -> Vec<Column> {
    let clock = &account.clock;
    vec![
        ("anchor_time", clock.anchor_time.map(micros).into()),
        ("reclaim_time", clock.reclaim_time.map(micros).into()),
        ("wake_time", clock.wake_time.map(micros).into()),
        ("tenure_clock", json(&clock.tenure).into()),
        ("rule_id", clock.rule_id.into()),
        ("notice_floor", or_never(clock.notice_floor).into()),
        ("planned_revision", clock.planned_revision.into()),
        ("update_time", micros(account.update_time).into()),
    ]
}

fn circulation(account: &Account, columns: &mut Vec<Column>) {
    columns.extend([
        ("status", account.status.number().into()),
        (
            "status_before_cancel",
            account.status_before_cancel.map(Status::number).into(),
        ),
        ("owner", text(account.owner.as_ref())),
        ("last_owner", text(account.last_owner.as_ref())),
        ("owner_since", account.owner_since.map(micros).into()),
        ("pool_id", account.pool_id.map(|id| id.0).into()),
        ("pool_entry_time", account.pool_entry_time.map(micros).into()),
        (
            "pool_entry_cause",
            account.pool_entry_cause.map(EntryCause::number).into(),
        ),
        (
            "last_end_reason",
            account
                .last_end_reason
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default()
                .into(),
        ),
        ("last_end_note", account.last_end_note.clone().into()),
        ("transfer_count", account.transfer_count.into()),
        ("deal_status", account.deal_status.number().into()),
        ("won_count", account.won_count.into()),
        ("last_won_time", or_never(account.last_won_time).into()),
        ("last_follow_up_time", or_never(account.last_follow_up_time).into()),
        ("contract_end_time", or_never(account.contract_end_time).into()),
        ("locked_by", text(account.lock.as_ref().map(|lock| &lock.user))),
        (
            "lock_time",
            or_never(account.lock.as_ref().map(|lock| lock.from)).into(),
        ),
        (
            "lock_expire_time",
            or_never(account.lock.as_ref().and_then(|lock| lock.until)).into(),
        ),
        ("embargo_time", or_never(account.embargo_time).into()),
        ("disputed_time", or_never(account.disputed_time).into()),
        ("merged_into", account.merged_into.map(|id| id.0).into()),
        ("clock_memory", json(&account.memory).into()),
    ]);
}

/// Adds the columns of the profile.
pub(super) fn profile(account: &Account, columns: &mut Vec<Column>) {
    let profile = &account.profile;
    let key = name_key(&profile.name);
    // Whatever it stood for is gone, or has another account by now: it gives its name free.
    let unique = Some(key.clone()).filter(|_| !matches!(account.status, Status::Merged | Status::Deleted));
    columns.extend([
        ("kind", profile.kind.number().into()),
        ("name", profile.name.clone().into()),
        ("name_key", key.into()),
        ("unique_name", unique.into()),
        ("external_id", text(profile.external_id.as_ref())),
        ("grade", profile.grade.clone().into()),
        ("industry", profile.industry.clone().into()),
        ("source", profile.source.clone().into()),
        ("region", profile.region.clone().into()),
        ("phone", profile.phone.clone().into()),
        ("email", profile.email.clone().into()),
        ("website", profile.website.clone().into()),
        ("address", profile.address.clone().into()),
        ("latitude", profile.location.map(|at| at.latitude).into()),
        ("longitude", profile.location.map(|at| at.longitude).into()),
        ("remark", profile.remark.clone().into()),
    ]);
}
