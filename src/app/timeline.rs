//! Everything that happened with an account in one list: activities, and changes of the account with its reminders.
//!
//! Statement budget: 1 read of the account, 1 of its team where the actor supervises anybody, 1 of activities and 1 of
//! events, each of a page; 1 of the objects that the activities name where the actor does not see all of them.

use super::{
    App,
    activity::{USUAL_WEIGHT, weigh_activity},
    call::Call,
    flow,
    page::{self, List},
    related::conceal,
};
use crate::{
    domain::{
        circulation::Scene,
        error::Error,
        history::AccountEvent,
        ids::AccountId,
        organisation::Organisation,
        related::keep_seen,
        timeline::{Entry, Shown, Wanted, merge, shown},
    },
    store::{
        Abort,
        activity::{self, Place, StoredActivity},
        history,
        instant::micros,
        subject,
        unit::Reader,
    },
};
use serde::{Deserialize, Serialize};

/// Which page of the timeline.
#[derive(Clone, Debug)]
pub struct ListTimeline {
    /// Of which account.
    pub account: AccountId,
    /// Only of these kinds; of all if there are none.
    pub kinds: Vec<Wanted>,
    /// Entries at most.
    pub size: usize,
    /// The page's token.
    pub token: String,
}

/// Something that happened with the account.
pub type Happened = Entry<StoredActivity, AccountEvent>;

/// Where a page ended, among activities and among events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Places {
    activity: Option<Place>,
    version: Option<i64>,
}

impl Places {
    fn pass(&mut self, entry: &Happened) {
        match entry {
            Entry::Activity(row) => {
                let activity = &row.activity;
                let (time, event) = (micros(activity.occur_time), activity.event_id.to_string());
                self.activity = Some((time, row.source.to_string(), event));
            }
            Entry::Event(event) => self.version = Some(event.version),
        }
    }
}

/// About how many bytes the entry takes in a message.
fn weigh(entry: &Happened) -> usize {
    match entry {
        Entry::Activity(row) => weigh_activity(row),
        Entry::Event(event) => USUAL_WEIGHT + event.note.len() + event.effects.weight(),
    }
}

impl App {
    /// What happened with an account, newest first, and the token of the next page.
    pub async fn list_timeline(&self, call: &Call, input: &ListTimeline) -> Result<(Vec<Happened>, String), Error> {
        let list = List::new(call, "ListTimeline", &(input.account, &input.kinds));
        let after: Places = self.pages.open(&list, &input.token)?.unwrap_or_default();
        let unit = self.db.unit("ListTimeline", call.deadline);
        let found = self
            .on_snapshot(call, &unit, |org| {
                let after = &after;
                async move {
                    unit.retry(|| async {
                        let reader = unit.reader().await?;
                        self.happened(&reader, &org, call, input, after).await
                    })
                    .await
                }
            })
            .await?;
        let mut places = after;
        let placed = found.into_iter().map(|entry| {
            places.pass(&entry);
            (entry, places.clone())
        });
        let (page, token) = page::cut_by_weight(
            &self.pages,
            &list,
            placed.collect(),
            input.size,
            |(_, places)| places.clone(),
            |(entry, _)| weigh(entry),
        );
        Ok((page.into_iter().map(|(entry, _)| entry).collect(), token))
    }

    async fn happened(
        &self,
        reader: &Reader<'_>,
        org: &Organisation,
        call: &Call,
        input: &ListTimeline,
        after: &Places,
    ) -> Result<Vec<Happened>, Abort> {
        let id = input.account;
        let loaded = subject::show(reader, org, subject::Viewers::One(call.actor.as_ref()), &[id]).await?;
        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if loaded.revisions != org.revisions {
            return Err(Abort::Stale);
        }
        let mut subjects = loaded.subjects;
        subject::join_teams(reader, org, call.actor.as_ref(), subjects.values_mut()).await?;
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let Shown { activities, insight } = shown(&scene, subjects.get(&id), id)?;
        let (kinds, limit) = (input.kinds.as_slice(), input.size + 1);
        let mut rows = Vec::new();
        if let Some(sight) = activities {
            rows = activity::timeline(reader, org.key, id, after.activity.as_ref(), kinds, limit).await?;
            conceal(reader, org, id, &sight, &mut rows).await?;
        }
        let mut events = Vec::new();
        // Other things are not told of by the account's own events.
        let told = kinds.is_empty() || kinds.iter().any(Wanted::is_of_account);
        if let Some(insight) = insight.filter(|_| told) {
            let which = (kinds, insight.unseen());
            events = history::events(reader, org.key, id, after.version, which, limit).await?;
            for event in &mut events {
                insight.mask(event);
                keep_seen(&scene, event);
            }
        }
        let occurred = |row: &StoredActivity| row.activity.occur_time;
        Ok(merge(rows, events, occurred, |event| event.event_time))
    }
}
