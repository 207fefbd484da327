//! Users of the directory. Lists are JSON: they are read whole and never searched.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "directory_user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub display_name: String,
    pub active: bool,
    pub primary_department: Option<String>,
    pub supervisor: Option<String>,
    pub region: String,
    pub departments: String,
    pub member_groups: String,
    pub roles: String,
    pub skills: String,
    pub version: i64,
    pub update_time: i64,
}

/// None: integrity is the application's, see `verify`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
