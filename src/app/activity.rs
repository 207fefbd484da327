//! Activities come in, and timelines are read.
//!
//! Statement budget for n activities, `k = ceil(n / 128)`: k reads of revisions and accounts, k of known events; where
//! deals or contracts are told of, 1 read each per 128 of objects and teams, 1 write of objects and 1 read of deals; then the writes
//! of `store::apply` for the accounts that change, k writes of activities, and one request row.

use super::{
    App,
    account::view,
    call::Call,
    flow::{self, Once, Reply},
    page::{self, List},
};
use crate::{
    domain::{
        activity::{Activity, BusinessObject, ObjectKey, check_time, closes, record, takes},
        circulation::{Scene, Subject, reads},
        error::Error,
        exception::dispute::by_last_owner,
        ids::{AccountId, CallerId, EventId, UserId},
        organisation::Organisation,
        pool::RelatedAccess,
        refusal::{Reason, Refusal, Violations},
    },
    store::{
        Abort, Tx,
        activity::{self as rows, Place, StoredActivity},
        apply,
        config::By,
        instant::micros,
        request, subject, watermark,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// What came of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was new.
    New,
    /// It was told before.
    Duplicate,
}

/// One activity as it came: readable or not.
pub type Told = Result<Activity, Error>;

/// What came of each.
pub type Outcomes = Vec<Result<Recorded, Error>>;

impl App {
    /// Records activities of the calling service.
    pub async fn record_activities(
        &self,
        call: &Call,
        once: &Once<'_, Outcomes>,
        told: &[Told],
    ) -> Result<Reply<Outcomes>, Error> {
        // Event ids make running it again safe, with or without a request id.
        let unit = self.db.unit("RecordActivities", call.deadline).replayable(true);
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.record_once(tx, &org, call, once, told).await))
                .await
        })
        .await
    }

    async fn record_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        once: &Once<'_, Outcomes>,
        told: &[Told],
    ) -> Result<Reply<Outcomes>, Abort> {
        let ids: BTreeSet<AccountId> = told.iter().flatten().map(|activity| activity.account).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut subjects = HashMap::with_capacity(ids.len());
        // A call without a readable activity still has a request to look for.
        let chunks = if ids.is_empty() {
            vec![&ids[..]]
        } else {
            ids.chunks(subject::CHUNK).collect()
        };
        for chunk in chunks {
            let loaded = subject::load(tx, org, once.key.as_ref(), call.actor.as_ref(), chunk).await?;
            let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
            if let Some(response) = flow::current(org, loaded.revisions, loaded.found)? {
                return Ok(Reply::Replayed(response));
            }
            subjects.extend(loaded.subjects);
        }
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let events: BTreeSet<&EventId> = told.iter().flatten().map(|activity| &activity.event_id).collect();
        let events: Vec<_> = events.into_iter().collect();
        let known = rows::known(tx, org.key, &call.caller, &events).await?;
        let mut batch = Batch {
            known,
            fresh: Vec::new(),
        };
        let mut outcomes: Outcomes = told
            .iter()
            .map(|told| {
                told.as_ref()
                    .map_err(Clone::clone)
                    .and_then(|a| batch.admit(&scene, &subjects, a))
            })
            .collect();
        self.take_effect(tx, &scene, &call.caller, &subjects, &mut batch, &mut outcomes, told)
            .await?;
        self.hear(tx, &scene, &batch).await?;
        if let Some(key) = &once.key {
            request::remember(tx, org.key, key, (once.encode)(&outcomes), scene.now).await?;
        }
        Ok(Reply::Done(outcomes))
    }

    /// A required source tells of what happens in about the order in which it happens: up to its last event it was heard
    /// of. Not up to now, since after an outage it may have a lot to make up for. A user's own activities say nothing of
    /// what other people's events wait somewhere.
    async fn hear(&self, tx: &Tx, scene: &Scene<'_>, batch: &Batch<'_>) -> Result<(), Abort> {
        let source = &scene.principal.caller;
        let required = &scene.org.tenant.settings.required_sources;
        let last = batch.fresh.iter().map(|activity| activity.occur_time).max();
        if let Some(last) = last.filter(|_| scene.principal.actor.is_none() && required.contains(source)) {
            watermark::raise(tx, self.db.engine(), scene.org.key, source, last.min(scene.now)).await?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the second half of one function")]
    async fn take_effect(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        source: &CallerId,
        subjects: &HashMap<AccountId, Subject>,
        batch: &mut Batch<'_>,
        outcomes: &mut Outcomes,
        told: &[Told],
    ) -> Result<(), Abort> {
        let org = scene.org;
        let dealing = self
            .put_objects(tx, scene, source, subjects, batch, outcomes, told)
            .await?;
        let accounts: Vec<_> = dealing.into_iter().collect();
        let deals = rows::deals(tx, org.key, &accounts).await?;
        let mut by_account: BTreeMap<AccountId, Vec<&Activity>> = BTreeMap::new();
        for activity in &batch.fresh {
            by_account.entry(activity.account).or_default().push(activity);
        }
        let changes: Vec<_> = by_account
            .iter()
            .filter_map(|(id, activities)| {
                record(scene, &subjects.get(id)?.account, activities, deals.get(id).copied())
            })
            .collect();
        let by = By {
            caller: source,
            actor: scene.principal.actor.as_ref(),
            now: scene.now,
        };
        apply::apply(tx, org.key, &changes, &HashMap::new(), &by).await?;
        rows::keep(tx, org.key, source, &batch.fresh, scene.now).await
    }

    /// Brings the objects that deals are about up to date; says whose deals have to be counted again.
    #[expect(clippy::too_many_arguments, reason = "the second half of one function")]
    async fn put_objects(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        source: &CallerId,
        subjects: &HashMap<AccountId, Subject>,
        batch: &mut Batch<'_>,
        outcomes: &mut Outcomes,
        told: &[Told],
    ) -> Result<BTreeSet<AccountId>, Abort> {
        let takes = |activity: &Activity| {
            subjects
                .get(&activity.account)
                .is_some_and(|subject| takes(&subject.account))
        };
        let deals: Vec<&Activity> = batch
            .fresh
            .iter()
            .copied()
            .filter(|a| a.tells_state() && takes(a))
            .collect();
        if deals.is_empty() {
            return Ok(BTreeSet::new());
        }
        let key = |activity: &Activity| {
            let object_id = activity.object_id.clone()?;
            Some(ObjectKey {
                object_type: activity.kind.object().to_owned(),
                object_id,
            })
        };
        let keys: BTreeSet<_> = deals.iter().filter_map(|activity| key(activity)).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let mut objects = rows::objects(tx, scene.org.key, source, &keys).await?;
        let with_actor: BTreeSet<_> = deals.iter().filter(|a| a.actor.is_some()).map(|a| a.account).collect();
        let with_actor: Vec<_> = with_actor.into_iter().collect();
        let members: HashSet<(AccountId, UserId)> = rows::members(tx, scene.org.key, &with_actor).await?;
        let mut dealing = BTreeSet::new();
        let mut refused: BTreeSet<&EventId> = BTreeSet::new();
        for activity in deals {
            let Some((key, subject)) = key(activity).zip(subjects.get(&activity.account)) else {
                continue;
            };
            let is_member = |user: &UserId| members.contains(&(activity.account, user.clone()));
            match objects.get_mut(&key) {
                Some(object) if object.account != activity.account => {
                    refused.insert(&activity.event_id);
                }
                // A contract runs whoever tells of it.
                _ if activity.kind.meaning().is_deal()
                    && !closes(&subject.account, activity.actor.as_ref(), is_member)
                    && !by_last_owner(&subject.account, activity) => {}
                Some(object) => {
                    object.merge(activity);
                    dealing.insert(activity.account);
                }
                None => {
                    let object = BusinessObject::first(activity, &key.object_id);
                    objects.insert(key, object);
                    dealing.insert(activity.account);
                }
            }
        }
        batch.fresh.retain(|activity| !refused.contains(&activity.event_id));
        for (outcome, told) in outcomes.iter_mut().zip(told) {
            if told.as_ref().is_ok_and(|activity| refused.contains(&activity.event_id)) {
                let message = "the business object belongs to another account";
                *outcome = Err(Error::refused(Reason::ObjectOfOtherAccount, message));
            }
        }
        let mut changed: Vec<_> = objects
            .values()
            .filter(|object| dealing.contains(&object.account))
            .collect();
        changed.sort_by(|a, b| a.key.cmp(&b.key));
        rows::put_objects(tx, self.db.engine(), scene.org.key, source, &changed).await?;
        Ok(dealing)
    }

    /// The activities of an account, the latest first, and the token of the next page.
    pub async fn list_activities(
        &self,
        call: &Call,
        account: AccountId,
        size: usize,
        token: &str,
    ) -> Result<(Vec<StoredActivity>, String), Error> {
        let list = List::new(call, "ListActivities", &account);
        let after: Option<Place> = self.pages.open(&list, token)?;
        let unit = self.db.unit("ListActivities", call.deadline);
        let rows = self
            .on_snapshot(call, &unit, |org| {
                let after = after.as_ref();
                async move {
                    unit.retry(|| async {
                        let reader = unit.reader().await?;
                        let loaded = subject::load(&reader, &org, None, call.actor.as_ref(), &[account]).await?;
                        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
                        if loaded.revisions != org.revisions {
                            return Err(Abort::Stale);
                        }
                        let mut subjects = loaded.subjects;
                        subject::join_teams(&reader, &org, call.actor.as_ref(), subjects.values_mut()).await?;
                        let principal = Self::principal(&org, call)?;
                        let scene = Scene {
                            org: &org,
                            principal: &principal,
                            now: self.clock.now(),
                        };
                        may_list(&scene, subjects.get(&account), account)?;
                        Ok(rows::timeline(&reader, org.key, account, after, &[], size + 1).await?)
                    })
                    .await
                }
            })
            .await?;
        Ok(page::cut(&self.pages, &list, rows, size, |row| {
            (
                micros(row.activity.occur_time),
                row.source.to_string(),
                row.activity.event_id.to_string(),
            )
        }))
    }
}

fn may_list(scene: &Scene<'_>, subject: Option<&Subject>, account: AccountId) -> Result<(), Error> {
    let seen = subject.filter(|subject| view(scene, subject, crate::domain::account::Extras::default()).is_some());
    let subject = seen.ok_or_else(|| Error::not_found("account", account))?;
    let pool = subject.account.pool_id.and_then(|id| scene.org.pool(id));
    if reads(scene, subject) || pool.is_some_and(|pool| pool.config.unclaimed_related_access >= RelatedAccess::View) {
        return Ok(());
    }
    let message = "members of this pool see activities only of accounts that they own";
    Err(Error::refused(Reason::NotAuthorized, message))
}

/// The activities of a call that are new so far.
struct Batch<'a> {
    known: HashMap<EventId, Vec<u8>>,
    fresh: Vec<&'a Activity>,
}

