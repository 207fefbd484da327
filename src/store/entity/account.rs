//! Accounts.

use sea_orm::entity::prelude::*;

/// A row.
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
    pub name_key: String,
    pub unique_name: Option<String>,
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
