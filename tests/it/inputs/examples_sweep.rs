//! Examples of the rpcs that are about the sweep.

use super::{
    examples::{Made, by_service},
    side::{Side, Thing},
};
use crate::{activities::time, harness::start};
use chrono::TimeDelta;
use std::sync::atomic::{AtomicI32, Ordering};
use tidepool::{domain::ids::PoolId, rpc::proto};

/// No two confirmations are the same request.
static MORE: AtomicI32 = AtomicI32::new(1);

/// The example of the rpc.
pub(crate) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    Some(match rpc {
        "Heartbeat" => by_service(
            &[],
            proto::HeartbeatRequest {
                complete_until: time(start() - TimeDelta::hours(1)),
            },
        ),
        "GetSweepStatus" => by_service(&[], proto::GetSweepStatusRequest {}),
        "GetReplan" => by_service(&[], proto::GetReplanRequest {}),
        "ListReclaimBreakers" => {
            stop(side).await;
            by_service(
                &[],
                proto::ListReclaimBreakersRequest {
                    open_only: true,
                    page_size: 1,
                    ..Default::default()
                },
            )
        }
        "ConfirmReclaims" => {
            stop(side).await;
            by_service(
                &["account_count"],
                proto::ConfirmReclaimsRequest {
                    pool_id: side.id(Thing::Pool),
                    account_count: MORE.fetch_add(1, Ordering::Relaxed),
                    etag: String::new(),
                    request_id: String::new(),
                },
            )
        }
        "PreviewReclaim" => {
            side.owned().await;
            side.owned().await;
            by_service(
                &[],
                proto::PreviewReclaimRequest {
                    time: time(start() + TimeDelta::days(20_000)),
                    pool_id: side.id(Thing::Pool),
                    page_size: 1,
                    ..Default::default()
                },
            )
        }
        _ => return None,
    })
}

/// Reclaims of the pool and outside pools are stopped.
async fn stop(side: &Side) {
    side.stop_reclaims(PoolId::parse(&side.id(Thing::Pool)).ok()).await;
    side.stop_reclaims(None).await;
}
