//! Conditions in lists and jobs: the same language, the same answers as in memory.

mod agreement;
mod lists;

use crate::{harness::Client, world::World};
use tidepool::rpc::proto::{
    Account, AccountFilter, AccountScope, ListAccountsRequest, ListAccountsResponse, NewAccount,
};

/// A list of all accounts that meet the condition.
fn all(condition: &str) -> ListAccountsRequest {
    ListAccountsRequest {
        scope: AccountScope::All.into(),
        filter: Some(AccountFilter {
            condition: condition.into(),
            ..AccountFilter::default()
        }),
        page_size: 100,
        ..Default::default()
    }
}

/// The same of a pool.
fn pool_list(scope: AccountScope, pool: &str, condition: &str) -> ListAccountsRequest {
    ListAccountsRequest {
        scope: scope.into(),
        pool_id: pool.into(),
        ..all(condition)
    }
}

impl Client {
    async fn page(&self, request: &ListAccountsRequest) -> Result<ListAccountsResponse, tonic::Status> {
        Ok(self.accounts().list_accounts(request.clone()).await?.into_inner())
    }

    /// All pages of a list.
    async fn whole(&self, request: &ListAccountsRequest) -> Vec<Account> {
        let (mut accounts, mut request) = (Vec::new(), request.clone());
        loop {
            let page = self.page(&request).await.unwrap();
            accounts.extend(page.accounts);
            if page.next_page_token.is_empty() {
                return accounts;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Names of the accounts of a list.
    async fn named_in(&self, request: &ListAccountsRequest) -> Vec<String> {
        self.whole(request)
            .await
            .into_iter()
            .map(|account| account.name)
            .collect()
    }
}

impl World {
    async fn made(&self, account: Account, pool: &str, owner: &str) -> Account {
        let request = tidepool::rpc::proto::CreateAccountRequest {
            new_account: Some(NewAccount {
                account: Some(account),
                pool_id: pool.into(),
                owner: owner.into(),
            }),
            ..Default::default()
        };
        let made = self.server.admin().accounts().create_account(request).await.unwrap();
        made.into_inner().account.unwrap()
    }
}
