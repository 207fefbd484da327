//! Two tenants, each with one of everything: ids of the other's things are ids of nothing, in every field of every rpc,
//! and the whole API, called by one, changes and reveals nothing of the other.

use super::{
    Stage,
    call::{Outcome, Said},
    examples::{Example, example_of, examples_of},
    fields::{Text, rpcs, text},
    rows::Rows,
    side::{Side, Thing},
    sites::{Site, sites},
};
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, Value};
use std::collections::BTreeSet;
use tidepool::rpc::proto;

const OTHER: &str = "other";
/// Words that only the names of the other tenant's things have.
const THEIR_TAG: &str = "zzz";

/// An id of nothing.
fn nothing(kind: Text) -> &'static str {
    match kind {
        Text::Own(_) => "01890a5d-ac96-774b-bcce-b302099a8057",
        _ => "nobody",
    }
}

/// What is said, without the id that was sent.
fn said(outcome: &Outcome, id: &str) -> Result<(), String> {
    let Err(Said {
        code,
        reason,
        message,
        metadata,
        fields,
        of_item,
        ..
    }) = outcome
    else {
        return Ok(());
    };
    Err(format!("{code:?} {reason} {message} {metadata:?} {fields:?} {of_item}").replace(id, "<id>"))
}

/// Everything by which the other tenant's things could be told.
fn secrets(stored: &Rows, theirs: &Side) -> BTreeSet<String> {
    let mut secrets = stored.uuids();
    secrets.extend(theirs.ids.values().cloned());
    secrets.insert(THEIR_TAG.to_owned());
    secrets
}

/// Every text of a request.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => found.push(text.clone()),
        Value::List(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Message(message) => message.fields().for_each(|(_, value)| texts(value, found)),
        _ => {}
    }
}

/// Nothing that was not sent tells of the other tenant.
fn assert_silent(outcome: &Outcome, sent: &DynamicMessage, secrets: &BTreeSet<String>, what: &str) {
    let bytes = match outcome {
        Ok(answer) => answer,
        Err(said) => &said.bytes,
    };
    // Ids stand in messages as text, whatever is around them.
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    let mut known = Vec::new();
    texts(&Value::Message(sent.clone()), &mut known);
    known.sort_by_key(|text| std::cmp::Reverse(text.len()));
    for sent in known {
        text = text.replace(&sent, "");
    }
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{what} tells of {secret}");
    }
}

fn id_sites(rpc: &str, message: &DynamicMessage) -> Vec<(Site, Text)> {
    let all = sites(rpc, message).into_iter();
    let texts = all.filter(|site| matches!(site.field.kind(), Kind::String));
    texts
        .map(|site| (site.clone(), text(&site.field)))
        .filter(|(_, kind)| matches!(kind, Text::Own(_) | Text::Foreign(Some(_), _)))
        .collect()
}

/// Each service on a stage of its own: what examples leave behind is read again after every change of configuration.
async fn cross(services: &[&str]) {
    let mut asked = 0;
    for service in services {
        asked += cross_service(service).await;
    }
    assert!(asked > 20, "{asked}");
}

