//! What people know of an account is changed: who may, in which state, and what has to stay.

use super::{
    account::{Extras, Profile, Status},
    activity::{self, rules::Standing},
    change::{Change, Effects, Event, EventKind},
    circulation::{Decision, Obstacles, Scene, Subject, allow, is_owner, is_supervisor, known, successor},
    creation::Twins,
    custom_values::{self, Given, Values},
    ids::{AccountId, ExternalId},
    organisation::Organisation,
    patch::{self, diff, merge},
    profile,
    refusal::{Reason, Refusal, Violations},
    retention_plan,
    sweep::notice,
    text::name_key,
};
use crate::domain::{account::TeamAccess, error::Error};

const TAGS: &str = "tags";
const CUSTOM_FIELDS: &str = "custom_fields";

/// Where those who are no CRM admins edit.
const EDITABLE: &[Status] = &[Status::Unactivated, Status::Reporting, Status::Assigned];

/// An edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// Of which account.
    pub account: AccountId,
    /// The state that the caller saw.
    pub etag: Option<i64>,
    /// The new values.
    pub profile: Profile,
    /// The new tags.
    pub tags: Vec<String>,
    /// The new custom fields.
    pub given: Given,
    /// Which of them to take.
    pub paths: Vec<String>,
    /// Whether a CRM admin means to change the name although it is locked.
    pub override_name_lock: bool,
}

impl Edit {
    fn names(&self, field: &str) -> bool {
        self.paths.iter().any(|path| path == field || path == patch::ALL)
    }

    /// The custom field that the path is about.
    fn custom(path: &str) -> Option<&str> {
        path.strip_prefix(CUSTOM_FIELDS)?.strip_prefix('.')
    }

    fn merged(&self, current: &Profile) -> Result<Profile, Vec<String>> {
        let other = |path: &&String| *path == TAGS || *path == CUSTOM_FIELDS || Self::custom(path).is_some();
        let paths: Vec<_> = self.paths.iter().filter(|path| !other(path)).cloned().collect();
        merge(current, &self.profile, &paths)
    }

    /// Refuses what is wrong with it whatever the account is.
    pub fn check(&self, org: &Organisation) -> Result<(), Error> {
        let mut mask = Violations::default();
        for path in self.merged(&self.profile).err().unwrap_or_default() {
            let message = format!("{path:?} is no field that can be updated");
            mask.add_as(Reason::FieldNotUpdatable, "update_mask", message);
        }
        for name in self.paths.iter().filter_map(|path| Self::custom(path)) {
            if custom_values::find(org, name).is_none() {
                mask.add(
                    "update_mask",
                    format!("{name:?} is not the name of a custom field in use"),
                );
            }
        }
        let mut fields = Violations::default();
        profile::validate(&mut fields, &self.profile, &self.tags);
        let fields = fields.within("account").into_vec().into_iter();
        let named = fields.filter(|violation| {
            let field = violation.field.split(['.', '[']).nth(1);
            field.is_some_and(|field| self.names(field))
        });
        let all: Vec<_> = mask.into_vec().into_iter().chain(named).collect();
        if all.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(all))
        }
    }

    /// The name key and the external id that the account would get and does not have.
    #[must_use]
    pub fn takes(&self, current: &Profile) -> (Option<String>, Option<ExternalId>) {
        let key = name_key(&self.profile.name);
        let key = Some(key).filter(|key| self.names("name") && *key != name_key(&current.name));
        let id = self.profile.external_id.clone();
        let id = id.filter(|id| self.names("external_id") && current.external_id.as_ref() != Some(id));
        (key, id)
    }

    fn values(&self, v: &mut Violations, org: &Organisation, has: &Values) -> Values {
        let all = self.names(CUSTOM_FIELDS);
        let named = |name: &str| all || self.paths.iter().any(|path| Self::custom(path) == Some(name));
        let mut values = has.clone();
        for field in custom_values::enabled(org).filter(|field| named(&field.config.name)) {
            values.remove(&field.id);
        }
        if all || self.paths.iter().any(|path| Self::custom(path).is_some()) {
            let given = self.given.iter().enumerate().filter(|(_, (name, _))| named(name));
            values.extend(custom_values::resolve(v, org, given, has));
            custom_values::require(v, org, &values);
        }
        values
    }
}

