//! What may be configured as a limit, which limits a user comes under, and what is told of them.

use super::{
    explanation::Question,
    facts::{Counted, CountsRead, DailyLimit, HoldingLimit, How, PoolLimit, UserLimits},
    room::{Held, LimitKind, Room},
    rule::{LimitDepartment, LimitRule, LimitSubjects},
    select::{Level, LimitRules},
};
use crate::domain::{
    configured::Configured,
    directory::{Entry, Group},
    ids::{GroupId, PoolId},
    retention::tests::pool_id,
    stage::{Stage, day, department, user},
};
use chrono::DateTime;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

fn group(id: &str) -> GroupId {
    GroupId::parse(id).unwrap()
}

/// With a group of the name `keys`.
fn stage() -> Stage {
    let mut stage = Stage::new();
    let directory = Arc::make_mut(&mut stage.shop.org.directory);
    let value = Group {
        id: group("keys"),
        display_name: String::new(),
    };
    let entry = Entry {
        value,
        version: 1,
        update_time: DateTime::UNIX_EPOCH,
    };
    directory.groups.insert(group("keys"), Arc::new(entry));
    stage
}

/// A limit of 5 for `ann`.
fn limit() -> LimitRule {
    LimitRule {
        display_name: "Five".into(),
        subjects: LimitSubjects {
            users: vec![user("ann")],
            ..LimitSubjects::default()
        },
        limit: 5,
        count_pool_accounts: true,
        count_won: false,
        priority: None,
    }
}

fn of_department(id: &str) -> LimitDepartment {
    LimitDepartment {
        department_id: department(id),
        include_sub_departments: false,
    }
}

/// R118, R119: users, groups and departments that there are, in any mix, or the tenant's default and nothing else.
#[test]
fn a_limit_names_people_or_is_the_default() {
    type Change = fn(&mut LimitRule);
    let rows: [(Change, &[&str]); 25] = [
        (|_| {}, &[]),
        (|rule| rule.subjects.groups.push(group("keys")), &[]),
        (|rule| rule.subjects.departments.push(of_department("sales")), &[]),
        (
            |rule| {
                rule.subjects = LimitSubjects {
                    groups: vec![group("keys")],
                    ..LimitSubjects::default()
                }
            },
            &[],
        ),
        (
            |rule| {
                rule.subjects = LimitSubjects {
                    departments: vec![of_department("sales")],
                    ..LimitSubjects::default()
                }
            },
            &[],
        ),
        (
            |rule| {
                rule.subjects = LimitSubjects {
                    tenant_default: true,
                    ..LimitSubjects::default()
                }
            },
            &[],
        ),
        (|rule| rule.subjects = LimitSubjects::default(), &["subjects"]),
        (|rule| rule.subjects.tenant_default = true, &["subjects.tenant_default"]),
        (
            |rule| {
                rule.subjects = LimitSubjects {
                    groups: vec![group("keys")],
                    tenant_default: true,
                    ..LimitSubjects::default()
                }
            },
            &["subjects.tenant_default"],
        ),
        (
            |rule| {
                rule.subjects = LimitSubjects {
                    departments: vec![of_department("sales")],
                    tenant_default: true,
                    ..LimitSubjects::default()
                }
            },
            &["subjects.tenant_default"],
        ),
        (|rule| rule.subjects.users.push(user("who")), &["subjects.users[1]"]),
        (|rule| rule.subjects.users.push(user("ann")), &["subjects.users[1]"]),
        (|rule| rule.subjects.groups.push(group("who")), &["subjects.groups[0]"]),
        (
            |rule| rule.subjects.groups = vec![group("keys"), group("keys")],
            &["subjects.groups[1]"],
        ),
        (
            |rule| rule.subjects.departments.push(of_department("who")),
            &["subjects.departments[0].department_id"],
        ),
        (
            |rule| rule.subjects.departments = vec![of_department("sales"), of_department("sales")],
            &["subjects.departments[1]"],
        ),
        (|rule| rule.display_name.clear(), &["display_name"]),
        (|rule| rule.display_name = "x".repeat(256), &["display_name"]),
        (|rule| rule.limit = 0, &[]),
        (|rule| rule.limit = 9999, &[]),
        (|rule| rule.limit = 10_000, &["limit"]),
        (|rule| rule.priority = Some(1), &[]),
        (|rule| rule.priority = Some(9999), &[]),
        (|rule| rule.priority = Some(0), &["priority"]),
        (|rule| rule.priority = Some(10_000), &["priority"]),
    ];
    let stage = stage();
    for (at, (change, wanted)) in rows.into_iter().enumerate() {
        let mut rule = limit();
        change(&mut rule);
        let wrong = rule.validate(&stage.shop.org).into_vec();
        let fields: Vec<_> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, wanted, "row {at}: {rule:?}");
    }
}

fn with_limit(change: impl FnOnce(&mut LimitRule)) -> Stage {
    let mut stage = stage();
    let mut rule = limit();
    change(&mut rule);
    let rule = Configured::new(Uuid::from_u128(9), rule, DateTime::UNIX_EPOCH);
    stage.shop.org.limit_rules = LimitRules::compile(vec![Arc::new(rule)]);
    stage
}

