//! A sweep costs what is due, not what exists.

use crate::{
    explain::explain,
    harness::{external_server, run_sql},
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Database, Statement};
use secrecy::ExposeSecret;

/// Doubles the accounts so many times, by hand: names are given up, and no history belongs to the copies.
async fn double(url: &str, times: usize) {
    let db = Database::connect(url).await.unwrap();
    let backend = db.get_database_backend();
    let row = db.query_one_raw(Statement::from_string(backend, "SELECT * FROM account LIMIT 1"));
    let columns = row.await.unwrap().unwrap().column_names();
    let fresh = if external_server().is_some() {
        "UNHEX(LEFT(SHA2(CONCAT(RAND(), id), 256), 32))"
    } else {
        "randomblob(16)"
    };
    let value = |column: &String| match column.as_str() {
        "id" => fresh.to_owned(),
        "unique_name" | "external_id" => "NULL".to_owned(),
        other => other.to_owned(),
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    let sql = format!(
        "INSERT INTO account ({}) SELECT {} FROM account",
        columns.join(", "),
        values.join(", ")
    );
    for _ in 0..times {
        db.execute_unprepared(&sql).await.unwrap();
    }
    db.close().await.unwrap();
}

/// How the engine finds what `sql` looks for, in its own words.
async fn plan(url: &str, sql: &str) -> String {
    let db = Database::connect(url).await.unwrap();
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let told = explain(&db, statement, &["key"]).await;
    db.close().await.unwrap();
    told.join("; ")
}

/// W9: of ten accounts or ten thousand beside, five that are due cost the same statements; nothing due costs next to
/// nothing; and what is due is found by the index.
#[tokio::test]
async fn a_sweep_costs_what_is_due() {
    let mut costs = Vec::new();
    for times in [1, 11] {
        let world = World::start().await;
        let pool = world.pool(open_pool("North")).await;
        world.rule(follow_up(&pool, 30)).await;
        world.site().many("Idle", &pool, "bob", 5).await;
        let url = world.server.config.database.url.expose_secret().to_owned();
        world.server.clock.advance(TimeDelta::seconds(61));
        // The change of rules is dealt with before.
        world.sweep().await;
        world.sweep().await;
        double(&url, times).await;
        world.server.clock.advance(TimeDelta::days(1));
        world.site().many("Due", &pool, "bob", 5).await;
        run_sql(
            &url,
            "UPDATE account SET wake_time = 1, reclaim_time = 1 WHERE name LIKE 'Due%'".to_owned(),
        )
        .await;
        run_sql(
            &url,
            "UPDATE account SET owner_since = 1 WHERE name LIKE 'Due%'".to_owned(),
        )
        .await;
        run_sql(
            &url,
            "UPDATE tenure SET start_time = 1 WHERE account_id IN (SELECT id FROM account WHERE name LIKE 'Due%')"
                .to_owned(),
        )
        .await;
        let statements = || world.server.db().statements();
        let before = statements();
        assert_eq!(world.sweep().await.reclaimed, 5);
        let due = statements() - before;
        let before = statements();
        assert_eq!(world.sweep().await.reclaimed, 0);
        costs.push((due, statements() - before));
        if times == 11 {
            let sql = "SELECT wake_time, tenant, id, pool_id, reclaim_time FROM account WHERE wake_time <= 5 \
                       ORDER BY wake_time, tenant, id LIMIT 500";
            let plan = plan(&url, sql).await;
            assert!(plan.contains("account_wake_time"), "{plan}");
        }
        world.server.discard().await;
    }
    assert_eq!(costs[0], costs[1]);
    // The lease is taken and let go, tenants, accounts and what waits for them are looked for, and old answers.
    assert!(costs[0].1 <= 11 && costs[0].0 <= 21, "{costs:?}");
}

/// W9: what is due is read in pages of 500. One more than fits into a page is taken in the same round, and so is a page that is
/// just full.
#[tokio::test]
async fn what_is_due_beyond_a_page_is_taken_too() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 30)).await;
    world.breaker(100, 1000).await;
    for number in [501, 500] {
        let accounts = world.site().many(&format!("Due {number}"), &pool, "bob", number).await;
        world.server.clock.advance(TimeDelta::seconds(61));
        // The change of rules is dealt with before.
        world.sweep().await;
        world.server.clock.advance(TimeDelta::days(31));
        assert_eq!(world.sweep().await.reclaimed, accounts.len());
    }
    world.server.discard().await;
}

/// W9: accounts of two pools or of twelve cost the same statements, when breakers begin to count, count on, and begin again.
#[tokio::test]
async fn a_sweep_costs_the_same_in_many_pools() {
    let mut costs = Vec::new();
    for number in [2, 12] {
        let world = World::start().await;
        let clock = &world.server.clock;
        let mut pools = Vec::new();
        for at in 0..number {
            let pool = world.pool(open_pool(&format!("Pool {at}"))).await;
            world.rule(follow_up(&pool, 30)).await;
            pools.push(pool);
        }
        // Of each pool three accounts, due 23 hours and an hour after each other.
        let later = [TimeDelta::hours(23), TimeDelta::hours(1), TimeDelta::seconds(61)];
        for (round, later) in later.into_iter().enumerate() {
            for (at, pool) in pools.iter().enumerate() {
                world.site().many(&format!("Due {round} {at}"), pool, "bob", 1).await;
            }
            clock.advance(later);
        }
        // The change of rules is dealt with before.
        world.sweep().await;
        world.sweep().await;
        clock.advance(TimeDelta::days(29) - TimeDelta::minutes(1));
        let mut statements = Vec::new();
        for later in later {
            let before = world.server.db().statements();
            assert_eq!(world.sweep().await.reclaimed, number);
            statements.push(world.server.db().statements() - before);
            clock.advance(later);
        }
        costs.push(statements);
        world.server.discard().await;
    }
    assert_eq!(costs[0], costs[1]);
}
