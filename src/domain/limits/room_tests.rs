//! The worked examples of limits, and what must hold whatever is done in whatever order.

use super::{
    day::Day,
    facts::{Count, Counted, CountsRead, DailyLimit, HoldingLimit, How, PoolLimit, UserLimits},
    room::{Held, Room},
};
use crate::domain::{
    ids::PoolId,
    refusal::{Reason, Refusal},
};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

const P: PoolId = PoolId(Uuid::from_u128(1));
const Q: PoolId = PoolId(Uuid::from_u128(2));
const RULE: Uuid = Uuid::from_u128(9);

const OWN: Held = Held { pool: None, won: false };
const OWN_WON: Held = Held { pool: None, won: true };
const POOL: Held = Held {
    pool: Some(P),
    won: false,
};
const POOL_WON: Held = Held {
    pool: Some(P),
    won: true,
};
const IN_Q: Held = Held {
    pool: Some(Q),
    won: false,
};

fn now() -> DateTime<Utc> {
    "2026-03-01T02:00:00Z".parse().unwrap()
}

fn today() -> Day {
    Day::of(now(), chrono_tz::Asia::Shanghai)
}

fn none() -> UserLimits {
    UserLimits {
        now: now(),
        holding: None,
        pools: BTreeMap::new(),
        daily_pools: BTreeMap::new(),
        daily_tenant: None,
    }
}

fn holding(limit: u32, count_pool: bool, count_won: bool) -> UserLimits {
    UserLimits {
        holding: Some(HoldingLimit {
            rule: RULE,
            limit,
            count_pool,
            count_won,
        }),
        ..none()
    }
}

fn pool(mut limits: UserLimits, pool: PoolId, limit: u32, count_won: bool) -> UserLimits {
    limits.pools.insert(pool, PoolLimit { limit, count_won });
    limits
}

/// What a user holds and claimed today: the definition of every count, spelled out.
#[derive(Clone, Debug, Default)]
struct Holdings {
    accounts: Vec<Held>,
    claimed: Vec<PoolId>,
}

impl Holdings {
    fn of(parts: &[(u32, Held)]) -> Self {
        let accounts = parts.iter().flat_map(|(n, held)| (0..*n).map(|_| *held)).collect();
        Self {
            accounts,
            claimed: Vec::new(),
        }
    }

    fn count(&self, what: Counted) -> u32 {
        let n = match what {
            Counted::Holding { count_pool, count_won } => {
                let counts = |a: &&Held| (count_pool || a.pool.is_none()) && (count_won || !a.won);
                self.accounts.iter().filter(counts).count()
            }
            Counted::Pool { pool, count_won } => {
                let counts = |a: &&Held| a.pool == Some(pool) && (count_won || !a.won);
                self.accounts.iter().filter(counts).count()
            }
            Counted::DailyPool { pool, .. } => self.claimed.iter().filter(|claim| **claim == pool).count(),
            Counted::DailyTenant { .. } => self.claimed.len(),
            Counted::Locked { .. } => 0,
        };
        u32::try_from(n).unwrap()
    }

    fn read(&self, counts: &[Count]) -> CountsRead {
        CountsRead(counts.iter().map(|c| (c.what, self.count(c.what).min(c.cap))).collect())
    }

    fn room(&self, limits: &UserLimits) -> Room {
        Room::new(limits.clone(), self.read(&limits.counts(0)))
    }

    /// Takes accounts until one is refused.
    fn more(&self, limits: &UserLimits, account: Held) -> Option<u32> {
        const MANY: u32 = 100;
        let mut room = self.room(limits);
        let mut taken = 0;
        while taken < MANY && room.check(account, How::Given).is_empty() {
            room.take(account, How::Given);
            taken += 1;
        }
        let more = (taken < MANY).then_some(taken);
        assert_eq!(
            more,
            self.room(limits).room(account, How::Given),
            "{limits:?} {account:?}"
        );
        more
    }
}

