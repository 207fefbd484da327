//! What a sweep at some time would do: the same decision as the sweep's, on the accounts as they are now, in the order in
//! which it goes. Writes nothing.
//!
//! Statement budget per page: 1 read of the revisions, 2 that look at no more than 5,000 entries of the index between
//! them, 1 of the accounts and their revisions, 1 more each where sources are required, teams are reminded, or something
//! would be reclaimed, and 1 count with a pool.

use super::batch::{WithTeam, hold_surplus, verdicts, wanted, with_teams};
use crate::{
    app::{
        App,
        call::Call,
        flow,
        page::List,
        retention_rule::{administered, no_home},
    },
    domain::{
        account::Account,
        breaker::{Breaker, countable},
        circulation::Scene,
        error::Error,
        ids::{AccountId, PoolId, UserId},
        refusal::Violations,
        retention::rule::RuleHome,
        sweep::{Hold, Terms, Verdict},
    },
    store::{
        Abort, Unit, breaker, due, extras,
        foresee::{Spot, foresee},
        watermark,
    },
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Entries of the index that a page looks at.
const SCANNED: u64 = 5000;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct PreviewReclaim {
    /// When the sweep would be; now if none is given.
    pub time: Option<DateTime<Utc>>,
    /// Of which pool; none means of the whole tenant.
    pub pool: Option<PoolId>,
    /// Accounts at most.
    pub size: usize,
    /// Where to go on.
    pub token: String,
}

/// What would come of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhatComes {
    /// It would be reclaimed, into this pool.
    Reclaim {
        /// Where it would lie then.
        target: Option<PoolId>,
    },
    /// Somebody would be reminded.
    Remind {
        /// Who.
        recipients: Vec<UserId>,
    },
    /// Its deadline would move.
    Replan,
    /// It would be due, and stay with its owner.
    Held(Hold),
}

/// An account and what would come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Which account.
    pub account: AccountId,
    /// Its state now.
    pub version: i64,
    /// Its pool now.
    pub pool: Option<PoolId>,
    /// Its owner now.
    pub owner: Option<UserId>,
    /// The rule that decides.
    pub rule_id: Option<Uuid>,
    /// Its deadline, afterwards where it would move.
    pub deadline: Option<DateTime<Utc>>,
    /// What would come of it.
    pub what: WhatComes,
}

/// Where a page ended.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    spot: Spot,
    /// When the sweep would be, for lists that began without a time.
    time: DateTime<Utc>,
    /// How many accounts of the pool were taken so far.
    taken: i64,
}

impl App {
    /// What a sweep would do, and the token of the next page. For CRM admins; with a pool, for its admins.
    pub async fn preview_reclaim(&self, call: &Call, input: &PreviewReclaim) -> Result<(Vec<Foreseen>, String), Error> {
        let list = List::new(call, "PreviewReclaim", &(input.time, input.pool));
        let after: Option<Position> = self.pages.open(&list, &input.token)?;
        let now = self.clock.now();
        let time = after.as_ref().map_or(input.time.unwrap_or(now), |after| after.time);
        if after.is_none() && time < now {
            let mut violations = Violations::default();
            violations.add("time", "must not lie in the past");
            return Err(violations.into());
        }
        let unit = self.db.unit("PreviewReclaim", call.deadline);
        let (foreseen, next) = self
            .on_snapshot(call, &unit, |org| {
                let after = after.as_ref();
                async move {
                    let principal = Self::principal(&org, call)?;
                    match input.pool {
                        None => principal.require_crm_admin().map_err(Error::from)?,
                        Some(id) => {
                            let home = RuleHome::Pool(id);
                            administered(&org, &principal, &home, || no_home(&home))?;
                        }
                    }
                    let scene = Scene {
                        org: &org,
                        principal: &principal,
                        now: time,
                    };
                    unit.retry(|| self.foresee(&unit, &scene, now, input, after)).await
                }
            })
            .await?;
        let token = next.map(|next| self.pages.seal(&list, &next)).unwrap_or_default();
        Ok((foreseen, token))
    }

