//! Plans put together: rule, clock, notice, display.

use super::{
    calendar::Cutoff,
    config::{Retention, RetentionRows},
    display,
    matching::StoredRule,
    notice::MIN_NOTICE,
    rule::{ReclaimRule, RuleHome},
    terms::{GradeDays, ReclaimAction, ReclaimTerms, RuleDays},
};
use crate::domain::{
    account::{Account, AccountKind, Profile, Status},
    condition::Schema,
    configured::Configured,
    ids::{AccountId, PoolId, ReclaimRuleId, UserId},
    organisation::Organisation,
    pool::{ClaimMode, Pool, PoolConfig, PoolMembers, PoolState, RelatedAccess},
    retention_plan,
};
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use std::sync::Arc;
use uuid::Uuid;

pub(in crate::domain) fn pool_id(n: u128) -> PoolId {
    PoolId(Uuid::from_u128(n))
}

pub(in crate::domain) fn rule_id(n: u128) -> ReclaimRuleId {
    ReclaimRuleId(Uuid::from_u128(n))
}

/// An organisation with pools and rules.
#[derive(Debug)]
pub(in crate::domain) struct Shop {
    pub(in crate::domain) org: Organisation,
    pub(in crate::domain) rows: RetentionRows,
}

impl Shop {
    pub(in crate::domain) fn new() -> Self {
        Self {
            org: Organisation::bare(),
            rows: RetentionRows::default(),
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

    pub(in crate::domain) fn pool(self, n: u128) -> Self {
        self.with(n, PoolState::Active)
    }

    pub(in crate::domain) fn disabled(self, n: u128) -> Self {
        self.with(n, PoolState::Disabled)
    }

    /// A rule of the pool whose id is its priority, without a cutoff.
    pub(in crate::domain) fn rule(self, pool: u128, priority: u32, terms: &ReclaimTerms) -> Self {
        let config = ReclaimRule {
            home: RuleHome::Pool(pool_id(pool)),
            include_sub_departments: false,
            enabled: true,
            clock_floor: None,
            terms: ReclaimTerms {
                priority,
                cutoff: terms.cutoff.or(Some(Cutoff::None)),
                ..terms.clone()
            },
        };
        self.stored(Configured::new(
            Uuid::from_u128(priority.into()),
            config,
            DateTime::UNIX_EPOCH,
        ))
    }

    /// A rule as it is stored.
    pub(in crate::domain) fn stored(mut self, rule: StoredRule) -> Self {
        self.rows.reclaim_rules.retain(|known| known.id != rule.id);
        self.rows.reclaim_rules.push(rule);
        self.compiled()
    }

    /// The same with other rows.
    pub(in crate::domain) fn compiled(mut self) -> Self {
        let schema = Schema::of(&self.org);
        let retention = Retention::compile(self.rows.clone(), &schema);
        self.org.retention = retention;
        self
    }

    fn disable(self, priority: u32) -> Self {
        let id = Uuid::from_u128(priority.into());
        let mut rule = self.org.retention.reclaim_rule(id).unwrap().as_ref().clone();
        rule.config.enabled = false;
        self.stored(rule)
    }
}

fn days(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        days: RuleDays {
            follow_up: Some(days),
            ..RuleDays::default()
        },
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

/// An account of the pool that its owner has had since then.
pub(in crate::domain) fn owned(pool: Option<u128>, since: DateTime<Utc>) -> Account {
    let profile = Profile {
        kind: AccountKind::Company,
        name: "Acme".into(),
        grade: String::new(),
        industry: String::new(),
        source: String::new(),
        region: String::new(),
        phone: String::new(),
        email: String::new(),
        website: String::new(),
        address: String::new(),
        location: None,
        remark: String::new(),
        external_id: None,
    };
    let mut account = Account::new(AccountId(Uuid::from_u128(7)), profile, None, since);
    account.status = Status::Assigned;
    account.owner = Some(UserId::parse("ann").unwrap());
    account.owner_since = Some(since);
    account.pool_id = pool.map(pool_id);
    account
}

fn claimed() -> Account {
    owned(Some(1), shanghai("03-01 10:00"))
}

/// Its rule and deadline, as stored after an activity at `now`.
fn planned(shop: &Shop, account: &Account) -> Account {
    let mut after = account.clone();
    retention_plan::plan(&shop.org, &mut after);
    after
}

fn decides(shop: &Shop, pool: Option<u128>) -> (Option<ReclaimRuleId>, Option<DateTime<Utc>>) {
    let clock = planned(shop, &owned(pool, shanghai("03-01 10:00"))).clock;
    (clock.rule_id.map(ReclaimRuleId), clock.reclaim_time)
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
    let shop = shop.disable(10);
    assert_eq!(decides(&shop, Some(1)), (Some(rule_id(20)), Some(thirty)));
    let shop = shop.rule(1, 5, &never());
    assert_eq!(decides(&shop, Some(1)), (Some(rule_id(5)), None));
    let shop = shop.disable(5).disable(20);
    assert_eq!(decides(&shop, Some(1)), (None, None));
}

/// T42: no rule, `NO_RECLAIM`, NEVER or UNASSIGNED -> empty.
#[test]
fn t42_without_a_clock_that_runs_nothing_is_shown() {
    let shown = |shop: &Shop, account: &Account| {
        let clock = planned(shop, account).clock;
        display::display_remaining(clock.anchor_time, clock.reclaim_time, shanghai("12-31 00:00"))
    };
    let close = ReclaimTerms {
        days: RuleDays {
            close: Some(60),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    };
    let won = Account {
        last_won_time: Some(shanghai("03-20 18:00")),
        ..claimed()
    };
    let waiting = Account {
        status: Status::Unassigned,
        owner: None,
        owner_since: None,
        ..claimed()
    };
    assert_eq!(shown(&Shop::new().pool(1), &claimed()), None);
    assert_eq!(shown(&Shop::new().pool(1).rule(1, 1, &never()), &claimed()), None);
    assert_eq!(shown(&Shop::new().pool(1).rule(1, 1, &close), &won), None);
    assert_eq!(shown(&Shop::new().pool(1).rule(1, 1, &close), &waiting), None);
    assert_eq!(
        shown(&Shop::new().pool(1).rule(1, 1, &close), &claimed()),
        Some(TimeDelta::zero())
    );
}

/// One step of a table: a change at this time to so many days, and whether it includes past days.
type Step = (&'static str, u32, bool);

/// Name, days at first, changes, a follow-up after them, cutoff, deadline.
type Case<'a> = (
    &'static str,
    Option<u32>,
    &'a [Step],
    Option<&'static str>,
    Cutoff,
    &'static str,
);

/// T20-T32: what changes of a rule come to. The account is claimed, or was last followed up, on 03-01 10:00.
#[test]
fn t20_to_t32_changes_of_a_rule() {
    let day = |text: &str| shanghai(text);
    #[rustfmt::skip]
    let table: &[Case<'_>] = &[
        ("T20", Some(30), &[], None, Cutoff::None, "03-31 10:00"),
        ("T21", Some(30), &[("03-11 10:00", 25, true)], None, Cutoff::None, "03-26 10:00"),
        ("T22", Some(30), &[("03-11 10:00", 25, false)], None, Cutoff::None, "04-05 10:00"),
        ("T23", Some(30), &[("03-11 10:00", 25, false)], Some("03-15 10:00"), Cutoff::None, "04-09 10:00"),
        ("T24", Some(30), &[("03-11 10:00", 25, true)], Some("03-15 10:00"), Cutoff::None, "04-09 10:00"),
        ("T25", Some(30), &[("03-21 10:00", 15, true)], None, Cutoff::None, "03-22 10:00"),
        ("T25", Some(30), &[("03-21 10:00", 15, true)], None, Cutoff::USUAL, "03-23 09:00"),
        ("T26", Some(30), &[("03-21 10:00", 15, false)], None, Cutoff::None, "04-05 10:00"),
        ("T27", Some(30), &[("03-21 10:00", 45, true)], None, Cutoff::None, "04-15 10:00"),
        ("T28", Some(30), &[("03-21 10:00", 45, false)], None, Cutoff::None, "05-05 10:00"),
        ("T29", Some(30), &[("03-26 10:00", 25, true)], None, Cutoff::None, "03-27 10:00"),
        ("T30", Some(30), &[("03-11 10:00", 25, false), ("03-21 10:00", 20, true)], None, Cutoff::None, "03-31 10:00"),
        // Out of use and in use again.
        ("T31", Some(30), &[("03-11 10:00", 0, true), ("03-21 10:00", 30, true)], None, Cutoff::None, "03-31 10:00"),
        ("T31", Some(30), &[("03-11 10:00", 0, true), ("03-21 10:00", 30, false)], None, Cutoff::None, "04-20 10:00"),
    ];
    for (name, days_at_first, steps, follow_up, cutoff, expected) in table {
        let terms = |number| ReclaimTerms {
            cutoff: Some(*cutoff),
            ..days(number)
        };
        let mut shop = Shop::new().pool(1);
        if let Some(number) = days_at_first {
            shop = shop.rule(1, 1, &terms(*number));
        }
        let mut account = planned(&shop, &claimed());
        for (at, number, past) in *steps {
            let mut rule = shop
                .org
                .retention
                .reclaim_rule(Uuid::from_u128(1))
                .unwrap()
                .as_ref()
                .clone();
            rule.config.enabled = *number > 0;
            if *number > 0 {
                rule.config.terms.days.follow_up = Some(*number);
            }
            if !past {
                rule.config.clock_floor = Some(day(at));
            }
            shop = shop.stored(rule);
            let before = account.clock.reclaim_time;
            retention_plan::replan(&shop.org, &mut account, day(at));
            // Done again, as a repeated pass or the sweep would, it comes to the same.
            let once = account.clone();
            let noticed = retention_plan::replan(&shop.org, &mut account, day(at) + TimeDelta::hours(1));
            assert_eq!((&account, noticed), (&once, false), "{name}");
            let nearer = account
                .clock
                .reclaim_time
                .is_some_and(|at| before.is_none_or(|before| at < before));
            let kept = account.clock.reclaim_time.is_none_or(|due| due >= day(at) + MIN_NOTICE);
            assert!(kept || !nearer, "{name}");
        }
        if let Some(at) = follow_up {
            account.last_follow_up_time = Some(day(at));
            account.update_time = day(at);
            retention_plan::plan(&shop.org, &mut account);
        }
        assert_eq!(account.clock.reclaim_time, Some(day(expected)), "{name}");
    }
}

/// T32: a new rule over accounts that were idle for months.
#[test]
fn t32_a_new_rule_over_idle_accounts() {
    let now = shanghai("03-21 10:00");
    let idle = owned(Some(1), shanghai("01-01 10:00"));
    for (floor, expected) in [(Some(now), "04-20 10:00"), (None, "03-22 10:00")] {
        let shop = Shop::new().pool(1);
        let mut account = planned(&shop, &idle);
        let shop = shop.rule(1, 1, &days(30));
        let mut rule = shop
            .org
            .retention
            .reclaim_rule(Uuid::from_u128(1))
            .unwrap()
            .as_ref()
            .clone();
        rule.config.clock_floor = floor;
        let noticed = retention_plan::replan(&shop.stored(rule).org, &mut account, now);
        assert_eq!(
            (account.clock.reclaim_time, noticed),
            (Some(shanghai(expected)), floor.is_none())
        );
    }
}

/// T33, R150: the days of a grade, and what a change of the grade comes to.
#[test]
fn t33_days_by_grade() {
    let a = GradeDays {
        grade: "A".into(),
        days: RuleDays {
            follow_up: Some(15),
            ..RuleDays::default()
        },
    };
    let terms = ReclaimTerms {
        grade_days: vec![a],
        ..days(60)
    };
    let shop = Shop::new().pool(1).rule(1, 1, &terms);
    let mut account = planned(&shop, &claimed());
    assert_eq!(account.clock.reclaim_time, Some(shanghai("04-30 10:00")));
    account.profile.grade = "A".into();
    assert_eq!(
        planned(&shop, &account).clock.reclaim_time,
        Some(shanghai("03-16 10:00"))
    );
    assert!(retention_plan::replan(&shop.org, &mut account, shanghai("03-21 10:00")));
    assert_eq!(account.clock.reclaim_time, Some(shanghai("03-22 10:00")));
    account.profile.grade = "a".into();
    assert_eq!(
        planned(&shop, &account).clock.reclaim_time,
        Some(shanghai("04-30 10:00"))
    );
}

/// An account that is due stays due through changes that do not bring its deadline nearer.
#[test]
fn changes_of_other_things_put_nothing_off() {
    let shop = Shop::new().pool(1).rule(1, 1, &days(30));
    let account = planned(&shop, &claimed());
    let mut after = account.clone();
    assert!(!retention_plan::replan(&shop.org, &mut after, shanghai("04-02 10:00")));
    assert_eq!(after, account);
}
