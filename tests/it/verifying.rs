//! `verify` finds what is broken: every invariant is broken once, by hand, and named.

use crate::{
    activities::told,
    harness::{external_server, run_sql},
    schema,
    sweeping::follow_up,
    world::{World, claim, open_pool},
};
use sea_orm::{ConnectionTrait, Database, Statement};
use secrecy::ExposeSecret;

/// What is to be said so that constraints let everything in.
async fn unchecked(url: &str) -> Vec<String> {
    if external_server().is_none() {
        return vec!["PRAGMA ignore_check_constraints = 1".to_owned()];
    }
    let db = Database::connect(url).await.unwrap();
    let off = if schema::is_mariadb(&db).await {
        vec!["SET SESSION check_constraint_checks = 0".to_owned()]
    } else {
        // No session can be without them there; tables can.
        let select = "SELECT CAST(CONCAT('ALTER TABLE ', table_name, ' ALTER CHECK ', constraint_name, ' NOT ENFORCED') \
                      AS CHAR) FROM information_schema.table_constraints \
                      WHERE table_schema = DATABASE() AND constraint_type = 'CHECK' AND enforced = 'YES'";
        let statement = Statement::from_string(db.get_database_backend(), select);
        let rows = db.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    };
    db.close().await.unwrap();
    off
}

/// Breaks the data past the constraints that would not let it.
async fn corrupt(world: &World, sql: &str) {
    let url = world.server.config.database.url.expose_secret().to_owned();
    let mut statements = unchecked(&url).await;
    statements.push(sql.to_owned());
    run_sql(&url, statements.join("; ")).await;
}

/// The tables of which rows are corrupted.
const CORRUPTED: [&str; 8] = [
    "account",
    "account_event",
    "account_tag",
    "directory_user",
    "event_stream",
    "holder",
    "pool",
    "tenure",
];

/// X15: each invariant has a corruption that only this check, and those that follow from it, find.
#[tokio::test]
async fn every_invariant_is_checked() {
    let corruptions = [
        (
            "owner",
            "UPDATE account SET owner = NULL, owner_since = NULL WHERE name = 'Owned'",
        ),
        ("canceled", "UPDATE account SET status = 5 WHERE name = 'Lying'"),
        ("merged", "UPDATE account SET merged_into = id WHERE name = 'Lying'"),
        (
            "merged",
            "UPDATE account SET status = 6, status_before_cancel = 3, unique_name = NULL WHERE name = 'Lying'",
        ),
        ("clock", "UPDATE account SET reclaim_time = 1 WHERE name = 'Lying'"),
        ("clock", "UPDATE account SET wake_time = 1 WHERE name = 'Lying'"),
        (
            "clock",
            "UPDATE account SET tenure_clock = '{\"extended_days\":3}' WHERE name = 'Lying'",
        ),
        (
            "lock",
            "UPDATE account SET locked_by = 'bob', lock_time = 1 WHERE name = 'Lying'",
        ),
        ("lock", "UPDATE account SET locked_by = 'bob' WHERE name = 'Owned'"),
        ("lock", "UPDATE account SET lock_expire_time = 1 WHERE name = 'Owned'"),
        ("pool", "DELETE FROM pool"),
        ("owner-known", "DELETE FROM directory_user WHERE id = 'bob'"),
        ("holder", "DELETE FROM holder WHERE user_id = 'bob'"),
        ("tenure", "UPDATE tenure SET user_id = 'cid' WHERE open = 1"),
        ("tenure-open", "UPDATE account SET status = 1 WHERE name = 'Owned'"),
        (
            "tenure-overlap",
            "INSERT INTO tenure (tenant, account_id, start_version, user_id, start_time, start_cause, end_time, end_cause, \
             reason, note) SELECT tenant, account_id, 1, user_id, 1, 1, start_time + 1, 1, '', '' FROM tenure WHERE open = 1",
        ),
        ("history", "DELETE FROM account_event WHERE version = 1"),
        ("positions", "UPDATE event_stream SET last_position = last_position + 1"),
        (
            "positions",
            "UPDATE account_event SET position = position + 1 WHERE position >= 2; \
             UPDATE event_stream SET last_position = last_position + 1",
        ),
        ("positions", "UPDATE account_event SET position = 1 WHERE position = 2"),
        ("positions", "DELETE FROM event_stream"),
        (
            "positions-order",
            "UPDATE account_event SET position = 5 - position WHERE position IN (1, 4)",
        ),
        (
            "positions-order",
            "UPDATE account_event SET position = NULL WHERE version = 1",
        ),
        ("stream", "UPDATE event_stream SET purged_position = last_position + 1"),
        ("history-account", "DELETE FROM account WHERE name = 'Lying'"),
        (
            "extras",
            "INSERT INTO account_tag (tenant, account_id, tag) SELECT tenant, id, 'lost' FROM pool",
        ),
        ("deals", "UPDATE account SET won_count = 2 WHERE name = 'Owned'"),
        (
            "name",
            "UPDATE account SET unique_name = 'something else' WHERE name = 'Lying'",
        ),
        ("tenant", "UPDATE directory_user SET tenant = 77 WHERE id = 'eve'"),
        (
            "deadline",
            "UPDATE account SET reclaim_time = reclaim_time + 1 WHERE name = 'Owned'",
        ),
        (
            "deadline",
            "UPDATE account SET anchor_time = anchor_time - 1 WHERE name = 'Owned'",
        ),
        (
            "deadline",
            "UPDATE account SET rule_id = (SELECT id FROM pool LIMIT 1) WHERE name = 'Owned'",
        ),
        (
            "wake",
            "UPDATE account SET wake_time = reclaim_time + 1 WHERE name = 'Owned'",
        ),
        ("wake", "UPDATE account SET wake_time = NULL WHERE name = 'Owned'"),
    ];
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 30)).await;
    let owned = world.lying("Owned", &pool).await;
    world.lying("Lying", &pool).await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&owned))
        .await
        .unwrap();
    let won = told("e1", &owned, "opportunity.won", world.server.clock.now());
    world.tell("crm", vec![won]).await;
    world.relay().await;
    assert_eq!(world.server.broken().await, Vec::<String>::new());
    let each = |sql: fn(&str) -> String| CORRUPTED.map(sql).join("; ");
    corrupt(
        &world,
        &each(|table| format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")),
    )
    .await;
    for (check, sql) in corruptions {
        corrupt(&world, sql).await;
        let broken = world.server.broken().await;
        assert!(broken.iter().any(|name| name == check), "{check}: {broken:?}");
        let restore = each(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"));
        corrupt(&world, &restore).await;
        assert_eq!(
            world.server.broken().await,
            Vec::<String>::new(),
            "restored after {sql}"
        );
    }
    world.stop().await;
}
