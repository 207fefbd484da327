//! `[telemetry]`: where traces and metrics go.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[telemetry]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Where an OpenTelemetry collector listens for OTLP over gRPC, `http://HOST:PORT`. Unset, nothing is collected.
    pub otlp_endpoint: Option<String>,
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

    pub(super) fn validate(&self, errors: &mut Vec<String>) {
        if let Some(endpoint) = &self.otlp_endpoint {
            let host = endpoint.strip_prefix("http://").unwrap_or_default();
            let wrong = host.is_empty() || host.contains('@') || endpoint.parse::<http::Uri>().is_err();
            if wrong {
                // The value is not repeated: somebody may have put a password into it.
                let error = "telemetry.otlp_endpoint: must be http://HOST:PORT, without TLS and without credentials; \
                             what has to leave the host encrypted goes through a collector beside the service";
                errors.push(error.into());
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