/// Decides the edit, and says what tags and custom fields are afterwards.
pub fn decide(
    scene: &Scene<'_>,
    subject: Option<&Subject>,
    has: &Extras,
    edit: &Edit,
    twins: &Twins,
) -> Result<(Decision, Extras), Error> {
    let subject = known(scene, subject, edit.account)?;
    let before = &subject.account;
    let who = "the owner, members of the related team who may write, the supervisors of both, and CRM admins";
    allow(may_edit(scene, subject), who)?;

    let mut violations = Violations::default();
    let profile = edit.merged(&before.profile).map_err(|_| Error::internal())?;
    let mut extras = Extras {
        tags: if edit.names(TAGS) {
            edit.tags.clone()
        } else {
            has.tags.clone()
        },
        fields: edit.values(&mut violations, scene.org, &has.fields),
    };
    extras.tags.sort();
    if !violations.is_empty() {
        return Err(violations.within("account").into());
    }

    let mut obstacles = Obstacles::new(before, edit.etag);
    if !scene.principal.crm_admin {
        obstacles.status(before, EDITABLE);
    }
    let locked = profile.name != before.profile.name && !scene.org.tenant.settings.users_may_edit_names;
    if locked && !(scene.principal.crm_admin && edit.override_name_lock) {
        obstacles.add(name_locked(scene));
    }
    obstacles.extend(twins.refusals(scene));
    obstacles.clear()?;

    let fields = changed(scene.org, (&before.profile, has), (&profile, &extras));
    if fields.is_empty() {
        return Ok((Decision::Same(Box::new(before.clone())), extras));
    }
    let mut after = successor(scene, before);
    after.profile = profile;
    after.extras = extras.clone();
    let now = after.update_time;
    let standing = Standing::of(before, scene.principal.actor.as_ref(), |_| subject.team.is_some());
    activity::note_edit(scene.org, &mut after, standing);
    let noticed = retention_plan::replan(scene.org, &mut after, now);
    let kind = EventKind::Updated;
    let effects = Effects {
        fields,
        name_lock_overridden: locked,
        reminder: noticed.then(|| notice(scene.org, &after)),
        ..Effects::between(Some(before), &after)
    };
    let change = Change {
        extras: (extras != *has).then(|| extras.clone()),
        ..Change::of(before, after, Event { kind, effects })
    };
    Ok((Decision::Change(Box::new(change)), extras))
}

fn may_edit(scene: &Scene<'_>, subject: &Subject) -> bool {
    scene.principal.crm_admin
        || is_owner(scene, &subject.account)
        || is_supervisor(scene, &subject.account)
        || subject.team == Some(TeamAccess::ReadWrite)
}

fn name_locked(scene: &Scene<'_>) -> Refusal {
    let message = if scene.principal.crm_admin {
        "the tenant does not let users edit names; a CRM admin can with override_name_lock"
    } else {
        "the tenant does not let users edit names; a CRM admin can"
    };
    Refusal::new(Reason::NameChangeForbidden, message)
}

/// The names of the fields that differ.
pub(super) fn changed(org: &Organisation, before: (&Profile, &Extras), after: (&Profile, &Extras)) -> Vec<String> {
    let mut fields: Vec<_> = diff(Some(before.0), Some(after.0)).into_keys().collect();
    if before.1.tags != after.1.tags {
        fields.push(TAGS.to_owned());
    }
    let (had, has) = (&before.1.fields, &after.1.fields);
    let custom = custom_values::enabled(org).filter(|field| had.get(&field.id) != has.get(&field.id));
    fields.extend(custom.map(|field| format!("{CUSTOM_FIELDS}.{}", field.config.name)));
    fields
}
