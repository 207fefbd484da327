//! A small organisation to play with: `root` is CRM admin; `ann` supervises `bob` and `cid`; `dan` is on his own; `eve`
//! is inactive. Pools are made as tests need them.

use crate::{
    harness::{Client, Server},
    site::Site,
};
use tidepool::rpc::proto::{self, Account, Ownership, Pool, PoolMembers, User};

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
        Self::of(Server::start().await).await
    }

    /// The same at a server that is there.
    pub(crate) async fn of(server: Server) -> Self {
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

    /// As callers reach it.
    pub(crate) fn site(&self) -> Site {
        Site::new(vec![self.server.channel()])
    }

    /// Makes a pool and says its id.
    pub(crate) async fn pool(&self, pool: Pool) -> String {
        self.site().pool(pool).await
    }

    /// Puts an unclaimed account into the pool and says its id.
    pub(crate) async fn lying(&self, name: &str, pool: &str) -> String {
        self.site().lying(name, pool).await
    }

    /// Creates an account as a CRM admin.
    pub(crate) async fn create(&self, name: &str, pool: &str, owner: &str) -> Account {
        self.site().create(name, pool, owner).await
    }

    /// Puts `count` unclaimed accounts into the pool.
    pub(crate) async fn many_lying(&self, prefix: &str, pool: &str, count: usize) -> Vec<String> {
        self.site().many_lying(prefix, pool, count).await
    }

    /// The account as a CRM admin sees it.
    pub(crate) async fn account(&self, id: &str) -> Account {
        self.site().account(id).await
    }

    /// Who owns the account, as a CRM admin sees it.
    pub(crate) async fn ownership(&self, id: &str) -> Ownership {
        self.site().ownership(id).await
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
