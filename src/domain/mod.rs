//! The rules. Pure and synchronous: no database, no network, no clock, no randomness. `now` is an argument.

pub mod account;
pub mod account_list;
pub mod activity;
pub mod activity_source;
pub mod breaker;
pub mod change;
pub mod circulation;
pub mod condition;
pub mod config_change;
pub mod configured;
pub mod creation;
pub mod custom_field;
pub mod custom_values;
pub mod days;
pub mod directory;
pub mod directory_plan;
pub mod edit;
pub mod error;
pub mod event_stream;
pub mod exception;
pub mod history;
pub mod ids;
pub mod job;
pub mod lifecycle;
pub mod limits;
pub mod membership;
pub mod object;
pub mod organisation;
pub mod patch;
pub mod pool;
pub mod principal;
pub mod profile;
pub mod refusal;
pub mod related;
pub mod retention;
pub mod retention_plan;
pub mod summary;
pub mod sweep;
pub mod team;
pub mod tenant;
pub mod text;
pub mod timeline;
pub mod webhook;

#[cfg(test)]
mod stage;