fn reasons(refusals: &[Refusal]) -> Vec<Reason> {
    refusals.iter().map(|refusal| refusal.reason).collect()
}

const UNLIMITED: Option<u32> = None;

/// L01 to L05 (R126): 10 in total, of a pool at most 20.
#[test]
fn a_retention_limit_and_a_pool_limit_hold_together() {
    let table = [
        ("L01", Some(true), vec![], Some(10), Some(10)),
        ("L02", Some(true), vec![(4, OWN)], Some(6), Some(6)),
        ("L03", Some(false), vec![], Some(20), Some(10)),
        ("L04", Some(false), vec![(20, POOL)], Some(0), Some(10)),
        ("L05", None, vec![], Some(20), UNLIMITED),
    ];
    for (case, count_pool, held, more_pool, more_own) in table {
        let limits = count_pool.map_or_else(none, |count_pool| holding(10, count_pool, false));
        let limits = pool(limits, P, 20, false);
        let held = Holdings::of(&held);
        assert_eq!(held.more(&limits, POOL), more_pool, "{case}");
        assert_eq!(held.more(&limits, OWN), more_own, "{case}");
    }
}

/// L06, L07 (R121, R123, R124): 20 for the department, 3 of a pool and 17 others in hand.
#[test]
fn accounts_of_pools_count_or_do_not() {
    let held = Holdings::of(&[(3, POOL), (17, OWN)]);
    let table = [
        ("L06", true, Some(0), Some(0), Some(0)),
        ("L07", false, Some(3), Some(2), UNLIMITED),
    ];
    for (case, count_pool, more_own, more_pool, more_open_pool) in table {
        let unlimited_pool = holding(20, count_pool, false);
        let limits = pool(unlimited_pool.clone(), P, 5, false);
        assert_eq!(held.more(&limits, OWN), more_own, "{case}");
        assert_eq!(held.more(&limits, POOL), more_pool, "{case}");
        assert_eq!(held.more(&unlimited_pool, POOL), more_open_pool, "{case}");
    }
}

/// L08, L09 (R122, R125): 20; 18 open, one won, one repeatedly won.
#[test]
fn won_accounts_count_or_do_not() {
    let held = Holdings::of(&[(18, OWN), (2, OWN_WON)]);
    assert_eq!(held.more(&holding(20, true, false), OWN), Some(2), "L08");
    assert_eq!(held.more(&holding(20, true, true), OWN), Some(0), "L09");
}

/// L10 to L17: every combination of the three switches.
#[test]
fn all_switches_in_all_positions() {
    let held = Holdings::of(&[(2, POOL), (1, POOL_WON), (15, OWN), (2, OWN_WON)]);
    let table = [
        ("L10", true, true, true, 20, Some(0), Some(0), Some(0)),
        ("L11", true, true, false, 20, Some(0), Some(0), Some(0)),
        ("L12", true, false, true, 17, Some(3), Some(2), Some(2)),
        ("L13", true, false, false, 17, Some(3), Some(3), UNLIMITED),
        ("L14", false, true, true, 17, Some(3), Some(2), Some(2)),
        ("L15", false, true, false, 17, Some(3), Some(3), UNLIMITED),
        ("L16", false, false, true, 15, Some(5), Some(2), Some(2)),
        ("L17", false, false, false, 15, Some(5), Some(3), UNLIMITED),
    ];
    for (case, count_pool, count_won, pool_won, h, own, open, won) in table {
        let limits = pool(holding(20, count_pool, count_won), P, 5, pool_won);
        assert_eq!(held.count(Counted::Holding { count_pool, count_won }), h, "{case}");
        assert_eq!(held.more(&limits, OWN), own, "{case}");
        assert_eq!(held.more(&limits, POOL), open, "{case}");
        assert_eq!(held.more(&limits, POOL_WON), won, "{case}");
    }
}

