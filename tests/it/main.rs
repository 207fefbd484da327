//! The integration suite: one binary, the same tests on every engine, everything through the real gRPC port.
//!
//! SQLite in a temporary folder unless `TIDEPOOL_TEST_DATABASE_URL` names a MySQL-family server, on which every test
//! gets a database of its own. `TIDEPOOL_TEST_POOL_SIZE` sets the size of the connection pool.
#![expect(clippy::unwrap_used, reason = "tests")]

mod harness;
mod world;

mod accounts;
mod circulation;
mod configuration;
mod holdings;
mod races;
