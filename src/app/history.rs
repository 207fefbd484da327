//! Reads what happened to an account.
//!
//! Statement budget: 1 read of the account, 1 of its team where the actor supervises anybody, 1 of the page.

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
        history::{AccountEvent, Insight, Tenure, insight},
        ids::AccountId,
        organisation::Organisation,
        related::keep_seen,
    },
    store::{self, Abort, subject, unit::Reader},
};

/// Which page of an account's history.
#[derive(Clone, Debug)]
pub struct ListHistory {
    /// Of which account.
    pub account: AccountId,
    /// Rows at most.
    pub size: usize,
    /// The page's token.
    pub token: String,
}

impl App {
    /// Who owned the account, newest first, and the token of the next page.
    pub async fn list_tenures(&self, call: &Call, input: &ListHistory) -> Result<(Vec<Tenure>, String), Error> {
        let list = List::new(call, "ListTenures", &input.account);
        let before: Option<i64> = self.pages.open(&list, &input.token)?;
        let unit = self.db.unit("ListTenures", call.deadline);
        let rows = self
            .on_snapshot(call, &unit, |org| async move {
                unit.retry(|| async {
                    let reader = unit.reader().await?;
                    self.insight(&reader, &org, call, input.account).await?;
                    Ok(store::history::tenures(&reader, org.key, input.account, before, input.size + 1).await?)
                })
                .await
            })
            .await?;
        Ok(page::cut(&self.pages, &list, rows, input.size, |tenure| {
            tenure.start_version
        }))
    }

    /// What was changed of the account, newest first, and the token of the next page.
    pub async fn list_account_events(
        &self,
        call: &Call,
        input: &ListHistory,
    ) -> Result<(Vec<AccountEvent>, String), Error> {
        let list = List::new(call, "ListAccountEvents", &input.account);
        let before: Option<i64> = self.pages.open(&list, &input.token)?;
        let unit = self.db.unit("ListAccountEvents", call.deadline);
        let rows = self
            .on_snapshot(call, &unit, |org| async move {
                unit.retry(|| async {
                    let reader = unit.reader().await?;
                    let insight = self.insight(&reader, &org, call, input.account).await?;
                    let which = (&[][..], insight.unseen());
                    let page = store::history::events(&reader, org.key, input.account, before, which, input.size + 1);
                    let mut events = page.await?;
                    let principal = Self::principal(&org, call)?;
                    let scene = Scene {
                        org: &org,
                        principal: &principal,
                        now: self.clock.now(),
                    };
                    for event in &mut events {
                        insight.mask(event);
                        keep_seen(&scene, event);
                    }
                    Ok(events)
                })
                .await
            })
            .await?;
        let weigh = |event: &AccountEvent| event.note.len() + event.effects.weight();
        let version = |event: &AccountEvent| event.version;
        Ok(page::cut_by_weight(
            &self.pages,
            &list,
            rows,
            input.size,
            version,
            weigh,
        ))
    }

    async fn insight(
        &self,
        reader: &Reader<'_>,
        org: &Organisation,
        call: &Call,
        id: AccountId,
    ) -> Result<Insight, Abort> {
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
        Ok(insight(&scene, subjects.get(&id), id)?)
    }
}
