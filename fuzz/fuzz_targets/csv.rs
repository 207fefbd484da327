//! No file whatever makes the import panic: see the body, which also runs, bounded, with every `cargo test`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/csv.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));
