//! What users hold is counted right, in one statement, from the covering indexes alone.

use crate::{
    explain::explain,
    harness::{Server, external_server},
};
use sea_orm::{ConnectionTrait, Statement, Value};
use std::collections::BTreeMap;
use tidepool::{
    domain::{
        ids::{PoolId, TenantKey, UserId},
        limits::{Count, Counted},
    },
    rpc::proto,
    store::{Tx, holdings},
};
use uuid::Uuid;

const TENANT: TenantKey = TenantKey(1);
const P: PoolId = PoolId(Uuid::from_u128(1));
const Q: PoolId = PoolId(Uuid::from_u128(2));

/// What an account of `owner` looks like to a count.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) owner: &'static str,
    pub(crate) pool: Option<PoolId>,
    pub(crate) status: i16,
    pub(crate) deal_status: i16,
}

async fn run(conn: &impl ConnectionTrait, sql: &str, values: Vec<Value>) {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    conn.execute_raw(statement).await.unwrap();
}

pub(crate) async fn put_account(conn: &impl ConnectionTrait, row: Row) {
    let sql = "INSERT INTO account (tenant, id, status, owner, owner_since, pool_id, last_end_reason, last_end_note, \
               deal_status, kind, name, name_key, grade, industry, source, region, phone, email, website, address, \
               remark) VALUES (1, ?, ?, ?, 0, ?, '', '', ?, 1, 'x', 'x', '', '', '', '', '', '', '', '', '')";
    let pool: Option<Uuid> = row.pool.map(|pool| pool.0);
    let id = Uuid::now_v7();
    run(
        conn,
        sql,
        vec![
            id.into(),
            row.status.into(),
            row.owner.into(),
            pool.into(),
            row.deal_status.into(),
        ],
    )
    .await;
}

/// A tenure that began `micros` after the epoch and is over.
pub(crate) async fn put_tenure(conn: &impl ConnectionTrait, user: &str, pool: PoolId, cause: i16, micros: i64) {
    let sql = "INSERT INTO tenure (tenant, account_id, start_version, user_id, pool_id, start_time, start_cause, \
               end_time, reason, note) VALUES (1, ?, 1, ?, ?, ?, ?, 9, '', '')";
    let id = Uuid::now_v7();
    run(
        conn,
        sql,
        vec![id.into(), user.into(), pool.0.into(), micros.into(), cause.into()],
    )
    .await;
}

async fn directory(server: &Server, users: &[String]) {
    let users = users.iter().map(|id| proto::User {
        id: id.clone(),
        display_name: id.clone(),
        active: true,
        ..Default::default()
    });
    let request = proto::BatchUpsertUsersRequest {
        users: users.collect(),
        ..Default::default()
    };
    server.admin().directory().batch_upsert_users(request).await.unwrap();
}

fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + std::time::Duration::from_secs(30)
}

