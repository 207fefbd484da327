//! What correctness rests on in every session, whatever the server's defaults are, and what must be the same on every
//! engine: counts of changed rows, identifiers, instants.

use crate::{
    harness::{Refused, Server, on_a_server},
    outcomes::{add_ann, create_as, pool},
    rig::{LONG, Rig, add, update},
};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Statement};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{BatchUpsertUsersRequest, GetPoolRequest, GetUserRequest, User},
    store::durability,
};
use tokio::time::Instant;
use tonic::Code;

#[tokio::test]
async fn every_pooled_session_has_the_settings() {
    if !on_a_server("every_pooled_session_has_the_settings", "SQLite has no sessions") {
        return;
    }
    let rig = Rig::start(2).await;
    let unit = rig.db.unit("settings", Instant::now() + LONG);
    let reader = unit.reader().await.unwrap();
    let read = async |sql: &str| -> String {
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        reader
            .query_one_raw(statement)
            .await
            .unwrap()
            .unwrap()
            .try_get_by_index(0)
            .unwrap()
    };
    for (variable, wanted) in [
        ("innodb_lock_wait_timeout", "3"),
        ("lock_wait_timeout", "10"),
        ("autocommit", "1"),
        ("completion_type", "NO_CHAIN"),
        ("time_zone", "+00:00"),
        ("character_set_client", "utf8mb4"),
        ("character_set_connection", "utf8mb4"),
        ("character_set_results", "utf8mb4"),
    ] {
        let found = read(&format!("SELECT CAST(@@SESSION.{variable} AS CHAR)")).await;
        // Servers print switches either way.
        assert_eq!(found.replace("ON", "1"), wanted.replace("ON", "1"), "{variable}");
    }
    let mode = read("SELECT CAST(@@SESSION.sql_mode AS CHAR)").await;
    for part in ["STRICT_ALL_TABLES", "STRICT_TRANS_TABLES", "NO_ENGINE_SUBSTITUTION"] {
        assert!(mode.contains(part), "{mode}");
    }
    // Nothing is cut to fit.
    let insert = "INSERT INTO probe (id, value) VALUES (9, '12x')";
    assert!(reader.execute_unprepared(insert).await.is_err());
    drop(reader);
    rig.stop().await;
}

#[tokio::test]
async fn statements_see_what_is_committed() {
    if !on_a_server(
        "statements_see_what_is_committed",
        "SQLite has one writer, nobody commits beside it",
    ) {
        return;
    }
    let rig = Rig::start(2).await;
    let unit = rig.db.unit("reads", Instant::now() + LONG);
    let seen = unit.tx(async |tx| {
        let select = || Statement::from_string(tx.get_database_backend(), "SELECT value FROM probe WHERE id = 1");
        let before: i64 = tx.query_one_raw(select()).await?.unwrap().try_get_by_index(0)?;
        rig.add(1, LONG).await?;
        let after: i64 = tx.query_one_raw(select()).await?.unwrap().try_get_by_index(0)?;
        Ok((before, after))
    });
    assert_eq!(seen.await.unwrap(), (0, 1));
    rig.stop().await;
}

/// Compare-and-set is `WHERE version = ?` and one row: a row that is found counts, changed or not.
#[tokio::test]
async fn rows_that_are_found_count() {
    let rig = Rig::start(1).await;
    let unit = rig.db.unit("counts", Instant::now() + LONG);
    let counts = unit.tx(async |tx| {
        Ok((
            update(tx, "UPDATE probe SET value = value WHERE id = ?", 1).await?,
            update(tx, "UPDATE probe SET value = 7 WHERE id = ?", 1).await?,
            update(tx, "UPDATE probe SET value = 7 WHERE id = ?", 1).await?,
            update(tx, "UPDATE probe SET value = 7 WHERE id = ?", 99).await?,
        ))
    });
    assert_eq!(counts.await.unwrap(), (1, 1, 1, 0));
    let unit = rig.db.unit("adds", Instant::now() + LONG);
    unit.tx(async |tx| add(tx, 1).await).await.unwrap();
    assert_eq!(rig.value(1).await, 8);
    rig.stop().await;
}

#[tokio::test]
async fn identifiers_are_compared_byte_by_byte() {
    let server = Server::start().await;
    let named = |id: &str, name: &str| User {
        id: id.into(),
        display_name: name.into(),
        active: true,
        ..User::default()
    };
    let push = async |users: Vec<User>| {
        let request = BatchUpsertUsersRequest {
            users,
            ..BatchUpsertUsersRequest::default()
        };
        server.admin().directory().batch_upsert_users(request).await
    };
    push(vec![named("a", "small"), named("A", "large"), named("aA", "both")])
        .await
        .unwrap();
    for (id, name) in [("a", "small"), ("A", "large"), ("aA", "both")] {
        let request = GetUserRequest { user_id: id.into() };
        let user = server
            .admin()
            .directory()
            .get_user(request)
            .await
            .unwrap()
            .into_inner()
            .user
            .unwrap();
        assert_eq!((user.id.as_str(), user.display_name.as_str()), (id, name));
    }
    let absent = GetUserRequest { user_id: "Aa".into() };
    server
        .admin()
        .directory()
        .get_user(absent)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    // `'a' = 'a '` holds under padding collations, so such an id must not get in; nor one that looks like another.
    for id in ["a ", " a", "a\t", "\u{e1}", "a\u{301}", ""] {
        push(vec![named(id, "refused")]).await.violations();
    }
    server.stop().await;
}

#[tokio::test]
async fn instants_keep_their_microseconds() {
    let server = Server::start().await;
    add_ann(&server.admin()).await;
    for micros in [1, 123_456, 999_999] {
        server.clock.advance(TimeDelta::microseconds(micros));
        let now = server.clock.now();
        let made = create_as(&server.admin(), pool(&format!("at {micros}"), ""))
            .await
            .unwrap()
            .pool
            .unwrap();
        // Another change, so that what is read comes from the database.
        create_as(&server.admin(), pool(&format!("after {micros}"), ""))
            .await
            .unwrap();
        let request = GetPoolRequest {
            pool_id: made.id.clone(),
        };
        let read = server
            .admin()
            .pools()
            .get_pool(request)
            .await
            .unwrap()
            .into_inner()
            .pool
            .unwrap();
        assert_eq!(read, made);
        let time = read.create_time.unwrap();
        assert_eq!(
            (time.seconds, i64::from(time.nanos)),
            (now.timestamp(), i64::from(now.timestamp_subsec_nanos()))
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn doubtful_server_settings_are_named() {
    if !on_a_server(
        "doubtful_server_settings_are_named",
        "SQLite is opened with synchronous = FULL",
    ) {
        return;
    }
    let rig = Rig::start(1).await;
    let concerns = durability::concerns(&rig.db).await.unwrap();
    let unit = rig.db.unit("settings", Instant::now() + LONG);
    let reader = unit.reader().await.unwrap();
    let select = "SELECT CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS SIGNED)";
    let row = reader
        .query_one_raw(Statement::from_string(reader.get_database_backend(), select))
        .await
        .unwrap();
    let flush: i64 = row.unwrap().try_get_by_index(0).unwrap();
    let named = concerns
        .iter()
        .any(|concern| concern.starts_with("innodb_flush_log_at_trx_commit"));
    assert_eq!(named, flush == 0 || flush == 2, "{flush}: {concerns:?}");
    drop(reader);
    rig.stop().await;
}
