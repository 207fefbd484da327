//! Configuration: defaults < file < environment < flags. Validated once, with everything that is wrong listed.

mod database_url;
mod events;
mod telemetry;
mod webhooks;

pub use events::Events;
pub use telemetry::Telemetry;
pub use webhooks::Webhooks;

use crate::store::{self, dialect::Engine};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Prefix of environment variables: `TIDEPOOL__DATABASE__URL` sets `database.url`.
pub const ENV_PREFIX: &str = "TIDEPOOL__";

/// Everything that can be configured.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The gRPC port and its limits.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// The sweep.
    pub sweep: Sweep,
    /// Jobs over many accounts.
    pub jobs: Jobs,
    /// The stream of events.
    pub events: Events,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Logs.
    pub log: Log,
    /// Traces and metrics.
    pub telemetry: Telemetry,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address to listen on. Without TLS and authentication only a loopback address is accepted here.
    pub listen: SocketAddr,
    /// Address to listen on without TLS and authentication, whatever it is. Whoever reaches it can be anybody.
    pub insecure_listen: Option<SocketAddr>,
    /// Calls under way at once; more are answered UNAVAILABLE / `SERVER_BUSY` at once.
    pub max_concurrent_calls: usize,
    /// Size of a request message at most, in bytes.
    pub max_request_bytes: usize,
    /// Whether the reflection service is offered.
    pub reflection: bool,
    /// After a signal to stop: how long new calls are still taken while load balancers notice, in seconds.
    pub drain_delay_seconds: u64,
    /// How long calls under way may take after that, in seconds.
    pub drain_seconds: u64,
}

impl Server {
    /// Where a program on the same host reaches the server.
    #[must_use]
    pub fn reachable(&self) -> SocketAddr {
        let mut address = self.insecure_listen.unwrap_or(self.listen);
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        address
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            insecure_listen: None,
            max_concurrent_calls: 1024,
            max_request_bytes: 1024 * 1024,
            reflection: true,
            drain_delay_seconds: 5,
            drain_seconds: 20,
        }
    }
}

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=VERIFY_IDENTITY`.
    #[serde(serialize_with = "redacted")]
    pub url: SecretString,
    /// A file that holds the URL, as secrets are mounted. Read once, at the start.
    pub url_file: Option<PathBuf>,
    /// Connections at most, per replica.
    pub max_connections: u32,
    /// How long a call may wait for a connection, in milliseconds, before it is answered as busy.
    pub acquire_timeout_ms: u64,
    /// How long the database may leave one attempt of a unit of work without an answer, in milliseconds, before the
    /// connection is given up: the last resort against a network that swallows packets.
    pub attempt_timeout_ms: u64,
    /// Whether `serve` applies missing schema steps itself. On SQLite it always does.
    pub auto_migrate: bool,
    /// Allows a server on another host without a verified TLS certificate.
    pub insecure: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:tidepool.sqlite".to_owned().into(),
            url_file: None,
            max_connections: 16,
            acquire_timeout_ms: 3000,
            attempt_timeout_ms: 15_000,
            auto_migrate: false,
            insecure: false,
        }
    }
}

fn redacted<S: serde::Serializer>(url: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&redact(url.expose_secret()))
}

/// The URL without its password.
#[must_use]
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{scheme}://{user}:***@{host}")
        }
        None => url.to_owned(),
    }
}

/// `[sweep]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sweep {
    /// Whether this replica takes part.
    pub enabled: bool,
    /// How long it waits between rounds, in seconds.
    pub interval_seconds: u64,
    /// How long after its deadline an account is taken, in seconds: activities that arrive late still save it.
    pub grace_seconds: u32,
}

impl Sweep {
    /// [`Self::grace_seconds`] as a duration.
    #[must_use]
    pub fn grace(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(self.grace_seconds.into())
    }
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_seconds: 30,
            grace_seconds: 300,
        }
    }
}

