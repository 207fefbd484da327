//! Previews against the worked examples of rule changes.

use super::*;
use crate::domain::{
    config_change::{Action, ConfigEvent},
    retention::{
        rule::RuleHome,
        terms::{ReclaimTerms, RuleDays},
        tests::{Shop, owned, pool_id},
    },
};
use chrono::TimeDelta;
use uuid::Uuid;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_330_400, 0).unwrap()
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

fn stored(shop: &Shop) -> StoredRule {
    shop.org
        .retention
        .reclaim_rule(Uuid::from_u128(1))
        .unwrap()
        .as_ref()
        .clone()
}

fn changed(shop: &Shop, to: impl FnOnce(&mut ReclaimRule), now: DateTime<Utc>) -> ConfigChange {
    let old = stored(shop);
    let mut config = old.config.clone();
    to(&mut config);
    let event = ConfigEvent::new(
        "reclaim_rule",
        old.id,
        Action::Updated,
        Some(&old.config),
        Some(&config),
    );
    ConfigChange {
        writes: vec![Write::RowUpdate(
            ConfigTable::ReclaimRule,
            old.with(config, now).serialised(),
        )],
        events: vec![event],
    }
}

fn numbers(effect: &Effect) -> [usize; 6] {
    let Effect {
        earlier,
        later,
        gained,
        lost,
        noticed,
        overdue,
        ..
    } = effect;
    [*earlier, *later, *gained, *lost, *noticed, *overdue]
}

/// Days that passed, the new number of days, whether past days count, what is counted, the deadline.
type Example = (i64, u32, bool, [usize; 6], DateTime<Utc>);

/// R139, 3.4: T21, T22, T25, T26, T27, T31 as a preview says them.
#[test]
fn previews_of_worked_examples() {
    let day = |n| start() + TimeDelta::days(n);
    let to = |number: u32, floor| {
        move |rule: &mut ReclaimRule| {
            rule.terms.days.follow_up = Some(number);
            rule.clock_floor = floor;
        }
    };
    let table: [Example; 5] = [
        (10, 25, true, [1, 0, 0, 0, 0, 0], day(25)),
        (10, 25, false, [0, 1, 0, 0, 0, 0], day(35)),
        (20, 15, true, [1, 0, 0, 0, 1, 1], day(21)),
        (20, 15, false, [0, 1, 0, 0, 0, 0], day(35)),
        (20, 45, true, [0, 1, 0, 0, 0, 0], day(45)),
    ];
    for (passed, number, past, expected, deadline) in table {
        let shop = Shop::new().pool(1).rule(1, 1, &days(30));
        let now = day(passed);
        let mut account = owned(Some(1), start());
        retention_plan::plan(&shop.org, &mut account);
        let change = changed(&shop, to(number, (!past).then_some(now)), now);
        let org = after(&shop.org, &change).unwrap();
        let before = before(&shop.org, account.clone(), now);
        let mut effect = Effect::default();
        effect.count(&org, &before, now);
        effect.cut();
        assert_eq!(numbers(&effect), expected, "{passed} {number} {past}");
        assert_eq!(effect.affected(), 1);
        let [moved] = &effect.samples[..] else {
            panic!("{effect:?}")
        };
        assert_eq!((moved.old, moved.new), (Some(day(30)), Some(deadline)));
        // What the replan comes to.
        retention_plan::replan(&org, &mut account, now);
        assert_eq!(account.clock.reclaim_time, moved.new);
    }
}

