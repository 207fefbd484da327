//! Lists automatic reclaims that are disputed.
//!
//! Statement budget of a page: 1 to find it, 1 to read up to 100 accounts.

use super::{
    App,
    call::Call,
    flow,
    page::{self, List},
    retention_rule::{administered, no_home},
};
use crate::{
    domain::{
        account::{Account, Status},
        error::Error,
        ids::{AccountId, PoolId},
        retention::rule::RuleHome,
    },
    store::{
        Abort,
        reclaims::{self, Disputed},
        subject,
    },
};
use std::collections::HashMap;

/// Rows of a page at most: as many as are read at once.
pub const MAX_SIZE: usize = 100;

impl App {
    /// The accounts whose last reclaim is disputed, by the pool from which it took them, and the token of the next page.
    pub async fn list_disputed_reclaims(
        &self,
        call: &Call,
        pool: Option<PoolId>,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Account>, String), Error> {
        let list = List::new(call, "ListDisputedReclaims", &pool);
        let after: Option<Disputed> = self.pages.open(&list, token)?;
        let unit = self.db.unit("ListDisputedReclaims", call.deadline);
        let (found, mut accounts) = self
            .on_snapshot(call, &unit, |org| async move {
                let current = self.organisation(call).await?;
                if current.revisions != org.revisions {
                    return Err(Abort::Stale);
                }
                let principal = Self::principal(&org, call)?;
                match pool.map(RuleHome::Pool) {
                    Some(home) => administered(&org, &principal, &home, || no_home(&home))?,
                    None => principal.require_crm_admin().map_err(Error::from)?,
                }
                unit.retry(|| async {
                    let reader = unit.reader().await?;
                    // One more tells whether there is a next page.
                    let limit = size as u64 + 1;
                    let found = reclaims::disputed(&reader, org.key, pool, after, limit).await?;
                    let ids: Vec<_> = found.iter().take(size).map(|(_, id)| AccountId(*id)).collect();
                    let mut accounts = HashMap::new();
                    if !ids.is_empty() {
                        let loaded = subject::load(&reader, &org, None, None, &ids).await?;
                        accounts = loaded.ok_or_else(flow::unknown_tenant)?.subjects;
                    }
                    Ok::<_, Abort>((found, accounts))
                })
                .await
            })
            .await?;
        let (found, token) = page::cut(&self.pages, &list, found, size, |row| *row);
        // What was canceled is not for the admins of pools; it comes back when it is restored. What somebody owns by now
        // was settled since it was found.
        let waits = |account: &Account| account.status == Status::Unassigned && account.disputed_time.is_some();
        let accounts = found.iter().filter_map(|(_, id)| accounts.remove(&AccountId(*id)));
        let accounts = accounts.map(|subject| subject.account).filter(waits);
        Ok((accounts.collect(), token))
    }
}
