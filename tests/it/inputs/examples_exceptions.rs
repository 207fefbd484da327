//! Examples of the rpcs that make exceptions from retention rules.

use super::{
    examples::{Made, by_service},
    side::{Side, Thing},
};
use crate::{activities::time, harness::start};
use chrono::TimeDelta;
use tidepool::rpc::proto;

/// The example of the rpc.
pub(crate) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    let (etag, request_id, note) = (String::new, String::new, || "because".to_owned());
    let (page_size, page_token, validate_only) = (1, String::new(), false);
    let later = || time(start() + TimeDelta::days(90));
    Some(match rpc {
        "UndoReclaim" => {
            let request = proto::UndoReclaimRequest {
                account_id: side.reclaimed(),
                etag: etag(),
                validate_only,
                request_id: request_id(),
                note: note(),
            };
            by_service(&["account_id"], request)
        }
        "ExtendRetention" => {
            let request = proto::ExtendRetentionRequest {
                account_id: side.owned().await,
                etag: etag(),
                validate_only,
                request_id: request_id(),
                days: 1,
                reason: note(),
            };
            by_service(&["account_id", "days", "reason"], request)
        }
        "LockAccount" => {
            let account_id = side.new_account(side.id(Thing::Pool), side.new_owner().await).await;
            let request = proto::LockAccountRequest {
                account_id,
                etag: etag(),
                validate_only,
                request_id: request_id(),
                expire_time: later(),
                note: note(),
            };
            by_service(&["account_id"], request)
        }
        "UnlockAccount" | "ClearEmbargo" => {
            // The two have the same fields.
            let request = proto::UnlockAccountRequest {
                account_id: side.owned().await,
                etag: etag(),
                validate_only,
                request_id: request_id(),
                note: note(),
            };
            by_service(&["account_id"], request)
        }
        "SetEmbargo" => {
            let request = proto::SetEmbargoRequest {
                account_id: side.owned().await,
                etag: etag(),
                validate_only,
                request_id: request_id(),
                until: later(),
                reason: note(),
            };
            by_service(&["account_id", "until", "reason"], request)
        }
        "ListDisputedReclaims" => {
            let request = proto::ListDisputedReclaimsRequest {
                pool_id: side.disputed_pool.clone(),
                page_size,
                page_token,
            };
            by_service(&[], request)
        }
        "CreateUserAbsence" => {
            let request = proto::CreateUserAbsenceRequest {
                user_absence: Some(side.absence()),
                request_id: request_id(),
            };
            by_service(
                &[
                    "user_absence",
                    "user_absence.user_id",
                    "user_absence.start_time",
                    "user_absence.end_time",
                ],
                request,
            )
        }
        "ListUserAbsences" => {
            let request = proto::ListUserAbsencesRequest {
                user_id: side.name("cid"),
                page_size,
                page_token,
            };
            by_service(&[], request)
        }
        "EndUserAbsence" | "DeleteUserAbsence" => {
            // The two have the same fields.
            let request = proto::EndUserAbsenceRequest {
                user_absence_id: side.new_absence().await,
                etag: etag(),
                request_id: request_id(),
            };
            by_service(&["user_absence_id"], request)
        }
        "CreateRetentionPause" => {
            let request = proto::CreateRetentionPauseRequest {
                retention_pause: Some(Side::pause(&side.new_pool().await)),
                request_id: request_id(),
            };
            by_service(&["retention_pause"], request)
        }
        "ListRetentionPauses" => {
            let request = proto::ListRetentionPausesRequest {
                pool_id: side.id(Thing::Pool),
                page_size,
                page_token,
            };
            by_service(&[], request)
        }
        "EndRetentionPause" => {
            let request = proto::EndRetentionPauseRequest {
                retention_pause_id: side.new_pause(&side.id(Thing::Pool)).await,
                etag: etag(),
                request_id: request_id(),
            };
            by_service(&["retention_pause_id"], request)
        }
        _ => return None,
    })
}
