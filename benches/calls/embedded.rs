//! The embedded database: claims, and activities in calls of one and of five hundred, beside the same reads and writes by hand on
//! one connection that writes, as SQLite has it.

use crate::{
    Plan,
    callers::{Callers, claim},
    common::{
        Outcome, USERS,
        counters::Counted,
        report::{Report, Target},
        request_id,
        runs::Runs,
        site::{Setup, Site, TENANT},
    },
    hand::{ANSWER, REQUEST},
};
use chrono::{DateTime, Utc};
use sea_orm::sqlx::{
    Error, QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool, query,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::time::Instant;
use tidepool::{
    client::{Client, Who},
    rpc::proto,
};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Accounts of each of the two.
const ACCOUNTS: usize = 3200;
const NOW: i64 = 1_772_438_400_000_000;

/// Who does what at the same time, and how often.
const CALLERS: usize = 32;
const CLAIMS: usize = 12;
const TOLD: usize = 12;
const BATCH: usize = 500;
const BATCHES: usize = 2;

/// Accounts of a pool that nobody owns.
async fn fill(site: &Site) -> Outcome<Vec<Uuid>> {
    let mut tasks = JoinSet::new();
    for part in 0..CALLERS {
        let (client, pool_id) = (site.admin.clone(), site.pool.clone());
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for at in 0..ACCOUNTS / CALLERS {
                let new_account = proto::NewAccount {
                    account: Some(proto::Account {
                        name: format!("account {part} {at}"),
                        ..Default::default()
                    }),
                    pool_id: pool_id.clone(),
                    ..Default::default()
                };
                let request = proto::CreateAccountRequest {
                    new_account: Some(new_account),
                    ..Default::default()
                };
                let made = client.accounts().create_account(request).await?.into_inner();
                ids.push(Uuid::try_parse(&made.account.unwrap_or_default().id)?);
            }
            Outcome::Ok(ids)
        });
    }
    let mut ids = Vec::new();
    while let Some(made) = tasks.join_next().await {
        ids.extend(made??);
    }
    Ok(ids)
}

async fn site(folder: &str, name: &str) -> Outcome<Site> {
    let setup = Setup {
        breaker: ACCOUNTS as u64,
        ..Setup::on("")
    };
    Ok(Site::at(setup, format!("sqlite:{folder}/{name}.db")).await?.0)
}

fn activity(event: String, id: Uuid, now: DateTime<Utc>) -> proto::Activity {
    proto::Activity {
        event_id: event,
        account_id: id.to_string(),
        kind: "sales_record.created".into(),
        occur_time: Some(prost_types::Timestamp {
            seconds: now.timestamp(),
            nanos: 0,
        }),
        ..Default::default()
    }
}

async fn tell(client: Client, told: Vec<proto::Activity>) -> Outcome {
    let request = proto::RecordActivitiesRequest {
        activities: told,
        ..Default::default()
    };
    let answer = client.activities().record_activities(request).await?.into_inner();
    let recorded = proto::RecordOutcome::Recorded;
    let all = answer.results.iter().all(|result| result.outcome() == recorded);
    if all {
        Ok(())
    } else {
        Err(format!("not recorded: {:?}", answer.results.first()).into())
    }
}

/// Whoever works by hand.
#[derive(Clone)]
struct Hand(SqlitePool);

