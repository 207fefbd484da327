//! `CirculationService`: every method is a move, and all moves are one flow.

use super::{
    Api, all_wrong, answer,
    convert::circulation::{self as moves, encode_bulk, encode_left, encode_single},
    mutate, open,
    proto::{self, circulation_service_server::CirculationService},
    request_key,
};
use crate::{app::circulate::Outcome, domain::circulation::Move};
use prost::Message as _;
use tonic::{Request, Response, Status};

fn single_types(types: &Vec<i32>) -> impl Iterator<Item = (String, &Vec<i32>)> {
    std::iter::once(("related_types".to_owned(), types))
}

fn bulk_types<'a>(types: impl Iterator<Item = &'a Vec<i32>>) -> impl Iterator<Item = (String, &'a Vec<i32>)> {
    let path = |at: usize| format!("items[{at}].related_types");
    types
        .take(moves::MAX_ITEMS)
        .enumerate()
        .map(move |(at, types)| (path(at), types))
}

fn encode_claimed(outcome: &Outcome) -> proto::ClaimAccountResponse {
    let (ownership, admission) = encode_single(outcome);
    proto::ClaimAccountResponse {
        ownership,
        admission,
        contacts_left_behind: encode_left(outcome),
    }
}

#[tonic::async_trait]
impl CirculationService for Api {
    async fn claim_account(
        &self,
        request: Request<proto::ClaimAccountRequest>,
    ) -> Result<Response<proto::ClaimAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::single(target, &message, |_, _, _| Some(Move::Claim)),
        )?;
        let key = request_key(&call, "ClaimAccount", &message.request_id, &message)?;
        let bytes = |outcome: &Outcome| encode_claimed(outcome).encode_to_vec();
        let reply = self.app.claim(&call, key, bytes, wanted).await?;
        Ok(answer(reply, encode_claimed)?)
    }

    async fn bulk_claim_accounts(
        &self,
        request: Request<proto::BulkClaimAccountsRequest>,
    ) -> Result<Response<proto::BulkClaimAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let target = |item: &proto::bulk_claim_accounts_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::bulk(
                &message.items,
                target,
                (message.atomic, message.validate_only),
                |_, _, _| Some(Move::Claim),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkClaimAccountsResponse { applied, results }
        };
        mutate!(call, "BulkClaimAccounts", message, encode, |once| self.app.circulate(
            &call,
            "BulkClaimAccounts",
            &once,
            &wanted
        ))
    }

    async fn assign_account(
        &self,
        request: Request<proto::AssignAccountRequest>,
    ) -> Result<Response<proto::AssignAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::following(
                moves::single(target, &message, |v, at, item| moves::assign(v, at, &item.assignee)),
                single_types(&message.related_types),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (ownership, admission) = encode_single(outcome);
            proto::AssignAccountResponse {
                ownership,
                admission,
                contacts_left_behind: encode_left(outcome),
            }
        };
        mutate!(call, "AssignAccount", message, encode, |once| self.app.circulate(
            &call,
            "AssignAccount",
            &once,
            &wanted
        ))
    }

    async fn bulk_assign_accounts(
        &self,
        request: Request<proto::BulkAssignAccountsRequest>,
    ) -> Result<Response<proto::BulkAssignAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let target = |item: &proto::bulk_assign_accounts_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::following(
                moves::bulk(
                    &message.items,
                    target,
                    (message.atomic, message.validate_only),
                    |v, at, item| moves::assign(v, at, &item.assignee),
                ),
                bulk_types(message.items.iter().map(|item| &item.related_types)),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkAssignAccountsResponse { applied, results }
        };
        mutate!(call, "BulkAssignAccounts", message, encode, |once| self.app.circulate(
            &call,
            "BulkAssignAccounts",
            &once,
            &wanted
        ))
    }

    async fn change_account_owner(
        &self,
        request: Request<proto::ChangeAccountOwnerRequest>,
    ) -> Result<Response<proto::ChangeAccountOwnerResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::following(
                moves::single(target, &message, |v, at, item| {
                    moves::change_owner(v, at, &item.new_owner)
                }),
                single_types(&message.related_types),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (ownership, admission) = encode_single(outcome);
            proto::ChangeAccountOwnerResponse {
                ownership,
                admission,
                contacts_left_behind: encode_left(outcome),
            }
        };
        mutate!(call, "ChangeAccountOwner", message, encode, |once| self.app.circulate(
            &call,
            "ChangeAccountOwner",
            &once,
            &wanted
        ))
    }

    async fn bulk_change_account_owners(
        &self,
        request: Request<proto::BulkChangeAccountOwnersRequest>,
    ) -> Result<Response<proto::BulkChangeAccountOwnersResponse>, Status> {
        let (call, message) = open(request)?;
        let target =
            |item: &proto::bulk_change_account_owners_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::following(
                moves::bulk(
                    &message.items,
                    target,
                    (message.atomic, message.validate_only),
                    |v, at, item| moves::change_owner(v, at, &item.new_owner),
                ),
                bulk_types(message.items.iter().map(|item| &item.related_types)),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkChangeAccountOwnersResponse { applied, results }
        };
        mutate!(call, "BulkChangeAccountOwners", message, encode, |once| self
            .app
            .circulate(&call, "BulkChangeAccountOwners", &once, &wanted))
    }

    async fn return_account(
        &self,
        request: Request<proto::ReturnAccountRequest>,
    ) -> Result<Response<proto::ReturnAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::single(target, &message, |v, at, item| {
                moves::give_back(v, at, &item.reason_id, &item.note, &item.target_pool_id)
            }),
        )?;
        let encode = |outcome: &Outcome| {
            let (ownership, admission) = encode_single(outcome);
            proto::ReturnAccountResponse { ownership, admission }
        };
        mutate!(call, "ReturnAccount", message, encode, |once| self.app.circulate(
            &call,
            "ReturnAccount",
            &once,
            &wanted
        ))
    }

    async fn bulk_return_accounts(
        &self,
        request: Request<proto::BulkReturnAccountsRequest>,
    ) -> Result<Response<proto::BulkReturnAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let target = |item: &proto::bulk_return_accounts_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::bulk(
                &message.items,
                target,
                (message.atomic, message.validate_only),
                |v, at, item| moves::give_back(v, at, &item.reason_id, &item.note, &item.target_pool_id),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkReturnAccountsResponse { applied, results }
        };
        mutate!(call, "BulkReturnAccounts", message, encode, |once| self.app.circulate(
            &call,
            "BulkReturnAccounts",
            &once,
            &wanted
        ))
    }

    async fn reclaim_account(
        &self,
        request: Request<proto::ReclaimAccountRequest>,
    ) -> Result<Response<proto::ReclaimAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::single(target, &message, |v, at, item| moves::reclaim(v, at, &item.note)),
        )?;
        let encode = |outcome: &Outcome| {
            let (ownership, admission) = encode_single(outcome);
            proto::ReclaimAccountResponse { ownership, admission }
        };
        mutate!(call, "ReclaimAccount", message, encode, |once| self.app.circulate(
            &call,
            "ReclaimAccount",
            &once,
            &wanted
        ))
    }

    async fn bulk_reclaim_accounts(
        &self,
        request: Request<proto::BulkReclaimAccountsRequest>,
    ) -> Result<Response<proto::BulkReclaimAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let target = |item: &proto::bulk_reclaim_accounts_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::bulk(
                &message.items,
                target,
                (message.atomic, message.validate_only),
                |v, at, item| moves::reclaim(v, at, &item.note),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkReclaimAccountsResponse { applied, results }
        };
        mutate!(call, "BulkReclaimAccounts", message, encode, |once| self.app.circulate(
            &call,
            "BulkReclaimAccounts",
            &once,
            &wanted
        ))
    }

    async fn transfer_account(
        &self,
        request: Request<proto::TransferAccountRequest>,
    ) -> Result<Response<proto::TransferAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::single(target, &message, |v, at, item| {
                moves::transfer(v, at, &item.target_pool_id, item.clear_owner)
            }),
        )?;
        let encode = |outcome: &Outcome| {
            let (ownership, admission) = encode_single(outcome);
            proto::TransferAccountResponse { ownership, admission }
        };
        mutate!(call, "TransferAccount", message, encode, |once| self.app.circulate(
            &call,
            "TransferAccount",
            &once,
            &wanted
        ))
    }

    async fn bulk_transfer_accounts(
        &self,
        request: Request<proto::BulkTransferAccountsRequest>,
    ) -> Result<Response<proto::BulkTransferAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let target = |item: &proto::bulk_transfer_accounts_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::bulk(
                &message.items,
                target,
                (message.atomic, message.validate_only),
                |v, at, item| moves::transfer(v, at, &item.target_pool_id, item.clear_owner),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkTransferAccountsResponse { applied, results }
        };
        mutate!(call, "BulkTransferAccounts", message, encode, |once| self
            .app
            .circulate(&call, "BulkTransferAccounts", &once, &wanted))
    }

    async fn add_account_to_pool(
        &self,
        request: Request<proto::AddAccountToPoolRequest>,
    ) -> Result<Response<proto::AddAccountToPoolResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::single(target, &message, |v, at, item| {
                moves::add_to_pool(v, at, &item.target_pool_id, item.clear_owner)
            }),
        )?;
        let encode = |outcome: &Outcome| {
            let (ownership, admission) = encode_single(outcome);
            proto::AddAccountToPoolResponse { ownership, admission }
        };
        mutate!(call, "AddAccountToPool", message, encode, |once| self.app.circulate(
            &call,
            "AddAccountToPool",
            &once,
            &wanted
        ))
    }

    async fn bulk_add_accounts_to_pool(
        &self,
        request: Request<proto::BulkAddAccountsToPoolRequest>,
    ) -> Result<Response<proto::BulkAddAccountsToPoolResponse>, Status> {
        let (call, message) = open(request)?;
        let target =
            |item: &proto::bulk_add_accounts_to_pool_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::bulk(
                &message.items,
                target,
                (message.atomic, message.validate_only),
                |v, at, item| moves::add_to_pool(v, at, &item.target_pool_id, item.clear_owner),
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkAddAccountsToPoolResponse { applied, results }
        };
        mutate!(call, "BulkAddAccountsToPool", message, encode, |once| self
            .app
            .circulate(&call, "BulkAddAccountsToPool", &once, &wanted))
    }

    async fn remove_account_from_pool(
        &self,
        request: Request<proto::RemoveAccountFromPoolRequest>,
    ) -> Result<Response<proto::RemoveAccountFromPoolResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let wanted = all_wrong(
            &message.request_id,
            moves::single(target, &message, |_, _, item| {
                Some(Move::RemoveFromPool {
                    clear_owner: item.clear_owner,
                })
            }),
        )?;
        let encode = |outcome: &Outcome| {
            let (ownership, admission) = encode_single(outcome);
            proto::RemoveAccountFromPoolResponse { ownership, admission }
        };
        mutate!(call, "RemoveAccountFromPool", message, encode, |once| self
            .app
            .circulate(&call, "RemoveAccountFromPool", &once, &wanted))
    }

    async fn bulk_remove_accounts_from_pool(
        &self,
        request: Request<proto::BulkRemoveAccountsFromPoolRequest>,
    ) -> Result<Response<proto::BulkRemoveAccountsFromPoolResponse>, Status> {
        let (call, message) = open(request)?;
        let target =
            |item: &proto::bulk_remove_accounts_from_pool_request::Item| (item.account_id.clone(), item.etag.clone());
        let wanted = all_wrong(
            &message.request_id,
            moves::bulk(
                &message.items,
                target,
                (message.atomic, message.validate_only),
                |_, _, item| {
                    Some(Move::RemoveFromPool {
                        clear_owner: item.clear_owner,
                    })
                },
            ),
        )?;
        let encode = |outcome: &Outcome| {
            let (applied, results) = encode_bulk(outcome);
            proto::BulkRemoveAccountsFromPoolResponse { applied, results }
        };
        mutate!(call, "BulkRemoveAccountsFromPool", message, encode, |once| self
            .app
            .circulate(&call, "BulkRemoveAccountsFromPool", &once, &wanted))
    }
}
