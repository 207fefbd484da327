//! The objects that activities are about are brought up to date: the second part of recording activities.

use crate::{
    domain::{
        activity::{
            Activity, Heard, Objects, Reversal,
            rules::{Actors, Deal, Standing},
            takes,
        },
        circulation::{Scene, Subject},
        exception::dispute::{asks_of_reversals, by_last_owner},
        ids::{AccountId, EventId, ObjectId},
        object::{BusinessObject, Mark, ObjectKey},
    },
    store::{
        Abort, Tx,
        activity::{self as rows, StoredActivity},
        activity_object as objects,
        dialect::Engine,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Objects that there are, of one source.
pub(super) type KnownObjects = HashMap<ObjectKey, BusinessObject>;

/// What became of the objects of each account that activities tell of.
pub(super) type ByAccount = HashMap<AccountId, Objects>;

/// Who somebody is to the account, where anything hangs on it.
pub(super) type Standings = HashMap<EventId, Standing>;

/// Who the actors are. Teams are read where it matters, now or when deals are counted again, if somebody is in one.
pub(super) async fn standings(
    tx: &Tx,
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    activities: &[&Activity],
) -> Result<(Standings, BTreeSet<EventId>), Abort> {
    let rules = &scene.org.activity_rules;
    let mut asked = BTreeSet::new();
    let mut standings = HashMap::with_capacity(activities.len());
    let mut looked_up = BTreeSet::new();
    for activity in activities {
        let Some(subject) = subjects.get(&activity.account) else {
            continue;
        };
        let mut standing = Standing::of(&subject.account, activity.actor.as_ref(), |_| false);
        if by_last_owner(&subject.account, activity) {
            standing = Standing::Owner;
        }
        let named = rules.config().follow_ups_by == Actors::Team && scene.org.retention.names(&activity.kind);
        if named || rules.looks_at_team(&activity.kind) {
            looked_up.insert(activity.event_id.clone());
            if standing == Standing::Other {
                asked.insert(activity.account);
            }
        }
        standings.insert(activity.event_id.clone(), standing);
    }
    let asked: Vec<_> = asked.into_iter().collect();
    let members = rows::members(tx, scene.org.key, &asked).await?;
    for activity in activities {
        let member = activity.actor.clone().map(|actor| (activity.account, actor));
        let standing = standings.get_mut(&activity.event_id);
        if let Some(standing) = standing.filter(|standing| **standing == Standing::Other)
            && member.is_some_and(|member| members.contains(&member))
        {
            *standing = Standing::Member;
        }
    }
    Ok((standings, looked_up))
}

/// The objects that these activities are about, as far as there are such, of accounts that take activities.
pub(super) async fn known_objects<'a>(
    tx: &Tx,
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    activities: impl Iterator<Item = &'a Activity>,
) -> Result<KnownObjects, Abort> {
    let keys: BTreeSet<ObjectKey> = activities.filter_map(|activity| about(subjects, activity)).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    Ok(objects::objects(tx, scene.org.key, &scene.principal.caller, &keys).await?)
}

/// The object that an activity is about, if its account takes it.
fn about(subjects: &HashMap<AccountId, Subject>, activity: &Activity) -> Option<ObjectKey> {
    let subject = subjects.get(&activity.account)?;
    activity.object().filter(|_| takes(&subject.account))
}

/// Objects after activities.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// What became of those of each account.
    pub(super) by_account: ByAccount,
    /// Those that were there and changed.
    stored: Vec<BusinessObject>,
    /// Those that are new.
    new: Vec<BusinessObject>,
}

