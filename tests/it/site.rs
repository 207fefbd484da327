//! The organisation as its callers reach it: over one server or several, in this process or in others. What is asked of it
//! may not depend on which.

use crate::{
    harness::{ACME, Client},
    world::{claim, give_back},
};
use tidepool::{
    app::call::Scope,
    rpc::proto::{self, Account, NewAccount, Ownership, Pool},
};
use tonic::transport::Channel;

/// The servers that share a database; calls that name a place go to them in turn.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    channels: Vec<Channel>,
}

impl Site {
    pub(crate) fn new(channels: Vec<Channel>) -> Self {
        Self { channels }
    }

    fn caller(&self, at: usize, caller: &str, scope: Scope, actor: &str) -> Client {
        Client {
            channel: self.channels[at % self.channels.len()].clone(),
            tenant: ACME.to_owned(),
            caller: caller.to_owned(),
            scopes: scope.as_str().to_owned(),
            actor: actor.to_owned(),
        }
    }

    /// An administering service.
    pub(crate) fn admin(&self) -> Client {
        self.admin_at(0)
    }

    pub(crate) fn admin_at(&self, at: usize) -> Client {
        self.caller(at, "console", Scope::Admin, "")
    }

    /// A service that acts for the user.
    pub(crate) fn user(&self, id: &str) -> Client {
        self.user_at(0, id)
    }

    pub(crate) fn user_at(&self, at: usize, id: &str) -> Client {
        self.caller(at, "crm", Scope::ActAs, id)
    }

    /// A service that may tell of activities.
    pub(crate) fn source_at(&self, at: usize, name: &str) -> Client {
        self.caller(at, name, Scope::Ingest, "")
    }

    /// Makes a pool and says its id.
    pub(crate) async fn pool(&self, pool: Pool) -> String {
        let request = proto::CreatePoolRequest {
            pool: Some(pool),
            ..Default::default()
        };
        let made = self.admin().pools().create_pool(request).await.unwrap();
        made.into_inner().pool.unwrap().id
    }

    /// Creates an account as a CRM admin.
    pub(crate) async fn create(&self, name: &str, pool: &str, owner: &str) -> Account {
        let account = Account {
            name: name.into(),
            phone: "138-0000".into(),
            ..Account::default()
        };
        let new_account = NewAccount {
            account: Some(account),
            pool_id: pool.into(),
            owner: owner.into(),
        };
        let request = proto::CreateAccountRequest {
            new_account: Some(new_account),
            ..Default::default()
        };
        let made = self.admin().accounts().create_account(request).await.unwrap();
        made.into_inner().account.unwrap()
    }

    /// Puts an unclaimed account into the pool and says its id.
    pub(crate) async fn lying(&self, name: &str, pool: &str) -> String {
        self.create(name, pool, "").await.id
    }

    /// Puts `count` unclaimed accounts into the pool.
    pub(crate) async fn many_lying(&self, prefix: &str, pool: &str, count: usize) -> Vec<String> {
        self.many(prefix, pool, "", count).await
    }

    /// Puts `count` accounts of this owner, or of nobody, into the pool.
    pub(crate) async fn many(&self, prefix: &str, pool: &str, owner: &str, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        let names: Vec<_> = (0..count).map(|at| format!("{prefix} {at}")).collect();
        for chunk in names.chunks(500) {
            let request = proto::BulkCreateAccountsRequest {
                new_accounts: chunk.iter().map(|name| new_account(name, pool, owner)).collect(),
                ..Default::default()
            };
            let made = self.admin().accounts().bulk_create_accounts(request).await.unwrap();
            ids.extend(made.into_inner().results.into_iter().map(|result| result.account_id));
        }
        ids
    }

    /// The account as a CRM admin sees it.
    pub(crate) async fn account(&self, id: &str) -> Account {
        let request = proto::GetAccountRequest { account_id: id.into() };
        let got = self.admin().accounts().get_account(request).await.unwrap();
        got.into_inner().account.unwrap()
    }

    /// Who owns the account, as a CRM admin sees it.
    pub(crate) async fn ownership(&self, id: &str) -> Ownership {
        self.account(id).await.ownership.unwrap()
    }

    /// All accounts of the pool.
    pub(crate) async fn lying_in(&self, pool: &str) -> Vec<Ownership> {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListAccountsRequest {
                scope: proto::AccountScope::PoolAll.into(),
                pool_id: pool.into(),
                page_size: 100,
                page_token,
                ..Default::default()
            };
            let page = self.admin().accounts().list_accounts(request).await.unwrap();
            let page = page.into_inner();
            found.extend(page.accounts.into_iter().filter_map(|account| account.ownership));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    }

    /// How many accounts of the pool wait, and how many have an owner.
    pub(crate) async fn counted(&self, pool: &str) -> (i64, i64) {
        let request = proto::GetPoolCountersRequest { pool_id: pool.into() };
        let counted = self.admin().pools().get_pool_counters(request).await.unwrap();
        let counters = counted.into_inner().counters.unwrap();
        (counters.unclaimed, counters.owned)
    }

    pub(crate) async fn claim(&self, at: usize, user: &str, id: &str) -> Result<Ownership, tonic::Status> {
        let claimed = self.user_at(at, user).circulation().claim_account(claim(id)).await?;
        Ok(claimed.into_inner().ownership.unwrap())
    }

    pub(crate) async fn give_back(&self, user: &str, id: &str) {
        let request = give_back(id);
        self.user(user).circulation().return_account(request).await.unwrap();
    }
}

/// An account without anything but a name.
pub(crate) fn new_account(name: &str, pool: &str, owner: &str) -> NewAccount {
    NewAccount {
        account: Some(Account {
            name: name.into(),
            ..Account::default()
        }),
        pool_id: pool.into(),
        owner: owner.into(),
    }
}
