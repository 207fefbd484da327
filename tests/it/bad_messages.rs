//! Messages that cannot be read, metadata without measure, deadlines that have passed: refused, and nothing is written.

use crate::{
    build::{create_pool, everything, fields, get_pool, get_tenant, mask, pool, staffed, update_pool},
    harness::{Refused, Server},
    hold::Hold,
    raw::{ADMIN, Raw},
};
use prost::Message;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Pool},
};
use tonic::{Code, Status};

/// However much a caller sends to be quoted back, the answer fits into the trailers of any client.
#[tokio::test]
async fn what_is_quoted_back_is_cut() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    let huge = "\u{1f30a}".repeat(100_000);
    let unknown = update_pool(&admin, made.clone(), &[&huge]).await;
    unknown.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    let hidden = Pool {
        hidden_fields: vec![huge],
        ..made.clone()
    };
    assert_eq!(
        fields(update_pool(&admin, hidden, &["hidden_fields"]).await),
        ["pool.hidden_fields[0]"]
    );
    let many: Vec<_> = (0..100).map(|at| format!("{at}{}", "x".repeat(400))).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let details = update_pool(&admin, made, &many)
        .await
        .refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    assert_eq!(details.error_info().unwrap().metadata["total"], "100");
    assert!(!details.bad_request().unwrap().field_violations.is_empty());
    server.stop().await;
}

/// Bytes that are no message, text that is no UTF-8, messages beyond the limit.
#[tokio::test]
async fn messages_that_cannot_be_read_are_refused() {
    let server = Server::start_with(|config| config.server.max_request_bytes = 4096).await;
    let admin = server.admin();
    let before = everything(&admin).await;
    let raw = Raw::connect(server.running.address()).await;
    let refused = |answer: Result<Vec<u8>, Status>| {
        answer.refused(Code::InvalidArgument, Reason::InvalidArgument);
    };
    for path in [
        "PoolService/CreatePool",
        "DirectoryService/BatchUpsertUsers",
        "TenantService/UpdateTenant",
    ] {
        let path = format!("/tidepool.v1.{path}");
        // A length that goes beyond the end; a wire type that does not exist.
        refused(raw.call(&path, &ADMIN, &[0x0a, 0x7f, 0x01]).await);
        refused(raw.call(&path, &ADMIN, &[0x0f, 0xff, 0xff]).await);
        refused(raw.call(&path, &ADMIN, &vec![0; 4097]).await);
    }
    // pool.display_name = "a\xff"
    let answer = raw
        .call(
            "/tidepool.v1.PoolService/CreatePool",
            &ADMIN,
            &[0x0a, 0x04, 0x12, 0x02, b'a', 0xff],
        )
        .await;
    assert!(
        answer.as_ref().unwrap_err().message().contains("display_name"),
        "{answer:?}"
    );
    refused(answer);
    refused(
        raw.call("/tidepool.v1.PoolService/GetPool", &ADMIN, &[0x0a, 0x02, 0xc3, 0x28])
            .await,
    );
    // Fields that this version does not know are no fault.
    raw.call("/tidepool.v1.TenantService/GetTenant", &ADMIN, &[0xf8, 0x07, 0x01])
        .await
        .unwrap();
    // Exactly at the limit is read.
    let padding = "x".repeat(4096);
    let mut fits = proto::GetPoolRequest { pool_id: padding };
    fits.pool_id.truncate(4096 - (fits.encoded_len() - 4096));
    assert_eq!(fits.encoded_len(), 4096);
    let answer = raw
        .call("/tidepool.v1.PoolService/GetPool", &ADMIN, &fits.encode_to_vec())
        .await;
    assert_eq!(fields(answer), ["pool_id"]);
    raw.close().await;
    assert_eq!(everything(&admin).await, before);
    server.stop().await;
}

/// 16 KiB of metadata and more are refused by the transport; the server goes on.
#[tokio::test]
async fn metadata_has_a_bound() {
    let server = Server::start().await;
    let raw = Raw::connect(server.running.address()).await;
    let path = "/tidepool.v1.TenantService/GetTenant";
    for size in [17 * 1024, 64 * 1024] {
        let huge = vec![b'x'; size];
        let mut metadata = ADMIN.to_vec();
        metadata.push(("x-padding", &huge));
        raw.call(path, &metadata, b"").await.unwrap_err();
    }
    get_tenant(&server.admin()).await.unwrap();
    raw.close().await;
    server.stop().await;
}

/// A deadline that has passed, or passes while the call waits for others: `DEADLINE_EXCEEDED`, and nothing was changed.
#[tokio::test]
async fn deadlines_are_kept() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    let before = everything(&admin).await;
    let raw = Raw::connect(server.running.address()).await;
    let update = proto::UpdatePoolRequest {
        pool: Some(Pool {
            claim_limit: Some(1),
            ..made.clone()
        }),
        update_mask: mask(&["claim_limit"]),
        ..Default::default()
    };
    let update = update.encode_to_vec();
    let late = async |timeout: &[u8]| {
        let mut metadata = ADMIN.to_vec();
        metadata.push(("grpc-timeout", timeout));
        let answer = raw
            .call("/tidepool.v1.PoolService/UpdatePool", &metadata, &update)
            .await;
        answer.refused(Code::DeadlineExceeded, Reason::DeadlineExceeded);
    };
    for past in [&b"0n"[..], b"1n", b"0H"] {
        late(past).await;
    }
    // As if somebody else were writing all the while.
    let hold = Hold::writes(&server).await;
    for short in [&b"1m"[..], b"1000u"] {
        late(short).await;
    }
    hold.release().await;
    for malformed in [&b"soon"[..], b"-1S", b"1", b"123456789S"] {
        let mut metadata = ADMIN.to_vec();
        metadata.push(("grpc-timeout", malformed));
        let answer = raw
            .call("/tidepool.v1.PoolService/UpdatePool", &metadata, &update)
            .await;
        assert_eq!(fields(answer), ["grpc-timeout"]);
    }
    raw.close().await;
    assert_eq!(everything(&admin).await, before);
    // And the server has not lost anything by it.
    update_pool(
        &admin,
        Pool {
            claim_limit: Some(2),
            ..made.clone()
        },
        &["claim_limit"],
    )
    .await
    .unwrap();
    assert_eq!(get_pool(&admin, &made.id).await.unwrap().claim_limit, Some(2));
    server.stop().await;
}
