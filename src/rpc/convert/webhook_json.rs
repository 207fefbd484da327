//! Events in the JSON form of messages, as webhooks send them: with the fields' names as `proto/` has them, 64-bit numbers as
//! text, times in RFC 3339, and without what is not set.

use super::event;
use crate::{domain::event_stream::StreamEvent, rpc::proto::DESCRIPTORS};
use chrono::{DateTime, SecondsFormat};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, Value};
use serde_json::{Map, Value as Json};
use std::sync::OnceLock;

fn descriptor() -> Option<&'static MessageDescriptor> {
    static EVENT: OnceLock<Option<MessageDescriptor>> = OnceLock::new();
    let read = || {
        DescriptorPool::decode(DESCRIPTORS)
            .ok()?
            .get_message_by_name("tidepool.v1.Event")
    };
    EVENT.get_or_init(read).as_ref()
}

/// The event as a body.
#[must_use]
pub fn encode(told: &StreamEvent) -> Vec<u8> {
    let bytes = event::encode(told.clone()).encode_to_vec();
    // The descriptors were encoded by the build of this very binary, and so was the message.
    let message = descriptor().and_then(|of| DynamicMessage::decode(of.clone(), bytes.as_slice()).ok());
    let body = message.map_or(Json::Null, |message| object(&message));
    body.to_string().into_bytes()
}

fn object(message: &DynamicMessage) -> Json {
    let fields = message
        .fields()
        .map(|(field, value)| (field.name().to_owned(), json(value, &field.kind())));
    Json::Object(fields.collect::<Map<_, _>>())
}

fn json(value: &Value, kind: &Kind) -> Json {
    match (value, kind) {
        (Value::Message(time), Kind::Message(of)) if of.full_name() == "google.protobuf.Timestamp" => timestamp(time),
        (Value::Message(message), _) => object(message),
        (Value::List(values), _) => values.iter().map(|value| json(value, kind)).collect(),
        (Value::EnumNumber(number), Kind::Enum(of)) => of
            .get_value(*number)
            .map_or_else(|| Json::from(*number), |value| Json::from(value.name())),
        (Value::Bool(value), _) => Json::from(*value),
        (Value::I32(number) | Value::EnumNumber(number), _) => Json::from(*number),
        (Value::U32(number), _) => Json::from(*number),
        // Beyond what every reader of JSON can hold as a number.
        (Value::I64(number), _) => Json::from(number.to_string()),
        (Value::U64(number), _) => Json::from(number.to_string()),
        (Value::F32(number), _) => Json::from(*number),
        (Value::F64(number), _) => Json::from(*number),
        (Value::String(text), _) => Json::from(text.as_str()),
        // Events have neither.
        (Value::Bytes(_) | Value::Map(_), _) => Json::Null,
    }
}

fn timestamp(time: &DynamicMessage) -> Json {
    let time = prost_types::Timestamp::decode(time.encode_to_vec().as_slice()).unwrap_or_default();
    let read = DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap_or(0));
    read.map_or(Json::Null, |time| {
        Json::from(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{history::ToldEffects, ids::AccountId, webhook::letter};
    use uuid::Uuid;

    #[test]
    fn an_event_is_written_as_the_documentation_shows_it() {
        let time = DateTime::from_timestamp(1_772_330_400, 0).unwrap();
        let mut told = letter::test(Uuid::from_u128(1), time);
        told.position = i64::MAX;
        told.owner = Some("bob \"the\" \u{f6}wner".into());
        told.event.version = 2;
        told.event.kind = "account.claimed".into();
        told.event.effects = ToldEffects {
            status: Some(("UNASSIGNED".into(), "ASSIGNED".into())),
            owner: Some((None, Some("bob".into()))),
            days: Some(3),
            fields: vec!["phone".into()],
            until: Some(1_772_330_400_123_456),
            ..ToldEffects::default()
        };
        let expected = serde_json::json!({
            "position": "9223372036854775807",
            "account_id": AccountId(Uuid::from_u128(1)).to_string(),
            "owner": "bob \"the\" \u{f6}wner",
            "account_event": {
                "version": "2",
                "event_time": "2026-03-01T02:00:00Z",
                "kind": "account.claimed",
                "effects": {
                    "status": {"old": "ACCOUNT_STATUS_UNASSIGNED", "new": "ACCOUNT_STATUS_ASSIGNED"},
                    "owner": {"new": "bob"},
                    "fields": ["phone"],
                    "days": 3,
                    "until": "2026-03-01T02:00:00.123456Z",
                },
            },
        });
        assert_eq!(serde_json::from_slice::<Json>(&encode(&told)).unwrap(), expected);
    }
}