impl Hand {
    async fn connect(url: &str) -> Outcome<Self> {
        let file = url.trim_start_matches("sqlite:");
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false);
        let pool = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
        Ok(Self(pool.connect_with(options).await?))
    }

    /// As in `hand`, one account.
    async fn claim(&self, user: &str, id: Uuid) -> Result<(), Error> {
        let id = id.as_bytes().as_slice();
        let mut tx = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let read = query("SELECT * FROM account WHERE tenant = 1 AND id = ?").bind(id);
        let version: i64 = read.fetch_one(&mut *tx).await?.get("version");
        let holder = query("SELECT version FROM holder WHERE tenant = 1 AND user_id = ?").bind(user);
        let holder: i64 = holder.fetch_one(&mut *tx).await?.get(0);
        let update = "UPDATE account SET status = 4, owner = ?, owner_since = ?, pool_entry_time = NULL, pool_entry_cause = NULL, \
                      anchor_time = ?, reclaim_time = ?, wake_time = ?, update_time = ?, version = version + 1 \
                      WHERE tenant = 1 AND id = ? AND version = ?";
        let update = query(update)
            .bind(user)
            .bind(NOW)
            .bind(NOW)
            .bind(NOW)
            .bind(NOW)
            .bind(NOW);
        update.bind(id).bind(version).execute(&mut *tx).await?;
        let guard = query("UPDATE holder SET version = version + 1 WHERE tenant = 1 AND user_id = ? AND version = ?");
        guard.bind(user).bind(holder).execute(&mut *tx).await?;
        let tenure = query(
            "INSERT INTO tenure (tenant, account_id, start_version, user_id, start_time, start_cause, start_actor, open, reason, \
             note) VALUES (1, ?, ?, ?, ?, 1, ?, 1, '', '')",
        );
        let tenure = tenure.bind(id).bind(version + 1).bind(user).bind(NOW).bind(user);
        tenure.execute(&mut *tx).await?;
        event(&mut tx, "account.claimed", &[(id.to_vec(), version + 1)]).await?;
        let request = query(REQUEST).bind(request_id()).bind(vec![7_u8; 32]);
        request.bind(vec![7_u8; ANSWER]).bind(NOW).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Follow-ups: what is known of them, their accounts, then accounts, activities and events.
    async fn tell(&self, events: Vec<(String, Uuid)>) -> Result<(), Error> {
        let mut tx = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let mut read = QueryBuilder::<Sqlite>::new("SELECT * FROM account WHERE tenant = 1 AND id IN (");
        let mut ids = read.separated(", ");
        for (_, id) in &events {
            ids.push_bind(id.as_bytes().to_vec());
        }
        read.push(")");
        let rows = read.build().fetch_all(&mut *tx).await?;
        let versions: Vec<(Vec<u8>, i64)> = rows.iter().map(|row| (row.get("id"), row.get("version"))).collect();
        let mut known = QueryBuilder::<Sqlite>::new(
            "SELECT event_id, payload_hash FROM activity WHERE tenant = 1 AND source = 'hand' AND event_id IN (",
        );
        let mut names = known.separated(", ");
        for (event, _) in &events {
            names.push_bind(event.clone());
        }
        known.push(")");
        known.build().fetch_all(&mut *tx).await?;
        for (id, _) in &versions {
            let update = "UPDATE account SET last_follow_up_time = ?, update_time = ?, version = version + 1 \
                          WHERE tenant = 1 AND id = ?";
            query(update).bind(NOW).bind(NOW).bind(id).execute(&mut *tx).await?;
        }
        let after: Vec<_> = versions.into_iter().map(|(id, version)| (id, version + 1)).collect();
        event(&mut tx, "account.activity_recorded", &after).await?;
        keep(&mut tx, &events).await?;
        tx.commit().await
    }
}

async fn event(tx: &mut SqliteConnection, kind: &str, accounts: &[(Vec<u8>, i64)]) -> Result<(), Error> {
    let insert = "INSERT INTO account_event (tenant, account_id, version, event_time, kind, caller, actor, effects) ";
    let mut insert = QueryBuilder::<Sqlite>::new(insert);
    insert.push_values(accounts, |mut row, (id, version)| {
        row.push("1").push_bind(id.clone()).push_bind(*version).push_bind(NOW);
        row.push_bind(kind.to_owned()).push("'crm'").push("NULL").push("'{}'");
    });
    insert.build().execute(tx).await?;
    Ok(())
}

async fn keep(tx: &mut SqliteConnection, events: &[(String, Uuid)]) -> Result<(), Error> {
    let insert = "INSERT INTO activity (tenant, source, event_id, account_id, kind, occur_time, record_time, payload_hash, summary) ";
    let mut insert = QueryBuilder::<Sqlite>::new(insert);
    insert.push_values(events, |mut row, (event, id)| {
        row.push("1")
            .push("'hand'")
            .push_bind(event.clone())
            .push_bind(id.as_bytes().to_vec());
        row.push("'sales_record.created'")
            .push_bind(NOW)
            .push_bind(NOW)
            .push_bind(vec![0_u8; 32])
            .push("''");
    });
    insert.build().execute(tx).await?;
    Ok(())
}

/// What was measured: claims, activities one by one, activities in batches.
#[derive(Default)]
struct Took([Runs; 3]);

impl Took {
    fn add(&mut self, at: usize, began: Instant) {
        self.0[at].add(began.elapsed().as_secs_f64(), &Counted::default());
    }
}

