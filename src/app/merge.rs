//! Duplicates become one account.
//!
//! Statement budget: 1 read of the accounts with the revisions and the answer of a repeated request; 2 of tags and fields,
//! 1 of teams, 1 of deals, 1 of follow-ups where those of a day are judged together, 1 of how much there is; then as `store::apply` says for so many changes, 3 writes of what goes
//! over, one request row.

use super::{
    App,
    account::{View, seen, view},
    call::Call,
    flow::{self, Once, Reply},
    follow_ups,
};
use crate::{
    domain::{
        account::{Extras, Status},
        circulation::{Scene, merged},
        error::Error,
        ids::AccountId,
        merge::{Belongings, Merge, ROWS_MAX, decide},
        organisation::Organisation,
    },
    store::{
        Abort, Tx, activity_object, apply,
        config::By,
        merge,
        request::{self, RequestKey},
        subject, team,
    },
};
use std::collections::HashMap;

/// A merge as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeAccounts {
    /// What is to be merged.
    pub merge: Merge,
    /// Only says what would be.
    pub validate_only: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The account that stays.
    pub view: View,
    /// How many activities and objects went over to it.
    pub rows: usize,
}

impl App {
    /// Merges accounts into one.
    pub async fn merge_accounts(
        &self,
        call: &Call,
        once: &Once<'_, Merged>,
        input: &MergeAccounts,
    ) -> Result<Reply<Merged>, Error> {
        // Only looking leaves no trace, so there is nothing to replay.
        let key = once.key.as_ref().filter(|_| !input.validate_only);
        let unit = self.db.unit("MergeAccounts", call.deadline).replayable(key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.merge_once(tx, &org, call, (key, once), input).await))
                .await
        })
        .await
    }

    async fn merge_once(
        &self,
        tx: &Tx,
        org: &Organisation,
        call: &Call,
        (key, once): (Option<&RequestKey>, &Once<'_, Merged>),
        input: &MergeAccounts,
    ) -> Result<Reply<Merged>, Abort> {
        let Merge { survivor, losers, .. } = &input.merge;
        let mut ids = vec![*survivor];
        ids.extend(losers);
        let loaded = subject::load(tx, org, key, call.actor.as_ref(), &ids).await?;
        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if let Some(response) = flow::current(org, loaded.revisions, loaded.found)? {
            return Ok(Reply::Replayed(response));
        }
        let with = Belongings {
            extras: subject::extras(tx, org, &loaded.subjects, &ids).await?,
            teams: team::of_accounts(tx, org.key, &ids).await?,
            deals: activity_object::deals(tx, org.key, &ids, (&call.caller, &[])).await?,
            follow_ups: follow_ups::of_last_day(tx, org, &loaded.subjects).await?,
            rows: merge::rows(tx, org.key, losers, ROWS_MAX).await?,
        };
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let (stays, extras, gone) = decide(&scene, &loaded.subjects, &input.merge, &with)?;
        let done = Merged {
            view: seen(org, stays.after.clone(), extras, scene.now),
            rows: with.rows,
        };
        if input.validate_only {
            return Ok(Reply::Done(done));
        }
        let by = By {
            caller: &principal.caller,
            actor: principal.actor.as_ref(),
            now: scene.now,
        };
        let changes: Vec<_> = std::iter::once(stays).chain(gone).collect();
        apply::apply(tx, org.key, &changes, &HashMap::new(), &by).await?;
        merge::hand_over(tx, org.key, losers, *survivor).await?;
        if let Some(key) = key {
            request::remember(tx, org.key, key, (once.encode)(&done), scene.now).await?;
        }
        Ok(Reply::Done(done))
    }

    /// Why the account is not there for the actor: it was merged into one that he may read, or he may know nothing of it.
    pub(super) async fn not_there(&self, call: &Call, id: AccountId) -> Error {
        let unit = self.db.unit("GetAccount", call.deadline);
        let found = self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| async {
                let reader = unit.reader().await?;
                let load = async |id| {
                    let loaded =
                        subject::show(&reader, &org, subject::Viewers::One(call.actor.as_ref()), &[id]).await?;
                    let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
                    let mut subjects = loaded.subjects;
                    subject::join_teams(&reader, &org, call.actor.as_ref(), subjects.values_mut()).await?;
                    Ok::<_, Abort>(subjects.remove(&id))
                };
                let Some(gone) = load(id).await?.filter(|gone| gone.account.status == Status::Merged) else {
                    return Ok(None);
                };
                let way = gone.account.merged_into.map(|into| (id, into));
                let Some(survivor) = merge::survivors(&reader, org.key, way).await?.remove(&id) else {
                    return Ok(None);
                };
                let principal = Self::principal(&org, call)?;
                let scene = Scene {
                    org: &org,
                    principal: &principal,
                    now: self.clock.now(),
                };
                let Some(stays) = load(survivor).await? else {
                    return Ok(None);
                };
                let mut account = gone.account;
                account.merged_into = Some(survivor);
                Ok(view(&scene, stays, Extras::default()).map(|_| merged(&account)))
            })
            .await
        });
        match found.await {
            Ok(Some(refusal)) => refusal.into(),
            Ok(None) => Error::not_found("account", id),
            Err(error) => error,
        }
    }
}