/// R121: a limit that leaves pools alone is looked at for what is outside of them, one that does not for everything, and
/// none where nothing comes in.
#[test]
fn a_user_comes_under_what_counts_what_he_gets() {
    let into = |pools: &[Option<u128>]| pools.iter().map(|pool| pool.map(pool_id)).collect::<Vec<_>>();
    for (counts_pools, pools, wanted) in [
        (true, &[][..], false),
        (true, &[None], true),
        (true, &[Some(1)], true),
        (true, &[Some(1), None], true),
        (false, &[], false),
        (false, &[None], true),
        (false, &[Some(1)], false),
        (false, &[Some(1), Some(2)], false),
        (false, &[Some(1), None], true),
    ] {
        let stage = with_limit(|rule| rule.count_pool_accounts = counts_pools);
        let limits = UserLimits::of(&stage.shop.org, &user("ann"), into(pools), How::Given, day(0));
        assert_eq!(limits.holding.is_some(), wanted, "{counts_pools} {pools:?}");
        let none = UserLimits::of(&stage.shop.org, &user("mem"), into(pools), How::Given, day(0));
        assert_eq!(none.holding, None, "nobody named him");
    }
}

/// X01: what each limit allows and what of it is used, the days' first.
#[test]
fn what_is_left_is_told_of_each_limit() {
    let pool = pool_id(1);
    let today = super::day::Day::of(day(0), chrono_tz::UTC);
    let rule = Uuid::from_u128(9);
    let limits = UserLimits {
        now: day(0),
        holding: Some(HoldingLimit {
            rule,
            limit: 5,
            count_pool: true,
            count_won: true,
        }),
        pools: BTreeMap::from([(
            pool,
            PoolLimit {
                limit: 4,
                count_won: true,
            },
        )]),
        daily_pools: BTreeMap::from([(pool, DailyLimit { limit: 3, day: today })]),
        daily_tenant: Some(DailyLimit { limit: 2, day: today }),
    };
    let used = |what: Counted| match what {
        Counted::DailyPool { .. } => 1,
        Counted::DailyTenant { .. } => 2,
        Counted::Pool { .. } => 3,
        _ => 4,
    };
    let counts = limits
        .counts_exact()
        .iter()
        .map(|count| (count.what, used(count.what)))
        .collect();
    let room = Room::new(limits, CountsRead(counts));
    let left = |pool: Option<PoolId>, how| {
        let left = room.left(Held { pool, won: false }, how);
        left.iter()
            .map(|left| (left.kind, left.limit, left.used, left.rule_id))
            .collect::<Vec<_>>()
    };
    let held = [(LimitKind::Pool, 4, 3, None), (LimitKind::Holding, 5, 4, Some(rule))];
    let daily = [(LimitKind::DailyPool, 3, 1, None), (LimitKind::DailyTenant, 2, 2, None)];
    assert_eq!(left(Some(pool), How::Claimed), [daily, held].concat());
    assert_eq!(left(Some(pool), How::Given), held);
    assert_eq!(left(None, How::Given), held[1..]);
    assert_eq!(left(Some(pool_id(2)), How::Claimed), [daily[1], held[1]]);
}

/// X08: an explanation asks for the count of everything that it tells, also where no limit is set.
#[test]
fn an_explanation_counts_what_it_tells() {
    for stage in [
        stage(),
        with_limit(|_| {}),
        with_limit(|rule| rule.count_pool_accounts = false),
    ] {
        let (org, ann) = (&stage.shop.org, user("ann"));
        let question = Question::new(org, &ann, day(0));
        let counts = question.counts();
        let kinds = |wanted: fn(&Counted) -> bool| counts.iter().filter(|count| wanted(&count.what)).count();
        assert_eq!(kinds(|what| matches!(what, Counted::Holding { .. })), 1);
        assert_eq!(kinds(|what| matches!(what, Counted::DailyTenant { .. })), 1);
        // He is a member of three pools, of which one is out of use.
        assert_eq!(kinds(|what| matches!(what, Counted::Pool { .. })), 3);
        assert_eq!(kinds(|what| matches!(what, Counted::DailyPool { .. })), 3);
        let each = counts.iter().map(|count| (count.what, 6)).collect();
        let told = question.answer(CountsRead(each));
        assert_eq!((told.used, told.claimed_today), (6, 6));
        assert!(told.pools.iter().all(|pool| (pool.used, pool.claimed_today) == (6, 6)));
        let limited = !org.limit_rules.all().is_empty();
        assert_eq!(
            (told.over_limit, told.room),
            if limited { (1, Some(0)) } else { (0, None) }
        );
    }
}

#[test]
fn limits_are_found_by_their_ids() {
    let rules = [7, 8].map(|id| Arc::new(Configured::new(Uuid::from_u128(id), limit(), DateTime::UNIX_EPOCH)));
    let rules = LimitRules::compile(rules.into());
    for id in [7, 8] {
        assert_eq!(
            rules.get(Uuid::from_u128(id)).map(|rule| rule.id),
            Some(Uuid::from_u128(id))
        );
    }
    assert!(rules.get(Uuid::from_u128(9)).is_none());
}

/// X08: a department that is not the main one is told as such, not as one above.
#[test]
fn levels_are_told() {
    let mut stage = stage();
    let mut directory = stage.shop.org.directory.as_ref().clone();
    let mut ann = directory.users[&user("ann")].as_ref().clone();
    ann.value.primary_department = None;
    ann.value.other_departments = vec![department("sales")];
    directory.users.insert(user("ann"), Arc::new(ann));
    stage.shop.org.directory = Arc::new(directory);
    let mut rule = limit();
    rule.subjects = LimitSubjects {
        departments: vec![of_department("sales")],
        ..LimitSubjects::default()
    };
    let rules = LimitRules::compile(vec![Arc::new(Configured::new(
        Uuid::from_u128(9),
        rule,
        DateTime::UNIX_EPOCH,
    ))]);
    let level = |who: &str| {
        rules
            .explain(&stage.shop.org.directory, &user(who))
            .winner
            .map(|(_, level)| level)
    };
    assert_eq!(level("ann"), Some(Level::OtherDepartment));
    assert_eq!(level("mem"), Some(Level::PrimaryDepartment));
    assert_eq!(level("who"), None);
}
