//! The same work by hand: what a script without rules would do to keep the same activities, their objects, their accounts
//! and the events of these, each kind of row in as few statements as pays, through the driver alone. It decides nothing.

use crate::{
    common::{
        Outcome,
        hand::{CHUNK, cases, connect, marks},
        site::RULE_DAYS,
        spent::measured,
    },
    mix::{Account, Happening, Teller},
};
use sea_orm::sqlx::{AssertSqlSafe, Error, MySqlConnection, MySqlPool, Row, query};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How often a transaction is tried that meets a deadlock.
const ATTEMPTS: usize = 5;
const DEADLOCK: &str = "40001";
const NOW: &str = "1772438400000000";

/// Whoever works by hand.
#[derive(Clone)]
pub(crate) struct Hand {
    pool: MySqlPool,
    accounts: Arc<[Account]>,
}

/// What becomes of an account: its version as read, the time of the last activity and how many were wins.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    version: i64,
    micros: i64,
    won: i64,
}

type Changes = BTreeMap<Vec<u8>, Change>;

impl Hand {
    pub(crate) async fn start(url: &str, accounts: Arc<[Account]>) -> Outcome<Self> {
        let pool = connect(url).await?;
        Ok(Self { pool, accounts })
    }

    /// So many transactions of `size` activities by each teller, one after the other.
    pub(crate) async fn tell(&self, tellers: &mut Vec<Teller>, (number, size): (usize, usize)) -> Outcome {
        let work = |mut teller: Teller| {
            let hand = self.clone();
            async move {
                for _ in 0..number {
                    hand.patiently(&teller.batch(size)).await?;
                }
                Ok::<_, Error>(teller)
            }
        };
        let tasks: Vec<_> = tellers
            .drain(..)
            .map(|teller| tokio::spawn(measured(work(teller))))
            .collect();
        for task in tasks {
            tellers.push(task.await??);
        }
        Ok(())
    }

    async fn patiently(&self, told: &[Happening]) -> Result<(), Error> {
        for _ in 1..ATTEMPTS {
            match self.once(told).await {
                Err(Error::Database(error)) if error.code().as_deref() == Some(DEADLOCK) => {}
                done => return done,
            }
        }
        self.once(told).await
    }

    /// One transaction.
    async fn once(&self, told: &[Happening]) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        let mut changes = self.read_accounts(&mut tx, told).await?;
        read_activities(&mut tx, told).await?;
        let objects: Vec<_> = told.iter().filter(|told| told.object_id.is_some()).collect();
        if !objects.is_empty() {
            read_objects(&mut tx, &objects).await?;
            self.write_objects(&mut tx, &objects).await?;
        }
        for told in told.iter().filter(|told| told.changes()) {
            let id = self.accounts[told.account].id.as_bytes().as_slice();
            if let Some(change) = changes.get_mut(id) {
                change.micros = change.micros.max(told.micros);
                change.won += i64::from(told.kind == "opportunity.won");
            }
        }
        changes.retain(|_, change| change.micros > 0);
        if !changes.is_empty() {
            let all: Vec<_> = changes.iter().collect();
            for some in all.chunks(CHUNK) {
                update_accounts(&mut tx, some).await?;
            }
            write_events(&mut tx, &all).await?;
        }
        self.write_activities(&mut tx, told).await?;
        tx.commit().await
    }

    async fn read_accounts(&self, tx: &mut MySqlConnection, told: &[Happening]) -> Result<Changes, Error> {
        let ids: BTreeSet<_> = told.iter().map(|told| self.accounts[told.account].id).collect();
        let sql = format!(
            "SELECT * FROM account WHERE tenant = 1 AND id IN ({})",
            marks(ids.len())
        );
        let mut read = query(AssertSqlSafe(sql));
        for id in &ids {
            read = read.bind(id.as_bytes().as_slice());
        }
        let rows = read.fetch_all(tx).await?;
        let change = |row: &sea_orm::sqlx::mysql::MySqlRow| {
            let change = Change {
                version: row.get("version"),
                ..Change::default()
            };
            (row.get("id"), change)
        };
        Ok(rows.iter().map(change).collect())
    }

    async fn write_objects(&self, tx: &mut MySqlConnection, objects: &[&Happening]) -> Result<(), Error> {
        // The last one of each object is how it is.
        let latest: BTreeMap<_, _> = objects.iter().map(|told| (told.object_id.as_deref(), told)).collect();
        let rows = vec!["(1, 'orders', ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 'EUR', ?, 0, 0, 0, 0, NULL)"; latest.len()];
        let sql = format!(
            "INSERT INTO business_object (tenant, source, object_type, object_id, account_id, closed, state_time, \
             state_event_id, end_time, action, detail_time, detail_event_id, amount, currency, owner, owner_time, \
             locked, in_workflow, end_told_time, end_told_event_id) VALUES {} ON DUPLICATE KEY UPDATE \
             closed = VALUES(closed), state_time = VALUES(state_time), state_event_id = VALUES(state_event_id), \
             action = VALUES(action), detail_time = VALUES(detail_time), detail_event_id = VALUES(detail_event_id), \
             amount = VALUES(amount), currency = VALUES(currency), owner = VALUES(owner)",
            rows.join(", ")
        );
        let mut write = query(AssertSqlSafe(sql));
        for told in latest.values() {
            let account = &self.accounts[told.account];
            let won = told.kind == "opportunity.won";
            write = write
                .bind(told.object_type())
                .bind(told.object_id.as_deref())
                .bind(account.id.as_bytes().as_slice())
                .bind(won)
                .bind(told.micros)
                .bind(if won { told.event_id.as_str() } else { "" })
                .bind(told.kind.split('.').nth(1))
                .bind(told.micros)
                .bind(&told.event_id)
                .bind(told.cents * 100)
                .bind(&account.user);
        }
        write.execute(tx).await.map(drop)
    }

    async fn write_activities(&self, tx: &mut MySqlConnection, told: &[Happening]) -> Result<(), Error> {
        let row = format!("(1, 'orders', ?, ?, ?, ?, ?, ?, {NOW}, ?, ?, NULL, ?, ?, ?, NULL, 0, 0, NULL)");
        let sql = format!(
            "INSERT INTO activity (tenant, source, event_id, payload_hash, account_id, kind, object_id, occur_time, \
             record_time, actor, summary, contract_end_time, amount, currency, object_owner, visible_to, object_locked, \
             object_in_workflow, standing) VALUES {}",
            vec![row; told.len()].join(", ")
        );
        let mut write = query(AssertSqlSafe(sql));
        for told in told {
            let account = &self.accounts[told.account];
            let object = told.object_id.as_deref();
            let mut hash = [0_u8; 32];
            hash[..16].copy_from_slice(account.id.as_bytes());
            hash[16..24].copy_from_slice(&told.micros.to_le_bytes());
            write = write
                .bind(&told.event_id)
                .bind(hash.to_vec())
                .bind(account.id.as_bytes().as_slice())
                .bind(told.kind)
                .bind(object)
                .bind(told.micros)
                .bind(&account.user)
                .bind(told.summary())
                .bind(object.map(|_| told.cents * 100))
                .bind(object.map(|_| "EUR"))
                .bind(object.map(|_| account.user.as_str()));
        }
        write.execute(tx).await.map(drop)
    }
}

