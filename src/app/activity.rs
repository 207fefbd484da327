//! Activities come in, and timelines are read.
//!
//! Statement budget for n activities, `k = ceil(n / 128)`: k reads of revisions and accounts, k of known events; 1 read of
//! teams per 128 accounts where it matters who is in them; where objects are named, 1 read of these per 128, and of those
//! that change 1 write per 128 that are new and 2 per 128 that are not, 1 per 1000 users who may see them, and 1 read of
//! deals per 128 accounts whose deals or contracts are told of; then the writes of `store::apply` for the accounts that
//! change, k writes of activities, and one request row.

use super::{
    App,
    account::view,
    activity_objects::standings,
    call::Call,
    flow::{self, Once, Reply},
    page::{self, List},
};
use crate::{
    domain::{
        activity::{Activity, Heard, check_time, record},
        circulation::{Scene, Subject, reads},
        error::Error,
        ids::{AccountId, EventId},
        object::Described,
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
    collections::{BTreeMap, BTreeSet, HashMap},
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
        self.take_effect(tx, &scene, &subjects, &batch.fresh, (&mut outcomes, told))
            .await?;
        self.hear(tx, &scene, &outcomes, told).await?;
        if let Some(key) = &once.key {
            request::remember(tx, org.key, key, (once.encode)(&outcomes), scene.now).await?;
        }
        Ok(Reply::Done(outcomes))
    }

    /// A required source tells of what happens in about the order in which it happens: up to its last event it was heard
    /// of. Not up to now, since after an outage it may have a lot to make up for. A user's own activities say nothing of
    /// what other people's events wait somewhere.
    async fn hear(&self, tx: &Tx, scene: &Scene<'_>, outcomes: &Outcomes, told: &[Told]) -> Result<(), Abort> {
        let source = &scene.principal.caller;
        let required = &scene.org.tenant.settings.required_sources;
        let recorded = outcomes.iter().zip(told).filter_map(|(outcome, told)| {
            let new = matches!(outcome, Ok(Recorded::New));
            told.as_ref().ok().filter(|_| new)
        });
        let last = recorded.map(|activity| activity.occur_time).max();
        if let Some(last) = last.filter(|_| scene.principal.actor.is_none() && required.contains(source)) {
            watermark::raise(tx, self.db.engine(), scene.org.key, source, last.min(scene.now)).await?;
        }
        Ok(())
    }

    async fn take_effect(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        subjects: &HashMap<AccountId, Subject>,
        fresh: &[&Activity],
        (outcomes, told): (&mut Outcomes, &[Told]),
    ) -> Result<(), Abort> {
        let (org, source) = (scene.org, &scene.principal.caller);
        let (standings, looked_up) = standings(tx, scene, subjects, fresh).await?;
        let heard = fresh.iter().filter_map(|activity| {
            let standing = standings.get(&activity.event_id)?;
            Some(Heard::new(org, activity, *standing))
        });
        let mut heard: Vec<_> = heard.collect();
        let objects = self
            .put_objects(tx, scene, subjects, &mut heard, (outcomes, told))
            .await?;
        let mut by_account: BTreeMap<AccountId, Vec<Heard<'_>>> = BTreeMap::new();
        for heard in &heard {
            by_account.entry(heard.activity.account).or_default().push(*heard);
        }
        let changes = by_account.iter().filter_map(|(id, activities)| {
            let objects = objects.get(id).copied().unwrap_or_default();
            record(scene, &subjects.get(id)?.account, activities, objects)
        });
        let changes: Vec<_> = changes.collect();
        let by = By {
            caller: source,
            actor: scene.principal.actor.as_ref(),
            now: scene.now,
        };
        apply::apply(tx, org.key, &changes, &HashMap::new(), &by).await?;
        let kept = heard.iter().map(|heard| {
            let looked_up = looked_up.contains(&heard.activity.event_id);
            (heard.activity, looked_up.then_some(heard.standing))
        });
        rows::keep(tx, org.key, source, &kept.collect::<Vec<_>>(), scene.now).await
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
                        let mut found = rows::timeline(&reader, org.key, account, after, size + 1).await?;
                        for row in &mut found {
                            hide(&scene, &mut row.activity);
                        }
                        Ok(found)
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

/// Takes out what is told of an object that the reader may not see.
fn hide(scene: &Scene<'_>, activity: &mut Activity) {
    let Some(user) = scene.principal.actor.as_ref().filter(|_| !scene.principal.crm_admin) else {
        return;
    };
    let directory = &scene.org.directory;
    if !activity.described.is_shown_to(directory, user, activity.actor.as_ref()) {
        activity.described = Described::default();
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
        if scene.org.activity_rules.meaning(&activity.kind).deal.is_some() && activity.object_id.is_none() {
            let mut violations = Violations::default();
            let message = "must be set for activities that close a deal or take one back";
            violations.add("object_id", message);
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