/// Asks everything of the ids, as a service that administers and as a user, and compares what is said. Says how often.
async fn cross_service(service: &str) -> usize {
    let stage = Stage::set().await;
    let Stage {
        ours,
        caller,
        store,
        server,
    } = &stage;
    server.create_tenant(OTHER).await;
    let theirs = Side::furnish(server, OTHER, THEIR_TAG).await;
    let mut before = store.of(OTHER).await;
    let mut asked = 0;
    for (rpc, variant) in examples_of(&[service]) {
        let secrets = secrets(&before, &theirs);
        let mut good = example_of(ours, &rpc, variant).await;
        for (site, kind) in id_sites(rpc.name(), &good.message) {
            let (Text::Own(thing) | Text::Foreign(Some(thing), _)) = kind else {
                continue;
            };
            for actor in [good.actor.clone(), ours.name("bob")] {
                good.actor.clone_from(&actor);
                let what = format!("{} {} for {actor:?}", rpc.name(), site.path());
                let unknown = nothing(kind);
                let message = site.put(&good.message, Value::String(unknown.into()));
                let of_nothing = caller.call(ours, &good, &message).await;
                if of_nothing.is_ok() {
                    good = example_of(ours, &rpc, variant).await;
                    good.actor.clone_from(&actor);
                }
                let id = theirs.id(thing);
                let message = site.put(&good.message, Value::String(id.clone()));
                let of_theirs = caller.call(ours, &good, &message).await;
                assert_eq!(said(&of_theirs, &id), said(&of_nothing, unknown), "{what}");
                assert_silent(&of_theirs, &message, &secrets, &what);
                if of_theirs.is_ok() {
                    good = example_of(ours, &rpc, variant).await;
                }
                asked += 1;
            }
            good = example_of(ours, &rpc, variant).await;
        }
        // What is right, in one tenant.
        let answer = caller.call(ours, &good, &good.message).await;
        assert_silent(&answer, &good.message, &secrets, rpc.name());
        store.of(OTHER).await.assert_same(&before, rpc.name());
        // What is right in the other tenant, asked in this one.
        let foreign = example_of(&theirs, &rpc, variant).await;
        before = store.of(OTHER).await;
        let actor = if foreign.actor.is_empty() {
            String::new()
        } else {
            ours.name("bob")
        };
        let foreign = Example { actor, ..foreign };
        let answer = caller.call(ours, &foreign, &foreign.message).await;
        assert_silent(&answer, &foreign.message, &secrets, rpc.name());
        store.of(OTHER).await.assert_same(&before, rpc.name());
    }
    stage.strike().await;
    asked
}

#[tokio::test]
async fn configuration_of_another_tenant_is_nothing() {
    cross(&super::CONFIGURATION).await;
}

#[tokio::test]
async fn accounts_of_another_tenant_are_nothing() {
    cross(&super::ACCOUNTS).await;
}

#[tokio::test]
async fn nothing_moves_between_tenants() {
    cross(&super::MOVES).await;
}

/// A job is taken for whatever accounts it names, and moves those of its tenant only: of the others it says what it says
/// of nothing.
#[tokio::test]
async fn a_job_reaches_no_account_of_another_tenant() {
    let stage = Stage::set().await;
    let Stage {
        ours,
        caller,
        store,
        server,
    } = &stage;
    server.create_tenant(OTHER).await;
    let theirs = Side::furnish(server, OTHER, THEIR_TAG).await;
    // The jobs that wait there are theirs.
    theirs.work().await;
    let before = store.of(OTHER).await;
    let rpc = rpcs()
        .into_iter()
        .find(|rpc| rpc.name() == "StartAssignMatching")
        .unwrap();
    let unknown = nothing(Text::Own(Thing::Account));
    let mut good = example_of(ours, &rpc, 1).await;
    let all = sites(rpc.name(), &good.message);
    let named = all.iter().find(|site| site.path() == "selection.account_ids").unwrap();
    let ids = [theirs.id(Thing::Account), unknown.to_owned(), ours.id(Thing::Account)];
    let ids = ids.map(Value::String).to_vec();
    good.message = named.change(&good.message, |part| part.set_field(&named.field, Value::List(ids)));
    let started = caller.call(ours, &good, &good.message).await.unwrap();
    let started = proto::StartAssignMatchingResponse::decode(started.as_slice()).unwrap();
    ours.work().await;
    let job_id = started.job.unwrap().id;
    let request = proto::ListJobItemsRequest {
        job_id,
        ..Default::default()
    };
    let items = ours
        .admin
        .jobs()
        .list_job_items(request)
        .await
        .unwrap()
        .into_inner()
        .items;
    let said = |item: &proto::JobItem| (item.reason(), item.message.replace(&item.account_id, "<id>"));
    let of = |id: &str| items.iter().find(|item| item.account_id == id).map(said);
    assert_eq!(of(&theirs.id(Thing::Account)), of(unknown));
    assert_eq!(
        of(unknown).map(|(reason, _)| reason),
        Some(proto::ErrorReason::NotFound)
    );
    store.of(OTHER).await.assert_same(&before, "a job");
    stage.strike().await;
}
