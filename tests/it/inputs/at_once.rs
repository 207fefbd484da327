//! Everything that is wrong with the form of a request is told at once.

use super::{
    Stage,
    examples::example,
    fields::{Text, rpcs, text},
    sites::{Site, sites},
};
use prost_reflect::{Kind, Value};
use tonic::Code;

/// Something that cannot be read as what it has to be, whatever there is.
fn malformed(site: &Site) -> Option<Value> {
    match site.field.kind() {
        Kind::String => match text(&site.field) {
            Text::Own(_) | Text::Foreign(..) | Text::Etag => Some(Value::String("a b".into())),
            _ => None,
        },
        Kind::Enum(_) => Some(Value::EnumNumber(9999)),
        Kind::Int32 if site.field.name() == "page_size" => Some(Value::I32(-1)),
        Kind::Message(message) if message.name() == "Timestamp" => {
            let mut time = prost_reflect::DynamicMessage::new(message);
            time.set_field_by_name("nanos", Value::I32(-1));
            Some(Value::Message(time))
        }
        _ => None,
    }
}

#[tokio::test]
async fn all_that_is_malformed_is_named_at_once() {
    let stage = Stage::set().await;
    let mut found = Vec::new();
    for rpc in rpcs() {
        let good = example(&stage.ours, &rpc).await;
        let before = stage.store.all().await;
        let mut message = good.message.clone();
        let mut paths = Vec::new();
        for site in sites(rpc.name(), &good.message) {
            // Activities are told each what is wrong with them; that concerns the call.
            if rpc.name() == "RecordActivities" && site.field.name() == "request_id" {
                continue;
            }
            if let Some(value) = malformed(&site) {
                // One of alternatives.
                paths.retain(|path| *path != site.path());
                paths.push(site.path());
                message = site.put(&message, value);
            }
        }
        if paths.is_empty() {
            continue;
        }
        let answer = stage.caller.call(&stage.ours, &good, &message).await;
        let Err(said) = answer else {
            found.push(format!("{}: answered", rpc.name()));
            continue;
        };
        // Of what does not fit into an answer there is the number.
        let told = said
            .metadata
            .get("total")
            .map_or(said.fields.len(), |total| total.parse().unwrap());
        let missing: Vec<_> = paths.iter().filter(|path| !said.names(path)).collect();
        let all = missing.is_empty() || said.metadata.contains_key("total") && told >= paths.len();
        if said.code != Code::InvalidArgument || !all {
            found.push(format!("{}: not told of {missing:?}: {:?}", rpc.name(), said.fields));
        }
        stage.store.all().await.assert_same(&before, rpc.name());
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    stage.strike().await;
}