impl Merged {
    /// Brings the objects up to date, and says what became of each account's. Nothing is written yet: accounts are first.
    pub(super) async fn of(
        tx: &Tx,
        scene: &Scene<'_>,
        subjects: &HashMap<AccountId, Subject>,
        known: &KnownObjects,
        heard: &[Heard<'_>],
    ) -> Result<Self, Abort> {
        let (tenant, source) = (scene.org.key, &scene.principal.caller);
        let mut objects: BTreeMap<ObjectKey, BusinessObject> = BTreeMap::new();
        let mut merged = Self::default();
        let (mut changed, mut dealing, mut counted) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for heard in heard {
            let (activity, Some(key)) = (heard.activity, about(subjects, heard.activity)) else {
                continue;
            };
            let account = activity.account;
            let object = objects.entry(key.clone()).or_insert_with(|| {
                let known = known.get(&key).cloned();
                known.unwrap_or_else(|| BusinessObject::new(key.clone(), account))
            });
            let touched = object.merge(activity, heard.meaning);
            if touched.deals {
                dealing.insert(account);
                counted.insert(key.clone());
            }
            if touched.any {
                changed.insert(key);
                merged.by_account.entry(account).or_default().changed = true;
            }
        }
        let dealing: Vec<_> = dealing.into_iter().collect();
        let beside: Vec<_> = counted.iter().filter_map(|key| objects.get(key)).collect();
        for (account, deals) in objects::deals(tx, tenant, &dealing, (source, &beside)).await? {
            merged.by_account.entry(account).or_default().deals = Some(deals);
        }
        for (account, reversals) in reversals(tx, scene, subjects, heard).await? {
            merged.by_account.entry(account).or_default().reversals = reversals;
        }
        objects.retain(|key, _| changed.contains(key));
        let (stored, new): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(key, _)| known.contains_key(key));
        merged.stored = stored.into_iter().map(|(_, object)| object).collect();
        merged.new = new.into_iter().map(|(_, object)| object).collect();
        Ok(merged)
    }

    /// Writes them, after the accounts.
    pub(super) async fn write(&self, tx: &Tx, engine: Engine, scene: &Scene<'_>) -> Result<(), Abort> {
        let (tenant, source) = (scene.org.key, &scene.principal.caller);
        objects::put(tx, engine, tenant, source, &self.stored.iter().collect::<Vec<_>>()).await?;
        objects::add(tx, tenant, source, &self.new.iter().collect::<Vec<_>>()).await
    }
}

/// Which deals were known to be taken back, of those that activities of the time before a reclaim close: the few accounts
/// that this is about are read one by one.
async fn reversals(
    tx: &Tx,
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    heard: &[Heard<'_>],
) -> Result<HashMap<AccountId, Vec<Reversal>>, Abort> {
    let rules = &scene.org.activity_rules;
    let mut closed: BTreeMap<AccountId, BTreeSet<&ObjectId>> = BTreeMap::new();
    for heard in heard {
        let account = heard.activity.account;
        let asks = subjects
            .get(&account)
            .is_some_and(|subject| asks_of_reversals(&subject.account, heard));
        if let Some(object) = heard.activity.object_id.as_ref().filter(|_| asks) {
            closed.entry(account).or_default().insert(object);
        }
    }
    let mut found = HashMap::new();
    if closed.is_empty() {
        return Ok(found);
    }
    let reversing = rules.all_now().filter(|kind| kind.meaning.deal == Some(Deal::Reversed));
    let kinds: Vec<_> = reversing.map(|kind| kind.traits.name).collect();
    for (account, objects) in closed {
        let objects: Vec<_> = objects.into_iter().collect();
        let told = rows::about(tx, scene.org.key, &scene.principal.caller, account, &objects, &kinds).await?;
        let counts = |row: &StoredActivity| {
            let standing = row.standing.unwrap_or(Standing::Nobody);
            rules.counted(&row.activity.kind, standing).deal == Some(Deal::Reversed)
        };
        let told = told.iter().filter(|row| counts(row)).map(|row| &row.activity);
        let reversals = told.filter_map(|activity| Some((activity.object()?, Mark::of(activity))));
        found.insert(account, reversals.collect());
    }
    Ok(found)
}
