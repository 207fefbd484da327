//! A new account: who may create it, for whom, where; what makes it a duplicate.

use super::{
    account::{Account, EntryCause, Extras, StartCause, Status},
    change::{Change, Effects, Event, EventKind, TenureStart},
    circulation::{Acquisition, Scene},
    custom_values::{self, Given},
    ids::{AccountId, PoolId, UserId},
    limits::{How, Room},
    pool::{Pool, PoolState},
    principal::Principal,
    profile,
    refusal::{Reason, Refusal, Violations},
    retention_plan,
    tenant::CreatePermission,
};
use crate::domain::error::Error;

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAccount {
    /// What is known of it.
    pub profile: super::account::Profile,
    /// Tags, and custom fields that come from another account.
    pub extras: Extras,
    /// Custom fields that the request names.
    pub given: Given,
    /// The pool that it belongs to.
    pub pool: Option<PoolId>,
    /// Who owns it.
    pub owner: Option<UserId>,
    /// Where the request has the fields; empty where it has them itself.
    pub at: String,
}

impl NewAccount {
    /// Who will own it: whoever was named; otherwise nobody if it goes into a pool, and the actor if not.
    #[must_use]
    pub fn owner<'a>(&'a self, principal: &'a Principal) -> Option<&'a UserId> {
        self.owner
            .as_ref()
            .or_else(|| principal.actor.as_ref().filter(|_| self.pool.is_none()))
    }

    /// Who gains by the creation.
    #[must_use]
    pub fn acquisition(&self, principal: &Principal) -> Option<Acquisition> {
        let to = super::limits::Held {
            pool: self.pool,
            won: false,
        };
        Some(Acquisition {
            user: self.owner(principal)?.clone(),
            from: None,
            to,
            how: How::Given,
        })
    }
}

/// An account that is there and has the name or the external id of a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Which account.
    pub account: AccountId,
    /// Where it is in its life.
    pub status: Status,
    /// The pool that it belongs to.
    pub pool: Option<PoolId>,
    /// Who owns it.
    pub owner: Option<UserId>,
}

/// What stands in a new account's way by being there already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twins {
    /// Has the same name.
    pub name: Option<Taken>,
    /// Has the same external id.
    pub external_id: Option<Taken>,
}

impl Twins {
    /// Says where they lie, as far as the principal may know; nothing of what is in them.
    #[must_use]
    pub fn refusals(&self, scene: &Scene<'_>) -> Vec<Refusal> {
        let name = self
            .name
            .as_ref()
            .map(|taken| duplicate(scene, taken, Reason::DuplicateExact));
        let id = self.external_id.as_ref();
        let id = id.map(|taken| duplicate(scene, taken, Reason::ExternalIdTaken));
        name.into_iter().chain(id).collect()
    }
}

/// Decides the creation of one account under the id that it would get.
pub fn decide(
    scene: &Scene<'_>,
    new: &NewAccount,
    id: AccountId,
    twins: &Twins,
    room: Option<&mut Room>,
) -> Result<Change, Error> {
    let extras = check(scene, new)?;
    let principal = scene.principal;
    let pool = new.pool.map(|id| find_pool(scene, id)).transpose()?;
    let owner = new.owner(principal);
    if pool.is_none() && owner.is_none() {
        let message = "an account outside pools has an owner; name one, or a pool, or say for whom the call is made";
        return Err(Error::refused(Reason::ActorRequired, message));
    }
    if !may_create(scene, pool, owner) {
        let message = "creating this account is not open to the actor: see the tenant's create_permission, the pool's \
                       members_may_add, and who may create for others";
        return Err(Error::refused(Reason::NotAuthorized, message));
    }
    let mut refusals = twins.refusals(scene);
    if pool.is_some_and(|pool| pool.state == PoolState::Disabled) {
        refusals.push(Refusal::new(Reason::PoolDisabled, "the pool is out of use"));
    }
    if let Some(owner) = owner {
        if !scene.org.directory.is_active(owner) {
            let message = format!("{owner} is not an active user");
            refusals.push(Refusal::new(Reason::AssigneeInactive, message).with("assignee", owner));
        } else if pool.is_some_and(|pool| !pool.can_hold(&scene.org.directory, owner)) {
            let message = format!("{owner} is not a member of the pool");
            refusals.push(Refusal::new(Reason::AssigneeNotMember, message).with("assignee", owner));
        }
    }
    let gain = new.acquisition(principal).zip(room);
    if let Some((gain, room)) = &gain {
        refusals.extend(gain.check(room));
    }
    if !refusals.is_empty() {
        return Err(Error::Refused(refusals));
    }
    if let Some((gain, room)) = gain {
        gain.take(room);
    }
    Ok(create(scene, new, extras, id, owner))
}

