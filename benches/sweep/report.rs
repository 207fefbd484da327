//! Figures, beside what they should be.

use crate::{Outcome, claims::Latency};
use serde_json::{Value, json};
use std::{fmt::Write, fs};

/// The most memory that this process ever had, in bytes: the server's, and what little the measuring takes.
pub(crate) fn memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("the system does not say")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

/// A figure and what it should be.
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// At most or at least this.
    target: Option<(bool, f64)>,
}

/// All figures.
pub(crate) struct Report {
    accounts: u64,
    due: u64,
    figures: Vec<Figure>,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Report {
    pub(crate) const fn new(accounts: u64, due: u64) -> Self {
        Self {
            accounts,
            due,
            figures: Vec::new(),
        }
    }

    fn add(&mut self, name: &'static str, value: f64, unit: &'static str, target: Option<(bool, f64)>) {
        self.figures.push(Figure {
            name,
            value,
            unit,
            target,
        });
    }

    fn of(&self, name: &str) -> f64 {
        let found = self.figures.iter().find(|figure| figure.name == name);
        found.map_or(f64::NAN, |figure| figure.value)
    }

    pub(crate) fn few(&mut self, taken: usize, seconds: f64) {
        self.add(
            "sweep, a tenth of the accounts",
            taken as f64 / seconds,
            "accounts/s",
            None,
        );
    }

    pub(crate) fn hand(&mut self, taken: u64, seconds: f64) {
        self.add("reclaimed by hand", taken as f64 / seconds, "accounts/s", None);
    }

    pub(crate) fn many(&mut self, taken: usize, seconds: f64) {
        let rate = taken as f64 / seconds;
        self.add("sweep, all accounts", rate, "accounts/s", None);
        let hand = self.of("reclaimed by hand");
        self.add("sweep over by hand", rate / hand, "x", Some((false, 0.5)));
        let few = self.of("sweep, a tenth of the accounts");
        self.add("time with all over a tenth", few / rate, "x", Some((true, 1.3)));
    }

    pub(crate) fn replan(&mut self, moved: usize, seconds: f64, quiet: &Latency, busy: &Latency) {
        self.add(
            "deadlines moved",
            moved as f64 / seconds,
            "accounts/s",
            Some((false, 5000.0)),
        );
        self.add("claims meanwhile", busy.count() as f64, "claims", None);
        for (name, percent) in [("claim, median", 50), ("claim, 95 %", 95)] {
            self.add(name, quiet.percentile(percent), "ms", None);
        }
        let ratio = busy.percentile(50) / quiet.percentile(50);
        self.add("claim meanwhile, median over quiet", ratio, "x", Some((true, 2.0)));
        let ratio = busy.percentile(95) / quiet.percentile(95);
        self.add("claim meanwhile, 95 % over quiet", ratio, "x", None);
    }

    pub(crate) fn memory(&mut self, bytes: u64) {
        self.add("memory", bytes as f64 / 1e6, "MB", Some((true, 150.0)));
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("{} accounts, {} of them due each time\n\n", self.accounts, self.due);
        for figure in &self.figures {
            let target = figure.target.map_or_else(String::new, |(at_most, target)| {
                let met = if at_most {
                    figure.value <= target
                } else {
                    figure.value >= target
                };
                let (sign, word) = (if at_most { "<=" } else { ">=" }, if met { "met" } else { "MISSED" });
                format!("{sign} {target}: {word}")
            });
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "{:36} {:>12.2} {:10} {target}",
                figure.name, figure.value, figure.unit
            );
        }
        table
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                let target = figure
                    .target
                    .map(|(at_most, target)| json!({"at_most": at_most, "value": target}));
                json!({"name": figure.name, "value": figure.value, "unit": figure.unit, "target": target})
            })
            .collect();
        json!({"accounts": self.accounts, "due": self.due, "figures": figures}).to_string()
    }
}
