//! Calls of every rpc that nobody can read, that are too large, or that come too late.

use super::{
    Stage,
    call::Outcome,
    examples::example,
    fields::{Text, rpcs, text},
    sites::sites,
};
use prost::Message;
use prost_reflect::{Kind, Value};
use tonic::Code;

/// Whether these bytes stand there.
fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

fn assert_unreadable(what: &str, outcome: &Outcome) {
    let said = outcome.as_ref().expect_err(what);
    assert_eq!(
        (said.code, said.reason.as_str()),
        (Code::InvalidArgument, "INVALID_ARGUMENT"),
        "{what}: {said:?}"
    );
}

/// Text that is no UTF-8 in any field, messages that end too early, and messages beyond the limit.
#[tokio::test]
async fn what_cannot_be_read_is_refused_everywhere() {
    const MARK: &str = "here-it-is";
    let stage = Stage::set().await;
    let Stage {
        ours,
        caller,
        store,
        server,
    } = &stage;
    let largest = server.config.server.max_request_bytes;
    for rpc in rpcs() {
        let good = example(ours, &rpc).await;
        let before = store.all().await;
        let send = async |what: String, bytes: Vec<u8>| {
            let answer = caller.send(ours, &rpc, (&good.actor, &[]), &bytes).await;
            assert_unreadable(&format!("{} {what}", rpc.name()), &answer);
            answer.unwrap_err().message
        };
        for site in sites(rpc.name(), &good.message) {
            if !matches!(site.field.kind(), Kind::String) || text(&site.field) == Text::Ignored {
                continue;
            }
            let mut bytes = site.put(&good.message, Value::String(MARK.into())).encode_to_vec();
            let at = find(&bytes, MARK.as_bytes());
            bytes[at] = 0xff;
            let message = send(site.path(), bytes).await;
            let path = site.path();
            let name = path.rsplit('.').next().unwrap();
            assert!(message.contains(name), "{} {path}: {message}", rpc.name());
        }
        let whole = good.message.encode_to_vec();
        if !whole.is_empty() {
            send("cut short".into(), whole[..whole.len() - 1].to_vec()).await;
        }
        // A field that this version does not know, so large that it does not fit: number 1000, of so many bytes.
        let mut large = whole;
        prost::encoding::bytes::encode(1000, &vec![b'x'; largest], &mut large);
        send("too large".into(), large).await;
        store.all().await.assert_same(&before, rpc.name());
    }
    stage.strike().await;
}

/// A deadline that has passed changes nothing; one that nearly has is kept or met, and nothing is half done.
#[tokio::test]
async fn deadlines_are_kept_everywhere() {
    let stage = Stage::set().await;
    let Stage {
        ours, caller, store, ..
    } = &stage;
    for rpc in rpcs() {
        let good = example(ours, &rpc).await;
        let bytes = good.message.encode_to_vec();
        let before = store.all().await;
        let late = caller
            .send(ours, &rpc, (&good.actor, &[("grpc-timeout", b"1n")]), &bytes)
            .await;
        let said = late.expect_err(rpc.name());
        assert_eq!(
            (said.code, said.reason.as_str()),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            "{}",
            rpc.name()
        );
        store.all().await.assert_same(&before, rpc.name());
        let near = caller
            .send(ours, &rpc, (&good.actor, &[("grpc-timeout", b"1m")]), &bytes)
            .await;
        if let Err(said) = near {
            assert_eq!(
                (said.code, said.reason.as_str()),
                (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
                "{}",
                rpc.name()
            );
        }
    }
    // What stands afterwards is whole.
    stage.strike().await;
}
