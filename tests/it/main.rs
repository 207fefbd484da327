//! The integration suite: one binary, the same tests on every engine, everything through the real gRPC port.
//!
//! SQLite in a temporary folder unless `TIDEPOOL_TEST_DATABASE_URL` names a MySQL-family server, on which every test
//! gets a database of its own. `TIDEPOOL_TEST_POOL_SIZE` sets the size of the connection pool.
#![expect(clippy::unwrap_used, reason = "tests")]

mod harness;
mod world;

mod circulation;
mod circulation_bulk;
mod circulation_checks;
mod circulation_effects;
mod circulation_roles;
mod configuration;
mod custom_fields;
mod history_team;
mod holdings;
mod lifecycle;
mod limits;
mod limits_config;
mod limits_explained;
mod model;
mod moves;
mod races;
