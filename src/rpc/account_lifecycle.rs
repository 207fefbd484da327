//! The end of an account's life: the methods of `AccountService` that `account.rs` hands on to here.

use super::{
    Api, all_wrong,
    convert::{account_change, account_merge, circulation::encode_ownership},
    mutate, open, proto,
};
use crate::{app::account_change::Wish, domain::account::Account};
use tonic::{Request, Response, Status};

impl Api {
    pub(super) async fn cancel(
        &self,
        request: Request<proto::CancelAccountRequest>,
    ) -> Result<Response<proto::CancelAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(
            &message.request_id,
            account_change::read(&message.account_id, &message.etag, |_| Some(Wish::Cancel)),
        )?;
        let encode = |account: &Account| proto::CancelAccountResponse {
            ownership: Some(encode_ownership(account)),
        };
        mutate!(call, "CancelAccount", message, encode, |once| self.app.change_account(
            &call,
            "CancelAccount",
            &once,
            &input
        ))
    }

    pub(super) async fn restore(
        &self,
        request: Request<proto::RestoreAccountRequest>,
    ) -> Result<Response<proto::RestoreAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let clear_owner = message.clear_owner;
        let input = all_wrong(
            &message.request_id,
            account_change::read(&message.account_id, &message.etag, |_| {
                Some(Wish::Restore { clear_owner })
            }),
        )?;
        let encode = |account: &Account| proto::RestoreAccountResponse {
            ownership: Some(encode_ownership(account)),
        };
        mutate!(call, "RestoreAccount", message, encode, |once| self.app.change_account(
            &call,
            "RestoreAccount",
            &once,
            &input
        ))
    }

    pub(super) async fn merge(
        &self,
        request: Request<proto::MergeAccountsRequest>,
    ) -> Result<Response<proto::MergeAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, account_merge::read(&message))?;
        let encode = account_merge::encode;
        mutate!(call, "MergeAccounts", message, encode, |once| self
            .app
            .merge_accounts(&call, &once, &input))
    }

    pub(super) async fn delete(
        &self,
        request: Request<proto::DeleteAccountRequest>,
    ) -> Result<Response<proto::DeleteAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(
            &message.request_id,
            account_change::read(&message.account_id, &message.etag, |_| Some(Wish::Delete)),
        )?;
        let encode = |_: &Account| proto::DeleteAccountResponse {};
        mutate!(call, "DeleteAccount", message, encode, |once| self.app.change_account(
            &call,
            "DeleteAccount",
            &once,
            &input
        ))
    }
}