/// X09: accounts come under rules and leave them; what is the same counts nowhere; the first to go are named.
#[test]
fn gained_lost_and_unmoved() {
    let shop = Shop::new().pool(1).rule(1, 1, &days(30));
    let now = start() + TimeDelta::days(1);
    let mut account = owned(Some(1), start());
    retention_plan::plan(&shop.org, &mut account);
    let off = after(&shop.org, &changed(&shop, |rule| rule.enabled = false, now)).unwrap();
    let named = after(
        &shop.org,
        &changed(&shop, |rule| rule.terms.display_name = "X".into(), now),
    )
    .unwrap();
    let gone = ConfigChange {
        writes: vec![Write::RowDelete(ConfigTable::ReclaimRule, stored(&shop).id)],
        events: vec![],
    };
    let gone = after(&shop.org, &gone).unwrap();
    let mut second = stored(&shop);
    second.id = Uuid::from_u128(2);
    second.config.home = RuleHome::Pool(pool_id(2));
    let new = ConfigChange {
        writes: vec![Write::RowInsert(ConfigTable::ReclaimRule, second.serialised())],
        events: vec![],
    };
    let new = after(&shop.org, &new).unwrap();
    let other = owned(Some(2), start());
    for (org, account, expected) in [
        (&off, &account, [0, 0, 0, 1, 0, 0]),
        (&gone, &account, [0, 0, 0, 1, 0, 0]),
        (&named, &account, [0; 6]),
        (&new, &account, [0; 6]),
        (&new, &other, [0, 0, 1, 0, 0, 0]),
    ] {
        let mut effect = Effect::default();
        effect.count(org, &before(&shop.org, account.clone(), now), now);
        assert_eq!(numbers(&effect), expected);
    }
    let mut effect = Effect::default();
    for at in 0..100_u32 {
        let mut account = owned(Some(2), start() + TimeDelta::minutes(i64::from(at * 7 % 100)));
        account.id = AccountId(Uuid::from_u128(at.into()));
        effect.count(&new, &before(&shop.org, account, now), now);
    }
    effect.cut();
    assert_eq!((effect.gained, effect.samples.len()), (100, SAMPLES));
    let times: Vec<_> = effect.samples.iter().map(|moved| moved.new.unwrap()).collect();
    let first: Vec<_> = (0..20)
        .map(|minute| start() + TimeDelta::minutes(minute) + TimeDelta::days(30))
        .collect();
    assert_eq!(times, first);
}

/// What the worker has not got to yet is no effect of this change.
#[test]
fn a_replan_that_is_pending_is_counted_first() {
    let shop = Shop::new().pool(1).rule(1, 1, &days(30));
    let mut account = owned(Some(1), start());
    retention_plan::plan(&shop.org, &mut account);
    let now = start() + TimeDelta::days(1);
    let org = after(
        &shop.org,
        &changed(&shop, |rule| rule.terms.days.follow_up = Some(20), now),
    )
    .unwrap();
    let before = before(&org, account, now);
    assert_eq!(before.clock.reclaim_time, Some(start() + TimeDelta::days(20)));
    let mut effect = Effect::default();
    effect.count(&org, &before, now);
    assert_eq!(numbers(&effect), [0; 6]);
}

/// However many accounts move, some are named: those that are reclaimed first.
#[test]
fn few_accounts_are_named() {
    let effect = Effect {
        earlier: 1,
        later: 2,
        gained: 4,
        lost: 8,
        ..Effect::default()
    };
    assert_eq!(effect.affected(), 15);
    let shop = Shop::new().pool(1).rule(1, 1, &days(30));
    let mut effect = Effect::default();
    for at in 1..=45_u128 {
        // The later they are counted the earlier they are due.
        let since = start() - TimeDelta::hours(i64::try_from(at).unwrap());
        let account = Account {
            id: AccountId(Uuid::from_u128(at)),
            ..owned(Some(1), since)
        };
        effect.count(&shop.org, &account, start());
        // Of many, no more are kept than twice as many as are named.
        let kept = match at {
            30 => 30,
            40 => SAMPLES,
            45 => SAMPLES + 5,
            _ => continue,
        };
        assert_eq!(effect.samples.len(), kept, "{at}");
    }
    effect.cut();
    let named: Vec<_> = effect.samples.iter().map(|moved| moved.account.0.as_u128()).collect();
    assert_eq!(named, (26..=45).rev().collect::<Vec<_>>());
}
