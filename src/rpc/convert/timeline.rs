//! Timelines of accounts.

use super::{activity, decode, history, id, page_size, timestamp};
use crate::{
    app::timeline::{Happened, ListTimeline},
    domain::{
        error::Error,
        ids::AccountId,
        text::{check_len, check_unique},
        timeline::{Entry, MAX_KINDS, Wanted},
    },
    rpc::proto::{self, timeline_entry},
};

/// Reads a list request.
pub fn list(message: proto::ListTimelineRequest) -> Result<ListTimeline, Error> {
    decode(|v| {
        let account = id(v, "account_id", &message.account_id, AccountId::parse);
        check_len(v, "kinds", message.kinds.len(), MAX_KINDS);
        let mut kinds = Vec::new();
        for (at, text) in message.kinds.iter().enumerate().take(MAX_KINDS) {
            kinds.extend(v.check(format!("kinds[{at}]"), Wanted::parse(text)));
        }
        check_unique(v, "kinds", &message.kinds);
        let size = page_size(v, message.page_size);
        Some(ListTimeline {
            account: account?,
            kinds,
            size: size?,
            token: message.page_token,
        })
    })
}

/// An entry as a message.
#[must_use]
pub fn encode(entry: Happened) -> proto::TimelineEntry {
    let (time, entry) = match entry {
        Entry::Activity(row) => {
            let time = row.activity.occur_time;
            (time, timeline_entry::Entry::Activity(activity::encode(row)))
        }
        Entry::Event(event) => {
            let time = event.event_time;
            (time, timeline_entry::Entry::AccountEvent(history::encode_event(event)))
        }
    };
    proto::TimelineEntry {
        time: timestamp(time),
        entry: Some(entry),
    }
}
