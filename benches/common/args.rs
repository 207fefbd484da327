//! The arguments of every benchmark.

/// What is said to all of them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    /// A server on which databases can be made: scripts/bench-*.sh start one
    #[arg(long, value_name = "URL", env = "TIDEPOOL_BENCH_SERVER_URL", hide_env_values = true)]
    pub(crate) server: String,
    /// Writes the figures there as well
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<String>,
    // What cargo says to every benchmark.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

/// A number that must not be too small.
pub(crate) fn at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number >= LEAST => Ok(number),
        Ok(_) => Err(format!("must be {LEAST} at least")),
        Err(error) => Err(format!("is no number: {error}")),
    }
}
