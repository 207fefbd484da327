//! Examples of the rpcs that follow the stream of events.

use super::{
    examples::{Made, by_service},
    side::{Side, Thing},
};
use tidepool::rpc::proto;

/// The example of the rpc.
pub(crate) fn make(side: &Side, rpc: &str) -> Option<Made> {
    let filter = Some(proto::EventFilter {
        kinds: vec!["account.*".into()],
        pool_ids: vec![side.id(Thing::Pool)],
        owners: vec![side.name("cid")],
    });
    Some(match rpc {
        "WatchEvents" => by_service(
            &[],
            proto::WatchEventsRequest {
                after_position: 1,
                from_now: false,
                filter,
                heartbeat_seconds: 60,
            },
        ),
        "ListEvents" => by_service(
            &[],
            proto::ListEventsRequest {
                after_position: 1,
                page_size: 1,
                filter,
            },
        ),
        _ => return None,
    })
}
