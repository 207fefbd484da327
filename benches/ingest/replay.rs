//! Whether what is told twice leaves everything as it was: many activities in streams, and all of them once more, in other
//! messages and an hour later. Every one must be a duplicate, and no table may differ.

use crate::{
    Plan,
    callers::{Freight, connect, streams},
    common::{
        Outcome,
        report::{Report, Target},
        site::Site,
    },
    mix::{BATCH, Teller, accounts},
    moments::Moments,
};
use chrono::TimeDelta;
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::sqlx::{AssertSqlSafe, MySqlPool, Row, query};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tidepool::rpc::proto::RecordOutcome;
use tokio::time::sleep;

const RELAYS: usize = 4;
/// Activities of a message the second time.
const OTHER: usize = 400;
/// Activities of each account, about.
const EACH: u64 = 10;
/// Accounts at least.
const FEW: u64 = 4000;

/// Everything that activities are kept in or change.
const TABLES: &[&str] = &[
    "account",
    "account_event",
    "activity",
    "business_object",
    "event_stream",
    "object_viewer",
    "parked_activity",
    "tenure",
];

async fn checksums(stored: &MySqlPool) -> Outcome<BTreeMap<String, u64>> {
    let sql = format!("CHECKSUM TABLE {} EXTENDED", TABLES.join(", "));
    let rows = query(AssertSqlSafe(sql)).fetch_all(stored).await?;
    let read = |row: &sea_orm::sqlx::mysql::MySqlRow| {
        let sum: i64 = row.try_get(1)?;
        Ok((row.try_get(0)?, sum.cast_unsigned()))
    };
    rows.iter().map(read).collect()
}

/// Until the relay has nothing left to do.
async fn settled(stored: &MySqlPool) -> Outcome {
    loop {
        let sql = "SELECT COUNT(*) FROM account_event WHERE tenant = 1 AND position IS NULL";
        let waiting: i64 = query(sql).fetch_one(stored).await?.try_get(0)?;
        if waiting == 0 {
            return Ok(());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn bar(name: &'static str, number: usize) -> Outcome<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:10} {wide_bar} {pos}/{len} {elapsed}")?;
    Ok(ProgressBar::new(number as u64).with_style(style).with_message(name))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn measure(plan: &Plan, number: usize, report: &mut Report) -> Outcome {
    let site = Site::found(plan.setup(true), "bench_replay").await?.0;
    let accounts = accounts(&site, (number as u64 / EACH).max(FEW)).await?;
    let stored = MySqlPool::connect(&site.url).await?;
    let clients = connect(&site, RELAYS)?;
    let mut first = Teller::some("replay", accounts.len(), RELAYS);
    let at = Moments::until(site.clock.now()).next();
    for teller in &mut first {
        teller.begin(at);
    }
    let mut second = first.clone();
    let freight = |size, wanted, name| -> Outcome<Freight> {
        Ok(Freight {
            number: number / RELAYS,
            size,
            wanted,
            bar: bar(name, number)?,
        })
    };
    let began = Instant::now();
    let told = freight(BATCH, RecordOutcome::Recorded, "told")?;
    streams(&clients, &accounts, &mut first, &told).await?;
    told.bar.finish();
    let rate = number as f64 / began.elapsed().as_secs_f64();
    report.add("told first", rate, "activities/s", None);
    settled(&stored).await?;
    let before = checksums(&stored).await?;
    site.clock.advance(TimeDelta::hours(1));
    let began = Instant::now();
    let again = freight(OTHER, RecordOutcome::Duplicate, "again")?;
    streams(&clients, &accounts, &mut second, &again).await?;
    again.bar.finish();
    let rate = number as f64 / began.elapsed().as_secs_f64();
    report.add("told again", rate, "activities/s", None);
    settled(&stored).await?;
    let after = checksums(&stored).await?;
    let none = Some(Target::AtMost(0.0));
    // Anything else ends the run.
    report.add("told again and no duplicate", 0.0, "activities", none);
    let differ = before.iter().filter(|(table, sum)| after.get(*table) != Some(sum));
    report.add("tables that differ afterwards", differ.count() as f64, "tables", none);
    site.stop().await;
    Ok(())
}
