//! The same work by hand: what a script without rules would do to let users have accounts, with the same reads and writes, each
//! kind of row in one statement, and to read accounts. It decides nothing.

use crate::common::{
    Outcome, USERS,
    hand::{connect, marks},
    request_id,
    site::RULE_DAYS,
    spent::measured,
};
use sea_orm::sqlx::{AssertSqlSafe, Error, Executor, MySqlConnection, MySqlPool, Row, query};
use std::{sync::Arc, time::Instant};
use tokio::{sync::Barrier, task::JoinSet};
use uuid::Uuid;

const NOW: i64 = 1_772_438_400_000_000;
const DAY: i64 = 86_400_000_000;
/// Bytes that the service remembers of its answer, for each account: 107 of a claim, 149 in one of a hundred.
pub(crate) const ANSWER: usize = 107;

/// Whoever works by hand.
#[derive(Clone)]
pub(crate) struct Hand {
    pool: MySqlPool,
}

/// What is done for one call.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    Claim,
    Get,
}

impl Hand {
    pub(crate) async fn connect(url: &str) -> Outcome<Self> {
        let pool = connect(url).await?;
        Ok(Self { pool })
    }

    /// As many at a time as there are callers, each with his part of the accounts, `size` at once; says how long each took.
    pub(crate) async fn each(&self, work: Work, (callers, size): (usize, usize), ids: Vec<Uuid>) -> Outcome<Vec<f64>> {
        let mut tasks = JoinSet::new();
        for (at, part) in ids.chunks(ids.len() / callers).enumerate() {
            let (pool, part) = (self.pool.clone(), part.to_vec());
            let user = format!("user{}", at as u64 % USERS);
            tasks.spawn(measured(async move {
                let mut took = Vec::with_capacity(part.len() / size);
                for some in part.chunks(size) {
                    let began = Instant::now();
                    match work {
                        Work::Claim => claim(&pool, &user, some).await?,
                        Work::Get => get(&pool, some[0]).await?,
                    }
                    took.push(began.elapsed().as_secs_f64() * 1000.0);
                }
                Ok::<_, Error>(took)
            }));
        }
        let mut all = Vec::new();
        while let Some(took) = tasks.join_next().await {
            all.extend(took??);
        }
        Ok(all)
    }

    /// As many conditional updates of one account at the same moment, of which one finds what it looks for.
    pub(crate) async fn all_for_one(&self, callers: usize, id: Uuid) -> Outcome<Vec<f64>> {
        let start = Arc::new(Barrier::new(callers));
        let mut tasks = JoinSet::new();
        for at in 0..callers {
            let (pool, start) = (self.pool.clone(), start.clone());
            let user = format!("user{}", at as u64 % USERS);
            tasks.spawn(measured(async move {
                start.wait().await;
                let sql = "UPDATE account SET owner = ?, owner_since = ?, status = 4, pool_entry_time = NULL, \
                           pool_entry_cause = NULL, version = version + 1 WHERE tenant = 1 AND id = ? AND version = 1";
                let update = query(sql).bind(user).bind(NOW).bind(id.as_bytes().as_slice());
                let done = update.execute(&pool).await;
                done.is_ok_and(|done| done.rows_affected() == 1)
            }));
        }
        let began = Instant::now();
        let won = tasks.join_all().await.into_iter().filter(|won| *won).count();
        match won {
            1 => Ok(vec![began.elapsed().as_secs_f64() * 1000.0]),
            _ => Err(format!("{won} updates found the one account").into()),
        }
    }

    /// The accounts after one, as many as there are on a page: the query that a programmer writes who knows the table. Says
    /// which is the last one.
    pub(crate) async fn page(&self, pool: &str, after: Option<&str>, size: usize) -> Outcome<String> {
        let after = after.map(|id| format!(" AND id > UNHEX('{id}')")).unwrap_or_default();
        let sql = format!(
            "SELECT *, HEX(id) AS last FROM account FORCE INDEX (account_pool) WHERE tenant = 1 AND pool_id = UNHEX('{pool}') \
             AND status = 3 AND grade = 'A' AND region = 'north'{after} ORDER BY id LIMIT {size}"
        );
        let rows = self.pool.fetch_all(AssertSqlSafe(sql)).await?;
        Ok(rows.last().ok_or("a page is empty")?.try_get("last")?)
    }
}