/// One round of the service.
async fn serve(
    site: &Site,
    source: &Client,
    callers: &Callers,
    ids: &[Uuid],
    round: usize,
    took: &mut Took,
) -> Outcome {
    let free = ids[round * CALLERS * CLAIMS..][..CALLERS * CLAIMS].to_vec();
    let began = Instant::now();
    callers.each((CALLERS, 1), free, claim).await?;
    took.add(0, began);
    let (now, began) = (site.clock.now(), Instant::now());
    let mut tasks = JoinSet::new();
    for at in 0..CALLERS {
        let (source, ids) = (source.clone(), ids[at * TOLD..][..TOLD].to_vec());
        tasks.spawn(async move {
            for (number, id) in ids.into_iter().enumerate() {
                tell(
                    source.clone(),
                    vec![activity(format!("one-{round}-{at}-{number}"), id, now)],
                )
                .await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    took.add(1, began);
    let began = Instant::now();
    for batch in 0..BATCHES {
        let told = ids[batch * BATCH..][..BATCH].iter().enumerate();
        let told = told.map(|(at, id)| activity(format!("batch-{round}-{batch}-{at}"), *id, now));
        tell(source.clone(), told.collect()).await?;
    }
    took.add(2, began);
    site.clock.advance(chrono::TimeDelta::minutes(1));
    Ok(())
}

/// The same by hand.
async fn by_hand(hand: &Hand, ids: &[Uuid], round: usize, took: &mut Took) -> Outcome {
    let free = &ids[round * CALLERS * CLAIMS..][..CALLERS * CLAIMS];
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (at, part) in free.chunks(CLAIMS).enumerate() {
        let (hand, part, user) = (hand.clone(), part.to_vec(), format!("user{}", at as u64 % USERS));
        tasks.spawn(async move {
            for id in part {
                hand.claim(&user, id).await?;
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    took.add(0, began);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for at in 0..CALLERS {
        let (hand, ids) = (hand.clone(), ids[at * TOLD..][..TOLD].to_vec());
        tasks.spawn(async move {
            for (number, id) in ids.into_iter().enumerate() {
                hand.tell(vec![(format!("one-{round}-{at}-{number}"), id)]).await?;
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    took.add(1, began);
    let began = Instant::now();
    for batch in 0..BATCHES {
        let told = ids[batch * BATCH..][..BATCH].iter().enumerate();
        let told = told.map(|(at, id)| (format!("batch-{round}-{batch}-{at}"), *id));
        hand.tell(told.collect()).await?;
    }
    took.add(2, began);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    eprintln!("the embedded database");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let at = folder.path().to_str().ok_or("the folder has no name")?;
    let (of_service, of_hand) = (site(at, "service").await?, site(at, "hand").await?);
    let (ids, hand_ids) = (fill(&of_service).await?, fill(&of_hand).await?);
    let url = of_hand.url.clone();
    of_hand.stop().await;
    let hand = Hand::connect(&url).await?;
    let callers = Callers::start(&of_service.admin)?;
    let source = of_service.admin.as_who(&Who {
        tenant: TENANT.into(),
        caller: "erp".into(),
        scopes: "ingest".into(),
        actor: String::new(),
    })?;
    let (mut service, mut by) = (Took::default(), Took::default());
    for round in 0..=plan.rounds.min(ACCOUNTS / (CALLERS * CLAIMS) - 1) {
        // Nobody is always first.
        for serves in [round % 2 == 0, round % 2 == 1] {
            if serves {
                serve(&of_service, &source, &callers, &ids, round, &mut service).await?;
            } else {
                by_hand(&hand, &hand_ids, round, &mut by).await?;
            }
        }
        if round == 0 {
            // Connections are there, and statements known, before it counts.
            (service, by) = (Took::default(), Took::default());
        }
    }
    let numbers = [CALLERS * CLAIMS, CALLERS * TOLD, BATCH * BATCHES];
    let names = [
        [
            "SQLite: claims, 32 callers",
            "SQLite: claims by hand",
            "SQLite: claim, 32 callers, rate over by hand",
        ],
        [
            "SQLite: activities, one a call",
            "SQLite: one by one by hand",
            "SQLite: activity, one a call, likewise",
        ],
        [
            "SQLite: activities, 500 a call",
            "SQLite: 500 by hand",
            "SQLite: activities, 500 a call, likewise",
        ],
    ];
    for (at, [rate, by_hand, ratio]) in names.into_iter().enumerate() {
        let (service, by) = (service.0[at].median(), by.0[at].median());
        report.add(rate, numbers[at] as f64 / service, "a second", None);
        report.add(by_hand, numbers[at] as f64 / by, "a second", None);
        report.add(ratio, by / service, "x", Some(Target::AtLeast(0.5)));
    }
    of_service.stop().await;
    Ok(())
}
