//! Lists by filters: every one narrows, and names are found as they are normalised.

use super::{
    list::{filtered, in_pool, list, ordered},
    named, texts,
};
use crate::world::{World, assign, open_pool};
use chrono::TimeDelta;
use proptest::prelude::*;
use tidepool::{
    domain::{ids::AccountId, text::name_key},
    rpc::proto::{Account, AccountFilter, AccountOrder, AccountScope, AccountStatus},
};

/// R021, R188: every filter narrows, lists of values are any-of, filters are all-of.
#[tokio::test]
async fn filters_narrow() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let ann = world.user("ann");
    let made = async |name: &str, pool: &str, grade: &str, region: &str, tags: &[&str]| {
        world.server.clock.advance(TimeDelta::days(1));
        let account = Account {
            grade: grade.into(),
            region: region.into(),
            industry: format!("industry of {name}"),
            source: format!("source of {name}"),
            tags: texts(tags),
            ..named(name)
        };
        ann.creates(account, pool, "").await
    };
    let a = made("Acme", &north, "A", "east", &["vip", "hot"]).await;
    let b = made("ACME two", &north, "B", "west", &["hot"]).await;
    made("Zeta", &north, "A", "west", &[]).await;
    made("Acme south", &south, "A", "east", &["vip"]).await;
    ann.circulation().assign_account(assign(&b.id, "bob")).await.unwrap();
    let deadline = crate::harness::start() + TimeDelta::days(30);
    let key = AccountId::parse(&b.id).unwrap();
    let sql = "UPDATE account SET reclaim_time = ? WHERE tenant = 1 AND id = ?";
    world
        .sql(sql, vec![deadline.timestamp_micros().into(), key.0.into()])
        .await;

    let time = |time: chrono::DateTime<chrono::Utc>| {
        Some(prost_types::Timestamp {
            seconds: time.timestamp(),
            nanos: 0,
        })
    };
    let none = AccountFilter::default;
    let cases = [
        (
            AccountFilter {
                statuses: vec![AccountStatus::Assigned.into()],
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                owners: texts(&["bob", "cid"]),
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                grades: texts(&["A"]),
                ..none()
            },
            vec!["Acme", "Zeta"],
        ),
        (
            AccountFilter {
                grades: texts(&["A", "B", "C"]),
                regions: texts(&["west"]),
                ..none()
            },
            vec!["ACME two", "Zeta"],
        ),
        (
            AccountFilter {
                industries: texts(&["industry of Zeta"]),
                ..none()
            },
            vec!["Zeta"],
        ),
        (
            AccountFilter {
                sources: texts(&["source of Acme", "x"]),
                ..none()
            },
            vec!["Acme"],
        ),
        (
            AccountFilter {
                tags: texts(&["vip"]),
                ..none()
            },
            vec!["Acme"],
        ),
        (
            AccountFilter {
                tags: texts(&["vip", "hot", "cold"]),
                ..none()
            },
            vec!["Acme", "ACME two"],
        ),
        (
            AccountFilter {
                name_prefix: " ａcME".into(),
                ..none()
            },
            vec!["Acme", "ACME two"],
        ),
        (
            AccountFilter {
                name_prefix: "acme t".into(),
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                name_prefix: "%".into(),
                ..none()
            },
            vec![],
        ),
        (
            AccountFilter {
                create_time_from: a.create_time,
                create_time_before: b.create_time,
                ..none()
            },
            vec!["Acme"],
        ),
        (
            AccountFilter {
                create_time_from: b.create_time,
                ..none()
            },
            vec!["ACME two", "Zeta"],
        ),
        (
            AccountFilter {
                reclaim_time_from: time(deadline),
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                reclaim_time_before: time(deadline),
                ..none()
            },
            vec![],
        ),
        (
            AccountFilter {
                reclaim_time_before: time(deadline + TimeDelta::seconds(1)),
                ..none()
            },
            vec!["ACME two"],
        ),
    ];
    for (filter, expected) in cases {
        for order in [AccountOrder::Created, AccountOrder::Name] {
            let request = ordered(&in_pool(AccountScope::PoolAll, &north), order, false);
            let names = ann.names(&filtered(&request, filter.clone())).await;
            assert_eq!(names, expected, "{filter:?}");
            // The same among all accounts, where the pool is a filter.
            let filter = AccountFilter {
                pool_ids: vec![north.clone()],
                ..filter.clone()
            };
            let request = ordered(&list(AccountScope::All), order, false);
            let mut names = world.user("root").names(&filtered(&request, filter.clone())).await;
            assert_eq!(names, expected, "{filter:?}");
            names = world
                .user("bob")
                .names(&filtered(
                    &list(AccountScope::Mine),
                    AccountFilter {
                        owners: vec![],
                        ..filter
                    },
                ))
                .await;
            assert!(names.iter().all(|name| name == "ACME two"));
        }
    }
    let cids = made("Of cid", &north, "A", "east", &[]).await;
    ann.circulation().assign_account(assign(&cids.id, "cid")).await.unwrap();
    let bobs = AccountFilter {
        owners: texts(&["bob", "dan"]),
        pool_ids: vec![north, south],
        ..none()
    };
    assert_eq!(
        ann.names(&filtered(&list(AccountScope::Team), bobs)).await,
        ["ACME two"]
    );
    // The deadline was written by hand.
    world.server.discard().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Whatever names there are: the order and the prefixes are those of the normalised names, on every engine.
    #[test]
    fn names_are_ordered_and_found_as_they_are_normalised(
        names in prop::collection::hash_set("[aAｂBÄßéŁ字\u{10348}\u{d7ff}\u{e000}'%_\\\\. ]{1,6}", 1..12),
        prefix in "[aAbBÄß字\u{d7ff}%_\\\\]{1,2}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::start().await;
            let pool = world.pool(open_pool("North")).await;
            let mut keys: Vec<String> = Vec::new();
            for name in names {
                let account = named(name.trim());
                let made = world.user("ann").accounts().create_account(super::new(account, &pool, "")).await;
                if let Ok(made) = made {
                    keys.push(name_key(&made.into_inner().account.unwrap().name));
                }
            }
            keys.sort();
            let by_name = ordered(&in_pool(AccountScope::PoolAll, &pool), AccountOrder::Name, false);
            let listed = world.user("ann").names(&by_name).await;
            assert_eq!(listed.iter().map(|name| name_key(name)).collect::<Vec<_>>(), keys);
            let filter = AccountFilter { name_prefix: prefix.clone(), ..AccountFilter::default() };
            let listed = world.user("ann").names(&filtered(&by_name, filter)).await;
            keys.retain(|key| key.starts_with(&name_key(&prefix)));
            assert_eq!(listed.iter().map(|name| name_key(name)).collect::<Vec<_>>(), keys);
            world.stop().await;
        });
    }
}
