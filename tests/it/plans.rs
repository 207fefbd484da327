//! How servers carry out what everyday calls and workers send: along an index, whatever there is of others. Statements of single
//! flows are looked at more closely beside the tests of these.

use crate::{
    activities::told,
    explain::{explaining, told as column},
    harness::on_a_server,
    schema,
    sweeping::follow_up,
    world::{World, assign, open_pool},
};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Database, QueryResult, Statement};
use secrecy::ExposeSecret;
use std::collections::HashSet;
use tidepool::rpc::proto::{self, AccountScope, Pool};

/// More rows than that are not looked at one by one.
const FEW: i64 = 100;

/// What a statement begins with that looks for rows.
const LOOKING: [&str; 3] = ["SELECT", "UPDATE", "DELETE"];

/// How many rows the server expects to look at; servers differ in the type.
fn rows(row: &QueryResult) -> i64 {
    let signed = row.try_get::<Option<i64>>("", "rows").ok();
    let unsigned = || {
        row.try_get::<Option<u64>>("", "rows")
            .ok()
            .map(|rows| rows.map(u64::cast_signed))
    };
    let text = || column(row, "rows").parse().ok();
    signed.or_else(unsigned).unwrap_or_else(text).unwrap_or(0)
}

/// The steps of the statement's plan that read a whole table, or a whole index, of which there is much.
async fn scans(conn: &impl ConnectionTrait, statement: Statement) -> Vec<String> {
    let sql = statement.sql.clone();
    let steps = conn.query_all_raw(explaining(statement)).await.unwrap();
    let all = steps.iter().filter(|row| {
        let kind = column(row, "type");
        // What another step has found is read as a whole.
        let stored = !column(row, "table").starts_with('<');
        stored && (kind == "ALL" || kind == "index") && rows(row) > FEW
    });
    let told = all.map(|row| {
        let [table, kind, key] = ["table", "type", "key"].map(|name| column(row, name));
        format!("{table} {kind} {key} {} rows: {sql}", rows(row))
    });
    told.collect()
}

/// What people and services do all day.
async fn everyday(world: &World, pool: &str, lying: &[String], owned: &[String]) {
    let site = world.site();
    let (bob, admin) = (world.user("bob"), world.server.admin());
    site.claim(0, "bob", &lying[0]).await.unwrap();
    site.give_back("bob", &lying[0]).await;
    let ann = world.user("ann").circulation();
    ann.clone().assign_account(assign(&lying[1], "cid")).await.unwrap();
    let request = proto::ChangeAccountOwnerRequest {
        account_id: lying[1].clone(),
        new_owner: "bob".into(),
        ..Default::default()
    };
    ann.clone().change_account_owner(request).await.unwrap();
    site.create("New", pool, "").await;
    site.account(&owned[0]).await;
    for scope in [AccountScope::Mine, AccountScope::Team, AccountScope::Participated] {
        list(world, "bob", scope, "").await;
    }
    list(world, "bob", AccountScope::PoolUnclaimed, pool).await;
    list(world, "root", AccountScope::PoolAll, pool).await;
    list(world, "root", AccountScope::All, "").await;
    let at = world.server.clock.now();
    let activities = vec![
        told("more", &owned[0], "sales_record.created", at),
        proto::Activity {
            object_id: "order-1".into(),
            ..told("won", &owned[1], "opportunity.won", at)
        },
    ];
    world.tell("crm", activities).await;
    let account_id = owned[0].clone();
    let request = proto::ListActivitiesRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    bob.activities().list_activities(request).await.unwrap();
    let request = proto::ListTimelineRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    bob.history().list_timeline(request).await.unwrap();
    let request = proto::ListTenuresRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    admin.history().list_tenures(request).await.unwrap();
    let request = proto::ListAccountEventsRequest {
        account_id: account_id.clone(),
        ..Default::default()
    };
    admin.history().list_account_events(request).await.unwrap();
    let request = proto::ListRelatedObjectsRequest {
        account_id,
        ..Default::default()
    };
    bob.related().list_related_objects(request).await.unwrap();
    site.counted(pool).await;
    world.relay().await;
    let request = proto::ListEventsRequest {
        after_position: 300,
        page_size: 50,
        filter: None,
    };
    admin.events().list_events(request).await.unwrap();
}

async fn list(world: &World, user: &str, scope: AccountScope, pool: &str) {
    let request = proto::ListAccountsRequest {
        scope: scope.into(),
        pool_id: pool.into(),
        page_size: 20,
        ..Default::default()
    };
    world.user(user).accounts().list_accounts(request).await.unwrap();
}

#[tokio::test]
async fn everyday_statements_read_along_an_index() {
    if !on_a_server(
        "everyday_statements_read_along_an_index",
        "it says nothing of how many rows it reads",
    ) {
        return;
    }
    let world = World::start().await;
    let pool = Pool {
        claim_limit: Some(500),
        daily_claim_limit: Some(500),
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    world.rule(follow_up(&pool, 30)).await;
    let lying = world.many_lying("Lying", &pool, 400).await;
    let owned = world.site().many("Owned", &pool, "bob", 300).await;
    let at = world.server.clock.now();
    for (part, ids) in owned.chunks(100).enumerate() {
        let activities = ids.iter().enumerate().map(|(n, id)| proto::Activity {
            object_id: format!("o{part}-{n}"),
            ..told(&format!("e{part}-{n}"), id, "opportunity.created", at)
        });
        world.tell("crm", activities.collect()).await;
    }
    world.relay().await;
    let direct = Database::connect(world.server.config.database.url.expose_secret())
        .await
        .unwrap();
    for table in schema::names(&direct).await {
        direct
            .execute_unprepared(&format!("ANALYZE TABLE {table}"))
            .await
            .unwrap();
    }
    let db = world.server.db();
    db.keep_statements();
    Box::pin(everyday(&world, &pool, &lying, &owned)).await;
    world.server.clock.advance(TimeDelta::seconds(61));
    world.sweep().await;
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    for statement in db.kept_statements() {
        let looks = LOOKING.iter().any(|word| statement.sql.starts_with(word));
        if looks && seen.insert(statement.sql.clone()) {
            found.extend(scans(&direct, statement).await);
        }
    }
    assert!(seen.len() > 40, "{} statements", seen.len());
    assert!(
        found.is_empty(),
        "{} of {}:\n{}",
        found.len(),
        seen.len(),
        found.join("\n")
    );
    // Otherwise all is well whatever is sent.
    let scan = Statement::from_string(
        direct.get_database_backend(),
        "SELECT phone FROM account WHERE email = 'x'",
    );
    assert_eq!(scans(&direct, scan).await.len(), 1);
    direct.close().await.unwrap();
    world.stop().await;
}
