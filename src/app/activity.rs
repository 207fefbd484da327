//! What new activities change, and how timelines are read. How activities come in is in [`super::ingest`].
//!
//! Statement budget of what n activities change: 1 read of teams per 128 accounts where it matters who is in them; 1 read of
//! deals per 128 accounts whose deals or contracts are told of; 1 read of reversals for each account that a rule took before
//! its owner's deal became known; what `app::follow_ups` says where follow-ups of a day are judged together; the writes of
//! `store::apply` for the accounts that change; of the objects that change 1 write per 128 that are new and 2 per 128 that are
//! not, and 1 per 1000 users who may see them; 1 write per 128 activities.

use super::{
    App,
    activity_objects::{KnownObjects, Merged, standings},
    call::Call,
    flow, follow_ups,
    intake::Fresh,
    page::{self, List},
    related::conceal,
};
use crate::{
    domain::{
        activity::{Activity, Heard, Objects, record},
        circulation::{Scene, Subject},
        error::Error,
        ids::AccountId,
        related::sight,
    },
    store::{
        Abort, Tx,
        activity::{self as rows, Kept, Place, StoredActivity},
        apply::{self, Origin, Origins},
        config::By,
        instant::micros,
        subject, watermark,
    },
};
use std::collections::{BTreeMap, HashMap};

/// What came of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was new.
    New,
    /// It was told before.
    Duplicate,
    /// It waits for its account.
    Buffered,
}

/// One activity as it came: readable or not.
pub type Told = Result<Activity, Error>;

/// What came of each.
pub type Outcomes = Vec<Result<Recorded, Error>>;

impl App {
    /// A required source tells of what happens in about the order in which it happens: up to its last event it was heard
    /// of. Not up to now, since after an outage it may have a lot to make up for. A user's own activities say nothing of
    /// what other people's events wait somewhere.
    pub(super) async fn hear(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        outcomes: &Outcomes,
        told: &[Told],
    ) -> Result<(), Abort> {
        let source = &scene.principal.caller;
        let required = &scene.org.tenant.settings.required_sources;
        let recorded = outcomes.iter().zip(told).filter_map(|(outcome, told)| {
            let new = matches!(outcome, Ok(Recorded::New | Recorded::Buffered));
            told.as_ref().ok().filter(|_| new)
        });
        let last = recorded.map(|activity| activity.occur_time).max();
        if let Some(last) = last.filter(|_| scene.principal.actor.is_none() && required.contains(source)) {
            watermark::raise(tx, self.db.engine(), scene.org.key, source, last.min(scene.now)).await?;
        }
        Ok(())
    }

    /// Records what is new, with everything that it changes, in the order in which everybody writes: accounts, then what
    /// hangs on them.
    pub(super) async fn take_effect(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        subjects: &HashMap<AccountId, Subject>,
        known: &KnownObjects,
        fresh: &[Fresh<'_>],
    ) -> Result<(), Abort> {
        let (org, source) = (scene.org, &scene.principal.caller);
        let activities: Vec<_> = fresh.iter().map(|fresh| fresh.activity).collect();
        let (standings, looked_up) = standings(tx, scene, subjects, &activities).await?;
        let heard = fresh.iter().filter_map(|fresh| {
            let standing = standings.get(&fresh.activity.event_id)?;
            Some(Heard::new(org, fresh.activity, *standing))
        });
        let heard: Vec<_> = heard.collect();
        let objects = Merged::of(tx, scene, subjects, known, &heard).await?;
        let traces = fresh.iter().map(|fresh| (&fresh.activity.event_id, fresh.traceparent));
        let traces: HashMap<_, _> = traces.collect();
        let trace = |activity: &Activity| traces.get(&activity.event_id).copied().flatten();
        let mut by_account: BTreeMap<AccountId, Vec<Heard<'_>>> = BTreeMap::new();
        for heard in &heard {
            by_account.entry(heard.activity.account).or_default().push(*heard);
        }
        let before = follow_ups::before(tx, scene, subjects, &by_account).await?;
        let (mut changes, mut origins, none) = (Vec::new(), Origins::new(), Objects::default());
        for (id, activities) in &by_account {
            let of_account = objects.by_account.get(id).unwrap_or(&none);
            let before = before.get(id).map_or(&[][..], Vec::as_slice);
            let account = subjects.get(id).map(|subject| &subject.account);
            if let Some(change) = account.and_then(|account| record(scene, account, activities, of_account, before)) {
                let origin = Origin {
                    actor: scene.principal.actor.clone(),
                    traceparent: told_by(activities, trace).map(str::to_owned),
                };
                origins.insert(*id, origin);
                changes.push(change);
            }
        }
        let by = By {
            caller: source,
            actor: scene.principal.actor.as_ref(),
            now: scene.now,
        };
        apply::apply_told(tx, org.key, &changes, &HashMap::new(), &by, &origins).await?;
        objects.write(tx, self.db.engine(), scene).await?;
        let kept = heard.iter().map(|heard| Kept {
            activity: heard.activity,
            standing: looked_up.contains(&heard.activity.event_id).then_some(heard.standing),
            traceparent: trace(heard.activity),
        });
        rows::keep(tx, org.key, source, kept.collect(), scene.now).await
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
                        let loaded =
                            subject::show(&reader, &org, subject::Viewers::One(call.actor.as_ref()), &[account])
                                .await?;
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
                        let sight = sight(&scene, subjects.get(&account), account)?;
                        let mut found = rows::timeline(&reader, org.key, account, after, &[], size + 1).await?;
                        conceal(&reader, &org, account, &sight, &mut found).await?;
                        Ok(found)
                    })
                    .await
                }
            })
            .await?;
        let place = |row: &StoredActivity| {
            (
                micros(row.activity.occur_time),
                row.source.to_string(),
                row.activity.event_id.to_string(),
            )
        };
        Ok(page::cut_by_weight(
            &self.pages,
            &list,
            rows,
            size,
            place,
            weigh_activity,
        ))
    }
}

/// In which trace an event is that these activities made together: in that of the latest of those that count. Calls that
/// were not traced have none.
fn told_by<'a>(activities: &[Heard<'_>], trace: impl Fn(&Activity) -> Option<&'a str>) -> Option<&'a str> {
    let counts = |heard: &Heard<'_>| heard.tracked || heard.meaning.follow_up || heard.meaning.deal.is_some();
    let traced = activities.iter().filter_map(|heard| {
        let activity = heard.activity;
        let place = (counts(heard), activity.occur_time, &activity.event_id);
        Some((place, trace(activity)?))
    });
    traced.max_by_key(|(place, _)| *place).map(|(_, trace)| trace)
}

/// Bytes of ids, times and whatever else there is of each entry of a list.
pub(super) const USUAL_WEIGHT: usize = 600;

/// About how many bytes the activity takes in a message.
pub(super) fn weigh_activity(row: &StoredActivity) -> usize {
    let viewers = row.activity.described.visible_to.iter();
    let viewers: usize = viewers.map(|user| user.as_str().len() + 2).sum();
    USUAL_WEIGHT + row.activity.summary.len() + viewers
}