async fn read_activities(tx: &mut MySqlConnection, told: &[Happening]) -> Result<(), Error> {
    let sql = format!(
        "SELECT event_id, payload_hash FROM activity WHERE tenant = 1 AND source = 'orders' AND event_id IN ({})",
        marks(told.len())
    );
    let mut read = query(AssertSqlSafe(sql));
    for told in told {
        read = read.bind(&told.event_id);
    }
    let known = read.fetch_all(tx).await?;
    assert!(known.is_empty(), "what is told is new");
    Ok(())
}

async fn read_objects(tx: &mut MySqlConnection, objects: &[&Happening]) -> Result<(), Error> {
    let keys: BTreeSet<_> = objects
        .iter()
        .map(|told| (told.object_type(), &told.object_id))
        .collect();
    let keys: Vec<_> = keys.into_iter().collect();
    // What the planner makes of a choice grows faster than the choice.
    for some in keys.chunks(CHUNK) {
        let pairs = vec!["(object_type = ? AND object_id = ?)"; some.len()].join(" OR ");
        let sql = format!("SELECT * FROM business_object WHERE tenant = 1 AND source = 'orders' AND ({pairs})");
        let mut read = query(AssertSqlSafe(sql));
        for (object_type, object_id) in some {
            read = read.bind(object_type).bind(object_id);
        }
        read.fetch_all(&mut *tx).await?;
    }
    Ok(())
}

async fn update_accounts(tx: &mut MySqlConnection, changes: &[(&Vec<u8>, &Change)]) -> Result<(), Error> {
    let (list, cases) = (marks(changes.len()), cases(changes.len()));
    let days = i64::from(RULE_DAYS) * 86_400_000_000;
    // Assignments run from left to right here, so that what was assigned can be used.
    let sql = format!(
        "UPDATE account SET last_follow_up_time = CASE id {cases} END, \
         anchor_time = IF(owner IS NULL, NULL, last_follow_up_time), reclaim_time = anchor_time + {days}, \
         wake_time = reclaim_time, won_count = won_count + CASE id {cases} END, \
         last_won_time = IF(won_count = 0, 0, last_follow_up_time), deal_status = IF(won_count = 0, 1, 2), \
         clock_memory = CASE id {cases} END, update_time = {NOW}, version = version + 1 \
         WHERE tenant = 1 AND id IN ({list}) AND version = CASE id {cases} END"
    );
    let mut update = query(AssertSqlSafe(sql));
    for (id, change) in changes {
        update = update.bind(*id).bind(change.micros);
    }
    for (id, change) in changes {
        update = update.bind(*id).bind(change.won);
    }
    for (id, change) in changes {
        let memory = format!("{{\"kind_times\":{{\"sales_record.created\":\"{}\"}}}}", change.micros);
        update = update.bind(*id).bind(memory);
    }
    for (id, _) in changes {
        update = update.bind(*id);
    }
    for (id, change) in changes {
        update = update.bind(*id).bind(change.version);
    }
    let changed = update.execute(tx).await?.rows_affected();
    assert_eq!(changed, changes.len() as u64, "nobody else changes accounts");
    Ok(())
}

async fn write_events(tx: &mut MySqlConnection, changes: &[(&Vec<u8>, &Change)]) -> Result<(), Error> {
    let row = format!("(1, ?, ?, {NOW}, 'account.activity_recorded', 'orders', NULL, ?, NULL, NULL, ?, NULL, NULL)");
    let sql = format!(
        "INSERT INTO account_event (tenant, account_id, version, event_time, kind, caller, actor, effects, note, position, \
         pool_id, owner, traceparent) VALUES {}",
        vec![row; changes.len()].join(", ")
    );
    let mut write = query(AssertSqlSafe(sql));
    for (id, change) in changes {
        let effects = format!(
            "{{\"reclaim_time\":[{},{}],\"fields\":[\"last_follow_up_time\",\"objects\"]}}",
            change.micros - 1,
            change.micros
        );
        write = write.bind(*id).bind(change.version + 1).bind(effects).bind(*id);
    }
    write.execute(tx).await.map(drop)
}
