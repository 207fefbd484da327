//! One file per table. Rows are distrusted: conversions above name the table and the key of what cannot be read.
#![expect(
    missing_docs,
    reason = "columns are documented where they are declared, in the migrations"
)]

pub mod account;
pub mod config_event;
mod cursor;
pub mod directory_department;
pub mod directory_group;
pub mod directory_user;
pub mod holder;
pub mod pool;
pub mod request;
pub mod tenant;
