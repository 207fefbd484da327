//! Reads accounts as the actor may see them.
//!
//! Statement budget: 1 read for the revisions, accounts and the actor's place in their teams, 2 for tags and fields.

use super::{App, call::Call, flow};
use crate::{
    domain::{
        account::{Account, Extras, Status},
        circulation::{Scene, Subject, knows, reads},
        error::Error,
        ids::AccountId,
        organisation::Organisation,
        profile,
        retention::display::display_remaining,
    },
    store::{Abort, extras, subject},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::HashMap, sync::Arc};

/// An account as the actor may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The account, hidden fields empty.
    pub account: Account,
    /// Tags and custom fields, hidden ones left out.
    pub extras: Extras,
    /// Names of the hidden fields.
    pub hidden: Vec<String>,
    /// What is left of the retention time, if it is little.
    pub remaining: Option<TimeDelta>,
    /// How many of the fields that can be edited are filled in; nothing where that is hidden.
    pub completeness_percent: Option<u8>,
}

/// The account as the principal may see it; `None` if it is not there for him.
#[must_use]
pub fn view(scene: &Scene<'_>, subject: &Subject, extras: Extras) -> Option<View> {
    let full = reads(scene, subject);
    // Of accounts that others own, members of the pool know only that they are there.
    if !full && (subject.account.status != Status::Unassigned || !knows(scene, subject)) {
        return None;
    }
    let mut view = seen(scene.org, subject.account.clone(), extras, scene.now);
    if !full {
        let pool = subject.account.pool_id.and_then(|id| scene.org.pool(id))?;
        view.hidden.clone_from(&pool.config.hidden_fields);
        profile::mask(&mut view.account, &mut view.extras, &view.hidden);
        if !view.hidden.is_empty() {
            view.completeness_percent = None;
        }
        if !pool.config.unclaimed_history_visible {
            view.account.last_owner = None;
            view.account.last_end_reason = None;
            view.account.last_end_note.clear();
        }
    }
    Some(view)
}

/// The account as somebody sees it who sees all of it.
#[must_use]
pub fn seen(org: &Organisation, account: Account, extras: Extras, now: DateTime<Utc>) -> View {
    View {
        completeness_percent: profile::completeness_percent(org, &account.profile, &extras),
        remaining: display_remaining(account.clock.anchor_time, account.clock.reclaim_time, now),
        account,
        extras,
        hidden: Vec::new(),
    }
}

impl App {
    /// Reads an account.
    pub async fn get_account(&self, call: &Call, id: AccountId) -> Result<(Arc<Organisation>, View), Error> {
        let (org, mut views) = self.get_accounts(call, &[id]).await?;
        let view = views.pop().ok_or_else(|| Error::not_found("account", id))?;
        Ok((org, view))
    }

    /// Reads those of the accounts that the actor may see, in the order of `ids`.
    pub async fn get_accounts(&self, call: &Call, ids: &[AccountId]) -> Result<(Arc<Organisation>, Vec<View>), Error> {
        let unit = self.db.unit("GetAccount", call.deadline);
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| async {
                let reader = unit.reader().await?;
                let mut subjects = HashMap::new();
                for chunk in ids.chunks(subject::CHUNK) {
                    let loaded = subject::load(&reader, org.key, None, call.actor.as_ref(), chunk).await?;
                    let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
                    if loaded.revisions != org.revisions {
                        return Err(Abort::Stale);
                    }
                    subjects.extend(loaded.subjects);
                }
                let found: Vec<_> = subjects.keys().copied().collect();
                let mut all = extras::read(&reader, org.key, &found).await?;
                let principal = Self::principal(&org, call)?;
                let scene = Scene {
                    org: &org,
                    principal: &principal,
                    now: self.clock.now(),
                };
                let view = |id: &AccountId| {
                    let subject = subjects.get(id)?;
                    view(&scene, subject, all.remove(id).unwrap_or_default())
                };
                let views = ids.iter().filter_map(view).collect();
                Ok((org.clone(), views))
            })
            .await
        })
        .await
    }
}
