//! Tidepool keeps customer accounts in circulation.
//!
//! Accounts lie in shared pools; sales reps claim them or get them assigned, must follow up or win within a set time,
//! and lose them back to a pool when they do not.
//!
//! # The map
//!
//! Arrows point one way: `rpc, worker -> app -> {domain, store}`; `store -> domain` for types; `domain` knows nobody.
//!
//! * [`domain`]: the rules. Pure and synchronous; `now` is an argument.
//! * [`store`]: SeaORM and SQL, nowhere else.
//! * [`app`]: one file per flow: load, decide, apply. Owns the transaction.
//! * [`worker`]: background drivers, without rules of their own.
//! * [`rpc`]: tonic, nowhere else: decode, call the flow, encode.
//! * [`webhook`]: sends requests to webhooks, to addresses that it has checked.
//! * [`client`], [`import`]: the other side of the port, as any program might have it.
//!
//! Start reading at `app/pool.rs`, a whole flow on one page, then `store/unit.rs`, the door to transactions.

pub mod app;
pub mod client;
pub mod clock;
pub mod config;
pub mod domain;
pub mod id;
pub mod import;
pub mod lifecycle;
pub mod rpc;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod webhook;
pub mod worker;
