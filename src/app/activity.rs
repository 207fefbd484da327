//! What new activities change, and how timelines are read. How activities come in is in [`super::ingest`].
//!
//! Statement budget of what n activities change: 1 read of teams per 128 accounts where it matters who is in them; where
//! objects are named, 1 read of these per 128, and of those that change 1 write per 128 that are new and 2 per 128 that
//! are not, 1 per 1000 users who may see them, and 1 read of deals per 128 accounts whose deals or contracts are told of;
//! then the writes of `store::apply` for the accounts that change, and 1 write per 128 activities.

use super::{
    App,
    activity_objects::standings,
    call::Call,
    flow,
    page::{self, List},
    related::conceal,
};
use crate::{
    domain::{
        activity::{Activity, Heard, record},
        circulation::{Scene, Subject},
        error::Error,
        ids::AccountId,
        related::sight,
    },
    store::{
        Abort, Tx,
        activity::{self as rows, Place, StoredActivity},
        apply,
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

    /// Records what is new, with everything that it changes.
    pub(super) async fn take_effect(
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

/// Bytes of ids, times and whatever else there is of each entry of a list.
pub(super) const USUAL_WEIGHT: usize = 600;

/// About how many bytes the activity takes in a message.
pub(super) fn weigh_activity(row: &StoredActivity) -> usize {
    let viewers = row.activity.described.visible_to.iter();
    let viewers: usize = viewers.map(|user| user.as_str().len() + 2).sum();
    USUAL_WEIGHT + row.activity.summary.len() + viewers
}
