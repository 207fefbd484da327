//! Counts the deals of accounts again, from all activities that were told of them: a batch of the job.
//!
//! Statement budget per batch: 1 read each of activities, objects, deals and, where it is not known what the actor of an
//! activity was to the account, teams; for each source that told of objects nobody knows of 1 read; for each source whose
//! objects change 1 write of those that are there and 1 of those that are not; then the writes of `store::apply`.
//! What activities change meanwhile raises the version of the account, which the batch compares.

use super::App;
use crate::{
    domain::{
        activity::{recount::recount as recounted, rules::Standing, takes},
        change::Change,
        circulation::{Scene, Subject},
        ids::{AccountId, CallerId},
        job::{Job, JobState},
        object::{BusinessObject, Claimed, Mark, ObjectKey, recount},
        refusal::Reason,
    },
    store::{
        Abort, Tx,
        activity::{self as rows, StoredActivity},
        activity_object as objects, apply,
        config::By,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Objects = BTreeMap<(CallerId, ObjectKey), BusinessObject>;

/// What the activities say of deals, by the present rules.
async fn claimed(
    tx: &Tx,
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    accounts: &[AccountId],
) -> Result<Vec<Claimed>, Abort> {
    let rules = &scene.org.activity_rules;
    let speaking: Vec<_> = rules.all_now().filter(|kind| kind.meaning.deal.is_some()).collect();
    let kinds: Vec<_> = speaking.iter().map(|kind| kind.traits.name.as_str()).collect();
    let told = rows::of_kinds(tx, scene.org.key, accounts, &kinds).await?;
    let unknown = |row: &&StoredActivity| row.standing.is_none() && row.activity.actor.is_some();
    let asked: BTreeSet<_> = told.iter().filter(unknown).map(|row| row.activity.account).collect();
    let asked: Vec<_> = asked.into_iter().collect();
    let members = rows::members(tx, scene.org.key, &asked).await?;
    let claimed = told.into_iter().filter_map(|row| {
        let activity = row.activity;
        let account = &subjects.get(&activity.account)?.account;
        // What was not looked up when it was told is judged by how the account is now.
        let standing = row.standing.unwrap_or_else(|| {
            let actor = activity.actor.as_ref();
            let known = |user: &_| {
                account.last_owner.as_ref() == Some(user) || members.contains(&(account.id, Clone::clone(user)))
            };
            Standing::of(account, actor, known)
        });
        let deal = rules.counted(&activity.kind, standing).deal?;
        Some((
            row.source,
            activity.object()?,
            activity.account,
            Mark::of(&activity),
            deal,
        ))
    });
    Ok(claimed.collect())
}

/// Takes out what is told of objects that turn out to belong to another account.
async fn keep_own(tx: &Tx, scene: &Scene<'_>, known: &Objects, told: &mut Vec<Claimed>) -> Result<(), Abort> {
    let mut missing: BTreeMap<CallerId, BTreeSet<ObjectKey>> = BTreeMap::new();
    for (source, key, ..) in told.iter() {
        if !known.contains_key(&(source.clone(), key.clone())) {
            missing.entry(source.clone()).or_default().insert(key.clone());
        }
    }
    let mut others = BTreeSet::new();
    for (source, keys) in missing {
        let keys: Vec<_> = keys.into_iter().collect();
        let found = objects::objects(tx, scene.org.key, &source, &keys).await?;
        others.extend(found.into_keys().map(|key| (source.clone(), key)));
    }
    told.retain(|(source, key, account, ..)| {
        let at = (source.clone(), key.clone());
        !others.contains(&at) && known.get(&at).is_none_or(|object| object.account == *account)
    });
    Ok(())
}

impl App {
    /// One batch of the job.
    pub(super) async fn recompute_deals(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        subjects: &HashMap<AccountId, Subject>,
        mut job: Job,
        page: &[AccountId],
    ) -> Result<Job, Abort> {
        if !scene.principal.crm_admin {
            job.state = JobState::Failed;
            Reason::NotAuthorized.as_str().clone_into(&mut job.reason);
            "whoever started the job is no CRM admin any more".clone_into(&mut job.message);
            return Ok(job);
        }
        let live = |id: &&AccountId| subjects.get(id).is_some_and(|subject| takes(&subject.account));
        let accounts: Vec<AccountId> = page.iter().filter(live).copied().collect();
        if accounts.is_empty() {
            return Ok(job);
        }
        let mut told = claimed(tx, scene, subjects, &accounts).await?;
        let mut known = objects::of_accounts(tx, scene.org.key, &accounts).await?;
        keep_own(tx, scene, &known, &mut told).await?;
        let there: BTreeSet<_> = known.keys().cloned().collect();
        let changed = recount(&mut known, &told);
        let mut by_source: BTreeMap<&CallerId, (Vec<&BusinessObject>, Vec<&BusinessObject>)> = BTreeMap::new();
        let mut touched = BTreeSet::new();
        for (at, object) in known.iter().filter(|(at, _)| changed.contains(at)) {
            touched.insert(object.account);
            let (stored, new) = by_source.entry(&at.0).or_default();
            let objects = if there.contains(at) { stored } else { new };
            objects.push(object);
        }
        for (source, (stored, new)) in by_source {
            objects::put(tx, self.db.engine(), scene.org.key, source, &stored).await?;
            objects::add(tx, scene.org.key, source, &new).await?;
        }
        let deals = objects::deals(tx, scene.org.key, &accounts).await?;
        let changes = accounts.iter().filter_map(|id| {
            let account = &subjects.get(id)?.account;
            recounted(scene, account, *deals.get(id)?, touched.contains(id))
        });
        let changes: Vec<Change> = changes.collect();
        job.moved += i64::try_from(changes.len()).unwrap_or(0);
        let by = By {
            caller: &scene.principal.caller,
            actor: scene.principal.actor.as_ref(),
            now: scene.now,
        };
        apply::apply(tx, scene.org.key, &changes, &HashMap::new(), &by).await?;
        Ok(job)
    }
}
