//! Whether a user may get another account, decided on what was counted for him and on what he got or gave up earlier in
//! the same batch.
//!
//! A limit is compared with what it counts *before* the account comes in, whatever the account is: at the limit nothing
//! more is taken, not even a won account that would not count (only a retention limit that leaves pools alone does not
//! look at accounts of pools at all). Below the limit an account that does not count takes no room.

use super::facts::{Counted, CountsRead, DailyLimit, How, UserLimits};
use crate::domain::{
    ids::PoolId,
    refusal::{Reason, Refusal},
};
use chrono::SecondsFormat;

/// What limits look at in an account that a user holds or is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The pool that it belongs to.
    pub pool: Option<PoolId>,
    /// Whether it is won or repeatedly won.
    pub won: bool,
}

/// A kind of limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// How many accounts the user may hold.
    Holding,
    /// How many accounts of the pool he may hold.
    Pool,
    /// How many accounts of the pool he may claim today.
    DailyPool,
    /// How many accounts he may claim today.
    DailyTenant,
}

/// What one limit still allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomLeft {
    /// Which limit.
    pub kind: LimitKind,
    /// How many it allows.
    pub limit: u32,
    /// How many count toward it.
    pub used: u32,
    /// The rule that decides, for the holding limit.
    pub rule_id: Option<uuid::Uuid>,
}

/// What one user may still get.
#[derive(Clone, Debug)]
pub struct Room {
    limits: UserLimits,
    counts: CountsRead,
}

/// One limit that an account comes under: what it allows, what it counts, and whether the account will be counted.
struct Applied {
    limit: u32,
    counted: Counted,
    counts: bool,
}

impl Room {
    /// The room that `counts` leave below `limits`; they are those that [`UserLimits::counts`] asked for.
    #[must_use]
    pub const fn new(limits: UserLimits, counts: CountsRead) -> Self {
        Self { limits, counts }
    }

    /// The limits that it is the room below.
    #[must_use]
    pub const fn limits(&self) -> &UserLimits {
        &self.limits
    }