pub(crate) async fn in_tx<T>(server: &Server, body: impl AsyncFnOnce(&Tx) -> T) -> T {
    let unit = server.db().unit("test", deadline());
    unit.tx(async |tx| Ok(body(tx).await)).await.unwrap()
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn instant(micros: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(micros).unwrap()
}

fn all_counts(cap: u32) -> Vec<Count> {
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    let holding = flags.map(|(count_pool, count_won)| Counted::Holding { count_pool, count_won });
    let pool = [false, true].map(|count_won| Counted::Pool { pool: P, count_won });
    let since = instant(100);
    let daily = [Counted::DailyPool { pool: P, since }, Counted::DailyTenant { since }];
    let all = holding.into_iter().chain(pool).chain(daily);
    all.map(|what| Count { what, cap }).collect()
}

async fn fill(tx: &Tx) {
    let ann = Row {
        owner: "ann",
        pool: None,
        status: 4,
        deal_status: 0,
    };
    // L29: drafts count; 3 of the pool (one won, one repeatedly won), 1 of another, 3 of none (one won), 2 drafts.
    for row in [
        Row { pool: Some(P), ..ann },
        Row {
            pool: Some(P),
            deal_status: 1,
            ..ann
        },
        Row {
            pool: Some(P),
            deal_status: 2,
            ..ann
        },
        Row { pool: Some(Q), ..ann },
        ann,
        ann,
        Row { deal_status: 1, ..ann },
        Row { status: 1, ..ann },
        Row { status: 2, ..ann },
        Row { owner: "bob", ..ann },
    ] {
        put_account(tx, row).await;
    }
    // L31, L32: claims since 100 count although they are over; what was given does not.
    for (pool, cause, micros) in [(P, 1, 99), (P, 1, 100), (P, 1, 150), (Q, 1, 150), (P, 2, 150)] {
        put_tenure(tx, "ann", pool, cause, micros).await;
    }
    put_tenure(tx, "bob", P, 1, 150).await;
}

/// L08, L29, L31, L32 (D10, D13): every count is what its definition says, and ends at its cap.
#[tokio::test]
async fn counts_are_what_they_say() {
    let server = Server::start().await;
    directory(&server, &["ann".into(), "bob".into(), "cid".into()]).await;
    let (ann, capped) = in_tx(&server, async |tx| {
        fill(tx).await;
        let wanted = [
            (user("ann"), all_counts(50)),
            (user("cid"), vec![]),
            (user("zoe"), all_counts(9)),
        ];
        let facts = holdings::read(tx, TENANT, &wanted).await.unwrap();
        assert_eq!(facts.len(), 2, "zoe has no guard row");
        assert_eq!(
            (facts[&user("cid")].version, facts[&user("cid")].counts.0.len()),
            (1, 0)
        );
        let capped = holdings::read(tx, TENANT, &[(user("ann"), all_counts(2))])
            .await
            .unwrap();
        (facts[&user("ann")].clone(), capped[&user("ann")].clone())
    })
    .await;
    assert_eq!(ann.version, 1);
    let numbers: Vec<_> = all_counts(50).iter().map(|count| ann.counts.get(count.what)).collect();
    assert_eq!(numbers, [4, 5, 6, 9, 1, 3, 2, 3]);
    let numbers: Vec<_> = all_counts(2)
        .iter()
        .map(|count| capped.counts.get(count.what))
        .collect();
    assert_eq!(numbers, [2, 2, 2, 2, 1, 2, 2, 2]);
    server.discard().await;
}

/// One statement for up to 128 users; more users and very many counts take more, and each user keeps his own numbers.
#[tokio::test]
async fn many_users_are_counted_at_once() {
    let server = Server::start().await;
    let names: Vec<_> = (0..200).map(|n| format!("user-{n}")).collect();
    directory(&server, &names).await;
    let holding = Counted::Holding {
        count_pool: true,
        count_won: false,
    };
    let many_pools = (0..450_u128).map(|n| Counted::Pool {
        pool: PoolId(Uuid::from_u128(n)),
        count_won: true,
    });
    let mut wanted: Vec<_> = names
        .iter()
        .map(|name| (user(name), vec![Count { what: holding, cap: 3 }]))
        .collect();
    // Asked for twice: once with a higher cap.
    wanted.push((user("user-7"), vec![Count { what: holding, cap: 9 }]));
    let engine = server.db().engine();
    assert_eq!(holdings::statements(engine, TENANT, &wanted[..128]).len(), 1);
    assert_eq!(holdings::statements(engine, TENANT, &wanted).len(), 2);
    wanted.push((user("user-7"), many_pools.map(|what| Count { what, cap: 1 }).collect()));
    let facts = in_tx(&server, async |tx| {
        for (owner, pool) in [("user-7", None), ("user-7", Some(Q)), ("user-199", None)] {
            for _ in 0..4 {
                put_account(
                    tx,
                    Row {
                        owner,
                        pool,
                        status: 4,
                        deal_status: 0,
                    },
                )
                .await;
            }
        }
        holdings::read(tx, TENANT, &wanted).await.unwrap()
    })
    .await;
    assert_eq!(facts.len(), 200);
    let held: BTreeMap<_, _> = facts
        .iter()
        .map(|(user, facts)| (user.as_str(), facts.counts.get(holding)))
        .collect();
    assert_eq!((held["user-7"], held["user-199"], held["user-8"]), (8, 3, 0));
    let counts = &facts[&user("user-7")].counts;
    let in_pool = |n: u128| {
        counts.get(Counted::Pool {
            pool: PoolId(Uuid::from_u128(n)),
            count_won: true,
        })
    };
    assert_eq!((in_pool(1), in_pool(2), in_pool(449)), (0, 1, 0));
    server.discard().await;
}

/// What the plan says of the tables that are counted.
async fn counting(conn: &impl ConnectionTrait, statement: Statement) -> Vec<String> {
    let mut lines = explain(conn, statement, &["table", "key", "Extra"]).await;
    lines.retain(|line| line.contains("account") || line.contains("tenure"));
    lines
}

async fn check_plans(server: &Server) {
    let engine = server.db().engine();
    let unit = server.db().unit("test", deadline());
    let reader = unit.reader().await.unwrap();
    for count in all_counts(21) {
        let statements = holdings::statements(engine, TENANT, &[(user("ann"), vec![count])]);
        for statement in statements {
            let lines = counting(&reader, statement).await;
            assert_eq!(lines.len(), 1, "{count:?} {lines:?}");
            let index = match count.what {
                Counted::Holding { .. } | Counted::Pool { .. } | Counted::Locked { .. } => "account_owner",
                Counted::DailyPool { .. } | Counted::DailyTenant { .. } => "tenure_user",
            };
            let covering = ["COVERING INDEX", "Using index"];
            let covering = covering.iter().any(|word| lines[0].contains(word));
            assert!(covering && lines[0].contains(index), "{count:?} {lines:?}");
        }
    }
}

/// L08, L31: a count costs what it counts: it reads the index alone, on every engine.
#[tokio::test]
async fn counts_are_answered_from_the_indexes() {
    let server = Server::start().await;
    directory(&server, &["ann".into(), "bob".into()]).await;
    in_tx(&server, async |tx| {
        for _ in 0..20 {
            fill(tx).await;
        }
    })
    .await;
    let mysql = external_server().is_some();
    if !mysql {
        // Nobody ever analyses an embedded database: the plan must be right without statistics.
        check_plans(&server).await;
    }
    in_tx(&server, async |tx| {
        for table in ["account", "tenure", "holder"] {
            let analyze = if mysql { "ANALYZE TABLE" } else { "ANALYZE" };
            tx.execute_unprepared(&format!("{analyze} {table}")).await.unwrap();
        }
    })
    .await;
    check_plans(&server).await;
    server.discard().await;
}