/// `[jobs]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// Whether this replica takes part.
    pub enabled: bool,
    /// How long it waits before it looks for work again, in seconds.
    pub interval_seconds: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_seconds: 1,
        }
    }
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged, for example `info` or `info,tidepool=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            filter: "info".into(),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines, one object per line.
    Json,
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is wrong:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  - {error}"))
    }
}

impl Config {
    /// Reads the file, if one is named, and the environment, puts `flags` (dotted keys) on top, and validates.
    pub fn load(file: Option<&Path>, flags: &[(&str, serde_json::Value)]) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let mut layers = [Figment::new(), Figment::new(), Figment::new()];
        if let Some(file) = file {
            if !file.is_file() {
                errors.push(format!("there is no file {}", file.display()));
            }
            layers[0] = Figment::from(Toml::file(file));
        }
        layers[1] = Figment::from(Env::prefixed(ENV_PREFIX).split("__"));
        for (key, value) in flags {
            layers[2] = layers[2].clone().merge(Serialized::default(key, value));
        }
        let figment = layers.iter().cloned().fold(Figment::new(), Figment::merge);
        let server = section(&figment, "server", &mut errors);
        let mut database = section(&figment, "database", &mut errors);
        database_url::settle(&layers, &mut database, &mut errors);
        let sweep = section(&figment, "sweep", &mut errors);
        let jobs = section(&figment, "jobs", &mut errors);
        let events = section(&figment, "events", &mut errors);
        let webhooks = section(&figment, "webhooks", &mut errors);
        let log = section(&figment, "log", &mut errors);
        let telemetry = section(&figment, "telemetry", &mut errors);
        unknown_sections(&figment, &mut errors);
        let config = Self {
            server,
            database,
            sweep,
            jobs,
            events,
            webhooks,
            log,
            telemetry,
        };
        config.validate(&mut errors);
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(errors))
        }
    }

    fn validate(&self, errors: &mut Vec<String>) {
        let server = &self.server;
        if server.insecure_listen.is_none() && !server.listen.ip().is_loopback() {
            errors.push(format!(
                "server.listen: {} is not a loopback address, and there is no TLS or authentication yet; to open it to \
                 whoever can reach it, say --insecure-listen {0}",
                server.listen
            ));
        }
        if server.max_concurrent_calls == 0 {
            errors.push("server.max_concurrent_calls: must be at least 1".into());
        }
        if !(1024..=64 * 1024 * 1024).contains(&server.max_request_bytes) {
            errors.push("server.max_request_bytes: must be 1024 to 67108864".into());
        }
        if server.drain_delay_seconds > 300 {
            errors.push("server.drain_delay_seconds: must be at most 300".into());
        }
        if server.drain_seconds > 3600 {
            errors.push("server.drain_seconds: must be at most 3600".into());
        }
        let database = &self.database;
        if !(10..=60_000).contains(&database.acquire_timeout_ms) {
            errors.push("database.acquire_timeout_ms: must be 10 to 60000".into());
        }
        if !(1..=1000).contains(&database.max_connections) {
            errors.push("database.max_connections: must be 1 to 1000".into());
        }
        if !(100..=600_000).contains(&database.attempt_timeout_ms) {
            errors.push("database.attempt_timeout_ms: must be 100 to 600000".into());
        }
        let url = database.url.expose_secret();
        match Engine::of_url(url) {
            None => errors.push("database.url: must begin with sqlite: or mysql://".into()),
            Some(Engine::MySql) if !database.insecure && !verifies(url) => errors.push(
                "database.url: the server is on another host; add ssl-mode=VERIFY_IDENTITY (or VERIFY_CA) and ssl-ca, \
                 or allow an unverified connection with database.insecure = true"
                    .into(),
            ),
            Some(_) => {}
        }
        if !(1..=3600).contains(&self.sweep.interval_seconds) {
            errors.push("sweep.interval_seconds: must be 1 to 3600".into());
        }
        if !(1..=3600).contains(&self.jobs.interval_seconds) {
            errors.push("jobs.interval_seconds: must be 1 to 3600".into());
        }
        if self.sweep.grace_seconds > 86_400 {
            errors.push("sweep.grace_seconds: must be at most 86400".into());
        }
        if let Err(error) = self.log.filter.parse::<tracing_subscriber::EnvFilter>() {
            errors.push(format!("log.filter: {error}"));
        }
        self.events.validate(errors);
        self.webhooks.validate(errors);
        self.telemetry.validate(errors);
    }

    /// How the store opens the database.
    #[must_use]
    pub fn store(&self) -> store::Options {
        store::Options {
            url: self.database.url.clone(),
            max_connections: self.database.max_connections,
            acquire_timeout: Duration::from_millis(self.database.acquire_timeout_ms),
            attempt_timeout: Duration::from_millis(self.database.attempt_timeout_ms),
        }
    }

    /// The effective configuration as TOML-like text, secrets redacted.
    #[must_use]
    pub fn describe(&self) -> String {
        use fmt::Write;
        let sections = [
            ("server", serde_json::to_value(&self.server)),
            ("database", serde_json::to_value(&self.database)),
            ("sweep", serde_json::to_value(&self.sweep)),
            ("jobs", serde_json::to_value(&self.jobs)),
            ("events", serde_json::to_value(&self.events)),
            ("webhooks", serde_json::to_value(&self.webhooks)),
            ("log", serde_json::to_value(&self.log)),
            ("telemetry", serde_json::to_value(&self.telemetry)),
        ];
        let mut text = String::new();
        for (name, values) in sections {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "[{name}]");
            for (key, value) in values.iter().filter_map(serde_json::Value::as_object).flatten() {
                let _ = match value {
                    serde_json::Value::Null => writeln!(text, "# {key} is not set"),
                    value => writeln!(text, "{key} = {value}"),
                };
            }
            text.push('\n');
        }
        text
    }
}

/// One section, or its defaults and a note of what is wrong with it.
fn section<T: DeserializeOwned + Default>(figment: &Figment, name: &str, errors: &mut Vec<String>) -> T {
    if figment.find_value(name).is_err() {
        return T::default();
    }
    figment.extract_inner(name).unwrap_or_else(|error| {
        errors.extend(error.into_iter().map(|error| format!("{name}: {error}")));
        T::default()
    })
}

const SECTIONS: [&str; 8] = [
    "server",
    "database",
    "sweep",
    "jobs",
    "events",
    "webhooks",
    "log",
    "telemetry",
];

fn unknown_sections(figment: &Figment, errors: &mut Vec<String>) {
    let Ok(all) = figment.extract::<std::collections::BTreeMap<String, figment::value::Value>>() else {
        return;
    };
    for name in all.keys().filter(|name| !SECTIONS.contains(&name.as_str())) {
        let known = SECTIONS.join(", ");
        errors.push(format!("{name}: there is no such section; there are {known}"));
    }
}

/// Whether the URL names this host, or asks for a verified certificate.
fn verifies(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split_once('/').map_or(host, |(host, _)| host);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let name = host
        .strip_prefix('[')
        .and_then(|host| host.split_once(']'))
        .map_or_else(|| host.split_once(':').map_or(host, |(name, _)| name), |(name, _)| name);
    let local = name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let upper = url.to_ascii_uppercase();
    local || upper.contains("SSL-MODE=VERIFY_IDENTITY") || upper.contains("SSL-MODE=VERIFY_CA")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&str, serde_json::Value)]) -> Result<Config, ConfigErrors> {
        Config::load(None, flags)
    }

    #[test]
    fn defaults_are_valid_and_listen_on_loopback() {
        let config = load(&[]).unwrap();
        assert!(config.server.listen.ip().is_loopback());
        assert_eq!(config.database.url.expose_secret(), "sqlite:tidepool.sqlite");
    }

    #[test]
    fn everything_wrong_is_listed_at_once() {
        let flags = [
            ("server.listen", "0.0.0.0:7400".into()),
            ("database.url", "postgres://x".into()),
            ("database.max_connections", 0.into()),
            ("log.colour", true.into()),
            ("sevrer.listen", "x".into()),
        ];
        let ConfigErrors(errors) = load(&flags).unwrap_err();
        for part in [
            "server.listen",
            "database.url",
            "database.max_connections",
            "colour",
            "sevrer",
        ] {
            assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:?}");
        }
    }

    #[test]
    fn a_database_on_another_host_needs_a_verified_certificate() {
        assert!(load(&[("database.url", "mysql://u:p@db.example/x".into())]).is_err());
        assert!(load(&[("database.url", "mysql://u:p@db.example/x?ssl-mode=REQUIRED".into())]).is_err());
        assert!(
            load(&[(
                "database.url",
                "mysql://u:p@db.example/x?ssl-mode=VERIFY_IDENTITY".into()
            )])
            .is_ok()
        );
        assert!(load(&[("database.url", "mysql://u:p@127.0.0.1:3306/x".into())]).is_ok());
        assert!(load(&[("database.url", "mysql://u:p@[::1]:3306/x".into())]).is_ok());
        let flags = [
            ("database.url", "mysql://u:p@db/x".into()),
            ("database.insecure", true.into()),
        ];
        assert!(load(&flags).is_ok());
    }

    #[test]
    fn passwords_are_never_shown() {
        let config = load(&[("database.url", "mysql://u:s3cr@et@127.0.0.1/x".into())]).unwrap();
        let shown = format!("{} {config:?}", config.describe());
        assert!(
            !shown.contains("s3cr") && shown.contains("u:***@127.0.0.1/x"),
            "{shown}"
        );
    }
}
