//! Lists accounts, each as it can be read by itself.
//!
//! Statement budget of a page: 1 (one more for every 200 places where a CRM admin lists all pools by name, and for every
//! 30,000 values), whatever the condition; 1 more for who supervises somebody, and 2 more where some have tags or fields. A
//! refusal, and a list for which there is no place, reads the revisions.

use super::{
    App,
    account::View,
    call::Call,
    page::{self, List},
};
use crate::{
    domain::{
        account_list::{Among, Listing, Sieve, decide},
        circulation::Scene,
        error::Error,
        organisation::Organisation,
    },
    store::{
        Abort,
        account_list::{Page, Position},
        account_page::read,
    },
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

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

/// What a page token says: where the next page begins, and when the first one was asked for. All pages of a list are of
/// that time, so that none is missing an account for which a condition changed its answer in between.
#[derive(Serialize, Deserialize)]
struct Mark {
    last: Position,
    since: DateTime<Utc>,
}

impl App {
    /// Lists accounts, and says the token of the next page.
    pub async fn list_accounts(&self, call: &Call, input: &ListAccounts) -> Result<(Vec<View>, String), Error> {
        let list = List::new(call, "ListAccounts", &input.listing);
        let mark: Option<Mark> = self.pages.open(&list, &input.token)?;
        let since = mark.as_ref().map_or_else(|| self.clock.now(), |mark| mark.since);
        let after = mark.as_ref().map(|mark| &mark.last);
        let unit = self.db.unit("ListAccounts", call.deadline);
        let (found, views) = self
            .on_snapshot(call, &unit, |org| async move {
                let (among, sieve) = match Self::place(&org, call, &input.listing, since) {
                    Ok(found) => found,
                    // Reading the accounts would show that the snapshot is old; a refusal reads none.
                    Err(_) if self.organisation(call).await?.revisions != org.revisions => return Err(Abort::Stale),
                    Err(refused) => return Err(refused.into()),
                };
                let page = Page {
                    listing: &input.listing,
                    among: &among,
                    sieve: sieve.as_ref(),
                    after,
                    // One more tells whether there is a next page.
                    size: input.size + 1,
                };
                let read = unit
                    .retry(|| async {
                        let reader = unit.reader().await?;
                        let Some((found, shown)) = read(&reader, &org, call.actor.as_ref(), page).await? else {
                            return Ok(None);
                        };
                        if shown.revisions != org.revisions {
                            return Err(Abort::Stale);
                        }
                        let ids: Vec<_> = found.iter().take(input.size).map(Position::account).collect();
                        let read = (shown.subjects, shown.with_extras);
                        let views = self.views(&reader, &org, call, read, &ids).await?;
                        Ok(Some((found, views)))
                    })
                    .await?;
                match read {
                    Some(read) => Ok(read),
                    // That there is no place for them was taken from a snapshot.
                    None if self.organisation(call).await?.revisions != org.revisions => Err(Abort::Stale),
                    None => Ok((Vec::new(), Vec::new())),
                }
            })
            .await?;
        // Some may be no longer to be seen by then.
        let mut views = views.into_iter().peekable();
        let rows = found.into_iter().map(|at| {
            let view = views.next_if(|view| view.account.id == at.account());
            (at, view)
        });
        let (rows, token) = page::cut_by_weight(
            &self.pages,
            &list,
            rows.collect(),
            input.size,
            |(last, _)| Mark {
                last: last.clone(),
                since,
            },
            |(_, view)| view.as_ref().map_or(0, weigh),
        );
        Ok((rows.into_iter().filter_map(|(_, view)| view).collect(), token))
    }

    fn place(
        org: &Organisation,
        call: &Call,
        listing: &Listing,
        since: DateTime<Utc>,
    ) -> Result<(Among, Option<Sieve>), Error> {
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: since,
        };
        decide(&scene, listing)
    }
}

/// About how many bytes the account takes in a message.
fn weigh(view: &View) -> usize {
    page::weigh(&view.account.profile) + page::weigh(&view.tags) + page::weigh(&view.custom_fields)
}
