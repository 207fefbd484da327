//! What limits a user, what he holds, and how much room that leaves, to the last account: for people to read.

use super::{
    day::Day,
    facts::{Count, Counted, CountsRead, EXACT, How, UserLimits},
    room::{Held, Room},
    select::{Explained, holding_rule},
};
use crate::domain::{ids::UserId, organisation::Organisation, pool::Pool};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What limits a user and what room he has.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The user.
    pub user: UserId,
    /// Which limit holds for him and which do not.
    pub explained: Explained,
    /// How many accounts he holds that count.
    pub used: u32,
    /// How many more open accounts outside of pools he may get; `None` for any number.
    pub room: Option<u32>,
    /// By how many he is over the limit.
    pub over_limit: u32,
    /// The pools that he is a member of.
    pub pools: Vec<PoolRoom>,
    /// How many accounts he claimed today.
    pub claimed_today: u32,
    /// How many he may claim a day.
    pub daily_claim_limit: Option<u32>,
    /// When that day ends.
    pub reset_time: DateTime<Utc>,
}

/// The room that a user has in a pool.
#[derive(Clone, Debug)]
pub struct PoolRoom {
    /// The pool.
    pub pool: Arc<Pool>,
    /// How many of its accounts he holds that count.
    pub used: u32,
    /// How many more open ones he may be given; `None` for any number.
    pub room: Option<u32>,
    /// How many of its accounts he claimed today.
    pub claimed_today: u32,
    /// How many more open ones he may claim today; `None` for any number.
    pub claim_room: Option<u32>,
    /// When that day ends.
    pub reset_time: DateTime<Utc>,
}

/// What an explanation is made of besides the counts: the limits, and what is counted where there is no limit.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    org: &'a Organisation,
    user: &'a UserId,
    now: DateTime<Utc>,
    pools: Vec<Arc<Pool>>,
    limits: UserLimits,
}

impl<'a> Question<'a> {
    /// What limits `user`?
    #[must_use]
    pub fn new(org: &'a Organisation, user: &'a UserId, now: DateTime<Utc>) -> Self {
        let pools = org.pools.values().filter(|pool| pool.is_member(&org.directory, user));
        let pools: Vec<_> = pools.cloned().collect();
        let into = pools.iter().map(|pool| Some(pool.id)).chain([None]);
        let limits = UserLimits::of(org, user, into, How::Claimed, now);
        Self {
            org,
            user,
            now,
            pools,
            limits,
        }
    }

    fn holding(&self) -> Counted {
        let all = Counted::Holding {
            count_pool: true,
            count_won: true,
        };
        self.limits.holding.map_or(all, |limit| limit.counted())
    }

    fn in_pool(&self, pool: &Pool) -> (Counted, Counted, Day) {
        let all = Counted::Pool {
            pool: pool.id,
            count_won: true,
        };
        let limit = self.limits.pools.get(&pool.id);
        let day = Day::of(self.now, self.org.zone(pool));
        let claims = Counted::DailyPool {
            pool: pool.id,
            since: day.begin,
        };
        (limit.map_or(all, |limit| limit.counted(pool.id)), claims, day)
    }

    fn today(&self) -> (Counted, Day) {
        let day = Day::of(self.now, self.org.tenant.settings.time_zone);
        (Counted::DailyTenant { since: day.begin }, day)
    }

    /// What must be counted to answer.
    #[must_use]
    pub fn counts(&self) -> Vec<Count> {
        let pools = self.pools.iter().flat_map(|pool| {
            let (used, claims, _) = self.in_pool(pool);
            [used, claims]
        });
        let all = [self.holding(), self.today().0].into_iter().chain(pools);
        all.map(|what| Count { what, cap: EXACT }).collect()
    }

    /// The answer.
    #[must_use]
    pub fn answer(self, counts: CountsRead) -> Explanation {
        let room = Room::new(self.limits.clone(), counts.clone());
        let open = |pool| Held { pool, won: false };
        let used = counts.get(self.holding());
        let (claims, today) = self.today();
        let pools = self.pools.iter().map(|pool| {
            let (held, claims, day) = self.in_pool(pool);
            PoolRoom {
                pool: pool.clone(),
                used: counts.get(held),
                room: room.room(open(Some(pool.id)), How::Given),
                claimed_today: counts.get(claims),
                claim_room: room.room(open(Some(pool.id)), How::Claimed),
                reset_time: day.end,
            }
        });
        Explanation {
            user: self.user.clone(),
            explained: holding_rule(self.org, self.user),
            used,
            room: room.room(open(None), How::Given),
            over_limit: self.limits.holding.map_or(0, |limit| used.saturating_sub(limit.limit)),
            pools: pools.collect(),
            claimed_today: counts.get(claims),
            daily_claim_limit: self.org.tenant.settings.daily_claim_limit,
            reset_time: today.end,
        }
    }
}