    /// Why the user may not get the account: daily limits first, then the pool's, then his own. Empty if he may.
    #[must_use]
    pub fn check(&self, account: Held, how: How) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if how == How::Claimed {
            refusals.extend(self.check_daily(account));
        }
        refusals.extend(self.check_pool(account));
        refusals.extend(self.check_holding(account));
        refusals
    }

    /// Why the user may not keep the account when it moves between pools, or into or out of one. Only what begins to
    /// count it is compared: the other pool's limit, and his own if it did not count the account before.
    #[must_use]
    pub fn check_move(&self, from: Held, to: Held) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if from.pool != to.pool {
            refusals.extend(self.check_pool(to));
        }
        let counts = |account| self.holding(account).is_some_and(|applied| applied.counts);
        if counts(to) && !counts(from) {
            refusals.extend(self.check_holding(to));
        }
        refusals
    }

    /// Notes that the user gets the account.
    pub fn take(&mut self, account: Held, how: How) {
        for applied in self.applied(account, how) {
            if applied.counts {
                let used = self.counts.0.entry(applied.counted).or_insert(u32::MAX);
                *used = used.saturating_add(1);
            }
        }
    }

    /// Notes that the account leaves the user's hands. Claims are not given back: what was claimed today stays so.
    pub fn give_back(&mut self, account: Held) {
        for applied in self.applied(account, How::Given) {
            if applied.counts
                && let Some(used) = self.counts.0.get_mut(&applied.counted)
            {
                *used = used.saturating_sub(1);
            }
        }
    }

    /// How many more accounts like this one the user may get; `None` for any number.
    #[must_use]
    pub fn room(&self, account: Held, how: How) -> Option<u32> {
        let applied = self.applied(account, how).into_iter();
        let left = applied.filter_map(|applied| {
            let left = applied.limit.saturating_sub(self.counts.get(applied.counted));
            (applied.counts || left == 0).then_some(left)
        });
        left.min()
    }

    /// What each limit that such an account comes under still allows, in the order in which they are checked.
    #[must_use]
    pub fn left(&self, account: Held, how: How) -> Vec<RoomLeft> {
        let left = |kind, limit, counted, rule_id| RoomLeft {
            kind,
            limit,
            used: self.counts.get(counted),
            rule_id,
        };
        let mut rooms = Vec::new();
        if how == How::Claimed {
            rooms.extend(self.daily(account).map(|(daily, counted)| {
                let kind = match counted {
                    Counted::DailyPool { .. } => LimitKind::DailyPool,
                    _ => LimitKind::DailyTenant,
                };
                left(kind, daily.limit, counted, None)
            }));
        }
        rooms.extend(
            self.pool(account)
                .map(|(_, applied)| left(LimitKind::Pool, applied.limit, applied.counted, None)),
        );
        let rule = self.limits.holding.as_ref().map(|holding| holding.rule);
        rooms.extend(
            self.holding(account)
                .map(|applied| left(LimitKind::Holding, applied.limit, applied.counted, rule)),
        );
        rooms
    }

    fn holding(&self, account: Held) -> Option<Applied> {
        let limit = self.limits.holding.as_ref()?;
        (account.pool.is_none() || limit.count_pool).then(|| Applied {
            limit: limit.limit,
            counted: limit.counted(),
            counts: limit.count_won || !account.won,
        })
    }

    fn pool(&self, account: Held) -> Option<(PoolId, Applied)> {
        let pool = account.pool?;
        let limit = self.limits.pools.get(&pool)?;
        let applied = Applied {
            limit: limit.limit,
            counted: limit.counted(pool),
            counts: limit.count_won || !account.won,
        };
        Some((pool, applied))
    }

    /// The pool's day, then the tenant's.
    fn daily(&self, account: Held) -> impl Iterator<Item = (&DailyLimit, Counted)> {
        let pool = account.pool.and_then(|pool| {
            let daily = self.limits.daily_pools.get(&pool)?;
            let since = daily.day.begin;
            Some((daily, Counted::DailyPool { pool, since }))
        });
        let tenant = self.limits.daily_tenant.as_ref().map(|daily| {
            let since = daily.day.begin;
            (daily, Counted::DailyTenant { since })
        });
        pool.into_iter().chain(tenant)
    }

    fn applied(&self, account: Held, how: How) -> Vec<Applied> {
        let mut applied: Vec<_> = self.holding(account).into_iter().collect();
        applied.extend(self.pool(account).map(|(_, applied)| applied));
        if how == How::Claimed {
            applied.extend(self.daily(account).map(|(daily, counted)| Applied {
                limit: daily.limit,
                counted,
                counts: true,
            }));
        }
        applied
    }

    fn check_daily(&self, account: Held) -> impl Iterator<Item = Refusal> {
        self.daily(account).filter_map(|(daily, counted)| {
            let used = self.counts.get(counted);
            if used < daily.limit {
                return None;
            }
            let (rule, wording) = match counted {
                Counted::DailyPool { .. } => ("pool", "from this pool"),
                _ => ("tenant", "from all pools together"),
            };
            let message = format!(
                "at most {} accounts may be claimed {wording} in a day; what was returned counts",
                daily.limit
            );
            let resets_at = daily.day.end.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            let refusal = reached(Reason::DailyClaimLimitReached, message, daily.limit, used, rule)
                .with("resets_at", resets_at)
                .retry_after((daily.day.end - self.limits.now).to_std().unwrap_or_default());
            Some(refusal)
        })
    }

    fn check_pool(&self, account: Held) -> Option<Refusal> {
        let (pool, Applied { limit, counted, .. }) = self.pool(account)?;
        let used = self.counts.get(counted);
        let message = format!("at most {limit} accounts of this pool may be held at once");
        (used >= limit)
            .then(|| reached(Reason::PoolClaimLimitReached, message, limit, used, "pool").with("pool_id", pool))
    }

    fn check_holding(&self, account: Held) -> Option<Refusal> {
        let rule = self.limits.holding.as_ref()?.rule;
        let Applied { limit, counted, .. } = self.holding(account)?;
        let used = self.counts.get(counted);
        let message = format!("at most {limit} accounts may be held at once");
        (used >= limit).then(|| reached(Reason::HoldingLimitReached, message, limit, used, rule))
    }
}

fn reached(reason: Reason, message: String, limit: u32, used: u32, rule: impl ToString) -> Refusal {
    Refusal::new(reason, message)
        .with("limit", limit)
        .with("used", used)
        .with("rule", rule)
}
