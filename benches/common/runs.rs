//! What was measured several times: how long it took, what was counted, how long people waited.

use super::counters::Counted;

/// One figure of one kind of run in all its rounds, such as how long it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    values: Vec<f64>,
    /// In all rounds together.
    pub(crate) counted: Counted,
}

impl Runs {
    pub(crate) fn add(&mut self, value: f64, counted: &Counted) {
        self.values.push(value);
        self.counted.add(counted);
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let half = sorted.len() / 2;
        match (sorted.get(half), sorted.len() % 2) {
            (Some(upper), 0) => f64::midpoint(*upper, sorted[half - 1]),
            (Some(middle), _) => *middle,
            (None, _) => f64::NAN,
        }
    }
}

/// How long calls took, in milliseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency(Vec<f64>);

impl Latency {
    pub(crate) fn of(mut took: Vec<f64>) -> Self {
        took.sort_by(f64::total_cmp);
        Self(took)
    }

    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).copied().unwrap_or(f64::NAN)
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }
}
