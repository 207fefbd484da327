//! Logs. The database driver's own spans carry connection strings and its errors carry values, and the transport spells
//! out frames and headers, so all of them are capped whatever the filter says.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    registry::LookupSpan,
};

/// Targets that must never say more than this. A directive for one of their modules does not lift it.
const CAPPED: [(&str, Level); 11] = [
    ("sea_orm", Level::WARN),
    ("sea_orm_migration", Level::WARN),
    ("sea_query", Level::WARN),
    ("sqlx", Level::WARN),
    ("sqlx_core", Level::WARN),
    ("sqlx_mysql", Level::WARN),
    ("sqlx_sqlite", Level::WARN),
    ("h2", Level::INFO),
    ("hyper", Level::INFO),
    ("hyper_util", Level::INFO),
    ("tonic", Level::INFO),
];

fn permitted(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    CAPPED
        .iter()
        .find(|(target, _)| *target == root)
        .is_none_or(|(_, most)| metadata.level() <= most)
}

/// Writes what the filter lets through to standard error.
pub(super) fn layer<S>(log: &Log) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // The configuration was validated with the filter in it.
    let wanted = log
        .filter
        .parse::<EnvFilter>()
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = wanted.and(filter_fn(permitted));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Pretty => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
    }
}
