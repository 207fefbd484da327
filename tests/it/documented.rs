//! The handbook for operators says what is the case: every key with its default, every metric.

use std::{collections::BTreeMap, fs};
use tidepool::config::Config;

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Keys and defaults as `tidepool config` prints them.
fn printed() -> BTreeMap<String, String> {
    let text = Config::default().describe();
    let mut section = "";
    let mut keys = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ") {
            keys.insert(format!("{section}.{key}"), value.to_owned());
        } else if let Some(key) = line
            .strip_prefix("# ")
            .and_then(|line| line.strip_suffix(" is not set"))
        {
            keys.insert(format!("{section}.{key}"), "unset".to_owned());
        }
    }
    keys
}

#[test]
fn every_key_is_documented_with_its_default_and_its_variable() {
    let handbook = read("docs/operations.md");
    let mut documented = BTreeMap::new();
    for line in handbook.lines() {
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, key, variable, _, default, ..] = cells.as_slice() else {
            continue;
        };
        if variable.starts_with("TIDEPOOL__") {
            let expected = format!("TIDEPOOL__{}", key.replace('.', "__").to_uppercase());
            assert_eq!(*variable, expected, "{key}");
            documented.insert((*key).to_owned(), (*default).to_owned());
        }
    }
    assert_eq!(documented, printed());
}

#[test]
fn every_metric_is_documented() {
    let handbook = read("docs/operations.md");
    let source = read("src/telemetry/metrics.rs");
    let named: Vec<_> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| {
            ["tidepool.", "rpc.server.", "db.client."]
                .iter()
                .any(|prefix| text.starts_with(prefix))
        })
        .collect();
    assert!(named.len() >= 12, "{named:?}");
    for name in named {
        assert!(handbook.contains(&format!("`{name}`")), "{name} is not documented");
    }
}
