//! Events of configuration.

use super::{decode, page_size, timestamp};
use crate::{
    app::tenant::ListConfigEvents,
    domain::{error::Error, text::check_text},
    rpc::proto,
    store::config_event::StoredEvent,
};

/// An event as a message.
#[must_use]
pub fn encode(event: StoredEvent) -> proto::ConfigEvent {
    let json = |value: Option<serde_json::Value>| value.map(|value| value.to_string()).unwrap_or_default();
    proto::ConfigEvent {
        id: event.id.to_string(),
        event_time: timestamp(event.event_time),
        caller: event.caller,
        actor: event.actor.unwrap_or_default(),
        resource_type: event.resource_type,
        resource: event.resource,
        action: event.action,
        changes: event
            .changes
            .into_iter()
            .map(|(field, diff)| proto::FieldChange {
                field,
                old_json: json(diff.old),
                new_json: json(diff.new),
            })
            .collect(),
    }
}

/// Reads a list request.
pub fn list(message: proto::ListConfigEventsRequest) -> Result<ListConfigEvents, Error> {
    decode(|v| {
        let size = page_size(v, message.page_size);
        check_text(v, "resource_type", &message.resource_type, 64);
        check_text(v, "resource", &message.resource, 128);
        if message.resource_type.is_empty() && !message.resource.is_empty() {
            v.add("resource_type", "must be set where resource is");
        }
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Some(ListConfigEvents {
            size: size?,
            token: message.page_token,
            resource_type: some(message.resource_type),
            resource: some(message.resource),
        })
    })
}