/// L18 (D12): at the limit a won account is refused although it would not count; below the limit it takes no room.
#[test]
fn the_count_is_compared_whatever_is_claimed() {
    let limits = holding(20, true, false);
    let at_limit = Holdings::of(&[(20, OWN)]).room(&limits);
    let refusals = at_limit.check(POOL_WON, How::Claimed);
    assert_eq!(reasons(&refusals), [Reason::HoldingLimitReached]);
    let metadata = &refusals[0].metadata;
    assert_eq!((metadata["limit"].as_str(), metadata["used"].as_str()), ("20", "20"));
    assert_eq!(metadata["rule"], RULE.to_string());

    let mut below = Holdings::of(&[(19, OWN)]).room(&limits);
    assert!(below.check(POOL_WON, How::Claimed).is_empty());
    below.take(POOL_WON, How::Claimed);
    assert_eq!(below.room(OWN, How::Given), Some(1), "the count stays 19");
}

/// L19, L20: a win frees a room at once; when it is reversed after the room was taken, 21 stand and nothing comes in
/// until the count is below the limit.
#[test]
fn wins_and_their_reversal_change_the_count() {
    let limits = holding(20, true, false);
    let more = |parts: &[(u32, Held)]| Holdings::of(parts).more(&limits, OWN);
    assert_eq!(more(&[(20, OWN)]), Some(0));
    assert_eq!(more(&[(19, OWN), (1, OWN_WON)]), Some(1), "L19");
    assert_eq!(more(&[(21, OWN)]), Some(0), "L20");
    assert_eq!(more(&[(20, OWN)]), Some(0), "L20");
    assert_eq!(more(&[(19, OWN)]), Some(1), "L20");
}

/// L21: a limit lowered below what is held takes nothing away; the excess is known, and nothing comes in.
#[test]
fn a_lowered_limit_takes_nothing_away() {
    let limits = holding(15, true, false);
    let held = Holdings::of(&[(20, OWN)]);
    assert_eq!(held.more(&limits, OWN), Some(0));
    let exact = held.read(&limits.counts_exact());
    assert_eq!(exact.get(limits.holding.unwrap().counted()) - 15, 5);
}

/// L22: of a batch of three with room for two, the first two in order succeed.
#[test]
fn a_batch_is_decided_in_order() {
    let limits = holding(20, true, false);
    let mut room = Holdings::of(&[(18, OWN)]).room(&limits);
    let mut outcome = Vec::new();
    for _ in 0..3 {
        let refusals = room.check(POOL, How::Claimed);
        if refusals.is_empty() {
            room.take(POOL, How::Claimed);
        }
        outcome.push(reasons(&refusals));
    }
    assert_eq!(outcome, [vec![], vec![], vec![Reason::HoldingLimitReached]]);
}

/// R123: at both limits the pool's is named first, then the user's own.
#[test]
fn all_reached_limits_are_named_in_order() {
    let mut limits = pool(holding(3, true, false), P, 3, false);
    let day = today();
    limits.daily_pools.insert(P, DailyLimit { limit: 2, day });
    let mut held = Holdings::of(&[(3, POOL)]);
    held.claimed = vec![P, P];
    let refusals = held.room(&limits).check(POOL, How::Claimed);
    let [daily, pool, holding] = &refusals[..] else {
        panic!("{refusals:?}")
    };
    assert_eq!(daily.reason, Reason::DailyClaimLimitReached);
    assert_eq!(daily.metadata["resets_at"], "2026-03-01T16:00:00Z");
    assert_eq!(daily.retry_after, Some(std::time::Duration::from_hours(14)));
    assert_eq!(
        (pool.reason, pool.metadata["rule"].as_str()),
        (Reason::PoolClaimLimitReached, "pool")
    );
    assert_eq!(pool.retry_after, None);
    assert_eq!(holding.reason, Reason::HoldingLimitReached);
    // What is assigned to him is not claimed (R115).
    let given = held.room(&limits).check(POOL, How::Given);
    assert_eq!(
        reasons(&given),
        [Reason::PoolClaimLimitReached, Reason::HoldingLimitReached]
    );
}

