//! The same work by hand: what a script without rules would do to reclaim the accounts that are due, in the same batches and
//! statements, on as many connections, through the driver alone.

use crate::common::{
    Outcome,
    hand::{CHUNK, cases, connect, marks},
};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::sqlx::{AssertSqlSafe, MySqlConnection, MySqlPool, Row, query};
use std::time::Instant;

/// Whoever works by hand.
pub(crate) struct Hand {
    pool: MySqlPool,
}

/// Where the last batch ended.
type Place = (i64, Vec<u8>);

/// What was read of an account: its id, version, owner and deadline.
type Seen = (Vec<u8>, i64, String, i64);

impl Hand {
    pub(crate) async fn connect(url: &str) -> Outcome<Self> {
        Ok(Self {
            pool: connect(url).await?,
        })
    }

    /// Reclaims what is due; says how many, and in how many seconds.
    pub(crate) async fn reclaim(&self, now: DateTime<Utc>) -> Outcome<(u64, f64)> {
        let micros = now.timestamp_micros();
        let began = Instant::now();
        let (mut taken, mut after) = (0, (i64::MIN, Vec::new()));
        loop {
            let some = batch(&self.pool, micros, &mut after).await?;
            if some == 0 {
                break;
            }
            taken += some;
        }
        Ok((taken, began.elapsed().as_secs_f64()))
    }
}

async fn batch(pool: &MySqlPool, now: i64, after: &mut Place) -> Outcome<u64> {
    let page = "SELECT id, wake_time FROM account WHERE wake_time <= ? AND wake_time >= ? AND (wake_time > ? OR id > ?) \
                ORDER BY wake_time, tenant, id LIMIT 500";
    let page = query(page).bind(now).bind(after.0).bind(after.0).bind(&after.1);
    let page = page.fetch_all(pool).await?;
    let ids: Vec<Vec<u8>> = page.iter().map(|row| row.get("id")).collect();
    let Some(last) = page.last() else {
        return Ok(0);
    };
    *after = (last.get("wake_time"), last.get("id"));
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
    let mut seen: Vec<Seen> = rows
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

    seen.sort();
    for some in seen.chunks(CHUNK) {
        update_accounts(&mut tx, some, now).await?;
    }
    for some in seen.chunks(CHUNK) {
        end_tenures(&mut tx, some, now).await?;
    }
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
    Ok(seen.len() as u64)
}

fn instant(micros: i64) -> Outcome<String> {
    let time = DateTime::from_timestamp_micros(micros).ok_or("there is no such time")?;
    Ok(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

async fn update_accounts(tx: &mut MySqlConnection, seen: &[Seen], now: i64) -> Outcome {
    let (list, owners) = (marks(seen.len()), cases(seen.len()));
    let update = format!(
        "UPDATE account SET status = 3, last_owner = CASE id {owners} END, owner = NULL, owner_since = NULL, \
         pool_entry_time = ?, pool_entry_cause = 4, last_end_reason = '', last_end_note = '', anchor_time = NULL, \
         reclaim_time = NULL, wake_time = NULL, rule_id = NULL, notice_floor = 0, tenure_clock = NULL, \
         clock_memory = CASE id {owners} END, update_time = ?, version = version + 1 \
         WHERE tenant = 1 AND id IN ({list}) AND version = {}",
        seen.first().map_or(0, |(_, version, ..)| *version)
    );
    let mut update = query(AssertSqlSafe(update));
    for (id, _, owner, _) in seen {
        update = update.bind(id).bind(owner);
    }
    update = update.bind(now);
    for (id, _, owner, deadline) in seen {
        let (since, until) = (instant(*deadline)?, instant(now)?);
        // As the service writes it: whoever lists the account reads it.
        let memory = format!("{{\"tenures\":[{{\"user\":\"{owner}\",\"since\":\"{since}\",\"until\":\"{until}\"}}]}}");
        update = update.bind(id).bind(memory);
    }
    update = update.bind(now);
    for (id, ..) in seen {
        update = update.bind(id);
    }
    let changed = update.execute(&mut *tx).await?.rows_affected();
    assert_eq!(changed, seen.len() as u64, "nobody else changes accounts");
    Ok(())
}

async fn end_tenures(tx: &mut MySqlConnection, seen: &[Seen], now: i64) -> Outcome {
    let (list, owners) = (marks(seen.len()), cases(seen.len()));
    let tenures = format!(
        "UPDATE tenure SET open = NULL, end_time = ?, end_cause = 3, reason = '', note = '', \
         deadline = CASE account_id {owners} END, bans_claim = 1 WHERE open = 1 AND tenant = 1 AND account_id IN ({list})"
    );
    let mut tenures = query(AssertSqlSafe(tenures)).bind(now);
    for (id, _, _, deadline) in seen {
        tenures = tenures.bind(id).bind(deadline);
    }
    for (id, ..) in seen {
        tenures = tenures.bind(id);
    }
    tenures.execute(&mut *tx).await?;
    Ok(())
}
