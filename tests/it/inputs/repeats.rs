//! What requests carry from earlier ones: request ids and page tokens, each used where it does not belong.

use super::{
    Stage,
    call::Outcome,
    examples::{Example, example},
    fields::rpcs,
    side::Side,
};
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::Code;

fn with(message: &DynamicMessage, field: &str, text: &str) -> DynamicMessage {
    let mut message = message.clone();
    message.set_field_by_name(field, Value::String(text.into()));
    message
}

/// Of every change: the same request is answered with the same bytes, another one under the same id is refused, for the
/// same and for another actor, and changes nothing.
#[tokio::test]
async fn a_request_id_is_good_for_one_request() {
    let stage = Stage::set().await;
    let Stage {
        ours, caller, store, ..
    } = &stage;
    let mut seen = 0;
    for rpc in rpcs() {
        if rpc.input().get_field_by_name("request_id").is_none() {
            continue;
        }
        seen += 1;
        let first = example(ours, &rpc).await;
        let id = format!("request-{}", rpc.name());
        let message = with(&first.message, "request_id", &id);
        let answer = caller.call(ours, &first, &message).await.unwrap();
        let other = example(ours, &rpc).await;
        let actor = if first.actor.is_empty() {
            ours.name("root")
        } else {
            ours.name("cid")
        };
        let by_another = Example {
            actor,
            ..example(ours, &rpc).await
        };
        let before = store.all().await;
        assert_eq!(
            caller.call(ours, &first, &message).await.unwrap(),
            answer,
            "{}",
            rpc.name()
        );
        // What takes nothing but a request id cannot be another request.
        if other.message != first.message {
            let another = with(&other.message, "request_id", &id);
            assert_reused(rpc.name(), &caller.call(ours, &other, &another).await);
        }
        let reused = caller.call(ours, &by_another, &message).await;
        assert_reused(rpc.name(), &reused);
        store.all().await.assert_same(&before, rpc.name());
    }
    assert!(seen > 40, "{seen}");
    stage.strike().await;
}

fn assert_reused(rpc: &str, outcome: &Outcome) {
    let said = outcome.as_ref().expect_err(rpc);
    assert_eq!(
        (said.code, said.reason.as_str()),
        (Code::FailedPrecondition, "REQUEST_ID_REUSED"),
        "{rpc}: {said:?}"
    );
}

fn next_page(example: &Example, answer: &[u8]) -> String {
    let answer = DynamicMessage::decode(example.rpc.output(), answer).unwrap();
    let token = answer.get_field_by_name("next_page_token").unwrap();
    token.as_str().unwrap().to_owned()
}

fn assert_no_token(what: &str, outcome: &Outcome) {
    let said = outcome.as_ref().expect_err(what);
    assert_eq!(
        (said.code, said.reason.as_str()),
        (Code::InvalidArgument, "INVALID_PAGE_TOKEN"),
        "{what}: {said:?}"
    );
    assert!(said.names("page_token"), "{what}: {said:?}");
}

/// The request of another list of the same kind: of another account, or without one of the filters.
fn others(example: &Example, fresh: &Example) -> Vec<DynamicMessage> {
    let message = &example.message;
    let descriptor = message.descriptor();
    let filters = descriptor.fields().filter(|field| {
        !matches!(field.name(), "page_size" | "page_token") && !example.required.contains(&field.name())
    });
    let cleared = filters.filter(|field| message.has_field(field)).map(|field| {
        let mut message = message.clone();
        message.clear_field(&field);
        message
    });
    let mut others: Vec<_> = cleared.collect();
    // The kind of thing is needed as long as the thing is named.
    others.retain(|other| {
        other
            .get_field_by_name("resource")
            .is_none_or(|it| it.as_str() == Some(""))
    });
    if fresh.message != *message {
        others.push(fresh.message.clone());
    }
    others
}

/// Of every list: a token is good for the next page, and for nothing else.
#[tokio::test]
async fn a_page_token_is_good_for_its_list() {
    let stage = Stage::set().await;
    let Stage {
        ours, caller, server, ..
    } = &stage;
    server.create_tenant("other").await;
    let theirs = Side::furnish(server, "other", "zzz").await;
    let mut stranger = String::new();
    let (mut seen, mut filtered) = (0, 0);
    for rpc in rpcs() {
        if rpc.input().get_field_by_name("page_token").is_none() {
            continue;
        }
        seen += 1;
        let name = rpc.name();
        let good = example(ours, &rpc).await;
        let first = caller.call(ours, &good, &good.message).await.unwrap();
        let token = next_page(&good, &first);
        assert!(!token.is_empty(), "{name} has only one row here");
        let next = with(&good.message, "page_token", &token);
        let second = caller.call(ours, &good, &next).await.unwrap();
        assert_ne!(first, second, "{name}");
        let last = if token.ends_with('0') { "1" } else { "0" };
        for tampered in [
            format!("{}{last}", &token[..token.len() - 1]),
            format!("{token}00"),
            token[2..].to_owned(),
            format!("{}\0{}", &token[..1], &token[1..]),
        ] {
            let answer = caller
                .call(ours, &good, &with(&good.message, "page_token", &tampered))
                .await;
            assert_no_token(name, &answer);
        }
        if !stranger.is_empty() {
            let answer = caller
                .call(ours, &good, &with(&good.message, "page_token", &stranger))
                .await;
            assert_no_token(name, &answer);
        }
        for other in others(&good, &example(ours, &rpc).await) {
            assert_no_token(
                name,
                &caller.call(ours, &good, &with(&other, "page_token", &token)).await,
            );
            filtered += 1;
        }
        let by_root = Example {
            actor: ours.name("root"),
            ..example(ours, &rpc).await
        };
        assert_no_token(name, &caller.call(ours, &by_root, &next).await);
        let their = example(&theirs, &rpc).await;
        let answer = caller
            .call(&theirs, &their, &with(&their.message, "page_token", &token))
            .await;
        assert_no_token(name, &answer);
        stranger = token;
    }
    assert!(seen >= 14 && filtered >= 7, "{seen} {filtered}");
    stage.strike().await;
}
