//! Business objects of other services that belong to an account: what is known of them, and who sees which.

pub mod handover;

use super::{
    account::Status,
    activity::Activity,
    circulation::{
        Scene, Subject,
        admit::{allow, own_pool},
        knows, reads,
    },
    directory::Directory,
    error::Error,
    history::AccountEvent,
    ids::{AccountId, CallerId, ObjectId, UserId},
    object::{Described, money::Money},
    pool::RelatedAccess,
    tenant::RelatedVisibility,
};
use chrono::{DateTime, Utc};

/// An object as the latest activity about it left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedObject {
    /// The service that tells of it.
    pub source: CallerId,
    /// What it is.
    pub object_type: String,
    /// Its id within the source.
    pub object_id: ObjectId,
    /// What was done to it last.
    pub action: Option<String>,
    /// What it comes to.
    pub money: Option<Money>,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// When its details were told; its place in lists. The epoch where nobody told any.
    pub detail_time: DateTime<Utc>,
    /// When what is known of it happened.
    pub occur_time: DateTime<Utc>,
    /// Whether its service keeps it as it is.
    pub locked: bool,
    /// Whether it is in a workflow.
    pub in_workflow: bool,
    /// Whether it is a closed deal.
    pub closed: bool,
}

/// Which objects of an account somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of them.
    All,
    /// His own, those of people below him, and those whose service names him.
    Of(UserId),
}

impl Sight {
    /// Whether objects of this owner are seen for whose they are.
    #[must_use]
    pub fn by_owner(&self, directory: &Directory, owner: Option<&UserId>) -> bool {
        match self {
            Self::All => true,
            Self::Of(viewer) => owner.is_some_and(|owner| owner == viewer || directory.supervises(viewer, owner)),
        }
    }
}

/// Takes out of an activity everything that it tells of its object, and which one that is, for those who do not see the
/// object: what is left is what was done, when and by whom.
pub fn keep_from(activity: &mut Activity) {
    activity.object_id = None;
    activity.summary.clear();
    activity.contract_end = None;
    activity.described = Described::default();
}

/// Takes out of what is told of an account the objects that the principal saw neither before nor after they changed owner.
pub fn keep_seen(scene: &Scene<'_>, event: &mut AccountEvent) {
    let open = scene.org.tenant.settings.related_object_visibility == RelatedVisibility::AccountReaders;
    let Some(actor) = scene
        .principal
        .actor
        .as_ref()
        .filter(|_| !scene.principal.crm_admin && !open)
    else {
        return;
    };
    let (sight, directory) = (Sight::Of(actor.clone()), &scene.org.directory);
    let sees = |owner: &str| UserId::parse(owner).is_ok_and(|owner| sight.by_owner(directory, Some(&owner)));
    let effects = &mut event.effects;
    effects.related.retain(|object| sees(&object.old) || sees(&object.new));
    let owner = effects.owner.as_ref().and_then(|(_, after)| after.as_ref());
    if !owner.is_some_and(|owner| sees(owner)) {
        effects.contacts_left_behind = 0;
    }
}

/// Which objects of the account the principal sees, if he may look at them at all.
///
/// A pool that shows what hangs on its unclaimed accounts shows all of it, to its members as to those who read the account:
/// nobody owns the account, so no owner would be left to see anything by.
pub fn sight(scene: &Scene<'_>, subject: Option<&Subject>, id: AccountId) -> Result<Sight, Error> {
    let unknown = || Error::not_found("account", id);
    let subject = subject.ok_or_else(unknown)?;
    let waits = subject.account.status == Status::Unassigned;
    let pool = own_pool(scene, &subject.account);
    let shown = waits && pool.is_some_and(|pool| pool.config.unclaimed_related_access >= RelatedAccess::View);
    if !reads(scene, subject) {
        if !waits || !knows(scene, subject) {
            return Err(unknown());
        }
        allow(shown, "those who read all of the account")?;
    }
    let open = scene.org.tenant.settings.related_object_visibility == RelatedVisibility::AccountReaders;
    match &scene.principal.actor {
        Some(actor) if !(scene.principal.crm_admin || shown || open) => Ok(Sight::Of(actor.clone())),
        _ => Ok(Sight::All),
    }
}

#[cfg(test)]
mod tests;
