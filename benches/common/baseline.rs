//! What the ratios were when somebody last looked at them and found them good: `benches/baseline.json`. With
//! `TIDEPOOL_BENCH_ACCEPT=1` those of this run become the next ones.

use super::Outcome;
use serde_json::{Map, Value};
use std::{env, fs};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baseline.json");

/// The ratios of all benchmarks, by the names of their figures.
pub(crate) struct Baseline(Map<String, Value>);

impl Baseline {
    /// What is written in the file; nothing, if there is none yet.
    pub(crate) fn read() -> Outcome<Self> {
        match fs::read_to_string(FILE) {
            Ok(text) => Ok(Self(serde_json::from_str(&text)?)),
            Err(_) => Ok(Self(Map::new())),
        }
    }

    /// What a figure was.
    pub(crate) fn of(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// Keeps these, of which all targets were met, if that is wished, and those of other benchmarks.
    pub(crate) fn accept(mut self, ratios: impl Iterator<Item = (&'static str, f64)>) -> Outcome {
        if env::var_os("TIDEPOOL_BENCH_ACCEPT").is_none() {
            return Ok(());
        }
        for (name, ratio) in ratios {
            self.0.insert(name.to_owned(), ((ratio * 100.0).round() / 100.0).into());
        }
        fs::write(FILE, serde_json::to_string_pretty(&self.0)? + "\n")?;
        Ok(())
    }
}
