//! Lists accounts, each as it can be read by itself.
//!
//! Statement budget of a page: 1 to find it (one more for every 200 places where a CRM admin lists all pools by name),
//! then as `app::account` says for reading up to 100 accounts: 3, or 4 for who supervises somebody. A refusal reads the
//! revisions.

use super::{
    App,
    account::View,
    call::Call,
    page::{self, List},
};
use crate::{
    domain::{
        account_list::{Among, Listing, decide},
        circulation::Scene,
        error::Error,
        ids::AccountId,
        organisation::Organisation,
    },
    store::{
        Abort,
        account_list::{Page, Position, find},
    },
};
use std::collections::HashMap;

/// Accounts of a page at most.
pub const MAX_SIZE: usize = 100;

/// A page that is wanted.
#[derive(Clone, Debug)]
pub struct ListAccounts {
    /// Of which list.
    pub listing: Listing,
    /// How many at most.
    pub size: usize,
    /// Which page.
    pub token: String,
}

impl App {
    /// Lists accounts, and says the token of the next page.
    pub async fn list_accounts(&self, call: &Call, input: &ListAccounts) -> Result<(Vec<View>, String), Error> {
        let list = List::new(call, "ListAccounts", &input.listing);
        let after: Option<Position> = self.pages.open(&list, &input.token)?;
        let after = after.as_ref();
        let unit = self.db.unit("ListAccounts", call.deadline);
        let (found, views) = self
            .on_snapshot(call, &unit, |org| async move {
                let among = match self.place(&org, call, &input.listing) {
                    Ok(among) => among,
                    // Reading the accounts would show that the snapshot is old; a refusal reads none.
                    Err(_) if self.organisation(call).await?.revisions != org.revisions => return Err(Abort::Stale),
                    Err(refused) => return Err(refused.into()),
                };
                let page = Page {
                    listing: &input.listing,
                    among: &among,
                    after,
                    // One more tells whether there is a next page.
                    size: input.size + 1,
                };
                unit.retry(|| async {
                    let reader = unit.reader().await?;
                    let found = find(&reader, self.db.engine(), org.key, page).await?;
                    let ids: Vec<_> = found.iter().take(input.size).map(Position::account).collect();
                    let views = self.read_views(&reader, &org, call, &ids).await?;
                    Ok::<_, Abort>((found, views))
                })
                .await
            })
            .await?;
        let mut views: HashMap<AccountId, View> = views.into_iter().map(|view| (view.account.id, view)).collect();
        let weigh = |at: &Position| views.get(&at.account()).map_or(0, weigh);
        let (found, token) = page::cut_by_weight(&self.pages, &list, found, input.size, Clone::clone, weigh);
        // What changed hands since it was found may be gone.
        let shown = found.iter().filter_map(|at| views.remove(&at.account())).collect();
        Ok((shown, token))
    }

    fn place(&self, org: &Organisation, call: &Call, listing: &Listing) -> Result<Among, Error> {
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        decide(&scene, listing)
    }
}

/// About how many bytes the account takes in a message.
fn weigh(view: &View) -> usize {
    page::weigh(&view.account.profile) + page::weigh(&view.tags) + page::weigh(&view.custom_fields)
}
