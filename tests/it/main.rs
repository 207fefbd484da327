//! The integration suite: one binary, the same tests on every engine, everything through the real gRPC port.
//!
//! SQLite in a temporary folder unless `TIDEPOOL_TEST_DATABASE_URL` names a MySQL-family server, on which every test
//! gets a database of its own. If `TIDEPOOL_TEST_DATABASE_URLS` names the nodes of a cluster, that server first, tests of several
//! servers write to them all. `TIDEPOOL_TEST_POOL_SIZE` sets the size of the connection pool, `TIDEPOOL_TEST_FOLDER` where
//! SQLite's files lie: in memory they are faster.
#![expect(clippy::unwrap_used, reason = "tests")]

mod build;
mod collector;
mod explain;
mod harness;
mod hold;
mod private_server;
mod process;
mod reclaim_rules;
mod site;
mod world;

mod accounts;
mod activities;
mod circulation;
mod circulation_bulk;
mod circulation_checks;
mod circulation_effects;
mod circulation_roles;
mod claims_together;
mod conditions;
mod custom_fields;
mod gets_together;
mod history_team;
mod holdings;
mod limits_config;
mod limits_explained;
mod races;
mod raw;
mod related;
mod reminders;
mod retention;
mod retention_rules;
mod rules;
mod timeline;

mod bad_input;
mod bad_messages;
mod directory;
mod directory_sync;
mod exceptions;
mod identity;
mod inputs;
mod jobs;
mod misuse;
mod paging;
mod plans;
mod pools;
mod pools_life;
mod pools_members;
mod prepared;
mod processes;
mod proxy;
mod requests;
mod rig;
mod schema;
mod tenancy;
mod tenancy_accounts;
mod tenant;

mod backup;
mod chaos;
mod demo;
mod documented;
mod events;
mod exactness;
mod failures;
mod faults;
mod flood;
mod fuzzed;
mod house;
mod import_stream;
mod importing;
mod ingest;
mod lifecycle;
mod limits;
mod migrations;
mod model;
mod month;
mod moves;
mod nodes;
mod observed;
mod one_server;
mod otlp_tls;
mod outcomes;
mod serving;
mod session;
mod storm;
mod storm_claims;
mod sweeping;
mod sweeps;
mod verifying;
mod webhooks;
