//! Traces: which spans are exported, and how a call continues its caller's trace.

use super::Collector;
use http::HeaderMap;
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use std::collections::HashMap;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// Sends batches in the background.
pub(super) fn provider(
    collector: &Collector,
    sample_ratio: f64,
    resource: Resource,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = collector.reach(SpanExporter::builder().with_tonic()).build()?;
    // Whoever began the trace decided whether it is kept.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio)));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler)
        .with_batch_exporter(exporter)
        .build())
}

/// Exports the spans of this crate, whatever the filter of the logs is. Not the events in them: logs are for people who
/// may read logs, and a span of a library could carry anything.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("tidepool"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|metadata| {
            metadata.is_span() && *metadata.level() <= Level::INFO && metadata.target().starts_with("tidepool::")
        }))
}

/// The name of the header, in what is called and what is kept.
const TRACEPARENT: &str = "traceparent";

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Makes `span`, which nobody has entered yet, a child of the one that the W3C headers name.
pub fn continue_from(span: &Span, headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        let caller = TraceContextPropagator::new().extract(&Headers(headers));
        // Without a collector there is no trace to continue.
        drop(span.set_parent(caller));
    }
}

/// The W3C `traceparent` of what is under way, if it is traced and kept.
#[must_use]
pub fn traceparent() -> Option<String> {
    traceparent_of(&Span::current())
}

/// The same of a span.
#[must_use]
pub fn traceparent_of(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span().span_context().clone();
    let kept = span.is_valid() && span.is_sampled();
    kept.then(|| {
        format!(
            "00-{}-{}-{:02x}",
            span.trace_id(),
            span.span_id(),
            span.trace_flags().to_u8()
        )
    })
}

/// Links `span` to the one that a `traceparent` names, if it names one: what it does follows from that.
pub fn link(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let linked = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    span.add_link(linked.span().span_context().clone());
}
