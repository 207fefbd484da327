//! Who calls, for whom, and until when. Made by the identity layer from the verified credential, never from a request.

use crate::{
    domain::ids::{CallerId, TenantName, UserId},
    store::Deadline,
};

/// What a calling service may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything; without an actor as a CRM admin.
    Admin,
    /// Push users, departments and groups.
    Directory,
    /// Configure pools, limits and rules without an actor.
    Config,
    /// Push activities.
    Ingest,
    /// Follow what happens to all accounts.
    Events,
    /// Act for users.
    ActAs,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Admin,
        Self::Directory,
        Self::Config,
        Self::Ingest,
        Self::Events,
        Self::ActAs,
    ];

    /// As credentials name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Directory => "directory",
            Self::Config => "config",
            Self::Ingest => "ingest",
            Self::Events => "events",
            Self::ActAs => "act-as",
        }
    }
}

/// A verified call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The tenant that it is about.
    pub tenant: TenantName,
    /// The service that calls.
    pub caller: CallerId,
    /// What that service may do.
    pub scopes: Vec<Scope>,
    /// The user that it acts for.
    pub actor: Option<UserId>,
    /// Until when the caller waits.
    pub deadline: Deadline,
}

impl Call {
    /// Whether the service has the scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the service, acting for nobody, decides as a CRM admin would.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.actor.is_none() && (self.has(Scope::Admin) || self.has(Scope::Config))
    }
}
