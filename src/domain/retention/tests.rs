//! Plans put together: rule, clock, notice, display.

use super::{
    clock::Basis,
    matching::order,
    notice::MIN_NOTICE,
    rule::{ReclaimAction, ReclaimRule, ReclaimTerms},
    *,
};
use crate::domain::{
    configured::Configured,
    pool::{ClaimMode, Pool, PoolConfig, PoolMembers, PoolState, RelatedAccess},
};
use chrono::{FixedOffset, TimeDelta};
use std::sync::Arc;
use uuid::Uuid;

pub(super) fn pool_id(n: u128) -> PoolId {
    PoolId(Uuid::from_u128(n))
}

pub(super) fn rule_id(n: u128) -> ReclaimRuleId {
    ReclaimRuleId(Uuid::from_u128(n))
}

/// An organisation with pools and rules.
pub(super) struct Shop {
    pub(super) org: Organisation,
}

impl Shop {
    pub(super) fn new() -> Self {
        Self {
            org: Organisation::bare(),
        }
    }

    fn with(mut self, n: u128, state: PoolState) -> Self {
        let config = PoolConfig {
            display_name: n.to_string(),
            administrators: vec![],
            members: PoolMembers::default(),
            claim_mode: ClaimMode::default(),
            members_may_browse: false,
            members_may_return: true,
            members_may_transfer_out: false,
            members_may_add: false,
            claim_limit: None,
            claim_limit_counts_won: false,
            daily_claim_limit: None,
            cooldown_days: None,
            clear_team_on_owner_change: false,
            clear_owner_on_transfer_in: false,
            return_reasons: vec![],
            hidden_fields: vec![],
            unclaimed_related_access: RelatedAccess::default(),
            unclaimed_history_visible: true,
            time_zone: None,
        };
        let pool = Pool {
            id: pool_id(n),
            version: 1,
            state,
            config,
            create_time: DateTime::UNIX_EPOCH,
            update_time: DateTime::UNIX_EPOCH,
        };
        self.org.pools.insert(pool.id, Arc::new(pool));
        self
    }

    pub(super) fn pool(self, n: u128) -> Self {
        self.with(n, PoolState::Active)
    }

    pub(super) fn disabled(self, n: u128) -> Self {
        self.with(n, PoolState::Disabled)
    }

    /// A rule of the pool whose id is its priority.
    pub(super) fn rule(mut self, pool: u128, priority: u32, terms: &ReclaimTerms) -> Self {
        let config = ReclaimRule {
            pool_id: pool_id(pool),
            enabled: true,
            terms: ReclaimTerms {
                priority,
                ..terms.clone()
            },
        };
        let rule = Configured::new(Uuid::from_u128(priority.into()), config, DateTime::UNIX_EPOCH);
        let rules = self.org.reclaim_rules.entry(pool_id(pool)).or_default();
        rules.push(Arc::new(rule));
        rules.sort_by_key(|rule| order(rule));
        self
    }

    fn disable(mut self, pool: u128, priority: u32) -> Self {
        for rule in self.org.reclaim_rules.get_mut(&pool_id(pool)).unwrap() {
            if rule.config.terms.priority == priority {
                Arc::make_mut(rule).config.enabled = false;
            }
        }
        self
    }
}

fn days(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        follow_up_days: Some(days),
        ..ReclaimTerms::default()
    }
}

fn never() -> ReclaimTerms {
    ReclaimTerms {
        action: ReclaimAction::NoReclaim,
        ..ReclaimTerms::default()
    }
}

fn shanghai(text: &str) -> DateTime<Utc> {
    let text = format!("2026-{}:00+08:00", text.replace(' ', "T"));
    text.parse::<DateTime<FixedOffset>>().unwrap().to_utc()
}

fn claimed() -> ClockFacts {
    ClockFacts::new(shanghai("03-01 10:00"))
}

fn decides(shop: &Shop, pool: Option<u128>) -> (Option<ReclaimRuleId>, Option<DateTime<Utc>>) {
    let plan = plan(&shop.org, pool.map(pool_id), &claimed());
    (plan.rule, plan.deadline.map(|deadline| deadline.at))
}

