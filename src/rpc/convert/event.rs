//! Events of the stream, and which of them are wanted.

use super::{history::encode_event, ids, page_size};
use crate::{
    app::events::{ListEvents, Listed, Told, WatchEvents},
    domain::{
        event_stream::{Filter, Kinds, Start, StreamEvent},
        ids::{PoolId, UserId},
        refusal::Violations,
    },
    rpc::proto,
};
use std::time::Duration;

/// Entries of a list of kinds at most.
const MAX_KINDS: usize = 50;
/// Entries of the other lists at most.
const MAX_IDS: usize = 100;
/// Seconds between heartbeats if the request does not say.
const HEARTBEAT: i32 = 15;
/// And at most.
const LONGEST_HEARTBEAT: i32 = 60;

/// Reads what somebody wants to follow.
pub fn watch(v: &mut Violations, message: proto::WatchEventsRequest) -> Option<WatchEvents> {
    let after = position(v, message.after_position);
    if message.from_now && message.after_position > 0 {
        v.add("from_now", "must not be set together with after_position");
    }
    let seconds = match message.heartbeat_seconds {
        0 => HEARTBEAT,
        seconds => seconds,
    };
    let wrong = || format!("must be 1 to {LONGEST_HEARTBEAT}, or 0 for {HEARTBEAT}");
    let seconds = u64::try_from(seconds)
        .ok()
        .filter(|_| (1..=LONGEST_HEARTBEAT).contains(&seconds));
    let seconds = v.check("heartbeat_seconds", seconds.ok_or_else(wrong));
    let filter = filter(v, message.filter);
    Some(WatchEvents {
        start: if message.from_now {
            Start::Now
        } else {
            Start::After(after?)
        },
        filter,
        heartbeat: Duration::from_secs(seconds?),
    })
}

/// Reads which events are listed.
pub fn list(v: &mut Violations, message: proto::ListEventsRequest) -> Option<ListEvents> {
    let after = position(v, message.after_position);
    let size = page_size(v, message.page_size);
    let filter = filter(v, message.filter);
    Some(ListEvents {
        after: after?,
        size: size?,
        filter,
    })
}

fn position(v: &mut Violations, position: i64) -> Option<i64> {
    let fits = (position >= 0).then_some(position);
    v.check("after_position", fits.ok_or("must not be negative"))
}

/// Reads which events are wanted.
pub fn filter(v: &mut Violations, filter: Option<proto::EventFilter>) -> Filter {
    let filter = filter.unwrap_or_default();
    crate::domain::text::check_len(v, "filter.kinds", filter.kinds.len(), MAX_KINDS);
    let read = filter.kinds.iter().take(MAX_KINDS).enumerate();
    let kinds: Vec<_> = read
        .filter_map(|(at, text)| v.check(format!("filter.kinds[{at}]"), Kinds::parse(text)))
        .collect();
    let pools = ids(v, "filter.pool_ids", &filter.pool_ids, MAX_IDS, PoolId::parse);
    let owners = ids(v, "filter.owners", &filter.owners, MAX_IDS, UserId::parse);
    once(v, "filter.kinds", &kinds);
    once(v, "filter.pool_ids", &pools);
    once(v, "filter.owners", &owners);
    Filter { kinds, pools, owners }
}

fn once<T: PartialEq>(v: &mut Violations, field: &str, entries: &[T]) {
    let twice = |at: &usize| entries[..*at].contains(&entries[*at]);
    if let Some(at) = (0..entries.len()).find(twice) {
        v.add(format!("{field}[{at}]"), "is there twice");
    }
}

/// An event as a message.
#[must_use]
pub fn encode(event: StreamEvent) -> proto::Event {
    proto::Event {
        position: event.position,
        account_id: event.account.to_string(),
        pool_id: event.pool.map(|pool| pool.to_string()).unwrap_or_default(),
        owner: event.owner.unwrap_or_default(),
        account_event: Some(encode_event(event.event)),
        traceparent: event.traceparent.unwrap_or_default(),
    }
}

/// What a watcher is told, as a message.
#[must_use]
pub fn encode_told(told: Told) -> proto::WatchEventsResponse {
    use proto::watch_events_response::Message;
    let message = match told {
        Told::Event(event) => Message::Event(encode((*event).clone())),
        Told::Heartbeat { position, last } => Message::Heartbeat(proto::EventHeartbeat {
            position,
            last_position: last,
        }),
    };
    proto::WatchEventsResponse { message: Some(message) }
}

/// What was listed, as a message.
#[must_use]
pub fn encode_listed(listed: Listed) -> proto::ListEventsResponse {
    proto::ListEventsResponse {
        events: listed.events.into_iter().map(encode).collect(),
        position: listed.position,
        last_position: listed.last,
    }
}
