//! The transport misused: too many streams, too many calls, peers that never say anything.

use crate::{
    build::get_tenant,
    harness::{Refused, Server},
    hold::{Hold, until},
    raw::Raw,
};
use std::time::Duration;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Tenant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::Code;

/// The server names a bound of streams per connection, which it would not by default.
#[tokio::test]
async fn streams_per_connection_are_bounded() {
    let server = Server::start().await;
    let raw = Raw::connect(server.running.address()).await;
    assert_eq!(raw.max_streams().await, 200);
    raw.close().await;
    server.stop().await;
}

/// More calls than may be under way are refused at once, with when to come again; health answers all the same.
#[tokio::test]
async fn too_many_calls_are_shed() {
    let server = Server::start_with(|config| {
        config.server.max_concurrent_calls = 1;
        config.database.max_connections = 2;
    })
    .await;
    let admin = server.admin();
    let hold = Hold::writes(&server).await;
    let quiet = server.db().statements();
    let held = tokio::spawn({
        let admin = admin.clone();
        async move {
            let tenant = Tenant {
                display_name: "Renamed".into(),
                ..Tenant::default()
            };
            crate::build::update_tenant(&admin, tenant, &["display_name"]).await
        }
    });
    // It reads the configuration first, so it is under way from here on, and cannot end while the hold lasts.
    until(|| server.db().statements() > quiet).await;
    let shed = get_tenant(&admin).await;
    let details = shed.refused(Code::Unavailable, Reason::ServerBusy);
    assert!(details.retry_info().is_some_and(|info| info.retry_delay.is_some()));
    let raw = Raw::connect(server.running.address()).await;
    raw.call("/grpc.health.v1.Health/Check", &[], b"").await.unwrap();
    raw.close().await;
    hold.release().await;
    assert_eq!(held.await.unwrap().unwrap().display_name, "Renamed");
    assert_eq!(get_tenant(&admin).await.unwrap().display_name, "Renamed");
    server.stop().await;
}

/// Peers that connect and say nothing, or only the first words, do not keep the server from ending.
/// (What they hold ends with the process.)
#[tokio::test]
async fn silent_peers_do_not_keep_the_server_from_ending() {
    let server = Server::start_with(|config| config.server.drain_seconds = 1).await;
    let address = server.running.address();
    let silent = TcpStream::connect(address).await.unwrap();
    let mut preface = TcpStream::connect(address).await.unwrap();
    preface.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    // The server's own preface says that it has seen the connection.
    let mut seen = [0];
    preface.read_exact(&mut seen).await.unwrap();
    let idle = Raw::connect(address).await;
    idle.max_streams().await;

    timeout(Duration::from_secs(20), server.stop()).await.unwrap();
    drop(TcpStream::connect(address).await.unwrap_err());
    drop((silent, preface, idle));
}

/// What is under way when the server is told to stop is finished first.
#[tokio::test]
async fn calls_under_way_are_finished() {
    let server = Server::start_with(|config| config.database.max_connections = 2).await;
    let admin = server.admin();
    let hold = Hold::writes(&server).await;
    let quiet = server.db().statements();
    let push = tokio::spawn(async move {
        let users = vec![crate::build::user("ann")];
        let request = proto::BatchUpsertUsersRequest {
            users,
            ..Default::default()
        };
        admin.directory().batch_upsert_users(request).await
    });
    until(|| server.db().statements() > quiet).await;
    let stopping = tokio::spawn(server.stop());
    // Whatever the server has done about stopping by now, the call is answered once it can go on.
    hold.release().await;
    assert_eq!(push.await.unwrap().unwrap().into_inner().counts.unwrap().created, 1);
    stopping.await.unwrap();
}
