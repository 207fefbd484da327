//! What `make fuzz` tries for hours is tried here for a moment, by the same bodies: every committed input of a target,
//! and inputs made of them by a few changes. The changes are the same in every run.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::{fs, path::Path};

#[path = "../../fuzz/bodies/condition.rs"]
mod condition;
#[path = "../../fuzz/bodies/csv.rs"]
mod csv;
#[path = "../../fuzz/bodies/page_token.rs"]
mod page_token;
#[path = "../../fuzz/bodies/request.rs"]
mod request;

/// Inputs that are made for each target, unless `TIDEPOOL_TEST_FUZZ_CASES` says how many.
const CASES: u32 = 3000;

fn cases() -> u32 {
    let said = std::env::var("TIDEPOOL_TEST_FUZZ_CASES").ok();
    said.map_or(CASES, |said| said.parse().unwrap())
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Some bytes of `data` become others, come twice or go away.
fn change(mut data: Vec<u8>, changes: &[(Index, u8, Vec<u8>)]) -> Vec<u8> {
    for (at, what, bytes) in changes {
        let at = at.index(data.len() + 1);
        let end = (at + bytes.len()).min(data.len());
        match what {
            0 => drop(data.splice(at..end, bytes.iter().copied())),
            1 => drop(data.splice(at..at, bytes.iter().copied())),
            2 => drop(data.drain(at..end)),
            _ => data.truncate(at),
        }
    }
    data
}

fn holds(target: &str, run: fn(&[u8])) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty());
    for data in &corpus {
        run(data);
    }
    let bytes = prop_oneof![
        vec(any::<u8>(), 1..5),
        select(vec![
            vec![0],
            vec![0x7f],
            vec![0xff; 9],
            b"\"".to_vec(),
            b"\r\n".to_vec(),
            "\u{1f600}".into()
        ]),
    ];
    // Mostly other bytes in their place: where lengths stay, the rest can still be read.
    let what = prop_oneof![6 => Just(0_u8), 2 => Just(1), 1 => Just(2), 1 => Just(3)];
    let made =
        (select(corpus), vec((any::<Index>(), what, bytes), 1..6)).prop_map(|(data, changes)| change(data, &changes));
    let config = Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let failed = runner.run(&made, |data| {
        run(&data);
        Ok(())
    });
    assert!(failed.is_ok(), "{}", failed.unwrap_err());
}

#[test]
fn no_text_makes_a_condition_panic() {
    holds("condition", condition::run);
}

#[test]
fn nothing_but_a_page_token_opens() {
    holds("page_token", page_token::run);
}

#[test]
fn no_file_makes_the_import_panic() {
    holds("csv", csv::run);
}

#[test]
fn no_bytes_make_a_request_panic_or_pass_its_bounds() {
    holds("request", request::run);
}

/// Each request has an input of its own to begin with.
#[test]
fn every_request_has_an_input() {
    let corpus = corpus("request");
    for (at, (name, _)) in request::REQUESTS.iter().enumerate() {
        let first = u8::try_from(at).unwrap();
        assert!(corpus.iter().any(|data| data.first() == Some(&first)), "{name}");
    }
}
