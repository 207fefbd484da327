//! On whose authority a call is decided: the caller is the service that calls, the actor the user it acts for.

use super::{
    ids::{CallerId, UserId},
    organisation::Organisation,
    pool::Pool,
    refusal::{Reason, Refusal},
};

/// Who wants something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The service that calls.
    pub caller: CallerId,
    /// The user it acts for.
    pub actor: Option<UserId>,
    /// Whether everything within the tenant is allowed: an actor with the role, or an administrating service that acts
    /// for nobody.
    pub crm_admin: bool,
}

impl Principal {
    /// The rights of `actor` come from the directory, never from the request.
    pub fn resolve(
        org: &Organisation,
        caller: CallerId,
        actor: Option<UserId>,
        administers: bool,
    ) -> Result<Self, Refusal> {
        let crm_admin = match &actor {
            Some(actor) if !org.directory.is_active(actor) => {
                let message = format!("the actor {actor} is not an active user");
                return Err(Refusal::new(Reason::ActorUnknown, message).with("actor", actor));
            }
            Some(actor) => org.directory.is_crm_admin(actor),
            None => administers,
        };
        Ok(Self {
            caller,
            actor,
            crm_admin,
        })
    }

    /// Lets CRM admins through.
    pub fn require_crm_admin(&self) -> Result<(), Refusal> {
        if self.crm_admin {
            return Ok(());
        }
        Err(Refusal::new(Reason::NotAuthorized, "only CRM admins may do this"))
    }

    /// Whether the pool exists as far as this principal may know.
    #[must_use]
    pub fn sees_pool(&self, org: &Organisation, pool: &Pool) -> bool {
        self.crm_admin
            || self
                .actor
                .as_ref()
                .is_some_and(|actor| pool.is_member(&org.directory, actor) || pool.is_admin(&org.directory, actor))
    }

    /// Whether this principal administers the pool.
    #[must_use]
    pub fn administers(&self, org: &Organisation, pool: &Pool) -> bool {
        self.crm_admin
            || self
                .actor
                .as_ref()
                .is_some_and(|actor| pool.is_admin(&org.directory, actor))
    }
}
