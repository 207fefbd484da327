//! Figures, beside what they should be.

use crate::{
    Outcome,
    claims::Latency,
    cost::Runs,
    counters::{COUNTERS, Counted},
};
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

/// What the server counted during something, for each account that it was about.
struct Column {
    name: &'static str,
    accounts: f64,
    counted: Counted,
}

/// All figures.
pub(crate) struct Report {
    accounts: u64,
    due: u64,
    rounds: u64,
    figures: Vec<Figure>,
    columns: Vec<Column>,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Report {
    pub(crate) const fn new(accounts: u64, due: u64, rounds: u64) -> Self {
        Self {
            accounts,
            due,
            rounds,
            figures: Vec::new(),
            columns: Vec::new(),
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

    fn count(&mut self, name: &'static str, accounts: u64, counted: Counted) {
        self.columns.push(Column {
            name,
            accounts: accounts as f64,
            counted,
        });
    }

    /// Both sizes, the smaller one first; by the service, and by hand.
    pub(crate) fn cost(&mut self, sweep: [&Runs; 2], hand: [&Runs; 2]) {
        let due = self.due as f64;
        for (name, runs) in [
            ("sweep, a tenth of the accounts", sweep[0]),
            ("sweep, all accounts", sweep[1]),
            ("by hand, a tenth of the accounts", hand[0]),
            ("by hand, all accounts", hand[1]),
        ] {
            self.add(name, due / runs.median(), "accounts/s", None);
        }
        let ratio = hand[1].median() / sweep[1].median();
        self.add("rate of the sweep over by hand", ratio, "x", Some((false, 0.5)));
        let ratio = sweep[1].median() / sweep[0].median();
        self.add("time of the sweep, all over a tenth", ratio, "x", Some((true, 1.3)));
        let by_hand = hand[1].median() / hand[0].median();
        self.add("time by hand, all over a tenth", by_hand, "x", None);
        for (name, runs) in [
            ("processor time of the sweep, likewise", sweep),
            ("processor time by hand, likewise", hand),
        ] {
            let [few, all] = runs.map(|runs| runs.counted.processor_time() as f64);
            self.add(name, all / few, "x", None);
        }
        for (name, runs) in [
            ("sweep/10", sweep[0]),
            ("sweep", sweep[1]),
            ("hand/10", hand[0]),
            ("hand", hand[1]),
        ] {
            self.count(name, self.due * self.rounds, runs.counted.clone());
        }
    }

    pub(crate) fn replan(&mut self, moved: usize, seconds: f64, quiet: &Latency, busy: &Latency, counted: Counted) {
        self.add(
            "deadlines moved",
            moved as f64 / seconds,
            "accounts/s",
            Some((false, 5000.0)),
        );
        self.add("claims meanwhile", busy.count() as f64, "claims", None);
        for (name, percent) in [("quiet claim, median", 50), ("quiet claim, 95 %", 95)] {
            self.add(name, quiet.percentile(percent), "ms", None);
        }
        let ratio = busy.percentile(50) / quiet.percentile(50);
        self.add("claim meanwhile, median over quiet", ratio, "x", Some((true, 2.0)));
        let ratio = busy.percentile(95) / quiet.percentile(95);
        self.add("claim meanwhile, 95 % over quiet", ratio, "x", None);
        self.count("moved", moved as u64, counted);
    }

    pub(crate) fn memory(&mut self, bytes: u64) {
        self.add("memory", bytes as f64 / 1e6, "MB", Some((true, 150.0)));
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{} accounts and a tenth of that, {} of them due each time, medians of {} rounds\n\n",
            self.accounts, self.due, self.rounds
        );
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
                "{:38} {:>12.2} {:10} {target}",
                figure.name, figure.value, figure.unit
            );
        }
        let _ = write!(table, "\n{:28}", "per account");
        for column in &self.columns {
            let _ = write!(table, " {:>10}", column.name);
        }
        for (counter, name) in COUNTERS {
            let _ = write!(table, "\n{name:28}");
            for column in &self.columns {
                let _ = write!(table, " {:>10.3}", column.counted.of(counter) as f64 / column.accounts);
            }
        }
        table.push('\n');
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
        let counted: Vec<Value> = self
            .columns
            .iter()
            .map(|column| {
                let counters = COUNTERS.iter().map(|(counter, _)| *counter);
                let of: serde_json::Map<String, Value> = counters
                    .map(|counter| (counter.to_owned(), column.counted.of(counter).into()))
                    .collect();
                json!({"name": column.name, "accounts": column.accounts, "counted": of})
            })
            .collect();
        json!({
            "accounts": self.accounts, "due": self.due, "rounds": self.rounds,
            "figures": figures, "counted": counted
        })
        .to_string()
    }
}
