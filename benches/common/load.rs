//! Fills the database by copying one account that the service made, with the history that belongs to it, in large
//! statements: a million calls would take longer than everything that is measured.

use super::{
    Outcome,
    site::{RULE_DAYS, Site},
};
use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use std::ops::Range;
use tidepool::{client::Client, rpc::proto};

/// Accounts per statement.
const CHUNK: u64 = 20_000;

/// When accounts fall due: a second after each other, as many as that, up to this time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) last: DateTime<Utc>,
    pub(crate) number: u64,
}

/// Copies accounts.
pub(crate) struct Loader {
    db: DatabaseConnection,
    owned: String,
    free: String,
    /// In which accounts lie by their numbers, in turn.
    pools: String,
    users: u64,
    next: u64,
}

async fn create(admin: &Client, name: &str, pool: &str, owner: &str) -> Outcome<String> {
    let account = proto::Account {
        name: name.into(),
        industry: "education".into(),
        phone: "138-0000".into(),
        ..proto::Account::default()
    };
    let request = proto::CreateAccountRequest {
        new_account: Some(proto::NewAccount {
            account: Some(account),
            pool_id: pool.into(),
            owner: owner.into(),
        }),
        ..Default::default()
    };
    let made = admin.accounts().create_account(request).await?.into_inner();
    Ok(made.account.unwrap_or_default().id.replace('-', ""))
}

/// The id of the copy number `seq`. Numbers that follow each other are spread evenly over all ids, so that what falls due
/// together lies as far apart as it can, at every size.
fn id() -> &'static str {
    "UNHEX(CONCAT('019C', LPAD(HEX(s.seq * 2654435761 % 4294967296), 8, '0'), '7000', LPAD(HEX(s.seq), 16, '0')))"
}

/// The pool of the copy number `seq`.
fn in_turn(pools: &[String]) -> String {
    let ids: Vec<_> = pools
        .iter()
        .map(|id| format!("UNHEX('{}')", id.replace('-', "")))
        .collect();
    format!("ELT(1 + s.seq % {}, {})", ids.len(), ids.join(", "))
}

impl Loader {
    /// Makes the accounts to copy.
    pub(crate) async fn start(site: &Site) -> Outcome<Self> {
        Ok(Self {
            db: Database::connect(&site.url).await?,
            owned: create(&site.admin, "Owned", &site.pool, "user1").await?,
            free: create(&site.admin, "Free", &site.pool, "").await?,
            pools: in_turn(&site.pools),
            users: site.users,
            next: 1,
        })
    }

    async fn columns(&self, table: &str) -> Outcome<Vec<String>> {
        let sql = format!("SELECT * FROM {table} LIMIT 1");
        let row = self
            .db
            .query_one_raw(Statement::from_string(self.db.get_database_backend(), sql))
            .await?;
        Ok(row.ok_or("there is nothing to copy")?.column_names())
    }

    async fn copy(&self, table: &str, key: &str, from: &str, seq: (u64, u64), own: &[(&str, String)]) -> Outcome {
        let columns = self.columns(table).await?;
        let value = |column: &String| {
            let own = own.iter().find(|(name, _)| name == column);
            own.map_or_else(|| format!("t.{column}"), |(_, value)| value.clone())
        };
        let values: Vec<_> = columns.iter().map(value).collect();
        let (first, last) = seq;
        let sql = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM seq_{first}_to_{last} s JOIN (SELECT * FROM {table} \
             WHERE {key} = UNHEX('{from}')) t",
            columns.join(", "),
            values.join(", ")
        );
        self.db.execute_unprepared(&sql).await?;
        Ok(())
    }

    /// Copies so many accounts and says their numbers; those without deadlines are accounts that nobody owns.
    async fn load(&mut self, name: &str, count: u64, due: Option<Deadlines>) -> Outcome<Range<u64>> {
        let bar = ProgressBar::new(count);
        bar.set_style(ProgressStyle::with_template(
            "{msg:10} {wide_bar} {pos}/{len} {elapsed}",
        )?);
        bar.set_message(name.to_owned());
        let (first, end) = (self.next, self.next + count);
        while self.next < end {
            let last = (self.next + CHUNK).min(end) - 1;
            let seq = (self.next, last);
            let label = "CONCAT('account ', s.seq)".to_owned();
            let mut own = vec![
                ("id", id().to_owned()),
                ("name", label.clone()),
                ("name_key", label.clone()),
                ("unique_name", label),
                ("pool_id", self.pools.clone()),
            ];
            let from = if due.is_some() { &self.owned } else { &self.free };
            if let Some(due) = due {
                let deadline = due.last.timestamp_micros();
                let deadline = format!("({deadline} - s.seq % {} * 1000000)", due.number);
                let days = TimeDelta::days(RULE_DAYS.into()).num_microseconds().unwrap_or(0);
                let began = format!("({deadline} - {days})");
                let owner = format!("CONCAT('user', s.seq % {})", self.users);
                own.extend([
                    ("owner", owner.clone()),
                    ("owner_since", began.clone()),
                    ("anchor_time", began.clone()),
                    ("reclaim_time", deadline.clone()),
                    ("wake_time", deadline),
                    ("update_time", began.clone()),
                ]);
                let tenure = [
                    ("account_id", id().to_owned()),
                    ("user_id", owner),
                    ("start_time", began),
                    ("pool_id", self.pools.clone()),
                ];
                self.copy("tenure", "account_id", from, seq, &tenure).await?;
            }
            self.copy("account", "id", from, seq, &own).await?;
            // What was copied is not in the stream.
            let event = [
                ("account_id", id().to_owned()),
                ("position", "0".to_owned()),
                ("pool_id", self.pools.clone()),
            ];
            self.copy("account_event", "account_id", from, seq, &event).await?;
            bar.inc(last + 1 - self.next);
            self.next = last + 1;
        }
        bar.finish();
        Ok(first..end)
    }

    /// Accounts that somebody owns, the one of number n `user` and n modulo the number of users.
    pub(crate) async fn owned(&mut self, name: &str, count: u64, due: Deadlines) -> Outcome<Range<u64>> {
        self.load(name, count, Some(due)).await
    }

    /// Accounts that nobody owns.
    pub(crate) async fn free(&mut self, count: u64) -> Outcome<Range<u64>> {
        self.load("free", count, None).await
    }

    /// The ids of accounts, by their numbers.
    pub(crate) async fn ids(&self, numbers: Range<u64>) -> Outcome<Vec<String>> {
        let sql = format!(
            "SELECT LOWER(HEX({})) AS id FROM seq_{}_to_{} s ORDER BY s.seq",
            id(),
            numbers.start,
            numbers.end - 1
        );
        let rows = self
            .db
            .query_all_raw(Statement::from_string(self.db.get_database_backend(), sql))
            .await?;
        let read = |row: &sea_orm::QueryResult| {
            let id: String = row.try_get("", "id")?;
            Ok(uuid::Uuid::try_parse(&id)?.to_string())
        };
        rows.iter().map(read).collect()
    }
}
