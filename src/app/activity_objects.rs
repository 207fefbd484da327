//! The objects that activities are about are brought up to date: the second part of recording activities.

use super::{App, activity::Outcomes, activity::Told};
use crate::{
    domain::{
        activity::{
            Activity, Heard, Objects,
            rules::{Actors, Standing},
            takes,
        },
        circulation::{Scene, Subject},
        error::Error,
        exception::dispute::by_last_owner,
        ids::{AccountId, EventId},
        object::{BusinessObject, ObjectKey},
        refusal::Reason,
    },
    store::{Abort, Tx, activity as rows, activity_object as objects},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// Refuses activities about an object that belongs to another account.
fn refuse(refused: &BTreeSet<EventId>, outcomes: &mut Outcomes, told: &[Told]) {
    for (outcome, told) in outcomes.iter_mut().zip(told) {
        if told.as_ref().is_ok_and(|activity| refused.contains(&activity.event_id)) {
            let message = "the business object belongs to another account";
            *outcome = Err(Error::refused(Reason::ObjectOfOtherAccount, message));
        }
    }
}

impl App {
    /// Writes the objects, takes out of `heard` what is refused, and says what became of each account's.
    pub(super) async fn put_objects<'a>(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        subjects: &HashMap<AccountId, Subject>,
        heard: &mut Vec<Heard<'a>>,
        (outcomes, told): (&mut Outcomes, &'a [Told]),
    ) -> Result<ByAccount, Abort> {
        let (tenant, source) = (scene.org.key, &scene.principal.caller);
        let about = |heard: &Heard<'a>| {
            let subject = subjects.get(&heard.activity.account)?;
            heard.activity.object().filter(|_| takes(&subject.account))
        };
        let keys: BTreeSet<ObjectKey> = heard.iter().filter_map(about).collect();
        if keys.is_empty() {
            return Ok(ByAccount::new());
        }
        let keys: Vec<_> = keys.into_iter().collect();
        let mut known = objects::objects(tx, tenant, source, &keys).await?;
        let mut new: BTreeMap<ObjectKey, BusinessObject> = BTreeMap::new();
        let (mut changed, mut refused) = (BTreeSet::new(), BTreeSet::new());
        let mut by_account = ByAccount::new();
        let mut dealing = BTreeSet::new();
        for heard in heard.iter() {
            let (activity, Some(key)) = (heard.activity, about(heard)) else {
                continue;
            };
            let account = activity.account;
            let object = match known.get_mut(&key) {
                Some(object) => object,
                None => new
                    .entry(key.clone())
                    .or_insert_with(|| BusinessObject::new(key.clone(), account)),
            };
            if object.account != account {
                refused.insert(activity.event_id.clone());
                continue;
            }
            let touched = object.merge(activity, heard.meaning);
            if touched.any {
                changed.insert(key);
                by_account.entry(account).or_default().changed = true;
            }
            if touched.deals {
                dealing.insert(account);
            }
        }
        heard.retain(|heard| !refused.contains(&heard.activity.event_id));
        refuse(&refused, outcomes, told);
        let mut stored: Vec<_> = known.values().filter(|object| changed.contains(&object.key)).collect();
        stored.sort_by(|a, b| a.key.cmp(&b.key));
        objects::put(tx, self.db.engine(), tenant, source, &stored).await?;
        objects::add(tx, tenant, source, &new.values().collect::<Vec<_>>()).await?;
        let dealing: Vec<_> = dealing.into_iter().collect();
        for (account, deals) in objects::deals(tx, tenant, &dealing).await? {
            by_account.entry(account).or_default().deals = Some(deals);
        }
        Ok(by_account)
    }
}
