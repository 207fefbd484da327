//! Departments of the directory.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "directory_department")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub display_name: String,
    pub parent: Option<String>,
    pub head: Option<String>,
    pub version: i64,
    pub update_time: i64,
}

/// None: integrity is the application's, see `verify`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