/// The tags and custom fields, if they and the profile are as they can be.
fn check(scene: &Scene<'_>, new: &NewAccount) -> Result<Extras, Error> {
    let mut violations = Violations::default();
    let v = &mut violations;
    profile::validate(v, &new.profile, &new.extras.tags);
    let mut extras = new.extras.clone();
    extras.tags.sort();
    extras.fields.extend(custom_values::resolve(
        v,
        scene.org,
        new.given.iter().enumerate(),
        &extras.fields,
    ));
    custom_values::require(v, scene.org, &extras.fields);
    match violations {
        none if none.is_empty() => Ok(extras),
        some if new.at.is_empty() => Err(some.into()),
        some => Err(some.within(&new.at).into()),
    }
}

fn find_pool<'a>(scene: &Scene<'a>, id: PoolId) -> Result<&'a Pool, Error> {
    let pool = scene
        .org
        .pool(id)
        .filter(|pool| scene.principal.sees_pool(scene.org, pool));
    pool.ok_or_else(|| Error::not_found("pool", id))
}

fn may_create(scene: &Scene<'_>, pool: Option<&Pool>, owner: Option<&UserId>) -> bool {
    let Scene { org, principal, .. } = scene;
    if principal.crm_admin {
        return true;
    }
    let Some(actor) = &principal.actor else { return false };
    let into_pool = pool.is_none_or(|pool| principal.administers(org, pool) || pool.config.members_may_add);
    let for_owner = owner.is_none_or(|owner| {
        org.tenant.settings.create_permission == CreatePermission::AnyUser
            && (owner == actor || org.directory.supervises(actor, owner))
    });
    into_pool && for_owner
}

fn duplicate(scene: &Scene<'_>, taken: &Taken, reason: Reason) -> Refusal {
    let Scene { org, principal, .. } = scene;
    let what = if reason == Reason::ExternalIdTaken {
        "external id"
    } else {
        "name"
    };
    let pool = taken
        .pool
        .and_then(|id| org.pool(id))
        .filter(|pool| principal.sees_pool(org, pool));
    let own = |actor: &UserId, owner: &UserId| actor == owner || org.directory.supervises(actor, owner);
    let full = principal.crm_admin
        || pool.is_some_and(|pool| principal.administers(org, pool))
        || principal
            .actor
            .as_ref()
            .zip(taken.owner.as_ref())
            .is_some_and(|(actor, owner)| own(actor, owner));
    let hides = |pool: &Pool| pool.config.hidden_fields.iter().any(|field| field == "external_id");
    if reason == Reason::ExternalIdTaken && !full && pool.is_none_or(hides) {
        // Which account it is would tell the id of one that the principal may see without it.
        return Refusal::new(reason, "an account of this external id is there already");
    }
    let gone = matches!(taken.status, Status::Canceled | Status::Merged);
    let place = match taken.status {
        Status::Canceled => "among the canceled ones",
        Status::Assigned | Status::Unactivated | Status::Reporting => "and has an owner",
        _ if pool.is_some() => "and waits in a pool for an owner: claim it or have it assigned",
        _ => "and has no owner",
    };
    let message = format!("an account of this {what} is there already, {place}");
    let mut refusal = Refusal::new(reason, message).with("status", taken.status.as_str());
    // Where it is and which one it is, for those who could come upon it there.
    if let Some(pool) = pool.filter(|_| !gone || principal.crm_admin) {
        refusal = refusal.with("pool_id", pool.id);
    }
    let known = principal.crm_admin || !gone && (full || pool.is_some_and(Pool::shows_unclaimed));
    if known {
        refusal.with("account_id", taken.account)
    } else {
        refusal
    }
}

fn create(scene: &Scene<'_>, new: &NewAccount, extras: Extras, id: AccountId, owner: Option<&UserId>) -> Change {
    let mut after = Account::new(id, new.profile.clone(), scene.principal.actor.clone(), scene.now);
    after.version = 1;
    after.pool_id = new.pool;
    after.extras = extras.clone();
    after.clock = retention_plan::stopped(scene.org);
    if let Some(owner) = owner {
        after.owner = Some(owner.clone());
        after.owner_since = Some(scene.now);
        after.status = Status::Assigned;
        retention_plan::plan(scene.org, &mut after);
    } else {
        after.pool_entry_time = Some(scene.now);
        after.pool_entry_cause = Some(EntryCause::Created);
    }
    let kind = EventKind::Created;
    let effects = Effects::between(None, &after);
    Change {
        start: owner.map(|owner| TenureStart {
            user: owner.clone(),
            cause: StartCause::Created,
        }),
        extras: Some(extras),
        enters: new.pool,
        gains: owner.cloned(),
        ..Change::new(after, Event { kind, effects })
    }
}
