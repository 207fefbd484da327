//! Logs. The database driver's own spans carry connection strings and its errors carry values, so both are capped
//! whatever the filter says.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Targets that must never say more than warnings.
const CAPPED: [&str; 4] = ["sea_orm", "sqlx", "sea_orm_migration", "sea_query"];

/// Starts logging to standard error.
pub fn start(log: &Log) {
    let mut filter = log
        .filter
        .parse::<EnvFilter>()
        .unwrap_or_else(|_| EnvFilter::new("info"));
    for target in CAPPED {
        // The constants above are well-formed directives.
        if let Ok(directive) = format!("{target}={}", LevelFilter::WARN).parse() {
            filter = filter.add_directive(directive);
        }
    }
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Pretty => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    // Already started: in tests that run a server in their own process.
    drop(started);
}
