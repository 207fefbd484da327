//! What the service tells about itself: logs always; traces and metrics to an OpenTelemetry collector if one is named.
//!
//! Nothing here carries ids of persons, texts of messages or values of fields: spans and metrics have fixed names and
//! attributes from closed lists.

mod logs;
pub mod metrics;
pub mod traces;

use crate::config;
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use std::time::Duration;
use tonic::transport::{Certificate, ClientTlsConfig};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// How long the collector may take for what is left at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What has to be ended so that nothing collected is lost.
#[derive(Debug, Default)]
#[must_use]
pub struct Telemetry {
    providers: Option<(SdkTracerProvider, SdkMeterProvider)>,
}

/// Where traces and metrics go.
#[derive(Clone, Debug)]
struct Collector {
    endpoint: String,
    /// Who may vouch for it, in PEM; nothing means the public authorities.
    ca: Option<String>,
}

impl Collector {
    /// How an exporter reaches it; over TLS only if its address says so.
    fn reach<B: WithExportConfig + WithTonicConfig>(&self, builder: B) -> B {
        let builder = builder.with_endpoint(&self.endpoint);
        if !self.endpoint.starts_with("https://") {
            return builder;
        }
        let tls = ClientTlsConfig::new();
        builder.with_tls_config(match &self.ca {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_enabled_roots(),
        })
    }
}

/// Starts logging, and collecting if an endpoint is set. Needs a Tokio runtime around it. A collector that is not there
/// is no error: it may come later, and the service does not depend on it.
pub fn start(log: &config::Log, telemetry: &config::Telemetry) -> Result<Telemetry, ExporterBuildError> {
    let registry = tracing_subscriber::registry().with(logs::layer(log));
    let Some(endpoint) = &telemetry.otlp_endpoint else {
        // Already started: in tests that run a server in their own process.
        drop(registry.try_init());
        return Ok(Telemetry::default());
    };
    let resource = Resource::builder()
        .with_service_name(telemetry.service_name.clone())
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    let ca = telemetry.otlp_ca().map_err(|error| {
        let file = telemetry.otlp_ca_file.clone().unwrap_or_default();
        ExporterBuildError::InternalFailure(format!("{}: {error}", file.display()))
    })?;
    let collector = Collector {
        endpoint: endpoint.clone(),
        ca,
    };
    let traces = traces::provider(&collector, telemetry.sample_ratio, resource.clone())?;
    let metrics = metrics::provider(&collector, telemetry.metrics_interval(), resource)?;
    metrics::record_to(&metrics);
    drop(registry.with(traces::layer(&traces)).try_init());
    Ok(Telemetry {
        providers: Some((traces, metrics)),
    })
}

impl Telemetry {
    /// Sends what is left.
    pub async fn stop(self) {
        let Some((traces, metrics)) = self.providers else {
            return;
        };
        // Both block until the collector has answered.
        let stopped = tokio::task::spawn_blocking(move || {
            let ends = [
                traces.shutdown_with_timeout(LAST_WORDS),
                metrics.shutdown_with_timeout(LAST_WORDS),
            ];
            for error in ends.into_iter().filter_map(Result::err) {
                tracing::warn!(error = %error, "the collector did not take all traces and metrics");
            }
        });
        drop(stopped.await);
    }
}
