//! An OpenTelemetry collector in this process: takes traces and metrics over gRPC and keeps them.

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value},
    metrics::v1::{Metric, metric, number_data_point},
    trace::v1::Span,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

/// What was sent so far.
#[derive(Clone, Debug, Default)]
struct Kept {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.traces.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// The collector.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    kept: Kept,
    serving: JoinHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::start_on(Server::builder()).await
    }

    /// As [`Self::start`], over TLS with the certificate in `tls/`, that `tls/ca.pem` vouches for.
    pub(crate) async fn start_tls() -> Self {
        let identity = Identity::from_pem(include_str!("tls/server.pem"), include_str!("tls/server.key"));
        let tls = ServerTlsConfig::new().identity(identity);
        Self::start_on(Server::builder().tls_config(tls).unwrap()).await
    }

    async fn start_on(mut server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Kept::default();
        let server = server
            .add_service(TraceServiceServer::new(kept.clone()))
            .add_service(MetricsServiceServer::new(kept.clone()));
        let serving = tokio::spawn(async move {
            server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { address, kept, serving }
    }

    /// All spans.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let kept = self.kept.traces.lock().unwrap();
        kept.iter()
            .flat_map(|request| &request.resource_spans)
            .flat_map(|spans| &spans.scope_spans)
            .flat_map(|spans| spans.spans.clone())
            .collect()
    }

    /// What was sent last for each metric, as name and the sum of what its data points count, for those whose labels
    /// have all of these values.
    pub(crate) fn total(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let kept = self.kept.metrics.lock().unwrap();
        let mut metrics = kept
            .iter()
            .flat_map(|request| &request.resource_metrics)
            .flat_map(|metrics| &metrics.scope_metrics)
            .flat_map(|metrics| &metrics.metrics);
        let last = metrics.rfind(|metric| metric.name == name)?;
        Some(points(last, labels).into_iter().sum())
    }

    /// Everything as text, for tests that look for what must not be in there.
    pub(crate) fn text(&self) -> String {
        let traces = self.kept.traces.lock().unwrap();
        let metrics = self.kept.metrics.lock().unwrap();
        format!("{traces:?} {metrics:?}")
    }

    pub(crate) async fn stop(self) {
        self.serving.abort();
        drop(self.serving.await);
    }
}

fn points(metric: &Metric, labels: &[(&str, &str)]) -> Vec<f64> {
    let fits = |attributes: &[KeyValue]| {
        labels
            .iter()
            .all(|(key, value)| attribute(attributes, key).as_deref() == Some(*value))
    };
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let number = |value: Option<number_data_point::Value>| match value.unwrap() {
        number_data_point::Value::AsDouble(value) => value,
        number_data_point::Value::AsInt(value) => value as f64,
    };
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    match metric.data.as_ref().unwrap() {
        metric::Data::Gauge(gauge) => gauge
            .data_points
            .iter()
            .filter(|point| fits(&point.attributes))
            .map(|point| number(point.value))
            .collect(),
        metric::Data::Sum(sum) => sum
            .data_points
            .iter()
            .filter(|point| fits(&point.attributes))
            .map(|point| number(point.value))
            .collect(),
        metric::Data::Histogram(histogram) => histogram
            .data_points
            .iter()
            .filter(|point| fits(&point.attributes))
            .map(|point| point.count as f64)
            .collect(),
        other => panic!("{}: {other:?}", metric.name),
    }
}

/// The value of an attribute as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => text.clone(),
        any_value::Value::IntValue(number) => number.to_string(),
        any_value::Value::BoolValue(whether) => whether.to_string(),
        other => format!("{other:?}"),
    })
}
