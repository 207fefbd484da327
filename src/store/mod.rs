//! SeaORM and SQL, nowhere else.
//!
//! [`Db`] is the pool, [`unit`](mod@unit) the only door to transactions, `entity` one file per table, `dialect` everything in
//! which the engines differ. Functions here take `&impl ConnectionTrait` and a [`TenantKey`](crate::domain::ids::TenantKey);
//! they read and write, they decide nothing.

pub mod account_list;
pub mod account_row;
pub mod activity;
pub mod activity_deals;
pub mod activity_object;
pub mod apply;
mod batch;
pub mod breaker;
pub mod codec;
mod condition;
pub mod config;
pub mod config_event;
pub mod configured;
mod counts;
pub mod dialect;
mod doubt;
pub mod due;
pub mod durability;
pub mod entity;
pub mod event_stream;
pub mod extras;
pub mod failure;
pub mod foresee;
pub mod handover;
pub mod history;
pub mod holdings;
pub mod instant;
pub mod job;
pub mod lease;
pub mod lock;
pub mod migrate;
pub mod open;
pub mod organisation;
pub mod outbox;
pub mod owned;
pub mod parked;
pub mod ping;
pub mod pool;
pub mod reclaims;
pub mod related;
pub mod replan;
pub mod request;
pub mod request_batch;
pub mod secret;
pub mod slots;
mod sql;
pub mod subject;
pub mod team;
mod timeline;
pub mod trace;
pub mod twin;
pub mod tx;
pub mod unit;
pub mod verify;
pub mod watermark;

pub use failure::Abort;
pub use open::{Db, Options};
pub use sea_orm::DbErr;
pub use slots::Slots;
pub use tx::Tx;
pub use unit::{Deadline, Unit};
