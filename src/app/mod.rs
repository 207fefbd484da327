//! One file per flow: load, decide, apply. Flows own the transaction; they are called by `rpc` and `worker`.

pub mod account;
pub mod account_change;
pub mod account_list;
pub mod activity;
mod activity_objects;
mod activity_recompute;
pub mod activity_rule;
pub mod activity_source;
pub mod call;
pub mod circulate;
pub mod claims;
pub mod coalesce;
pub mod configured;
pub mod copy;
pub mod create;
pub mod custom_field;
pub mod directory;
pub mod edit;
pub mod events;
pub mod exception;
pub mod exception_absence;
pub mod exception_dispute;
pub mod exception_pause;
pub mod flow;
mod follow_ups;
pub mod gets;
mod handover;
pub mod history;
mod holders;
pub mod import;
pub mod ingest;
mod ingest_load;
mod intake;
pub mod job;
pub mod jobs;
pub mod merge;
pub mod page;
pub mod parked;
pub mod pool;
mod purge;
pub mod related;
pub mod reminder_rule;
pub mod retention_department;
pub mod retention_explain;
pub mod retention_limit;
pub mod retention_preview;
pub mod retention_rule;
pub mod snapshots;
pub mod sweep;
mod tally;
pub mod team;
pub mod tenant;
pub mod timeline;
pub mod verify;
pub mod webhook;

use crate::{
    clock::Clock,
    config::{self, Sweep},
    id::Ids,
    store::Db,
};
use chrono::TimeDelta;
use claims::ClaimLanes;
use coalesce::Lanes;
use events::Events;
use gets::GetLanes;
use ingest::IngestLanes;
use snapshots::Snapshots;
use webhook::Webhooks;

/// What every flow works with.
#[derive(Debug)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// The tenants' configuration and directory in memory.
    pub snapshots: Snapshots,
    /// Seals page tokens.
    pub pages: page::Sealer,
    /// How long after its deadline an account is reclaimed, for those who ask what will be.
    pub sweep_grace: TimeDelta,
    /// What streams of events share.
    pub events: Events,
    /// How events are sent to webhooks.
    pub webhooks: Webhooks,
    /// Where calls of the same service share transactions.
    pub lanes: IngestLanes,
    /// Where claims of the same service share transactions.
    pub claims: ClaimLanes,
    /// Where reads of single accounts share statements.
    pub gets: GetLanes,
}

impl App {
    /// Ready to run flows on a database whose schema is current.
    pub async fn start(db: Db, clock: Clock) -> Result<Self, crate::domain::error::Error> {
        let pages = page::Sealer::load(&db, &clock).await?;
        Ok(Self {
            snapshots: Snapshots::new(db.clone()),
            ids: Ids::new(clock.clone()),
            pages,
            sweep_grace: Sweep::default().grace(),
            events: Events::default(),
            webhooks: Webhooks::load(&db, &clock, &config::Webhooks::default()).await?,
            lanes: Lanes::new(ingest::lanes(db.slots().max)),
            claims: Lanes::new(claims::lanes(db.slots().max)),
            gets: Lanes::new(gets::lanes(db.read_slots().max)),
            db,
            clock,
        })
    }
}
