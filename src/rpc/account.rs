//! `AccountService`.

use super::{
    Api,
    account_import::Answers,
    all_wrong,
    convert::{self, decode, id},
    mutate, open,
    proto::{self, account_service_server::AccountService},
};
use crate::{
    app::{account::View, create::Created},
    domain::ids::AccountId,
};
use tonic::{Request, Response, Status, Streaming};

#[tonic::async_trait]
impl AccountService for Api {
    async fn create_account(
        &self,
        request: Request<proto::CreateAccountRequest>,
    ) -> Result<Response<proto::CreateAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(
            &message.request_id,
            convert::account::create(message.new_account.clone()),
        )?;
        let encode = |created: &Vec<Created>| {
            let created = created.first().and_then(|created| created.as_ref().ok());
            proto::CreateAccountResponse {
                account: created.map(convert::account::encode),
            }
        };
        mutate!(call, "CreateAccount", message, encode, |once| {
            self.app.create_accounts(&call, "CreateAccount", &once, &input)
        })
    }

    async fn bulk_create_accounts(
        &self,
        request: Request<proto::BulkCreateAccountsRequest>,
    ) -> Result<Response<proto::BulkCreateAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(
            &message.request_id,
            convert::account::bulk_create(message.new_accounts.clone()),
        )?;
        let encode = |created: &Vec<Created>| proto::BulkCreateAccountsResponse {
            results: convert::account::encode_created(created),
        };
        mutate!(call, "BulkCreateAccounts", message, encode, |once| {
            self.app.create_accounts(&call, "BulkCreateAccounts", &once, &input)
        })
    }

    type ImportAccountsStream = Answers;

    async fn import_accounts(
        &self,
        request: Request<Streaming<proto::ImportAccountsRequest>>,
    ) -> Result<Response<Answers>, Status> {
        self.import(request)
    }

    async fn get_account(
        &self,
        request: Request<proto::GetAccountRequest>,
    ) -> Result<Response<proto::GetAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let account = decode(|v| id(v, "account_id", &message.account_id, AccountId::parse))?;
        let view = self.app.get_account(&call, account).await?;
        Ok(Response::new(proto::GetAccountResponse {
            account: Some(convert::account::encode(&view)),
        }))
    }

    async fn batch_get_accounts(
        &self,
        request: Request<proto::BatchGetAccountsRequest>,
    ) -> Result<Response<proto::BatchGetAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let ids = convert::account::batch_get(&message.account_ids)?;
        let views = self.app.get_accounts(&call, &ids).await?;
        let accounts = views.iter().map(convert::account::encode).collect();
        Ok(Response::new(proto::BatchGetAccountsResponse { accounts }))
    }

    async fn cancel_account(
        &self,
        request: Request<proto::CancelAccountRequest>,
    ) -> Result<Response<proto::CancelAccountResponse>, Status> {
        self.cancel(request).await
    }

    async fn restore_account(
        &self,
        request: Request<proto::RestoreAccountRequest>,
    ) -> Result<Response<proto::RestoreAccountResponse>, Status> {
        self.restore(request).await
    }

    async fn delete_account(
        &self,
        request: Request<proto::DeleteAccountRequest>,
    ) -> Result<Response<proto::DeleteAccountResponse>, Status> {
        self.delete(request).await
    }

    async fn list_accounts(
        &self,
        request: Request<proto::ListAccountsRequest>,
    ) -> Result<Response<proto::ListAccountsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = convert::account_list::list(message)?;
        let (views, next_page_token) = self.app.list_accounts(&call, &input).await?;
        Ok(Response::new(proto::ListAccountsResponse {
            accounts: views.iter().map(convert::account::encode).collect(),
            next_page_token,
        }))
    }

    async fn update_account(
        &self,
        request: Request<proto::UpdateAccountRequest>,
    ) -> Result<Response<proto::UpdateAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let edit = all_wrong(&message.request_id, convert::account::update(message.clone()))?;
        let encode = |view: &View| proto::UpdateAccountResponse {
            account: Some(convert::account::encode(view)),
        };
        mutate!(call, "UpdateAccount", message, encode, |once| {
            self.app.update_account(&call, &once, &edit)
        })
    }

    async fn merge_accounts(
        &self,
        request: Request<proto::MergeAccountsRequest>,
    ) -> Result<Response<proto::MergeAccountsResponse>, Status> {
        self.merge(request).await
    }

    async fn copy_account(
        &self,
        request: Request<proto::CopyAccountRequest>,
    ) -> Result<Response<proto::CopyAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::account::copy(&message))?;
        let encode = |created: &Vec<Created>| {
            let created = created.first().and_then(|created| created.as_ref().ok());
            proto::CopyAccountResponse {
                account: created.map(convert::account::encode),
            }
        };
        mutate!(call, "CopyAccount", message, encode, |once| {
            self.app.copy_account(&call, &once, &input)
        })
    }
}
