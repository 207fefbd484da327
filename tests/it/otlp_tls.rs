//! Traces and metrics over TLS: to a collector that somebody vouches for, and to no other.

use crate::{
    collector::Collector,
    harness::Storage,
    process::{Process, run},
};

/// Runs a server with the authority in this file, and returns the collector it told, and what it said itself.
async fn observed(ca: &str) -> (Collector, String) {
    let (storage, url) = Storage::create().await;
    let collector = Collector::start_tls().await;
    let endpoint = format!("https://{}", collector.address);
    let ca = format!("{}/tests/it/tls/{ca}", env!("CARGO_MANIFEST_DIR"));
    let settings = [
        ("TIDEPOOL__DATABASE__URL", url.as_str()),
        ("TIDEPOOL__DATABASE__AUTO_MIGRATE", "true"),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__SWEEP__INTERVAL_SECONDS", "1"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
        ("TIDEPOOL__TELEMETRY__OTLP_ENDPOINT", endpoint.as_str()),
        ("TIDEPOOL__TELEMETRY__OTLP_CA_FILE", ca.as_str()),
    ];
    let created = run(&settings, &["tenant", "create", "acme"]);
    assert!(created.status.success(), "{created:?}");
    let process = Process::serve(&settings).await;
    let raw = process.raw().await;
    raw.call("/elsewhere.v1.Other/Thing", &[], b"").await.unwrap_err();
    raw.close().await;
    // What is left is sent at the end.
    let (status, said) = process.stop().await;
    assert!(status.success(), "{said}");
    storage.remove().await;
    (collector, said)
}

#[tokio::test]
async fn a_collector_that_is_vouched_for_is_told() {
    let (collector, _) = observed("ca.pem").await;
    assert!(collector.spans().iter().any(|span| span.name == "_OTHER"));
    let calls = collector.total("rpc.server.call.duration", &[("rpc.method", "_OTHER")]);
    assert_eq!(calls, Some(1.0));
    collector.stop().await;
}

/// The server works without, and says so.
#[tokio::test]
async fn a_collector_that_nobody_vouches_for_is_told_nothing() {
    let (collector, said) = observed("other-ca.pem").await;
    assert!(collector.spans().is_empty());
    assert_eq!(collector.total("rpc.server.call.duration", &[]), None);
    assert!(
        said.contains("the collector did not take all traces and metrics"),
        "{said}"
    );
    collector.stop().await;
}
