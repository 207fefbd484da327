//! Whoever was refused something could not have it: between the question and the answer there was a moment at which the reason
//! held. What is known of that time is what others saw before and after it.
//!
//! A database may show what it has not made durable yet, and lose it when it is killed in that moment. That was not seen; who
//! looks into a refusal, or a read, that nothing explains should know of it.

use super::work::{Became, Company, Done, Wish};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tidepool::{clock::Clock, domain::refusal::Reason};
use tokio::time::Instant;

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

    /// Whether this may have been refused for that reason. Of some accounts, among them this one, nobody is stopped by a limit who holds
    /// fewer than so many.
    fn explains(
        &self,
        done: &Done,
        reason: &str,
        (all, least): (&[String], usize),
        histories: &HashMap<&str, Self>,
    ) -> bool {
        let of_limit = reason == Reason::PoolClaimLimitReached.as_str();
        match &done.wish {
            Wish::Claim { user } | Wish::Assign { user } if of_limit => {
                let held = |id: &&String| histories[id.as_str()].owners_during(done).any(|owner| owner == *user);
                all.iter().filter(held).count() >= least
            }
            Wish::Claim { .. } => {
                reason == Reason::AlreadyClaimed.as_str() && self.owners_during(done).any(|owner| !owner.is_empty())
            }
            Wish::Return { user } => self.owners_during(done).any(|owner| owner != *user),
            Wish::Assign { .. } | Wish::Tell { .. } | Wish::Read | Wish::Limit { .. } => false,
        }
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
            let could_be = history.explains(done, reason, (all, least), histories);
            assert!(could_be, "{id}: refused, but why? {done:?} {history:?}");
            judged += 1;
        }
    }
    judged
}

/// A refusal for which there is no moment is found: `bob` was told that somebody has what lay there, that it is not his while it was, and
/// that he holds too much when he held one account.
#[test]
fn a_refusal_without_a_reason_is_found() {
    let start = Instant::now();
    let done = |wish, became, from: u64, to: u64| Done {
        wish,
        account: "one".into(),
        became,
        unanswered: 0,
        began: start + Duration::from_secs(from),
        ended: start + Duration::from_secs(to),
        answered_at: Clock::System.now(),
    };
    let refused = |wish, from, to| done(wish, Became::Refused { reason: String::new() }, from, to);
    let seen = |version, owner: &str, from, to| {
        let owner = owner.to_owned();
        done(Wish::Read, Became::Seen { version, owner }, from, to)
    };
    // It lay until the third second at least, and was his from the fifth one at most until the ninth at least.
    let history = History {
        owners: [(1, String::new()), (2, "bob".into()), (3, String::new())].into(),
        done: vec![seen(1, "", 2, 3), seen(2, "bob", 4, 5), seen(2, "bob", 9, 10)],
    };
    let histories = HashMap::from([("one", history)]);
    let all = ["one".to_owned()];
    let explained = |wish, from, to, reason: Reason, least| {
        let done = refused(wish, from, to);
        histories["one"].explains(&done, reason.as_str(), (&all, least), &histories)
    };
    let (claims, returns) = (|| Wish::Claim { user: "bob" }, || Wish::Return { user: "bob" });
    for (wish, from, to, reason, least, wanted) in [
        (claims(), 0, 1, Reason::AlreadyClaimed, 1, false),
        (claims(), 3, 4, Reason::AlreadyClaimed, 1, true),
        (claims(), 6, 7, Reason::AlreadyClaimed, 1, true),
        (claims(), 6, 7, Reason::NotFound, 1, false),
        (returns(), 6, 7, Reason::NotAuthorized, 1, false),
        (returns(), 3, 7, Reason::NotAuthorized, 1, true),
        (returns(), 0, 1, Reason::InvalidStatus, 1, true),
        (claims(), 6, 7, Reason::PoolClaimLimitReached, 1, true),
        (claims(), 6, 7, Reason::PoolClaimLimitReached, 2, false),
        (claims(), 0, 1, Reason::PoolClaimLimitReached, 1, false),
    ] {
        let what = format!("{wish:?} from {from} to {to}: {reason:?} of {least}");
        assert_eq!(explained(wish, from, to, reason, least), wanted, "{what}");
    }
}