/// L25 to L28: moves that keep the owner.
#[test]
fn a_move_is_compared_with_what_begins_to_count_it() {
    let held = Holdings::of(&[(2, POOL), (3, IN_Q), (5, OWN)]);
    let limits = pool(holding(5, false, false), Q, 3, false);
    let room = held.room(&limits);
    assert_eq!(
        reasons(&room.check_move(POOL, IN_Q)),
        [Reason::PoolClaimLimitReached],
        "L25"
    );
    assert_eq!(room.check_move(IN_Q, POOL), [], "L25: P has no limit");
    assert_eq!(
        reasons(&room.check_move(POOL, OWN)),
        [Reason::HoldingLimitReached],
        "L27"
    );
    assert_eq!(
        room.check_move(POOL_WON, OWN_WON),
        [],
        "L27: a won one does not begin to count"
    );

    let mut room = held.room(&limits);
    room.give_back(OWN);
    room.take(POOL, How::Given);
    assert_eq!(
        room.room(OWN, How::Given),
        Some(1),
        "L26: put into a pool it no longer counts"
    );
    assert_eq!(room.check_move(POOL, OWN), [], "L26");

    // Counted before and after: nothing to compare, even at the limit (4.4).
    let counted = holding(10, true, false);
    let room = held.room(&counted);
    assert_eq!(room.room(OWN, How::Given), Some(0));
    assert_eq!(room.check_move(POOL, OWN), []);

    // Two accounts of one owner become one.
    let mut room = held.room(&limits);
    room.give_back(OWN);
    assert_eq!(room.room(OWN, How::Given), Some(1), "L28");
}

/// L31, L32: five claims a day, whatever came back; what was given to him is not among them.
#[test]
fn returns_do_not_refund_claims() {
    let mut limits = none();
    let day = today();
    limits.daily_pools.insert(P, DailyLimit { limit: 5, day });
    let mut room = Holdings::of(&[(5, POOL)]).room(&limits);
    for claimed in 0..5 {
        assert!(room.check(POOL, How::Claimed).is_empty(), "L32: {claimed}");
        room.take(POOL, How::Claimed);
    }
    room.give_back(POOL);
    room.give_back(POOL);
    assert_eq!(
        reasons(&room.check(POOL, How::Claimed)),
        [Reason::DailyClaimLimitReached],
        "L31"
    );
}

/// L34 (D13): 5 a day in each of two pools, 8 in all: 5 in the one, 3 in the other.
#[test]
fn the_day_is_counted_per_pool_and_in_all() {
    let mut limits = none();
    let day = today();
    limits.daily_pools.insert(P, DailyLimit { limit: 5, day });
    limits.daily_pools.insert(Q, DailyLimit { limit: 5, day });
    limits.daily_tenant = Some(DailyLimit { limit: 8, day });
    let mut room = Holdings::default().room(&limits);
    let claim = |room: &mut Room, account| {
        let refusals = room.check(account, How::Claimed);
        if refusals.is_empty() {
            room.take(account, How::Claimed);
        }
        refusals.first().map(|refusal| refusal.metadata["rule"].clone())
    };
    let outcome: Vec<_> = [POOL; 6]
        .into_iter()
        .chain([IN_Q; 4])
        .map(|a| claim(&mut room, a))
        .collect();
    let mut expected = vec![None; 10];
    expected[5] = Some("pool".to_owned());
    expected[9] = Some("tenant".to_owned());
    assert_eq!(outcome, expected);
}

/// Giving back may uncover room only where it was counted far enough.
#[test]
fn counting_goes_as_far_as_the_batch_gives_back() {
    let limits = holding(20, true, true);
    let held = Holdings::of(&[(30, OWN)]);
    let mut room = Room::new(limits.clone(), held.read(&limits.counts(4)));
    for _ in 0..4 {
        room.give_back(OWN);
    }
    assert_eq!(room.room(OWN, How::Given), Some(0), "26 are held");
}

