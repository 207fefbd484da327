//! A small organisation to play with: `root` is CRM admin; `ann` supervises `bob` and `cid`; `dan` is on his own; `eve`
//! is inactive. Pools are made as tests need them.

use crate::harness::{Client, Server};
use tidepool::rpc::proto::{self, Account, NewAccount, Ownership, Pool, PoolMembers, User};

/// A server with the organisation.
pub(crate) struct World {
    pub(crate) server: Server,
}

/// A user without anything but a name.
pub(crate) fn user(id: &str) -> User {
    User {
        id: id.into(),
        display_name: id.to_uppercase(),
        active: true,
        ..User::default()
    }
}

/// A pool that `ann` administers and everybody is a member of.
pub(crate) fn open_pool(name: &str) -> Pool {
    Pool {
        display_name: name.into(),
        administrators: vec!["ann".into()],
        members: Some(PoolMembers {
            everyone: true,
            ..PoolMembers::default()
        }),
        ..Pool::default()
    }
}

impl World {
    /// Starts.
    pub(crate) async fn start() -> Self {
        let server = Server::start().await;
        let below = |id: &str, supervisor: &str| User {
            supervisor: supervisor.into(),
            ..user(id)
        };
        let users = vec![
            User {
                roles: vec!["crm-admin".into()],
                ..user("root")
            },
            user("ann"),
            below("bob", "ann"),
            below("cid", "ann"),
            user("dan"),
            User {
                active: false,
                ..user("eve")
            },
        ];
        let request = proto::BatchUpsertUsersRequest {
            users,
            ..Default::default()
        };
        server.admin().directory().batch_upsert_users(request).await.unwrap();
        Self { server }
    }

    /// A service that acts for the user.
    pub(crate) fn user(&self, id: &str) -> Client {
        self.server.user(id)
    }

    /// Makes a pool and says its id.
    pub(crate) async fn pool(&self, pool: Pool) -> String {
        let request = proto::CreatePoolRequest {
            pool: Some(pool),
            ..Default::default()
        };
        let made = self
            .server
            .admin()
            .pools()
            .create_pool(request)
            .await
            .unwrap()
            .into_inner();
        made.pool.unwrap().id
    }

    /// Puts an unclaimed account into the pool and says its id.
    pub(crate) async fn lying(&self, name: &str, pool: &str) -> String {
        self.create(name, pool, "").await.id
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
        let made = self
            .server
            .admin()
            .accounts()
            .create_account(request)
            .await
            .unwrap()
            .into_inner();
        made.account.unwrap()
    }

    /// Puts `count` unclaimed accounts into the pool.
    pub(crate) async fn many_lying(&self, prefix: &str, pool: &str, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        let names: Vec<_> = (0..count).map(|at| format!("{prefix} {at}")).collect();
        for chunk in names.chunks(500) {
            let new = |name: &String| NewAccount {
                account: Some(Account {
                    name: name.clone(),
                    ..Account::default()
                }),
                pool_id: pool.into(),
                owner: String::new(),
            };
            let request = proto::BulkCreateAccountsRequest {
                new_accounts: chunk.iter().map(new).collect(),
                ..Default::default()
            };
            let made = self
                .server
                .admin()
                .accounts()
                .bulk_create_accounts(request)
                .await
                .unwrap()
                .into_inner();
            ids.extend(made.results.into_iter().map(|result| result.account_id));
        }
        ids
    }

    /// The account as a CRM admin sees it.
    pub(crate) async fn account(&self, id: &str) -> Account {
        let request = proto::GetAccountRequest { account_id: id.into() };
        self.server
            .admin()
            .accounts()
            .get_account(request)
            .await
            .unwrap()
            .into_inner()
            .account
            .unwrap()
    }

    /// Who owns the account, as a CRM admin sees it.
    pub(crate) async fn ownership(&self, id: &str) -> Ownership {
        self.account(id).await.ownership.unwrap()
    }

    /// Stops.
    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// A claim.
pub(crate) fn claim(account: &str) -> proto::ClaimAccountRequest {
    proto::ClaimAccountRequest {
        account_id: account.into(),
        ..Default::default()
    }
}

/// An assignment.
pub(crate) fn assign(account: &str, assignee: &str) -> proto::AssignAccountRequest {
    proto::AssignAccountRequest {
        account_id: account.into(),
        assignee: assignee.into(),
        ..Default::default()
    }
}

/// A return without a reason.
pub(crate) fn give_back(account: &str) -> proto::ReturnAccountRequest {
    proto::ReturnAccountRequest {
        account_id: account.into(),
        ..Default::default()
    }
}
