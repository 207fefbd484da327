//! No bytes whatever make reading a request panic, and nothing is accepted that is out of bounds: see the body, which also runs, bounded, with every `cargo test`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/request.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));
