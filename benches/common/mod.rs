//! What the benchmarks share: a server with an organisation on a private database, accounts in it, what the database
//! counts, and figures beside what they should be.

pub(crate) mod args;
pub(crate) mod baseline;
pub(crate) mod counters;
pub(crate) mod hand;
pub(crate) mod load;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod site;
pub(crate) mod spent;

use std::error::Error;
use uuid::Uuid;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// The id of a request, as a client makes one: what was answered is remembered with it.
pub(crate) fn request_id() -> String {
    Uuid::from_u128(rand::random()).to_string()
}

/// Connections of the server, and of what is done by hand.
pub(crate) const CONNECTIONS: u32 = 8;
/// Users who own the accounts.
pub(crate) const USERS: u64 = 100;
