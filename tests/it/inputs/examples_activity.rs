//! Examples of the rpcs of what activities mean.

use super::{
    examples::{Made, by_service},
    side::Side,
};
use crate::build::mask;
use tidepool::rpc::proto::{self, ActivityActors, ActivityKind, ActivityRules};

impl Side {
    fn kind(&self) -> ActivityKind {
        ActivityKind {
            name: format!("sales_order.{}", self.fresh("k").replace('-', "_")),
            display_name: "Checked".into(),
            follow_up_selectable: true,
            close_selectable: true,
            reverses: vec!["sales_order.confirmed".into()],
            ..Default::default()
        }
    }

    /// A kind of activities that nothing names.
    pub(crate) async fn new_kind(&self) -> ActivityKind {
        let request = proto::CreateActivityKindRequest {
            activity_kind: Some(self.kind()),
            ..Default::default()
        };
        let made = self.admin.activity_rules().create_activity_kind(request).await.unwrap();
        made.into_inner().activity_kind.unwrap()
    }
}

pub(crate) async fn make(side: &Side, name: &str) -> Option<Made> {
    let request_id = String::new;
    let made = match name {
        "GetActivityRules" => by_service(&[], proto::GetActivityRulesRequest {}),
        "UpdateActivityRules" => {
            let rules = ActivityRules {
                follow_up_kinds: vec!["call.made".into(), side.new_kind().await.name],
                close_kinds: vec!["sales_order.confirmed".into()],
                follow_ups_by: ActivityActors::Team.into(),
                closes_by: ActivityActors::Owner.into(),
                min_summary_length: 10,
                min_follow_up_spacing: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
                max_follow_ups_per_day: 5,
                late_follow_up_hours: 24,
                ..Default::default()
            };
            let update_mask = mask(&["*"]);
            by_service(
                &["activity_rules", "activity_rules.close_kinds", "update_mask"],
                proto::UpdateActivityRulesRequest {
                    activity_rules: Some(rules),
                    update_mask,
                    validate_only: false,
                    request_id: request_id(),
                },
            )
        }
        "ListActivityKinds" => by_service(
            &[],
            proto::ListActivityKindsRequest {
                page_size: 1,
                page_token: String::new(),
            },
        ),
        "CreateActivityKind" => by_service(
            &["activity_kind", "activity_kind.name", "activity_kind.display_name"],
            proto::CreateActivityKindRequest {
                activity_kind: Some(side.kind()),
                request_id: request_id(),
            },
        ),
        "UpdateActivityKind" => {
            let made = side.new_kind().await;
            let update_mask = mask(&["*"]);
            by_service(
                &[
                    "activity_kind",
                    "activity_kind.id",
                    "activity_kind.name",
                    "activity_kind.display_name",
                    "update_mask",
                ],
                proto::UpdateActivityKindRequest {
                    activity_kind: Some(ActivityKind {
                        display_name: "Other".into(),
                        etag: String::new(),
                        ..made
                    }),
                    update_mask,
                    request_id: request_id(),
                },
            )
        }
        "DeleteActivityKind" => {
            let made = side.new_kind().await;
            by_service(
                &["activity_kind_id"],
                proto::DeleteActivityKindRequest {
                    activity_kind_id: made.id,
                    etag: String::new(),
                    request_id: request_id(),
                },
            )
        }
        "RecomputeDealStatus" => by_service(
            &[],
            proto::RecomputeDealStatusRequest {
                validate_only: false,
                request_id: request_id(),
            },
        ),
        _ => return None,
    };
    Some(made)
}