    async fn foresee(
        &self,
        unit: &Unit<'_>,
        scene: &Scene<'_>,
        now: DateTime<Utc>,
        input: &PreviewReclaim,
        after: Option<&Position>,
    ) -> Result<(Vec<Foreseen>, Option<Position>), Abort> {
        let (org, settings) = (scene.org, &scene.org.tenant.settings);
        let reader = unit.reader().await?;
        let spot = after.map(|after| after.spot);
        let engine = self.db.engine();
        let (ids, next) = foresee(
            &reader,
            engine,
            (org.key, input.pool),
            scene.now,
            spot,
            SCANNED,
            input.size as u64,
        )
        .await?;
        let (revisions, mut found) = due::load(&reader, org, &ids).await?.ok_or_else(flow::unknown_tenant)?;
        if revisions != org.revisions {
            return Err(Abort::Stale);
        }
        let accounts: Vec<Account> = ids.iter().filter_map(|id| found.remove(id)).collect();
        let mut teams = HashMap::new();
        if org.retention.reminds_teams() {
            teams = extras::teams(&reader, org.key, &ids).await?;
        }
        let accounts = with_teams(accounts, teams);
        let mut terms = Terms::at_once(self.sweep_grace);
        if !settings.required_sources.is_empty() {
            // Sources go on telling, as late as they do now.
            let heard = super::gate::watermark(settings, &watermark::all(&reader, org.key).await?);
            terms.watermark = heard.map(|heard| heard + (scene.now - now));
        }
        let mut verdicts = verdicts(scene, &accounts, terms);
        let wanted = wanted(&accounts, &verdicts);
        let mut taken = after.map_or(0, |after| after.taken);
        if !wanted.is_empty() {
            let mut allowed = BTreeMap::new();
            for (pool, stored) in stored(&breaker::all(&reader, org.key).await?, &wanted) {
                if input.pool.is_none() {
                    // Of all pools at once nobody counts: only what is stopped already is known to be.
                    let open = stored.is_some_and(|breaker| breaker.is_open());
                    allowed.insert(pool, if open { 0 } else { i64::MAX });
                    continue;
                }
                let mut assigned = 0;
                if Breaker::begins(stored.as_ref(), scene.now) {
                    let counted = breaker::assigned(&reader, org.key, &[pool], countable(settings)).await?;
                    assigned = counted.get(&pool).copied().unwrap_or(0);
                }
                let mut breaker = Breaker::current(stored, settings, assigned, scene.now);
                breaker.take(taken, scene.now);
                let takes = breaker.take(wanted.get(&pool).copied().unwrap_or(0), scene.now);
                taken += takes;
                allowed.insert(pool, takes);
            }
            hold_surplus(scene, &accounts, &mut verdicts, terms, allowed);
        }
        let next = next.map(|spot| Position {
            spot,
            time: scene.now,
            taken,
        });
        let foreseen = accounts.into_iter().zip(verdicts);
        let foreseen = foreseen.filter_map(|(account, verdict)| told(account, verdict));
        Ok((foreseen.collect(), next))
    }
}

type Stored = (Option<PoolId>, Option<Breaker>);

fn stored(all: &breaker::Breakers, wanted: &BTreeMap<Option<PoolId>, i64>) -> Vec<Stored> {
    wanted.keys().map(|pool| (*pool, all.get(pool).copied())).collect()
}

/// What is told of it; nothing where nothing would be done.
fn told((account, _): WithTeam, verdict: Verdict) -> Option<Foreseen> {
    let mut clock = account.clock.clone();
    let what = match verdict {
        Verdict::Reclaim(change) => {
            // The rule by which it is, which may not be the one that was stored.
            let end = change.end.as_ref();
            clock.rule_id = end.and_then(|end| end.rule_id);
            clock.reclaim_time = end.and_then(|end| end.deadline);
            WhatComes::Reclaim {
                target: change.after.pool_id,
            }
        }
        Verdict::Remind(change) => {
            let reminder = change.event.effects.reminder;
            WhatComes::Remind {
                recipients: reminder.map(|reminder| reminder.recipients).unwrap_or_default(),
            }
        }
        Verdict::Replan(change) => {
            clock = change.after.clock;
            WhatComes::Replan
        }
        Verdict::Held(hold) => WhatComes::Held(hold),
        Verdict::Leave(_) => return None,
    };
    Some(Foreseen {
        account: account.id,
        version: account.version,
        pool: account.pool_id,
        owner: account.owner,
        rule_id: clock.rule_id,
        deadline: clock.reclaim_time,
        what,
    })
}
