//! Who changed which configuration.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "config_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub event_time: i64,
    pub caller: String,
    pub actor: Option<String>,
    pub resource_type: String,
    pub resource: String,
    pub action: String,
    pub changes: String,
}

/// None: integrity is the application's, see `verify`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
