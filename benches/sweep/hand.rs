//! The same work by hand: what a script without rules would do to reclaim the accounts that are due, in batches of 500, on
//! as many connections, through the driver alone.

use crate::Outcome;
use chrono::{DateTime, Utc};
use sea_orm::sqlx::{AssertSqlSafe, MySqlPool, Row, mysql::MySqlPoolOptions, query};
use std::time::Instant;

const BATCH: usize = 500;

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Reclaims; says how many, and in how many seconds.
pub(crate) async fn reclaim(url: &str, connections: u32, due: u64, now: DateTime<Utc>) -> Outcome<(u64, f64)> {
    let pool = MySqlPoolOptions::new()
        .max_connections(connections)
        .connect(url)
        .await?;
    let micros = now.timestamp_micros();
    let began = Instant::now();
    let mut taken = 0;
    while taken < due {
        let some = batch(&pool, micros).await?;
        if some == 0 {
            break;
        }
        taken += some;
    }
    Ok((taken, began.elapsed().as_secs_f64()))
}

async fn batch(pool: &MySqlPool, now: i64) -> Outcome<u64> {
    let page = "SELECT id FROM account WHERE wake_time <= ? ORDER BY wake_time, tenant, id LIMIT 500";
    let page = query(page).bind(now).fetch_all(pool).await?;
    let ids: Vec<Vec<u8>> = page.iter().map(|row| row.get("id")).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let list = marks(ids.len());
    let mut tx = pool.begin().await?;
    query("UPDATE lease SET expire_time = expire_time + 1 WHERE name = 'sweep'")
        .execute(&mut *tx)
        .await?;
    let read = format!("SELECT * FROM account WHERE tenant = 1 AND id IN ({list})");
    let mut read = query(AssertSqlSafe(read));
    for id in &ids {
        read = read.bind(id);
    }
    let rows = read.fetch_all(&mut *tx).await?;
    let seen: Vec<(Vec<u8>, i64, String, i64)> = rows
        .iter()
        .map(|row| {
            (
                row.get("id"),
                row.get("version"),
                row.get("owner"),
                row.get("reclaim_time"),
            )
        })
        .collect();

    let owners = vec!["WHEN ? THEN ?"; seen.len()].join(" ");
    let update = format!(
        "UPDATE account SET status = 3, last_owner = CASE id {owners} END, owner = NULL, owner_since = NULL, \
         pool_entry_time = ?, pool_entry_cause = 4, last_end_reason = '', last_end_note = '', anchor_time = NULL, \
         reclaim_time = NULL, wake_time = NULL, rule_id = NULL, notice_floor = 0, tenure_clock = NULL, \
         clock_memory = CASE id {owners} END, update_time = ?, version = version + 1 \
         WHERE tenant = 1 AND id IN ({list}) AND version = {}",
        seen.first().map_or(0, |(_, version, ..)| *version)
    );
    let mut update = query(AssertSqlSafe(update));
    for (id, _, owner, _) in &seen {
        update = update.bind(id).bind(owner);
    }
    update = update.bind(now);
    for (id, _, owner, deadline) in &seen {
        let memory = format!("{{\"tenures\":[{{\"user\":\"{owner}\",\"since\":{deadline},\"until\":{now}}}]}}");
        update = update.bind(id).bind(memory);
    }
    update = update.bind(now);
    for (id, ..) in &seen {
        update = update.bind(id);
    }
    let changed = update.execute(&mut *tx).await?.rows_affected();
    assert_eq!(changed, seen.len() as u64, "nobody else changes accounts");

    let tenures = format!(
        "UPDATE tenure SET open = NULL, end_time = ?, end_cause = 3, reason = '', note = '', \
         deadline = CASE account_id {owners} END, bans_claim = 1 WHERE open = 1 AND tenant = 1 AND account_id IN ({list})"
    );
    let mut tenures = query(AssertSqlSafe(tenures)).bind(now);
    for (id, _, _, deadline) in &seen {
        tenures = tenures.bind(id).bind(deadline);
    }
    for (id, ..) in &seen {
        tenures = tenures.bind(id);
    }
    tenures.execute(&mut *tx).await?;

    let rows = vec!["(1, ?, ?, ?, 'account.reclaimed', 'hand', NULL, ?)"; seen.len()].join(", ");
    let events = format!(
        "INSERT INTO account_event (tenant, account_id, version, event_time, kind, caller, actor, effects) VALUES {rows}"
    );
    let mut events = query(AssertSqlSafe(events));
    for (id, version, owner, _) in &seen {
        let effects = format!(
            "{{\"status\":[\"ASSIGNED\",\"UNASSIGNED\"],\"owner\":[\"{owner}\",null],\"reclaim_time\":null,\
             \"end_cause\":\"AUTO_RECLAIMED\"}}"
        );
        events = events.bind(id).bind(version + 1).bind(now).bind(effects);
    }
    events.execute(&mut *tx).await?;
    tx.commit().await?;
    debug_assert!(ids.len() <= BATCH, "a batch is a batch");
    Ok(seen.len() as u64)
}
