//! Brings the schema up to date, and says whether this binary can work with what is there.
//!
//! The ledger is ours: SeaORM's own runner takes no lock and fails on a schema that is newer than the binary, which
//! would turn every roll-back into an outage. Steps only add (expand) unless they say which binary they need.

use super::{
    Db,
    failure::{Class, classify},
    instant, lease,
};
use crate::clock::Clock;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use std::{collections::BTreeMap, time::Duration};
use tidepool_migrations::{Kind, SchemaManager, Step, ledger, steps};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const LEASE: &str = "schema";
const TTL: Duration = Duration::from_secs(30);
const RENEW: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_millis(500);

/// One step and when it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStatus {
    /// Its name.
    pub name: String,
    /// When, or `None` if it is still to come.
    pub apply_time: Option<chrono::DateTime<chrono::Utc>>,
    /// Whether this binary knows the step.
    pub known: bool,
}

/// Whether this binary can serve from the schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Steps are missing.
    #[error(
        "the database schema is behind: {} step(s) are missing, from {first}. Run `tidepool migrate up`, or start \
         with --auto-migrate", .count
    )]
    Behind {
        /// The first missing one.
        first: &'static str,
        /// How many.
        count: usize,
    },
    /// A newer release has taken something away that this binary needs.
    #[error("the database schema needs tidepool {min_binary} or newer (step {step}); this is {}", env!("CARGO_PKG_VERSION"))]
    TooNew {
        /// The step that took it away.
        step: String,
        /// The first version that works with it.
        min_binary: String,
    },
}

struct Applied {
    apply_time: i64,
    min_binary: Option<String>,
}

async fn applied(conn: &impl ConnectionTrait) -> Result<BTreeMap<String, Applied>, DbErr> {
    let select = "SELECT name, apply_time, min_binary FROM schema_step";
    let rows = conn
        .query_all_raw(Statement::from_string(conn.get_database_backend(), select))
        .await?;
    rows.iter()
        .map(|row| {
            let applied = Applied {
                apply_time: row.try_get("", "apply_time")?,
                min_binary: row.try_get("", "min_binary")?,
            };
            Ok((row.try_get("", "name")?, applied))
        })
        .collect()
}

/// The ledger, or nothing on a database that was never migrated.
async fn ledger_of(db: &Db) -> Result<BTreeMap<String, Applied>, DbErr> {
    if SchemaManager::new(db.schema()).has_table("schema_step").await? {
        applied(db.schema()).await
    } else {
        Ok(BTreeMap::new())
    }
}

/// Every step that this binary or the database knows, in order. Changes nothing.
pub async fn status(db: &Db) -> Result<Vec<StepStatus>, DbErr> {
    let ledger = ledger_of(db).await?;
    let known: Vec<_> = steps().iter().map(|step| step.name).collect();
    let mut all: Vec<StepStatus> = known
        .iter()
        .map(|name| StepStatus {
            name: (*name).to_owned(),
            apply_time: ledger.get(*name).map(|a| instant::instant(a.apply_time)),
            known: true,
        })
        .collect();
    all.extend(
        ledger
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .map(|(name, a)| StepStatus {
                name: name.clone(),
                apply_time: Some(instant::instant(a.apply_time)),
                known: false,
            }),
    );
    Ok(all)
}

/// Whether this binary can serve. A schema that is newer is fine as long as it only added.
pub async fn check(db: &Db) -> Result<Result<(), Unfit>, DbErr> {
    let ledger = ledger_of(db).await?;
    let steps = steps();
    let missing: Vec<_> = steps.iter().filter(|step| !ledger.contains_key(step.name)).collect();
    if let Some(first) = missing.first() {
        return Ok(Err(Unfit::Behind {
            first: first.name,
            count: missing.len(),
        }));
    }
    let too_new = ledger.iter().find_map(|(step, applied)| {
        let min_binary = applied.min_binary.clone()?;
        (version(&min_binary) > version(env!("CARGO_PKG_VERSION"))).then(|| Unfit::TooNew {
            step: step.clone(),
            min_binary,
        })
    });
    Ok(too_new.map_or(Ok(()), Err))
}

fn version(text: &str) -> Vec<u64> {
    text.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// Applies what is missing and names it. Migrators that run at once take turns; one that died is waited for until its
/// lease expires.
pub async fn up(db: &Db, clock: &Clock) -> Result<Vec<&'static str>, DbErr> {
    let manager = SchemaManager::new(db.schema());
    ledger::create(&manager).await?;
    let owner = uuid::Uuid::now_v7().to_string();
    let mut waiting = false;
    let lease = loop {
        match lease::take(db.schema(), db.engine(), LEASE, &owner, TTL).await {
            Ok(Some(lease)) => break lease,
            // So one of those is told who take it at several nodes of a cluster at once.
            Err(error) if classify(&error) != Class::Retry => return Err(error),
            Ok(None) | Err(_) => {}
        }
        if !std::mem::replace(&mut waiting, true) {
            tracing::info!(
                "another migrator is at work, or died less than {} s ago; waiting",
                TTL.as_secs()
            );
        }
        tokio::time::sleep(WAIT).await;
    };
    let done = CancellationToken::new();
    let renewing = tokio::spawn(renew(db.clone(), lease.clone(), done.clone()));
    let result = apply_missing(db, &manager, clock).await;
    done.cancel();
    // Not aborted: no statement is dropped half-way.
    let renewed = renewing.await;
    if let Err(error) = renewed {
        tracing::warn!(error = %error, "renewing the migration lease");
    }
    let released = lease::release(db.schema(), &lease).await;
    // What went wrong first is what has to be known.
    let applied = result?;
    released?;
    Ok(applied)
}

async fn renew(db: Db, lease: lease::Lease, done: CancellationToken) {
    while timeout(RENEW, done.cancelled()).await.is_err() {
        // Steps can run twice; losing the lease costs work, not data.
        if !matches!(lease::renew(db.schema(), db.engine(), &lease, TTL).await, Ok(true)) {
            tracing::warn!("the migration lease was lost");
            return;
        }
    }
}

async fn apply_missing(db: &Db, manager: &SchemaManager<'_>, clock: &Clock) -> Result<Vec<&'static str>, DbErr> {
    let ledger = applied(db.schema()).await?;
    let mut done = Vec::new();
    for step in steps().into_iter().filter(|step| !ledger.contains_key(step.name)) {
        tracing::info!(step = step.name, "migrating");
        step.migration.up(manager).await?;
        record(db, &step, clock).await?;
        done.push(step.name);
    }
    Ok(done)
}

async fn record(db: &Db, step: &Step, clock: &Clock) -> Result<(), DbErr> {
    let min_binary = match step.kind {
        Kind::Expand => None,
        Kind::Contract { min_binary } => Some(min_binary),
    };
    let insert = format!(
        "{} schema_step (name, min_binary, apply_time) VALUES (?, ?, ?)",
        db.engine().insert_or_ignore()
    );
    let values = [step.name.into(), min_binary.into(), instant::micros(clock.now()).into()];
    db.schema()
        .execute_raw(Statement::from_sql_and_values(db.engine().backend(), insert, values))
        .await
        .map(drop)
}
