//! The business objects of an account, as far as the actor may see them: listed, and added up.
//!
//! Statement budget of both: 1 read of the account, 1 of its team where the actor supervises anybody. A list: 1 of the
//! owners where the actor does not see everything, 1 of the page. A summary: 1, whatever the number of objects. Of the
//! objects that activities or events name: 1 per 128 where the actor does not see everything.

use super::{
    App,
    call::Call,
    flow,
    page::{self, List},
};
use crate::{
    domain::{
        circulation::Scene,
        error::Error,
        ids::AccountId,
        organisation::Organisation,
        related::{RelatedObject, Sight, keep_from, sight},
        summary::Summary,
    },
    store::{Abort, activity::StoredActivity, related as rows, subject, unit::Reader},
};
use std::collections::{BTreeSet, HashSet};

/// Which objects are wanted.
#[derive(Clone, Debug)]
pub struct ListRelated {
    /// Of which account.
    pub account: AccountId,
    /// Only of this type.
    pub object_type: Option<String>,
    /// Objects at most.
    pub size: usize,
    /// The page's token.
    pub token: String,
}

impl App {
    /// Objects of an account, and the token of the next page.
    pub async fn list_related(&self, call: &Call, input: &ListRelated) -> Result<(Vec<RelatedObject>, String), Error> {
        let list = List::new(call, "ListRelatedObjects", &(input.account, &input.object_type));
        let after: Option<rows::Place> = self.pages.open(&list, &input.token)?;
        let unit = self.db.unit("ListRelatedObjects", call.deadline);
        let engine = self.db.engine();
        let object_type = input.object_type.as_deref();
        let found = self
            .on_snapshot(call, &unit, |org| {
                let after = after.as_ref();
                async move {
                    unit.retry(|| async {
                        let reader = unit.reader().await?;
                        let sight = self.sight(&reader, &org, call, input.account).await?;
                        let mut owners = Vec::new();
                        if sight != Sight::All {
                            owners = rows::owners(&reader, engine, org.key, input.account, object_type).await?;
                            owners.retain(|owner| sight.by_owner(&org.directory, Some(owner)));
                        }
                        let page = rows::Page {
                            account: input.account,
                            object_type,
                            seen: match &sight {
                                Sight::All => None,
                                Sight::Of(viewer) => Some(rows::Seen {
                                    owners: &owners,
                                    viewer,
                                }),
                            },
                            after,
                            limit: input.size + 1,
                        };
                        Ok(rows::page(&reader, engine, org.key, &page).await?)
                    })
                    .await
                }
            })
            .await?;
        Ok(page::cut(&self.pages, &list, found, input.size, rows::place))
    }

    /// What the objects of an account come to.
    pub async fn summarise(&self, call: &Call, account: AccountId) -> Result<Summary, Error> {
        let unit = self.db.unit("GetAccountSummary", call.deadline);
        let engine = self.db.engine();
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| async {
                let reader = unit.reader().await?;
                let sight = self.sight(&reader, &org, call, account).await?;
                let viewer = match &sight {
                    Sight::All => None,
                    Sight::Of(viewer) => Some(viewer),
                };
                let parts = rows::totals(&reader, engine, org.key, account, viewer).await?;
                let seen = parts
                    .into_iter()
                    .filter(|(part, named)| *named || sight.by_owner(&org.directory, part.owner.as_ref()));
                let mut summary = Summary::default();
                summary.add(seen.map(|(part, _)| part));
                Ok(summary)
            })
            .await
        })
        .await
    }

    async fn sight(&self, reader: &Reader<'_>, org: &Organisation, call: &Call, id: AccountId) -> Result<Sight, Abort> {
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
        Ok(sight(&scene, subjects.get(&id), id)?)
    }
}

/// Takes out of activities what they tell of objects that the reader does not see: judged by what each object is now, as
/// in lists and totals, whatever the activity said of it.
pub(super) async fn conceal(
    reader: &Reader<'_>,
    org: &Organisation,
    account: AccountId,
    sight: &Sight,
    told: &mut [StoredActivity],
) -> Result<(), Abort> {
    let Sight::Of(viewer) = sight else { return Ok(()) };
    let key = |row: &StoredActivity| {
        let object = row.activity.object()?;
        Some((row.source.clone(), object.object_type, object.object_id))
    };
    let keys: BTreeSet<_> = told.iter().filter_map(key).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let found = rows::seen_among(reader, org.key, account, viewer, &keys).await?;
    let seen: HashSet<_> = found
        .into_iter()
        .filter(|(_, owner, named)| *named || sight.by_owner(&org.directory, owner.as_ref()))
        .map(|(key, _, _)| key)
        .collect();
    for row in told {
        if key(row).is_some_and(|key| !seen.contains(&key)) {
            keep_from(&mut row.activity);
        }
    }
    Ok(())
}
