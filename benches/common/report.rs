//! Figures, beside what they should be and what they were.

use super::{
    Outcome,
    baseline::Baseline,
    counters::{COUNTERS, Counted},
};
use serde_json::{Map, Value, json};
use std::{fmt::Write, fs};

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    /// Beside the figure.
    fn beside(self, value: f64) -> String {
        let word = if self.met(value) { "met" } else { "MISSED" };
        match self {
            Self::AtMost(most) => format!("<= {most}: {word}"),
            Self::AtLeast(least) => format!(">= {least}: {word}"),
        }
    }

    fn json(self, value: f64) -> Value {
        let (at_most, target) = match self {
            Self::AtMost(most) => (true, most),
            Self::AtLeast(least) => (false, least),
        };
        json!({"at_most": at_most, "value": target, "met": self.met(value)})
    }
}

/// The most memory that this process ever had, in bytes: the server's, and what little the measuring takes.
fn peak_memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("the system does not say")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

impl Figure {
    /// Its name and what it is, if it can be compared with that of another run.
    fn ratio(&self) -> Option<(&'static str, f64)> {
        (self.unit == "x").then_some((self.name, self.value))
    }
}

/// What the server counted during something, for each of the things that it was about.
struct Column {
    name: &'static str,
    number: u64,
    counted: Counted,
}

/// All figures.
pub(crate) struct Report {
    /// What was measured, in words.
    title: String,
    /// The same in numbers.
    sizes: Vec<(&'static str, u64)>,
    /// What the counters are of.
    per: &'static str,
    figures: Vec<Figure>,
    columns: Vec<Column>,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Report {
    pub(crate) fn new(title: String, sizes: &[(&'static str, u64)], per: &'static str) -> Self {
        Self {
            title,
            sizes: sizes.to_vec(),
            per,
            figures: Vec::new(),
            columns: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, name: &'static str, value: f64, unit: &'static str, target: Option<Target>) {
        self.figures.push(Figure {
            name,
            value,
            unit,
            target,
        });
    }

    /// What was counted while so many were dealt with.
    pub(crate) fn count(&mut self, name: &'static str, number: u64, counted: &Counted) {
        self.columns.push(Column {
            name,
            number,
            counted: counted.clone(),
        });
    }

    /// The most memory so far.
    pub(crate) fn memory(&mut self, target: Option<Target>) -> Outcome {
        self.add("memory", peak_memory()? as f64 / 1e6, "MB", target);
        Ok(())
    }

    /// For people.
    fn table(&self, baseline: &Baseline) -> String {
        let mut table = format!("{}\n\n", self.title);
        for figure in &self.figures {
            let beside = figure.target.map(|target| target.beside(figure.value));
            let (name, value, unit) = (figure.name, figure.value, figure.unit);
            let beside = beside.unwrap_or_default();
            let was = figure.ratio().and_then(|(name, _)| baseline.of(name));
            let was = was.map(|was| format!("(was {was:.2})")).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{name:48} {value:>12.2} {unit:12} {beside:18} {was}");
        }
        if self.columns.is_empty() {
            return table;
        }
        let _ = write!(table, "\n{:28}", self.per);
        for column in &self.columns {
            let _ = write!(table, " {:>12}", column.name);
        }
        for (counter, name) in COUNTERS {
            let _ = write!(table, "\n{name:28}");
            for column in &self.columns {
                let each = column.counted.of(counter) as f64 / column.number as f64;
                let _ = write!(table, " {each:>12.3}");
            }
        }
        table.push('\n');
        table
    }

    /// For programs.
    fn json(&self) -> String {
        let figure = |figure: &Figure| {
            let target = figure.target.map(|target| target.json(figure.value));
            json!({"name": figure.name, "value": figure.value, "unit": figure.unit, "target": target})
        };
        let figures: Vec<Value> = self.figures.iter().map(figure).collect();
        let column = |column: &Column| {
            let counters = COUNTERS.iter().map(|(counter, _)| *counter);
            let of: Map<String, Value> = counters
                .map(|counter| (counter.to_owned(), column.counted.of(counter).into()))
                .collect();
            json!({"name": column.name, "number": column.number, "counted": of})
        };
        let counted: Vec<Value> = self.columns.iter().map(column).collect();
        let sizes = self
            .sizes
            .iter()
            .map(|(name, size)| ((*name).to_owned(), (*size).into()));
        let sizes: Map<String, Value> = sizes.collect();
        json!({"sizes": sizes, "figures": figures, "counted": counted}).to_string()
    }

    /// Says it all: the table, and the JSON into the file, if there is to be one. Fails where a target was missed.
    #[expect(clippy::print_stdout, reason = "this is a report")]
    pub(crate) fn tell(&self, file: Option<&str>) -> Outcome {
        let baseline = Baseline::read()?;
        println!("{}", self.table(&baseline));
        match file {
            Some(path) => fs::write(path, self.json())?,
            None => println!("{}", self.json()),
        }
        let targets = self
            .figures
            .iter()
            .filter_map(|figure| Some((figure.target?, figure.value)));
        match targets.filter(|(target, value)| !target.met(*value)).count() {
            0 => baseline.accept(self.figures.iter().filter_map(Figure::ratio)),
            missed => Err(format!("targets that were missed: {missed}").into()),
        }
    }
}
