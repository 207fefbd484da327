//! What is sent with an event: its id, the signature, where it is from as `CloudEvents` have it, and its trace.

use super::signature;
use crate::domain::{
    event_stream::StreamEvent,
    history::{AccountEvent, ToldEffects},
    ids::{AccountId, TenantName},
};
use chrono::{DateTime, SecondsFormat, Utc};
use std::fmt::Write;
use uuid::Uuid;

/// The kind of an event that is sent to try a webhook. It is in no stream.
pub const TEST: &str = "webhook.test";

/// The id of what is sent: the same for every attempt, and for every webhook.
#[must_use]
pub fn id(event: &StreamEvent) -> String {
    format!("{}/{}", event.account, event.event.version)
}

/// Where it is from: `/tidepool/TENANT`, as a reference of a URI.
fn source(tenant: &TenantName) -> String {
    let mut source = "/tidepool/".to_owned();
    for byte in tenant.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            source.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(source, "%{byte:02X}");
        }
    }
    source
}

/// The headers of a request with this event, signed at this time with each of the secrets.
pub fn headers<'a>(
    tenant: &TenantName,
    event: &StreamEvent,
    body: &[u8],
    now: DateTime<Utc>,
    secrets: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<(&'static str, String)> {
    let id = id(event);
    let time = event.event.event_time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let signature = signature::sign(secrets, &id, now.timestamp(), body);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.clone()),
        ("webhook-timestamp", now.timestamp().to_string()),
        ("webhook-signature", signature),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", id),
        ("ce-source", source(tenant)),
        ("ce-type", event.event.kind.clone()),
        ("ce-subject", event.account.to_string()),
        ("ce-time", time),
    ];
    headers.extend(event.traceparent.clone().map(|parent| ("traceparent", parent)));
    headers
}

/// An event that did not happen, to try a webhook with.
#[must_use]
pub fn test(id: Uuid, now: DateTime<Utc>) -> StreamEvent {
    StreamEvent {
        position: 0,
        account: AccountId(id),
        pool: None,
        owner: None,
        traceparent: None,
        event: AccountEvent {
            version: 0,
            event_time: now,
            kind: TEST.to_owned(),
            caller: String::new(),
            actor: None,
            effects: ToldEffects::default(),
            note: String::new(),
        },
        weight: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_what_it_is_and_where_it_is_from() {
        let mut event = test(Uuid::from_u128(7), DateTime::UNIX_EPOCH);
        event.event.version = 3;
        event.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c3902c7-01".into());
        let tenant = TenantName::parse("acme/eu \"%".replace(' ', "_").as_str()).unwrap();
        let now = DateTime::from_timestamp(1_600_000_000, 999_999_000).unwrap();
        let headers = headers(&tenant, &event, b"{}", now, [[1; 32].as_slice()]);
        let of = |name: &str| {
            let found = headers.iter().find(|(header, _)| *header == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let id = "00000000-0000-0000-0000-000000000007/3";
        assert_eq!((of("webhook-id"), of("ce-id")), (id, id));
        assert_eq!(of("webhook-timestamp"), "1600000000");
        assert_eq!(of("ce-source"), "/tidepool/acme%2Feu_%22%25");
        assert_eq!((of("ce-type"), of("ce-time")), (TEST, "1970-01-01T00:00:00Z"));
        assert!(of("traceparent").starts_with("00-4bf9"));
        let signed = signature::sign([[1; 32].as_slice()], id, 1_600_000_000, b"{}");
        assert_eq!(of("webhook-signature"), signed);
    }
}
