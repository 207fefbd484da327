//! All limits of one user for what he is to get, and the counts that must be read before they can be decided on.
//!
//! Counting costs the database work, so only what some limit is compared with is counted, and no further than the
//! comparison needs.

use super::{day::Day, select::holding_rule};
use crate::domain::{
    ids::{PoolId, UserId},
    organisation::Organisation,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where counting ends when the number itself is wanted, not only whether it is below a limit.
pub const EXACT: u32 = 1_000_000;

/// How a user gets an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// He claims it for himself: daily limits apply as well.
    Claimed,
    /// It is created for him, assigned, allocated, handed over, restored.
    Given,
}

/// What is counted for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// The accounts that he holds, drafts included.
    Holding {
        /// Those of pools too.
        count_pool: bool,
        /// Won ones too.
        count_won: bool,
    },
    /// The accounts of one pool that are assigned to him.
    Pool {
        /// Of this pool.
        pool: PoolId,
        /// Won ones too.
        count_won: bool,
    },
    /// His claims in one pool, whatever became of them.
    DailyPool {
        /// In this pool.
        pool: PoolId,
        /// Since then.
        since: DateTime<Utc>,
    },
    /// His claims in all pools, whatever became of them.
    DailyTenant {
        /// Since then.
        since: DateTime<Utc>,
    },
    /// His accounts that are locked.
    Locked {
        /// At that time.
        at: DateTime<Utc>,
    },
}

/// What to count, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Count {
    /// What.
    pub what: Counted,
    /// The answer is never more than this.
    pub cap: u32,
}

/// What was counted for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountsRead(pub BTreeMap<Counted, u32>);

impl CountsRead {
    /// The number. What nobody counted is taken to be over every limit: better refused than exceeded.
    #[must_use]
    pub fn get(&self, what: Counted) -> u32 {
        self.0.get(&what).copied().unwrap_or(u32::MAX)
    }
}

/// The retention limit that holds for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldingLimit {
    /// Which one.
    pub rule: Uuid,
    /// How many accounts he may hold.
    pub limit: u32,
    /// Whether accounts of pools count.
    pub count_pool: bool,
    /// Whether won accounts count.
    pub count_won: bool,
}

impl HoldingLimit {
    /// What is compared with it.
    #[must_use]
    pub const fn counted(&self) -> Counted {
        Counted::Holding {
            count_pool: self.count_pool,
            count_won: self.count_won,
        }
    }
}

/// The claim limit of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimit {
    /// How many of its accounts a member may hold.
    pub limit: u32,
    /// Whether won accounts count.
    pub count_won: bool,
}

impl PoolLimit {
    /// What is compared with it.
    #[must_use]
    pub const fn counted(&self, pool: PoolId) -> Counted {
        let count_won = self.count_won;
        Counted::Pool { pool, count_won }
    }
}

/// A daily claim limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyLimit {
    /// How many claims.
    pub limit: u32,
    /// On which day.
    pub day: Day,
}

/// The limits of one user for what he is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLimits {
    /// The moment that they are for.
    pub now: DateTime<Utc>,
    /// His retention limit, if one holds and anything that he is to get comes under it.
    pub holding: Option<HoldingLimit>,
    /// The claim limits of the pools that have one.
    pub pools: BTreeMap<PoolId, PoolLimit>,
    /// The daily claim limits of the pools that have one; none for what is given to him.
    pub daily_pools: BTreeMap<PoolId, DailyLimit>,
    /// The daily claim limit of the tenant; none for what is given to him.
    pub daily_tenant: Option<DailyLimit>,
}

impl UserLimits {
    /// The limits of `user` when accounts come to lie in his hands in the pools of `into`, `None` for outside of all.
    #[must_use]
    pub fn of(
        org: &Organisation,
        user: &UserId,
        into: impl IntoIterator<Item = Option<PoolId>>,
        how: How,
        now: DateTime<Utc>,
    ) -> Self {
        let mut limits = Self {
            now,
            holding: None,
            pools: BTreeMap::new(),
            daily_pools: BTreeMap::new(),
            daily_tenant: None,
        };
        let (mut any, mut outside) = (false, false);
        for into in into {
            any = true;
            match into.and_then(|id| org.pool(id)) {
                Some(pool) => {
                    if let Some(limit) = pool.config.claim_limit {
                        let count_won = pool.config.claim_limit_counts_won;
                        limits.pools.insert(pool.id, PoolLimit { limit, count_won });
                    }
                    if let (How::Claimed, Some(limit)) = (how, pool.config.daily_claim_limit) {
                        let day = Day::of(now, org.zone(pool));
                        limits.daily_pools.insert(pool.id, DailyLimit { limit, day });
                    }
                }
                None => outside = true,
            }
        }
        if let (true, How::Claimed, Some(limit)) = (any, how, org.tenant.settings.daily_claim_limit) {
            let day = Day::of(now, org.tenant.settings.time_zone);
            limits.daily_tenant = Some(DailyLimit { limit, day });
        }
        limits.holding = holding_rule(org, user)
            .rule()
            .map(|rule| HoldingLimit {
                rule: rule.id,
                limit: rule.config.limit,
                count_pool: rule.config.count_pool_accounts,
                count_won: rule.config.count_won,
            })
            .filter(|limit| outside || any && limit.count_pool);
        limits
    }

    /// What must be counted to decide, where up to `give_backs` accounts leave his hands in the same batch: each of them
    /// may uncover room, so counting goes that much further.
    #[must_use]
    pub fn counts(&self, give_backs: u32) -> Vec<Count> {
        self.counts_to(|limit| limit.saturating_add(1).saturating_add(give_backs))
    }

    /// The same to the last account, for people to read.
    #[must_use]
    pub fn counts_exact(&self) -> Vec<Count> {
        self.counts_to(|_| EXACT)
    }

    fn counts_to(&self, cap: impl Fn(u32) -> u32) -> Vec<Count> {
        let holding = self.holding.iter().map(|limit| (limit.counted(), limit.limit));
        let pools = self
            .pools
            .iter()
            .map(|(pool, limit)| (limit.counted(*pool), limit.limit));
        let daily_pools = self.daily_pools.iter().map(|(pool, daily)| {
            let (pool, since) = (*pool, daily.day.begin);
            (Counted::DailyPool { pool, since }, daily.limit)
        });
        let daily_tenant = self.daily_tenant.iter().map(|daily| {
            let since = daily.day.begin;
            (Counted::DailyTenant { since }, daily.limit)
        });
        let all = holding.chain(pools).chain(daily_pools).chain(daily_tenant);
        all.map(|(what, limit)| Count { what, cap: cap(limit) }).collect()
    }
}
