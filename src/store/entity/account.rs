//! Accounts.

use super::cursor::Cursor;
use sea_orm::{Iterable, QueryResult, entity::prelude::*};
use std::sync::LazyLock;

/// A row, but for what is stored of its name only to find it by.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub version: i64,
    pub status: i16,
    pub status_before_cancel: Option<i16>,
    pub owner: Option<String>,
    pub last_owner: Option<String>,
    pub owner_since: Option<i64>,
    pub pool_id: Option<Uuid>,
    pub pool_entry_time: Option<i64>,
    pub pool_entry_cause: Option<i16>,
    pub last_end_reason: String,
    pub last_end_note: String,
    pub transfer_count: i64,
    pub deal_status: i16,
    pub won_count: i64,
    pub last_won_time: i64,
    pub last_follow_up_time: i64,
    pub anchor_time: Option<i64>,
    pub reclaim_time: Option<i64>,
    pub rule_id: Option<Uuid>,
    pub notice_floor: i64,
    pub planned_revision: i64,
    pub wake_time: Option<i64>,
    pub contract_end_time: i64,
    pub locked_by: Option<String>,
    pub lock_time: i64,
    pub lock_expire_time: i64,
    pub embargo_time: i64,
    pub disputed_time: i64,
    pub merged_into: Option<Uuid>,
    pub tenure_clock: Option<String>,
    pub clock_memory: Option<String>,
    pub kind: i16,
    pub name: String,
    pub external_id: Option<String>,
    pub grade: String,
    pub industry: String,
    pub source: String,
    pub region: String,
    pub phone: String,
    pub email: String,
    pub website: String,
    pub address: String,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub remark: String,
    pub creator: Option<String>,
    pub create_time: i64,
    pub update_time: i64,
}

/// None: integrity is the application's, see `verify`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The columns of a row that is read as `a`, in the order of [`Model`].
pub static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<_> = Column::iter().map(|column| format!("a.{}", column.as_str())).collect();
    columns.join(", ")
});

impl Model {
    /// Reads a row that begins with [`COLUMNS`]: by place, since looking for fifty names in each row takes as long as reading what
    /// they stand for.
    pub fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let mut at = Cursor::new(row);
        Ok(Self {
            tenant: at.next()?,
            id: at.next()?,
            version: at.next()?,
            status: at.next()?,
            status_before_cancel: at.next()?,
            owner: at.next()?,
            last_owner: at.next()?,
            owner_since: at.next()?,
            pool_id: at.next()?,
            pool_entry_time: at.next()?,
            pool_entry_cause: at.next()?,
            last_end_reason: at.next()?,
            last_end_note: at.next()?,
            transfer_count: at.next()?,
            deal_status: at.next()?,
            won_count: at.next()?,
            last_won_time: at.next()?,
            last_follow_up_time: at.next()?,
            anchor_time: at.next()?,
            reclaim_time: at.next()?,
            rule_id: at.next()?,
            notice_floor: at.next()?,
            planned_revision: at.next()?,
            wake_time: at.next()?,
            contract_end_time: at.next()?,
            locked_by: at.next()?,
            lock_time: at.next()?,
            lock_expire_time: at.next()?,
            embargo_time: at.next()?,
            disputed_time: at.next()?,
            merged_into: at.next()?,
            tenure_clock: at.next()?,
            clock_memory: at.next()?,
            kind: at.next()?,
            name: at.next()?,
            external_id: at.next()?,
            grade: at.next()?,
            industry: at.next()?,
            source: at.next()?,
            region: at.next()?,
            phone: at.next()?,
            email: at.next()?,
            website: at.next()?,
            address: at.next()?,
            latitude: at.next()?,
            longitude: at.next()?,
            remark: at.next()?,
            creator: at.next()?,
            create_time: at.next()?,
            update_time: at.next()?,
        })
    }
}
