//! Examples of the rpcs that move accounts, one, several or many.

use super::{
    examples::{Made, by_service},
    examples_accounts::filter,
    side::{Side, Thing},
};
use prost::Message;
use tidepool::rpc::proto;

#[expect(clippy::unnecessary_wraps, reason = "as requests have it")]
fn selection(side: &Side) -> Option<proto::AccountSelection> {
    Some(proto::AccountSelection {
        pool_id: side.id(Thing::Pool),
        filter: Some(proto::AccountFilter {
            pool_ids: Vec::new(),
            name_prefix: side.fresh("Acme"),
            ..filter(side)
        }),
        account_ids: Vec::new(),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "as requests have it")]
fn named(side: &Side) -> Option<proto::AccountSelection> {
    Some(proto::AccountSelection {
        pool_id: side.id(Thing::Pool),
        filter: None,
        account_ids: vec![side.id(Thing::Account)],
    })
}

/// The example of the rpc.
pub(crate) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    let request_id = String::new;
    let validate_only = false;
    Some(match rpc {
        "StartAssignMatching" | "StartAssignMatching/1" => {
            let selection = if rpc.ends_with("/1") {
                named(side)
            } else {
                selection(side)
            };
            let assignees = vec![side.name("bob")];
            by_service(
                &["selection", "selection.pool_id", "assignees"],
                proto::StartAssignMatchingRequest {
                    selection,
                    assignees,
                    validate_only,
                    request_id: request_id(),
                    related_types: vec![proto::RelatedObjectType::Contract.into()],
                },
            )
        }
        "StartTransferMatching" | "StartTransferMatching/1" => {
            let selection = if rpc.ends_with("/1") {
                named(side)
            } else {
                selection(side)
            };
            by_service(
                &["selection", "selection.pool_id", "target_pool_id"],
                proto::StartTransferMatchingRequest {
                    selection,
                    target_pool_id: side.new_pool().await,
                    clear_owner: false,
                    validate_only,
                    request_id: request_id(),
                },
            )
        }
        "StartReleaseOwner" => {
            let user = crate::build::user(&side.fresh("leaver"));
            let user_id = user.id.clone();
            let push = proto::BatchUpsertUsersRequest {
                users: vec![user],
                ..Default::default()
            };
            side.admin.directory().batch_upsert_users(push).await.unwrap();
            by_service(
                &["user_id"],
                proto::StartReleaseOwnerRequest {
                    user_id,
                    deactivate: true,
                    target_pool_id: side.id(Thing::Pool),
                    validate_only,
                    request_id: request_id(),
                },
            )
        }
        "StartTransferPool" => by_service(
            &["source_pool_id", "target_pool_id"],
            proto::StartTransferPoolRequest {
                source_pool_id: side.new_pool().await,
                target_pool_id: side.id(Thing::Pool),
                clear_owner: false,
                validate_only,
                request_id: request_id(),
            },
        ),
        "GetJob" => by_service(
            &["job_id"],
            proto::GetJobRequest {
                job_id: side.id(Thing::Job),
            },
        ),
        "ListJobs" => by_service(
            &[],
            proto::ListJobsRequest {
                page_size: 1,
                page_token: String::new(),
            },
        ),
        "ListJobItems" => {
            let request = proto::ListJobItemsRequest {
                job_id: side.refused_job.clone(),
                page_size: 1,
                page_token: String::new(),
            };
            by_service(&["job_id"], request)
        }
        "CancelJob" => {
            let job_id = side.new_job().await;
            by_service(
                &["job_id"],
                proto::CancelJobRequest {
                    job_id,
                    etag: String::new(),
                    request_id: request_id(),
                },
            )
        }
        "WatchJob" => {
            // It has ended, and so does the answer.
            let job_id = side.new_job().await;
            let cancel = proto::CancelJobRequest {
                job_id: job_id.clone(),
                ..Default::default()
            };
            side.admin.jobs().cancel_job(cancel).await.unwrap();
            by_service(&["job_id"], proto::WatchJobRequest { job_id })
        }
        _ => return make_move(side, rpc).await,
    })
}