async fn get(pool: &MySqlPool, id: Uuid) -> Result<(), Error> {
    let sql = "SELECT * FROM account WHERE tenant = 1 AND id = ?";
    query(sql).bind(id.as_bytes().as_slice()).fetch_one(pool).await?;
    Ok(())
}

/// What is remembered of a request, so that it is answered the same when it is sent again.
pub(crate) const REQUEST: &str = "INSERT INTO request (tenant, caller, request_id, payload_hash, response, create_time) \
                                  VALUES (1, 'crm', ?, ?, ?, ?)";

/// One transaction.
async fn claim(pool: &MySqlPool, user: &str, ids: &[Uuid]) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    let list = marks(ids.len());
    let sql = format!("SELECT * FROM account WHERE tenant = 1 AND id IN ({list})");
    let mut read = query(AssertSqlSafe(sql));
    for id in ids {
        read = read.bind(id.as_bytes().as_slice());
    }
    let rows = read.fetch_all(&mut *tx).await?;
    let version: i64 = rows.first().ok_or(Error::RowNotFound)?.get("version");
    let holder = query("SELECT version FROM holder WHERE tenant = 1 AND user_id = ?").bind(user);
    let holder: i64 = holder.fetch_one(&mut *tx).await?.get(0);

    let sql = format!(
        "UPDATE account SET status = 4, owner = ?, owner_since = ?, pool_entry_time = NULL, pool_entry_cause = NULL, \
         anchor_time = ?, reclaim_time = ?, wake_time = ?, update_time = ?, version = version + 1 \
         WHERE tenant = 1 AND id IN ({list}) AND version = ?"
    );
    let due = NOW + i64::from(RULE_DAYS) * DAY;
    let mut update = query(AssertSqlSafe(sql));
    update = update.bind(user).bind(NOW).bind(NOW).bind(due).bind(due).bind(NOW);
    for id in ids {
        update = update.bind(id.as_bytes().as_slice());
    }
    expect(update.bind(version).execute(&mut *tx).await?.rows_affected(), ids.len())?;
    let guard = "UPDATE holder SET version = version + 1 WHERE tenant = 1 AND user_id = ? AND version = ?";
    let guard = query(guard).bind(user).bind(holder).execute(&mut *tx).await?;
    expect(guard.rows_affected(), 1)?;
    insert(&mut tx, user, ids, version + 1).await?;
    query(REQUEST)
        .bind(request_id())
        .bind(vec![7_u8; 32])
        .bind(vec![7_u8; ANSWER * ids.len()])
        .bind(NOW)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// The tenures and the events.
async fn insert(tx: &mut MySqlConnection, user: &str, ids: &[Uuid], version: i64) -> Result<(), Error> {
    let rows = vec!["(1, ?, ?, ?, ?, 1, ?, 1, '', '')"; ids.len()].join(", ");
    let sql = format!(
        "INSERT INTO tenure (tenant, account_id, start_version, user_id, start_time, start_cause, start_actor, open, reason, \
         note) VALUES {rows}"
    );
    let mut tenures = query(AssertSqlSafe(sql));
    for id in ids {
        tenures = tenures
            .bind(id.as_bytes().as_slice())
            .bind(version)
            .bind(user)
            .bind(NOW)
            .bind(user);
    }
    tenures.execute(&mut *tx).await?;
    let rows = vec!["(1, ?, ?, ?, 'account.claimed', 'crm', ?, ?)"; ids.len()].join(", ");
    let sql = format!(
        "INSERT INTO account_event (tenant, account_id, version, event_time, kind, caller, actor, effects) VALUES {rows}"
    );
    let effects =
        format!("{{\"status\":[\"UNASSIGNED\",\"ASSIGNED\"],\"owner\":[null,\"{user}\"],\"start_cause\":\"CLAIMED\"}}");
    let mut events = query(AssertSqlSafe(sql));
    for id in ids {
        events = events
            .bind(id.as_bytes().as_slice())
            .bind(version)
            .bind(NOW)
            .bind(user)
            .bind(&effects);
    }
    events.execute(&mut *tx).await?;
    Ok(())
}

fn expect(changed: u64, expected: usize) -> Result<(), Error> {
    if changed == expected as u64 {
        Ok(())
    } else {
        Err(Error::RowNotFound)
    }
}
