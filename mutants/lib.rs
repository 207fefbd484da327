//! The domain without anything else, for mutation testing.

pub mod domain;