/// Bulk calls have one item, with the fields of the single call.
async fn make_move(side: &Side, rpc: &str) -> Option<Made> {
    macro_rules! moves {
        ($actor:expr, $single:ident, $bulk:ident::$module:ident, $required:expr, $required_each:expr,
            { account_id: $account:expr $(, $field:ident: $value:expr)* }) => {{
            let account_id = $account;
            if rpc.starts_with("Bulk") {
                let item = proto::$module::Item { account_id, etag: String::new() $(, $field: $value)* };
                let request = proto::$bulk { items: vec![item], ..Default::default() };
                ($actor, $required_each, request.encode_to_vec())
            } else {
                let request = proto::$single { account_id, $($field: $value,)* ..Default::default() };
                ($actor, $required, request.encode_to_vec())
            }
        }};
    }
    let nobody = String::new();
    let text = || "because".to_owned();
    let follow = vec![i32::from(proto::RelatedObjectType::Opportunity)];
    Some(match rpc {
        "ClaimAccount" | "BulkClaimAccounts" => moves!(
            side.name("bob"), ClaimAccountRequest, BulkClaimAccountsRequest::bulk_claim_accounts_request,
            &["account_id"], &["items", "items[0].account_id"], { account_id: side.lying().await }
        ),
        "AssignAccount" | "BulkAssignAccounts" => moves!(
            nobody, AssignAccountRequest, BulkAssignAccountsRequest::bulk_assign_accounts_request,
            &["account_id", "assignee"], &["items", "items[0].account_id", "items[0].assignee"],
            { account_id: side.lying().await, assignee: side.name("bob"), related_types: follow.clone() }
        ),
        "ChangeAccountOwner" | "BulkChangeAccountOwners" => moves!(
            nobody, ChangeAccountOwnerRequest, BulkChangeAccountOwnersRequest::bulk_change_account_owners_request,
            &["account_id", "new_owner"], &["items", "items[0].account_id", "items[0].new_owner"],
            { account_id: side.owned().await, new_owner: side.name("cid"), related_types: follow.clone() }
        ),
        "ReturnAccount" | "BulkReturnAccounts" => moves!(
            side.name("bob"), ReturnAccountRequest, BulkReturnAccountsRequest::bulk_return_accounts_request,
            &["account_id"], &["items", "items[0].account_id"],
            { account_id: side.owned().await, reason_id: side.name("why"), note: text(), target_pool_id: side.id(Thing::Pool) }
        ),
        "ReclaimAccount" | "BulkReclaimAccounts" => moves!(
            nobody, ReclaimAccountRequest, BulkReclaimAccountsRequest::bulk_reclaim_accounts_request,
            &["account_id"], &["items", "items[0].account_id"], { account_id: side.owned().await, note: text() }
        ),
        "TransferAccount" | "BulkTransferAccounts" => moves!(
            nobody, TransferAccountRequest, BulkTransferAccountsRequest::bulk_transfer_accounts_request,
            &["account_id", "target_pool_id"], &["items", "items[0].account_id", "items[0].target_pool_id"],
            { account_id: side.owned().await, target_pool_id: side.new_pool().await, clear_owner: false }
        ),
        "AddAccountToPool" | "BulkAddAccountsToPool" => moves!(
            nobody, AddAccountToPoolRequest, BulkAddAccountsToPoolRequest::bulk_add_accounts_to_pool_request,
            &["account_id", "target_pool_id"], &["items", "items[0].account_id", "items[0].target_pool_id"],
            { account_id: side.outside().await, target_pool_id: side.id(Thing::Pool), clear_owner: false }
        ),
        "RemoveAccountFromPool" | "BulkRemoveAccountsFromPool" => moves!(
            nobody, RemoveAccountFromPoolRequest, BulkRemoveAccountsFromPoolRequest::bulk_remove_accounts_from_pool_request,
            &["account_id"], &["items", "items[0].account_id"], { account_id: side.owned().await, clear_owner: false }
        ),
        _ => return None,
    })
}
