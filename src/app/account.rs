//! Reads accounts as the actor may see them.
//!
//! Statement budget per 128 accounts: 1 read of revisions, accounts and the actor's place in their teams; for all of
//! them: 1 read of teams where the actor supervises anybody, 2 for tags and fields of those that have any. What is not there
//! is looked for once more: it may have become another account.

use super::{App, call::Call, flow};
use crate::{
    domain::{
        account::{Account, Extras, Status},
        circulation::{Scene, Subject, knows, reads},
        custom_field::FieldValue,
        custom_values,
        error::Error,
        ids::AccountId,
        organisation::Organisation,
        profile,
        retention::display::display_remaining,
    },
    store::{Abort, subject, unit::Reader},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, HashMap};

/// An account as the actor may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The account, hidden fields empty.
    pub account: Account,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its custom fields that are in use, by name.
    pub custom_fields: BTreeMap<String, FieldValue>,
    /// Names of the hidden fields.
    pub hidden: Vec<String>,
    /// What is left of the retention time, if it is little.
    pub remaining: Option<TimeDelta>,
    /// How many of the fields that can be edited are filled in; nothing where that is hidden.
    pub completeness_percent: Option<u8>,
}

/// The account as the principal may see it; `None` if it is not there for him.
#[must_use]
pub fn view(scene: &Scene<'_>, subject: Subject, mut extras: Extras) -> Option<View> {
    if reads(scene, &subject) {
        return Some(seen(scene.org, subject.account, extras, scene.now));
    }
    // Of accounts that others own, members of the pool know only that they are there.
    if subject.account.status != Status::Unassigned || !knows(scene, &subject) {
        return None;
    }
    let mut account = subject.account;
    let pool = account.pool_id.and_then(|id| scene.org.pool(id))?;
    account.disputed_time = None;
    let hidden = &pool.config.hidden_fields;
    profile::mask(&mut account, &mut extras, hidden);
    if !pool.config.unclaimed_history_visible {
        account.last_owner = None;
        account.last_end_reason = None;
        account.last_end_note.clear();
    }
    let mut view = seen(scene.org, account, extras, scene.now);
    if !hidden.is_empty() {
        view.completeness_percent = None;
    }
    view.hidden.clone_from(hidden);
    Some(view)
}

/// The account as somebody sees it who sees all of it.
#[must_use]
pub fn seen(org: &Organisation, mut account: Account, extras: Extras, now: DateTime<Utc>) -> View {
    // What is over is of no interest to anybody.
    account.lock = account.lock.filter(|lock| lock.holds(now));
    account.embargo_time = account.embargo_time.filter(|until| now < *until);
    View {
        completeness_percent: profile::completeness_percent(org, &account.profile, &extras),
        remaining: display_remaining(account.clock.anchor_time, account.clock.reclaim_time, now),
        custom_fields: custom_values::shown(org, &extras.fields),
        tags: extras.tags,
        account,
        hidden: Vec::new(),
    }
}

impl App {
    /// Reads those of the accounts that the actor may see, in the order of `ids`.
    pub async fn get_accounts(&self, call: &Call, ids: &[AccountId]) -> Result<Vec<View>, Error> {
        let unit = self.db.unit("GetAccount", call.deadline);
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| async {
                let reader = unit.reader().await?;
                self.read_views(&reader, &org, call, ids).await
            })
            .await
        })
        .await
    }

    pub(super) async fn read_views(
        &self,
        reader: &Reader<'_>,
        org: &Organisation,
        call: &Call,
        ids: &[AccountId],
    ) -> Result<Vec<View>, Abort> {
        let mut read = (HashMap::new(), Vec::new());
        for chunk in ids.chunks(subject::CHUNK) {
            let shown = subject::show(reader, org, subject::Viewers::One(call.actor.as_ref()), chunk).await?;
            let shown = shown.ok_or_else(flow::unknown_tenant)?;
            if shown.revisions != org.revisions {
                return Err(Abort::Stale);
            }
            read.0.extend(shown.subjects);
            read.1.extend(shown.with_extras);
        }
        self.views(reader, org, call, read, ids).await
    }

    /// Those of the accounts that the actor may see, in the order of `ids`: of what was read, with which of them have tags or
    /// custom fields.
    pub(super) async fn views(
        &self,
        reader: &Reader<'_>,
        org: &Organisation,
        call: &Call,
        (mut subjects, with_extras): (HashMap<AccountId, Subject>, Vec<AccountId>),
        ids: &[AccountId],
    ) -> Result<Vec<View>, Abort> {
        subject::join_teams(reader, org, call.actor.as_ref(), subjects.values_mut()).await?;
        let mut all = subject::extras(reader, org, &subjects, &with_extras).await?;
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let view = |id: &AccountId| {
            let subject = subjects.remove(id)?;
            view(&scene, subject, all.remove(id).unwrap_or_default())
        };
        Ok(ids.iter().filter_map(view).collect())
    }
}