/// What nobody counted is refused.
#[test]
fn an_uncounted_limit_is_reached() {
    let mut room = Room::new(holding(20, true, true), CountsRead::default());
    assert_eq!(reasons(&room.check(OWN, How::Given)), [Reason::HoldingLimitReached]);
    room.take(OWN, How::Given);
    room.give_back(OWN);
    assert_eq!(room.room(OWN, How::Given), Some(0));
}

fn any_held() -> impl Strategy<Value = Held> {
    (prop::option::of(prop::sample::select(vec![P, Q])), any::<bool>()).prop_map(|(pool, won)| Held { pool, won })
}

fn any_limits() -> impl Strategy<Value = UserLimits> {
    let holding = prop::option::of((0_u32..6, any::<bool>(), any::<bool>()));
    let pools = prop::collection::btree_map(prop::sample::select(vec![P, Q]), (0_u32..5, any::<bool>()), 0..3);
    let daily = prop::collection::btree_map(prop::sample::select(vec![P, Q]), 0_u32..5, 0..3);
    (holding, pools, daily, prop::option::of(0_u32..6)).prop_map(|(holding, pools, daily, tenant)| UserLimits {
        now: now(),
        holding: holding.map(|(limit, count_pool, count_won)| HoldingLimit {
            rule: RULE,
            limit,
            count_pool,
            count_won,
        }),
        pools: pools
            .into_iter()
            .map(|(pool, (limit, count_won))| (pool, PoolLimit { limit, count_won }))
            .collect(),
        daily_pools: daily
            .into_iter()
            .map(|(pool, limit)| (pool, DailyLimit { limit, day: today() }))
            .collect(),
        daily_tenant: tenant.map(|limit| DailyLimit { limit, day: today() }),
    })
}

proptest! {
    /// Whatever is taken and given back in whatever order: the tracker decides as if everything were counted anew, no
    /// count rises that is at or over its limit, and there is room exactly where the check passes.
    #[test]
    fn no_limit_is_ever_exceeded(
        limits in any_limits(),
        before in prop::collection::vec(any_held(), 0..12),
        steps in prop::collection::vec((any_held(), any::<bool>(), any::<bool>()), 0..40),
    ) {
        let mut held = Holdings { accounts: before, claimed: Vec::new() };
        let give_backs = u32::try_from(steps.len()).unwrap();
        let counts = limits.counts(give_backs);
        let bounds = limits.counts(0);
        let mut room = Room::new(limits.clone(), held.read(&counts));
        for (account, takes, claims) in steps {
            // Only accounts of pools are claimed.
            let how = if claims && account.pool.is_some() { How::Claimed } else { How::Given };
            if !takes {
                if let Some(at) = held.accounts.iter().position(|a| *a == account) {
                    held.accounts.remove(at);
                    room.give_back(account);
                }
                continue;
            }
            let refusals = room.check(account, how);
            let anew = Room::new(limits.clone(), held.read(&limits.counts(0)));
            prop_assert_eq!(reasons(&refusals), reasons(&anew.check(account, how)));
            prop_assert_eq!(refusals.is_empty(), room.room(account, how) != Some(0));
            if !refusals.is_empty() {
                continue;
            }
            let counted: Vec<_> = bounds.iter().map(|c| held.count(c.what)).collect();
            room.take(account, how);
            held.accounts.push(account);
            if let (How::Claimed, Some(pool)) = (how, account.pool) {
                held.claimed.push(pool);
            }
            for (bound, old) in bounds.iter().zip(counted) {
                let new = held.count(bound.what);
                // A count's cap is its limit and one.
                prop_assert!(new <= old || new < bound.cap, "{bound:?} rose from {old} to {new}");
            }
        }
    }
}
