//! Objects are read along an index: no scan of what is of other accounts, no sort of what lies in order.

use super::object;
use crate::{harness::external_server, world::World};
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;
use tidepool::{
    domain::ids::{AccountId, TenantKey, UserId},
    store::related::{Page, Place, Seen, page_statement, totals_statement},
};
use tokio::time::Instant;

async fn explain(conn: &impl ConnectionTrait, mut statement: Statement) -> Vec<String> {
    let mysql = external_server().is_some();
    let word = if mysql { "EXPLAIN" } else { "EXPLAIN QUERY PLAN" };
    statement.sql = format!("{word} {}", statement.sql);
    let rows = conn.query_all_raw(statement).await.unwrap();
    let text = |row: &sea_orm::QueryResult, column: &str| {
        row.try_get::<Option<String>>("", column).unwrap().unwrap_or_default()
    };
    let line = |row: &sea_orm::QueryResult| {
        if mysql {
            ["table", "type", "key", "Extra"]
                .map(|column| text(row, column))
                .join(" ")
        } else {
            text(row, "detail")
        }
    };
    rows.iter().map(line).collect()
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
    drop(reader);
    world.stop().await;
}
