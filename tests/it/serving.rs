//! The serving process from outside: its health check, its signals, its end.

use crate::{
    harness::Storage,
    process::{Process, run},
};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn settings(url: &str) -> [(&str, &str); 5] {
    [
        ("TIDEPOOL__DATABASE__URL", url),
        ("TIDEPOOL__DATABASE__AUTO_MIGRATE", "true"),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__SERVER__DRAIN_SECONDS", "1"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
    ]
}

async fn healthcheck(address: std::net::SocketAddr) -> (bool, String) {
    let address = address.to_string();
    let asked = tokio::task::spawn_blocking(move || run(&[], &["healthcheck", "--address", &address]));
    let asked = asked.await.unwrap();
    (
        asked.status.success(),
        String::from_utf8_lossy(&asked.stderr).into_owned(),
    )
}

#[tokio::test]
async fn the_health_check_says_whether_the_server_is_ready() {
    let (storage, url) = Storage::create().await;
    let process = Process::serve(&settings(&url)).await;
    let address = process.address;
    assert_eq!(healthcheck(address).await, (true, String::new()));
    let (status, said) = process.stop().await;
    assert!(status.success(), "{said}");
    let (ready, why) = healthcheck(address).await;
    assert!(!ready && why.contains("cannot connect"), "{why}");
    storage.remove().await;
}

/// None of these lets go by itself, and none of them may keep the process: a peer that says nothing, one that says only
/// the first words, an open stream, an idle client, a call whose message never ends.
#[tokio::test]
async fn nobody_keeps_the_process_from_ending() {
    let (storage, url) = Storage::create().await;
    let process = Process::serve(&settings(&url)).await;
    let silent = TcpStream::connect(process.address).await.unwrap();
    let mut preface = TcpStream::connect(process.address).await.unwrap();
    preface.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    preface.read_exact(&mut [0]).await.unwrap();
    let streaming = process.raw().await;
    let watch = streaming.open("/grpc.health.v1.Health/Watch", &[0, 0, 0, 0, 0]).await;
    let endless = process.raw().await;
    let half = endless
        .open("/tidepool.v1.TenantService/GetTenant", &[0, 0, 0, 0, 9, 1])
        .await;
    let idle = process.raw().await;
    idle.max_streams().await;

    let began = Instant::now();
    let (status, said) = process.stop().await;
    assert!(status.success(), "{said}");
    assert!(began.elapsed() < Duration::from_secs(25), "{said}");
    assert!(said.contains("\"stopped\""), "{said}");
    drop((silent, preface, streaming, watch, endless, half, idle));
    storage.remove().await;
}
