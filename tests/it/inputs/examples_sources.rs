//! Examples of the rpcs of sources of activities.

use super::{
    examples::{Made, by_service},
    side::{Side, Thing},
};
use tidepool::rpc::proto;

impl Side {
    /// A source as a request has it.
    fn source(name: &str) -> proto::ActivitySource {
        proto::ActivitySource {
            name: name.into(),
            display_name: "Shop".into(),
            kinds: vec!["sales_order.*".into()],
            ..Default::default()
        }
    }

    /// Registers a source, and says its name.
    pub(super) async fn new_source(&self, name: &str) -> String {
        let request = proto::RegisterActivitySourceRequest {
            activity_source: Some(Self::source(name)),
            ..Default::default()
        };
        let made = self.admin.sources().register_activity_source(request).await.unwrap();
        made.into_inner().activity_source.unwrap().name
    }
}

pub(super) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    let (etag, request_id) = (String::new(), String::new());
    let target: &[&str] = &["activity_source_name"];
    Some(match rpc {
        "RegisterActivitySource" => {
            let request = proto::RegisterActivitySourceRequest {
                // One of its own would be one too many after a while, and one by a name of its tenant's is a new one elsewhere.
                activity_source: Some(Side::source("registered")),
                request_id,
            };
            let required = &[
                "activity_source",
                "activity_source.display_name",
                "activity_source.kinds",
            ];
            by_service(required, request)
        }
        "GetActivitySource" => by_service(
            target,
            proto::GetActivitySourceRequest {
                activity_source_name: side.id(Thing::ActivitySource),
            },
        ),
        "ListActivitySources" => by_service(
            &[],
            proto::ListActivitySourcesRequest {
                page_size: 1,
                page_token: String::new(),
            },
        ),
        "EnableActivitySource" => by_service(
            target,
            proto::EnableActivitySourceRequest {
                activity_source_name: side.id(Thing::ActivitySource),
                etag,
                request_id,
            },
        ),
        "DisableActivitySource" => by_service(
            target,
            proto::DisableActivitySourceRequest {
                activity_source_name: side.id(Thing::ActivitySource),
                etag,
                request_id,
            },
        ),
        "DeleteActivitySource" => by_service(
            target,
            proto::DeleteActivitySourceRequest {
                activity_source_name: side.new_source(&side.fresh("gone")).await,
                etag,
                request_id,
            },
        ),
        _ => return None,
    })
}
