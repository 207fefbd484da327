//! Objects are read along an index: no scan of what is of other accounts, no sort of what lies in order.

use super::object;
use crate::{explain, harness::external_server, world::World};
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;
use tidepool::{
    domain::{
        ids::{AccountId, CallerId, ObjectId, TenantKey, UserId},
        related::handover::{Follows, Wish},
    },
    store::{
        handover::{Ask, asking, giving},
        related::{Page, Place, Seen, page_statement, seen_statement, totals_statement},
    },
};
use tokio::time::Instant;

async fn explain(conn: &impl ConnectionTrait, statement: Statement) -> Vec<String> {
    explain::explain(conn, statement, &["table", "type", "key", "Extra"]).await
}

#[tokio::test]
async fn objects_are_read_along_an_index() {
    let world = World::start().await;
    for name in ["Acme", "Other"] {
        let id = world.create(name, "", "bob").await.id;
        world.tell_many_objects(&id, name, "sales_order", "bob", 200).await;
        let mut named = object("payment", &format!("named-{name}"), "received", 1, "cid");
        named.visible_to = vec!["dan"];
        world.tell_objects(&id, &[named]).await;
    }
    let id = world.create("Third", "", "bob").await.id;
    world.tell_many_objects(&id, "third", "sales_order", "bob", 20).await;
    let account = AccountId::parse(&id).unwrap();
    let mysql = external_server().is_some();
    for table in ["business_object", "object_viewer"] {
        world
            .sql(&format!("ANALYZE {}{table}", if mysql { "TABLE " } else { "" }), vec![])
            .await;
    }
    let db = world.server.db();
    let unit = db.unit("test", Instant::now() + Duration::from_mins(1));
    let reader = unit.reader().await.unwrap();
    let (engine, tenant) = (db.engine(), TenantKey(1));
    let (owners, viewer) = ([UserId::parse("bob").unwrap()], UserId::parse("dan").unwrap());
    let after: Place = ("sales_order".into(), 5, "erp".into(), "x".into());
    for object_type in [None, Some("sales_order")] {
        for after in [None, Some(&after)] {
            for sees_all in [true, false] {
                let page = Page {
                    account,
                    object_type,
                    seen: (!sees_all).then_some(Seen {
                        owners: &owners,
                        viewer: &viewer,
                    }),
                    after,
                    limit: 51,
                };
                let lines = explain(&reader, page_statement(engine, tenant, &page)).await;
                let seen = lines.join("\n");
                assert!(
                    lines.iter().any(|line| line.contains("business_object_related")),
                    "{seen}"
                );
                for word in ["filesort", "temporary", "TEMP B-TREE", " ALL ", "SCAN"] {
                    assert!(!seen.contains(word), "{seen}");
                }
            }
        }
    }
    let by_owner = explain(&reader, totals_statement(engine, tenant, account, None))
        .await
        .join("\n");
    assert!(by_owner.contains("business_object_related"), "{by_owner}");
    let by_viewer = explain(&reader, totals_statement(engine, tenant, account, Some(&viewer))).await;
    for seen in [by_owner, by_viewer.join("\n")] {
        // Groups are few, and made in memory.
        assert!(!seen.contains(" ALL ") && !seen.contains("SCAN"), "{seen}");
    }
    // Those that activities name: by their key, whatever else the account has.
    let key = |id: String| {
        let source = CallerId::parse("erp").unwrap();
        (source, "sales_order".to_owned(), ObjectId::parse(&id).unwrap())
    };
    for count in [1, 20, 128] {
        let keys: Vec<_> = (0..count).map(|at| key(format!("third-{at}"))).collect();
        let lines = explain(&reader, seen_statement(engine, tenant, account, &viewer, &keys)).await;
        let seen = lines.join("\n");
        let by_key = ["PRIMARY", "autoindex_business_object_1"];
        assert!(by_key.iter().any(|key| lines[0].contains(key)), "{seen}");
        assert!(!seen.contains(" ALL ") && !seen.contains("SCAN"), "{seen}");
    }
    drop(reader);
    world.stop().await;
}

/// What follows an account is counted, read and written along one index: of accounts with thousands of objects of other
/// types these are not read.
#[tokio::test]
async fn what_follows_is_found_along_an_index() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for name in ["Acme", "Other", "Third"] {
        let id = world.create(name, "", "bob").await.id;
        world.tell_many_objects(&id, name, "sales_order", "bob", 300).await;
        world
            .tell_many_objects(&id, &format!("{name}-c"), "contact", "bob", 5)
            .await;
        ids.push(id);
    }
    let analyze = if external_server().is_some() {
        "ANALYZE TABLE"
    } else {
        "ANALYZE"
    };
    world.sql(&format!("{analyze} business_object"), vec![]).await;
    let db = world.server.db();
    let unit = db.unit("test", Instant::now() + Duration::from_mins(1));
    let reader = unit.reader().await.unwrap();
    let (engine, tenant) = (db.engine(), TenantKey(1));
    let (bob, cid) = (UserId::parse("bob").unwrap(), UserId::parse("cid").unwrap());
    for types in [
        &[Follows::Contact][..],
        &[Follows::Contact, Follows::Opportunity],
        &Follows::ALL,
    ] {
        for count in [1, 3, 128] {
            let wish = |at: usize| Wish {
                account: match ids.get(at) {
                    Some(id) => AccountId::parse(id).unwrap(),
                    None => AccountId(uuid::Uuid::from_u128(at as u128)),
                },
                from: bob.clone(),
                types: types.to_vec(),
                contacts_if_few: false,
            };
            let wishes: Vec<_> = (0..count).map(wish).collect();
            let given: Vec<_> = wishes
                .iter()
                .map(|wish| (wish.clone(), cid.clone(), world.server.clock.now()))
                .collect();
            for statement in [
                asking(engine, tenant, &wishes, Ask::Count),
                asking(engine, tenant, &wishes, Ask::Which),
                giving(engine, tenant, &given),
            ] {
                let sql = statement.sql.clone();
                let lines = explain(&reader, statement).await;
                let seen = format!("{}\n{sql}", lines.join("\n"));
                assert!(lines[0].contains("business_object_related"), "{seen}");
                assert!(
                    lines[0].contains("object_type=?") || !lines[0].contains("SEARCH"),
                    "{seen}"
                );
                assert!(!seen.contains(" ALL ") && !seen.contains("SCAN"), "{seen}");
            }
        }
    }
    drop(reader);
    world.stop().await;
}