impl<'a> Batch<'a> {
    fn admit(
        &mut self,
        scene: &Scene<'_>,
        subjects: &HashMap<AccountId, Subject>,
        activity: &'a Activity,
    ) -> Result<Recorded, Error> {
        if let Some(hash) = self.known.get(&activity.event_id) {
            if *hash == activity.payload_hash {
                return Ok(Recorded::Duplicate);
            }
            let message = format!(
                "the source told of another event {}; what was told first stands",
                activity.event_id
            );
            return Err(Refusal::new(Reason::EventIdReused, message)
                .with("event_id", &activity.event_id)
                .into());
        }
        let subject = subjects
            .get(&activity.account)
            .filter(|subject| may_tell(scene, subject));
        let subject = subject.ok_or_else(|| Error::not_found("account", activity.account))?;
        if let Err(ahead) = check_time(activity.occur_time, scene.now.max(subject.account.update_time)) {
            let mut violations = Violations::default();
            let message = format!("lies {} seconds ahead of the service's clock", ahead.num_seconds());
            violations.add_as(Reason::OccurredInFuture, "occur_time", message);
            return Err(violations.into());
        }
        self.known
            .insert(activity.event_id.clone(), activity.payload_hash.to_vec());
        self.fresh.push(activity);
        Ok(Recorded::New)
    }
}

/// Services tell of every account that is not gone; users of those that they may read, or may add to before the claim.
fn may_tell(scene: &Scene<'_>, subject: &Subject) -> bool {
    use crate::domain::{account::Status, circulation::knows};
    let account = &subject.account;
    if scene.principal.actor.is_none() {
        return account.status != Status::Deleted;
    }
    let pool = account.pool_id.and_then(|id| scene.org.pool(id));
    reads(scene, subject)
        || account.status == Status::Unassigned
            && knows(scene, subject)
            && pool.is_some_and(|pool| pool.config.unclaimed_related_access == RelatedAccess::ViewAndInteract)
}