/// R137: without a rule nothing is reclaimed. R138: the highest priority decides. R132: `NO_RECLAIM` ends the search.
#[test]
fn r138_the_first_enabled_rule_by_priority_decides() {
    let shop = Shop::new()
        .pool(1)
        .pool(2)
        .rule(1, 20, &days(30))
        .rule(1, 10, &days(15));
    let (fifteen, thirty) = (shanghai("03-16 10:00"), shanghai("03-31 10:00"));
    assert_eq!(decides(&shop, Some(1)), (Some(rule_id(10)), Some(fifteen)));
    assert_eq!(decides(&shop, Some(2)), (None, None));
    assert_eq!(decides(&shop, Some(3)), (None, None));
    assert_eq!(decides(&shop, None), (None, None));
    let shop = shop.disable(1, 10);
    assert_eq!(decides(&shop, Some(1)), (Some(rule_id(20)), Some(thirty)));
    let shop = shop.rule(1, 5, &never());
    assert_eq!(decides(&shop, Some(1)), (Some(rule_id(5)), None));
    let shop = shop.disable(1, 5).disable(1, 20);
    assert_eq!(decides(&shop, Some(1)), (None, None));
}

/// T42: no rule, `NO_RECLAIM`, NEVER or UNASSIGNED -> empty.
#[test]
fn t42_without_a_clock_that_runs_nothing_is_shown() {
    let shown = |shop: &Shop, facts: &ClockFacts| {
        let due = plan(&shop.org, Some(pool_id(1)), facts).deadline;
        display::display_remaining(due.map(|d| d.anchor), due.map(|d| d.at), shanghai("12-31 00:00"))
    };
    let close = ReclaimTerms {
        close_days: Some(60),
        ..ReclaimTerms::default()
    };
    let won = claimed().and_win(shanghai("03-20 18:00"));
    assert_eq!(shown(&Shop::new().pool(1), &claimed()), None);
    assert_eq!(shown(&Shop::new().pool(1).rule(1, 1, &never()), &claimed()), None);
    assert_eq!(shown(&Shop::new().pool(1).rule(1, 1, &close), &won), None);
    assert_eq!(
        shown(&Shop::new().pool(1).rule(1, 1, &close), &claimed()),
        Some(TimeDelta::zero())
    );
    // Unassigned: neither anchor nor deadline.
    assert_eq!(display::display_remaining(None, None, shanghai("12-31 00:00")), None);
}

/// T20, T21, T25, T27, T29, T32 with past days included, cutoff NONE: what a change of rules at `now` comes to.
#[test]
fn a_change_of_rules_leaves_at_least_a_day() {
    let idle = ClockFacts::new(shanghai("01-01 10:00"));
    #[rustfmt::skip]
    let table = [
        ("T20", claimed(), Some(30), 30, "03-11 10:00", "03-31 10:00"),
        ("T21", claimed(), Some(30), 25, "03-11 10:00", "03-26 10:00"),
        ("T25", claimed(), Some(30), 15, "03-21 10:00", "03-22 10:00"),
        ("T27", claimed(), Some(30), 45, "03-21 10:00", "04-15 10:00"),
        ("T29", claimed(), Some(30), 25, "03-26 10:00", "03-27 10:00"),
        ("T32", idle, None, 30, "03-21 10:00", "03-22 10:00"),
    ];
    for (name, facts, old, new, now, expected) in table {
        let pool = Some(pool_id(1));
        let at = |days_: u32| {
            plan(&Shop::new().pool(1).rule(1, 1, &days(days_)).org, pool, &facts)
                .deadline
                .unwrap()
                .at
        };
        let stored = old.map(at);
        let shop = Shop::new().pool(1).rule(1, 1, &days(new));
        let next = replan(&shop.org, pool, &facts, stored, shanghai(now));
        let deadline = next.deadline.unwrap();
        assert_eq!(
            (deadline.at, deadline.basis),
            (shanghai(expected), Basis::FollowUp),
            "{name}"
        );
        let noticed = deadline.at == shanghai(now) + MIN_NOTICE;
        assert_eq!(next.notice_floor.is_some(), noticed, "{name}");
        // Done again, as a repeated pass or the sweep would, it comes to the same.
        let facts = ClockFacts {
            notice_floor: next.notice_floor,
            ..facts
        };
        let again = replan(
            &shop.org,
            pool,
            &facts,
            Some(deadline.at),
            shanghai(now) + TimeDelta::hours(1),
        );
        assert_eq!(again, next, "{name}");
    }
}

/// An account that is due stays due through changes that do not bring its deadline nearer.
#[test]
fn changes_of_other_things_put_nothing_off() {
    let shop = Shop::new().pool(1).rule(1, 1, &days(30));
    let stored = Some(shanghai("03-31 10:00"));
    let next = replan(&shop.org, Some(pool_id(1)), &claimed(), stored, shanghai("04-02 10:00"));
    assert_eq!((next.deadline.map(|d| d.at), next.notice_floor), (stored, None));
}
