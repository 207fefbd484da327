//! Whoever was refused something could not have it: between the question and the answer there was a moment at which the reason
//! held. What is known of that time is what others saw before and after it.
//!
//! A database may show what it has not made durable yet, and lose it when it is killed in that moment. That was not seen; who
//! looks into a refusal, or a read, that nothing explains should know of it.

use super::work::{Became, Company, Done, Wish};
use std::collections::{BTreeMap, HashMap};
use tidepool::domain::refusal::Reason;

/// An account in a round.
#[derive(Debug)]
pub(super) struct History {
    /// Who owned it at each version; nobody if empty. The first one is of before the round.
    pub(super) owners: BTreeMap<i64, String>,
    /// All that was asked of it.
    pub(super) done: Vec<Done>,
}

impl History {
    /// Everybody who may have owned it between the beginning and the end of this.
    fn owners_during(&self, of: &Done) -> impl Iterator<Item = &str> {
        let before = self.done.iter().filter(|done| done.ended <= of.began);
        let after = self.done.iter().filter(|done| done.began >= of.ended);
        let first = before.filter_map(Done::version).max().unwrap_or(i64::MIN);
        let last = after.filter_map(Done::version).min().unwrap_or(i64::MAX);
        // What was seen before the round is its first version.
        self.owners.range(first..=last).map(|(_, owner)| owner.as_str())
    }
}

/// Judges what was refused of accounts that nobody but people changes, and says how much that was.
pub(super) fn judge(company: &Company, histories: &HashMap<&str, History>) -> usize {
    let mut judged = 0;
    for (id, history) in histories {
        // Those of the sweep change after the round as well.
        let Some((all, least)) = company.limited(id) else {
            continue;
        };
        for done in &history.done {
            let Became::Refused { reason } = &done.became else {
                continue;
            };
            let of_limit = reason == Reason::PoolClaimLimitReached.as_str();
            let could_be = match &done.wish {
                Wish::Claim { user } | Wish::Assign { user } if of_limit => {
                    let held = |id: &&String| histories[id.as_str()].owners_during(done).any(|owner| owner == *user);
                    all.iter().filter(held).count() >= least
                }
                Wish::Claim { .. } => {
                    *reason == Reason::AlreadyClaimed.as_str()
                        && history.owners_during(done).any(|owner| !owner.is_empty())
                }
                Wish::Return { user } => history.owners_during(done).any(|owner| owner != *user),
                Wish::Assign { .. } | Wish::Tell { .. } | Wish::Read | Wish::Limit { .. } => false,
            };
            assert!(could_be, "{id}: refused, but why? {done:?} {history:?}");
            judged += 1;
        }
    }
    judged
}
