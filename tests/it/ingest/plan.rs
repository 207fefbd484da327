//! How accounts are read that something is told of. A server that opened its tables while they were empty knows nothing of how
//! they grew, so the plan must be right without knowing.

use crate::{explain::explain, harness::external_server, world::World};
use std::time::Duration;
use tidepool::{
    domain::ids::{AccountId, TenantKey, UserId},
    store::subject::{self, Purpose, Which},
};
use tokio::time::Instant;
use uuid::Uuid;

/// What is told of an account costs the same however many objects its tenant has, and tenures its actor.
#[tokio::test]
async fn accounts_are_read_without_the_objects_of_others() {
    let world = World::start().await;
    let db = &world.server.running.app.db;
    let unit = db.unit("test", Instant::now() + Duration::from_mins(1));
    let reader = unit.reader().await.unwrap();
    let mysql = external_server().is_some();
    let accounts: Vec<_> = (1..50).map(|at| AccountId(Uuid::from_u128(at))).collect();
    let ann = UserId::parse("ann").unwrap();
    let statement = subject::reading(
        db.engine(),
        TenantKey(1),
        Purpose::Deciding {
            request: None,
            bans: true,
            contacts: true,
        },
        Some(&ann),
        Which::Named(&accounts),
    );
    let lines = explain(&reader, statement, &["table", "key", "ref"]).await;
    let objects: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("business_object_related"))
        .collect();
    assert_eq!(objects.len(), 1, "{lines:?}");
    // By tenant and account, and by the type.
    let by = if mysql {
        ".id,const"
    } else {
        "account_id=? AND object_type=?"
    };
    assert!(objects[0].contains(by), "{lines:?}");
    let tenures = lines
        .iter()
        .find(|line| line.contains("tenure") || line.starts_with("b "));
    let key = if mysql { "PRIMARY" } else { "sqlite_autoindex_tenure_1" };
    assert!(tenures.is_some_and(|line| line.contains(key)), "{lines:?}");
    drop(reader);
    world.stop().await;
}
