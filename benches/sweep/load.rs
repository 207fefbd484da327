//! Fills the database by copying one account that the service made, with the history that belongs to it, in large
//! statements: a million calls would take longer than everything that is measured.

use crate::{Outcome, Plan, USERS};
use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement, Value};
use tidepool::{client::Client, rpc::proto};

/// Accounts per statement.
const CHUNK: u64 = 20_000;

/// Copies accounts.
pub(crate) struct Loader {
    db: DatabaseConnection,
    owned: String,
    free: String,
    now: DateTime<Utc>,
    /// Of the rule, for which deadlines are stored.
    days: i64,
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

/// What the copy number `seq` has in a column, and from which column of its table the rest is.
fn id() -> &'static str {
    "UNHEX(CONCAT('019C', LPAD(HEX(s.seq * 2654435761 % 4294967296), 8, '0'), '7000', LPAD(HEX(s.seq), 16, '0')))"
}

impl Loader {
    /// Makes the accounts to copy.
    pub(crate) async fn start(plan: &Plan, admin: &Client, pool: &str, now: DateTime<Utc>) -> Outcome<Self> {
        Ok(Self {
            db: Database::connect(&plan.url).await?,
            owned: create(admin, "Owned", pool, "user1").await?,
            free: create(admin, "Free", pool, "").await?,
            now,
            days: 30,
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

    /// Copies so many accounts whose tenure began so long ago; `None` are accounts that nobody owns.
    async fn load(&mut self, name: &str, count: u64, since: Option<TimeDelta>) -> Outcome {
        let bar = ProgressBar::new(count);
        bar.set_style(ProgressStyle::with_template(
            "{msg:10} {wide_bar} {pos}/{len} {elapsed}",
        )?);
        bar.set_message(name.to_owned());
        let end = self.next + count;
        while self.next < end {
            let last = (self.next + CHUNK).min(end) - 1;
            let seq = (self.next, last);
            let label = "CONCAT('account ', s.seq)".to_owned();
            let mut own = vec![
                ("id", id().to_owned()),
                ("name", label.clone()),
                ("name_key", label.clone()),
                ("unique_name", label),
            ];
            let from = if since.is_some() { &self.owned } else { &self.free };
            if let Some(since) = since {
                // A little apart, as they come.
                let began = (self.now - since).timestamp_micros();
                let began = format!("({began} - s.seq % 100000 * 1000000)");
                let owner = format!("CONCAT('user', s.seq % {USERS})");
                let days = TimeDelta::days(self.days).num_microseconds().unwrap_or(0);
                let deadline = format!("({began} + {days})");
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
                ];
                self.copy("tenure", "account_id", from, seq, &tenure).await?;
            }
            self.copy("account", "id", from, seq, &own).await?;
            let event = [("account_id", id().to_owned())];
            self.copy("account_event", "account_id", from, seq, &event).await?;
            bar.inc(last + 1 - self.next);
            self.next = last + 1;
        }
        bar.finish();
        Ok(())
    }

    /// Accounts that are not due for long.
    pub(crate) async fn idle(&mut self, count: u64) -> Outcome {
        self.load("idle", count, Some(TimeDelta::days(1))).await
    }

    /// Accounts that are due now.
    pub(crate) async fn due(&mut self, count: u64) -> Outcome {
        self.load("due", count, Some(TimeDelta::days(45))).await
    }

    /// Accounts that nobody owns, and their ids.
    pub(crate) async fn lying(&mut self, count: u64) -> Outcome<Vec<String>> {
        let first = self.next;
        self.load("unclaimed", count, None).await?;
        let sql = format!(
            "SELECT LOWER(HEX({})) AS id FROM seq_{first}_to_{} s",
            id(),
            self.next - 1
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

    /// What is copied from now on follows the rule as it is.
    pub(crate) async fn refresh(&mut self, days: i64) -> Outcome {
        self.days = days;
        let sql = "UPDATE account SET planned_revision = (SELECT config_revision FROM tenant WHERE id = account.tenant) \
                   WHERE id = UNHEX(?)";
        for id in [&self.owned, &self.free] {
            let values: [Value; 1] = [id.as_str().into()];
            let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
            self.db.execute_raw(statement).await?;
        }
        Ok(())
    }
}
