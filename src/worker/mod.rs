//! Background work: drivers without rules of their own. They take a lease, call a flow, and wait.
//!
//! Any number of replicas may run them: the lease saves double work, the flows' own compare-and-set keeps it harmless.

mod holding;
pub mod jobs;
pub mod relay;
pub mod sweep;
pub mod watchers;
pub mod webhook;
