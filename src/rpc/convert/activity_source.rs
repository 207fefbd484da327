//! Sources of activities.

use super::{decode, etag, etag_opt, id, id_opt, required, timestamp};
use crate::{
    app::activity_source::Register,
    domain::{activity_source::StoredSource, error::Error, ids::CallerId},
    rpc::proto,
};

/// A source as a message.
#[must_use]
pub fn encode(source: &StoredSource) -> proto::ActivitySource {
    let config = &source.config;
    proto::ActivitySource {
        name: config.name.to_string(),
        display_name: config.display_name.clone(),
        kinds: config.kinds.clone(),
        enabled: config.enabled,
        etag: etag(source.version),
        create_time: timestamp(source.create_time),
        update_time: timestamp(source.update_time),
    }
}

/// Reads what is to be registered.
pub fn register(message: Option<proto::ActivitySource>) -> Result<Register, Error> {
    decode(|v| {
        let message = required(v, "activity_source", message)?;
        let name = id_opt(v, "activity_source.name", &message.name, CallerId::parse);
        Some(Register {
            name: name?,
            display_name: message.display_name,
            kinds: message.kinds,
        })
    })
}

/// Reads a name and an etag.
pub fn target(name: &str, etag: &str) -> Result<(CallerId, Option<i64>), Error> {
    decode(|v| {
        let name = id(v, "activity_source_name", name, CallerId::parse);
        let etag = etag_opt(v, "etag", etag);
        Some((name?, etag?))
    })
}
