//! The database schema of Tidepool, step by step.
//!
//! Append-only: a released step is never edited, a change is a new step. Every step can run again after an
//! interruption, holds no data changes, and uses nothing that one of the supported engines lacks: no foreign keys,
//! no `RETURNING`, no JSON queries, no meaning in `AUTO_INCREMENT`.
//!
//! [`steps`] is what the application runs, under its own lock and in its own ledger; see `store::migrate` there.

pub mod columns;
pub mod ledger;
pub mod table;

mod m0001_organisation;
mod m0002_pool;
mod m0003_account;
mod m0004_history;
mod m0005_work;
mod m0006_activity;
mod m0007_job;
mod m0008_retention;
mod m0009_events;
mod m0010_webhooks;

use sea_orm_migration::MigrationTrait;
pub use sea_orm_migration::SchemaManager;

/// What a step means for binaries that do not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only adds: a binary that does not know the step works on.
    Expand,
    /// Takes away: binaries older than this version must not work on.
    Contract {
        /// The first version that can live with the step, for example `0.3.0`.
        min_binary: &'static str,
    },
}

/// One step of the schema.
pub struct Step {
    /// Name in the ledger; sorts in the order of application.
    pub name: &'static str,
    /// What it means for older binaries.
    pub kind: Kind,
    /// What it does.
    pub migration: Box<dyn MigrationTrait>,
}

/// All steps in the order of application.
#[must_use]
pub fn steps() -> Vec<Step> {
    fn expand(name: &'static str, migration: impl MigrationTrait + 'static) -> Step {
        Step {
            name,
            kind: Kind::Expand,
            migration: Box::new(migration),
        }
    }
    vec![
        expand("m0001_organisation", m0001_organisation::Migration),
        expand("m0002_pool", m0002_pool::Migration),
        expand("m0003_account", m0003_account::Migration),
        expand("m0004_history", m0004_history::Migration),
        expand("m0005_work", m0005_work::Migration),
        expand("m0006_activity", m0006_activity::Migration),
        expand("m0007_job", m0007_job::Migration),
        expand("m0008_retention", m0008_retention::Migration),
        expand("m0009_events", m0009_events::Migration),
        expand("m0010_webhooks", m0010_webhooks::Migration),
    ]
}
