//! Tenants.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub name: String,
    pub config_revision: i64,
    pub directory_revision: i64,
    pub retention_revision: i64,
    pub retention_time: i64,
    pub replanned_revision: i64,
    pub settings_version: i64,
    pub settings: String,
    pub create_time: i64,
    pub update_time: i64,
}

/// None: integrity is the application's, see `verify`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
