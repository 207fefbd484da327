//! The guard row of each user who can own accounts.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holder")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    pub version: i64,
}

/// None: integrity is the application's, see `verify`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
