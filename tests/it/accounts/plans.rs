//! Lists of pools and of the whole tenant cost a page, wherever it lies: they are read in the order of an index.

use crate::{
    explain,
    harness::external_server,
    world::{World, open_pool},
};
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;
use tidepool::{
    domain::{
        account::Status,
        account_list::{Among, Filter, Listing, Order, Scope, Sieve, Span},
        ids::{PoolId, TenantKey, TenantName, UserId},
    },
    rpc::proto::CustomFieldType,
    store::{
        account_list::{Key, Page, Position, statements},
        account_page, organisation,
    },
};
use tokio::time::Instant;
use uuid::Uuid;

async fn explain(conn: &impl ConnectionTrait, statement: Statement) -> Vec<String> {
    explain::explain(conn, statement, &["table", "type", "key", "Extra"]).await
}

fn everything() -> Filter {
    let texts = vec!["A".to_owned(), "B".to_owned()];
    Filter {
        owners: vec![UserId::parse("bob").unwrap()],
        grades: texts.clone(),
        regions: texts.clone(),
        industries: texts.clone(),
        sources: texts.clone(),
        tags: texts,
        name_prefix: "card 1".into(),
        create_time: Span {
            from: Some(chrono::DateTime::UNIX_EPOCH),
            before: None,
        },
        condition: "\"A\" in account.tags || has(account.custom.size) && account.name.contains(\"1\") \
                    || account.grade in [\"A\", \"B\"] && created_within_months(6)"
            .into(),
        ..Filter::default()
    }
}

/// No sort, no temporary table, no scan, with and without filters, on the first page and on later ones, both ways.
#[tokio::test]
async fn pages_are_read_in_the_order_of_an_index() {
    let world = World::start().await;
    world.field("size", CustomFieldType::Number, &[]).await;
    let pool = world.pool(open_pool("North")).await;
    let other = world.pool(open_pool("South")).await;
    world.many_lying("Card", &pool, 300).await;
    world.many_lying("Other", &other, 20).await;
    for at in 0..20 {
        world
            .create(&format!("Own {at}"), if at % 2 == 0 { &pool } else { "" }, "bob")
            .await;
    }
    let mysql = external_server().is_some();
    for table in ["account", "account_tag"] {
        world
            .sql(&format!("ANALYZE {}{table}", if mysql { "TABLE " } else { "" }), vec![])
            .await;
    }
    let pool = PoolId::parse(&pool).unwrap();
    let live = [
        Status::Unactivated,
        Status::Reporting,
        Status::Unassigned,
        Status::Assigned,
    ];
    let lists = [
        (
            Scope::PoolUnclaimed(pool),
            Among::Places(vec![(Some(pool), Status::Unassigned)]),
        ),
        (
            Scope::PoolAll(pool),
            Among::Places(live.map(|status| (Some(pool), status)).into()),
        ),
        (
            Scope::All,
            Among::Places(
                live.iter()
                    .flat_map(|status| [(Some(pool), *status), (None, *status)])
                    .collect(),
            ),
        ),
        (Scope::All, Among::Tenant(live.into())),
    ];
    let db = world.server.db();
    let unit = db.unit("test", Instant::now() + Duration::from_mins(1));
    let reader = unit.reader().await.unwrap();
    let acme = TenantName::parse("acme").unwrap();
    let org = organisation::load(&reader, &acme, None).await.unwrap().unwrap();
    for (scope, among) in lists {
        for order in [Order::Created, Order::Name] {
            if matches!(among, Among::Tenant(_)) && order == Order::Name {
                continue;
            }
            let index = match (&among, order) {
                (Among::Tenant(_), _) if mysql => "PRIMARY",
                (Among::Tenant(_), _) => "sqlite_autoindex_account_1",
                (_, Order::Created) => "account_pool",
                _ => "account_pool_name",
            };
            for (filter, descending) in [
                (Filter::default(), false),
                (Filter::default(), true),
                (everything(), false),
            ] {
                let listing = Listing {
                    scope,
                    filter,
                    order,
                    descending,
                };
                let sieve = Sieve::of(&org, &listing, world.server.clock.now(), false).unwrap();
                let key = if order == Order::Name {
                    Key::Text("card 150".into())
                } else {
                    Key::Id
                };
                let after = Position {
                    key,
                    id: Uuid::now_v7(),
                };
                for after in [None, Some(&after)] {
                    let page = Page {
                        listing: &listing,
                        among: &among,
                        sieve: sieve.as_ref(),
                        after,
                        size: 51,
                    };
                    let statements = statements(db.engine(), TenantKey(1), page);
                    assert_eq!(statements.len(), 1);
                    let lines = explain(&reader, statements[0].clone()).await;
                    let seen = format!("{listing:?} {after:?}\n{}", lines.join("\n"));
                    for word in ["filesort", "temporary", "TEMP B-TREE", "Using join buffer"] {
                        assert!(!seen.contains(word), "{seen}");
                    }
                    let accounts = lines.iter().filter(|line| {
                        line.starts_with("a ") || line.contains(" a USING") || line.starts_with("SCAN a")
                    });
                    let mut count = 0;
                    for line in accounts {
                        count += 1;
                        let words: Vec<_> = line.split_whitespace().collect();
                        assert!(
                            words.contains(&index) && !line.contains(" ALL ") && !line.starts_with("SCAN"),
                            "{seen}"
                        );
                    }
                    let expected = if let Among::Places(places) = &among {
                        places.len()
                    } else {
                        1
                    };
                    assert_eq!(count, expected, "{seen}");
                    // Each that is found is read by its key, and no other.
                    let [read] = &account_page::reading(db.engine(), &org, None, page)[..] else {
                        panic!("{seen}")
                    };
                    let lines = explain(&reader, read.clone()).await;
                    let seen = format!("{listing:?} {after:?}\n{}", lines.join("\n"));
                    let by_key = if mysql {
                        " eq_ref "
                    } else {
                        "sqlite_autoindex_account_1 (tenant=? AND id=?)"
                    };
                    let read = lines
                        .iter()
                        .filter(|line| (line.starts_with("a ") || line.contains(" a USING")) && line.contains(by_key));
                    assert_eq!(read.count(), 1, "{seen}");
                }
            }
        }
    }
    drop(reader);
    world.stop().await;
}
