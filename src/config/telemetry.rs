//! `[telemetry]`: where traces and metrics go.

use serde::{Deserialize, Serialize};
use std::{fs, io, path::PathBuf, time::Duration};

/// How the address of a collector begins that is spoken to over TLS.
const TLS: &str = "https://";

/// `[telemetry]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Where an OpenTelemetry collector listens for OTLP over gRPC, `http://HOST:PORT`, or `https://HOST:PORT` with TLS.
    /// Unset, nothing is collected.
    pub otlp_endpoint: Option<String>,
    /// Certificates, in PEM, of those who may vouch for the collector. Unset, the public authorities may.
    pub otlp_ca_file: Option<PathBuf>,
    /// The name under which this service reports.
    pub service_name: String,
    /// Which part of the traces that begin here is kept, 0 to 1. Traces that callers began are kept if they keep them.
    pub sample_ratio: f64,
    /// How often metrics are sent, in seconds.
    pub metrics_interval_seconds: u64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_ca_file: None,
            service_name: "tidepool".into(),
            sample_ratio: 1.0,
            metrics_interval_seconds: 60,
        }
    }
}

impl Telemetry {
    /// [`Self::metrics_interval_seconds`] as a duration.
    #[must_use]
    pub const fn metrics_interval(&self) -> Duration {
        Duration::from_secs(self.metrics_interval_seconds)
    }

    /// What [`Self::otlp_ca_file`] holds.
    pub fn otlp_ca(&self) -> io::Result<Option<String>> {
        self.otlp_ca_file.as_ref().map(fs::read_to_string).transpose()
    }

    pub(super) fn validate(&self, errors: &mut Vec<String>) {
        if let Some(endpoint) = &self.otlp_endpoint {
            let plain = endpoint.strip_prefix("http://");
            let host = plain.or_else(|| endpoint.strip_prefix(TLS)).unwrap_or_default();
            let wrong = host.is_empty() || host.contains('@') || endpoint.parse::<http::Uri>().is_err();
            if wrong {
                // The value is not repeated: somebody may have put a password into it.
                let error = "telemetry.otlp_endpoint: must be http://HOST:PORT, or https://HOST:PORT for TLS, without \
                             credentials";
                errors.push(error.into());
            }
        }
        if let Some(file) = &self.otlp_ca_file {
            if !self
                .otlp_endpoint
                .as_ref()
                .is_some_and(|endpoint| endpoint.starts_with(TLS))
            {
                errors.push("telemetry.otlp_ca_file: is for an otlp_endpoint that begins with https://".into());
            }
            let file = file.display();
            match self.otlp_ca() {
                Err(error) => errors.push(format!("telemetry.otlp_ca_file: {file} cannot be read: {error}")),
                Ok(Some(pem)) if !pem.contains("-----BEGIN CERTIFICATE-----") => {
                    errors.push(format!("telemetry.otlp_ca_file: {file} holds no certificate in PEM"));
                }
                Ok(_) => {}
            }
        }
        if self.service_name.is_empty() || self.service_name.len() > 255 {
            errors.push("telemetry.service_name: must be 1 to 255 bytes".into());
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            errors.push("telemetry.sample_ratio: must be 0 to 1".into());
        }
        if !(1..=3600).contains(&self.metrics_interval_seconds) {
            errors.push("telemetry.metrics_interval_seconds: must be 1 to 3600".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(endpoint: &str, ca: Option<PathBuf>) -> Vec<String> {
        let telemetry = Telemetry {
            otlp_endpoint: Some(endpoint.into()),
            otlp_ca_file: ca,
            ..Telemetry::default()
        };
        let mut errors = Vec::new();
        telemetry.validate(&mut errors);
        errors
    }

    #[test]
    fn the_collector_has_an_address_and_may_have_its_own_authority() {
        for endpoint in ["http://collector:4317", "https://collector:4317"] {
            assert_eq!(wrong(endpoint, None), Vec::<String>::new());
        }
        for endpoint in [
            "collector:4317",
            "https://",
            "https://u:s3cret@collector:4317",
            "ftp://x",
        ] {
            let errors = wrong(endpoint, None);
            assert!(errors.len() == 1 && !errors[0].contains("s3cret"), "{errors:?}");
        }
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("ca.pem");
        assert!(wrong("https://collector:4317", Some(file.clone()))[0].contains("cannot be read"));
        fs::write(&file, "nothing").unwrap();
        assert!(wrong("https://collector:4317", Some(file.clone()))[0].contains("no certificate"));
        fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(
            wrong("https://collector:4317", Some(file.clone())),
            Vec::<String>::new()
        );
        assert!(wrong("http://collector:4317", Some(file))[0].contains("begins with https"));
    }
}
