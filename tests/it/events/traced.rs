//! An event says in which trace its change was made, so that what a consumer does about it can be joined to it.

use super::SOON;
use crate::{
    collector::Collector,
    harness::Storage,
    process::{Process, run},
    raw::ADMIN,
};
use prost::Message;
use tidepool::rpc::proto::{self, User};
use tokio::time::timeout;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// X11: the caller's trace, if it is kept; nothing if it is not.
#[tokio::test]
async fn events_continue_their_callers_trace() {
    let (storage, url) = Storage::create().await;
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    let settings = [
        ("TIDEPOOL__DATABASE__URL", url.as_str()),
        ("TIDEPOOL__DATABASE__AUTO_MIGRATE", "true"),
        ("TIDEPOOL__DATABASE__MAX_CONNECTIONS", "4"),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
        ("TIDEPOOL__TELEMETRY__OTLP_ENDPOINT", endpoint.as_str()),
    ];
    assert!(run(&settings, &["tenant", "create", "acme"]).status.success());
    let process = Process::serve(&settings).await;
    let raw = process.raw().await;
    let ann = User {
        id: "ann".into(),
        display_name: "Ann".into(),
        active: true,
        ..User::default()
    };
    let push = proto::BatchUpsertUsersRequest {
        users: vec![ann],
        ..Default::default()
    };
    let path = "/tidepool.v1.DirectoryService/BatchUpsertUsers";
    raw.call(path, &ADMIN, &push.encode_to_vec()).await.unwrap();
    for (name, flags) in [("Kept", "01"), ("Dropped", "00")] {
        let create = proto::CreateAccountRequest {
            new_account: Some(crate::site::new_account(name, "", "ann")),
            ..Default::default()
        };
        let parent = format!("00-{TRACE}-00f067aa0c1902b7-{flags}");
        let metadata = [&ADMIN[..], &[("traceparent", parent.as_bytes())]].concat();
        let path = "/tidepool.v1.AccountService/CreateAccount";
        raw.call(path, &metadata, &create.encode_to_vec()).await.unwrap();
    }
    let list = async {
        loop {
            let answer = raw
                .call("/tidepool.v1.EventService/ListEvents", &ADMIN, b"")
                .await
                .unwrap();
            let listed = proto::ListEventsResponse::decode(answer.as_slice()).unwrap();
            if listed.events.len() == 2 {
                return listed.events;
            }
        }
    };
    let events = timeout(SOON, list).await.expect("the relay does nothing");
    let kept = &events[0].traceparent;
    assert!(
        kept.starts_with(&format!("00-{TRACE}-")) && kept.ends_with("-01"),
        "{kept}"
    );
    assert_ne!(kept[36..52], *"00f067aa0c1902b7", "it is the caller's own span");
    assert_eq!((kept.len(), events[1].traceparent.as_str()), (55, ""));
    raw.close().await;
    let (status, said) = process.stop().await;
    assert!(status.success(), "{said}");
    storage.remove().await;
}
