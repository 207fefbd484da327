//! What one transaction, one account or one tenant can do to the relay: a writer who hangs holds up nobody else's events,
//! and what cannot be placed sets back nobody else.

use super::{SOON, assert_whole, relay::lease};
use crate::{
    explain::explain,
    harness::{Client, external_server, on_a_server, run_sql},
    site::new_account,
    world::{World, open_pool, user},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use secrecy::ExposeSecret;
use std::time::Duration;
use tidepool::{
    app::{call::Scope, events::Turns},
    domain::{
        event_stream::Unplaced,
        ids::{AccountId, TenantKey},
    },
    rpc::proto,
    store::outbox::place_statement,
};
use tokio::time::{Instant, timeout};

/// An id as a literal.
fn literal(id: &str) -> String {
    format!("x'{}'", id.replace('-', ""))
}

/// An id right after this one.
fn next_to(id: &str) -> String {
    let number = uuid::Uuid::parse_str(id).unwrap().as_u128();
    uuid::Uuid::from_u128(number + 1).to_string()
}

impl World {
    async fn below(&self, sql: &str) {
        run_sql(self.server.config.database.url.expose_secret(), sql.to_owned()).await;
    }

    /// No event of which this is true gets a position.
    async fn break_events(&self, of: &str) {
        let trigger = if external_server().is_some() {
            format!(
                "CREATE TRIGGER broken BEFORE UPDATE ON account_event FOR EACH ROW \
                 IF {of} THEN SIGNAL SQLSTATE '45000'; END IF"
            )
        } else {
            format!(
                "CREATE TRIGGER broken BEFORE UPDATE ON account_event WHEN {of} BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        };
        self.below(&trigger).await;
    }

    async fn mend_events(&self) {
        self.below("DROP TRIGGER broken").await;
    }

    /// Another tenant with accounts of its own.
    async fn other_tenant(&self) -> Client {
        self.server.create_tenant("other").await;
        let admin = self.server.caller("other", "console", &[Scope::Admin]);
        let request = proto::BatchUpsertUsersRequest {
            users: vec![user("bob")],
            ..Default::default()
        };
        admin.directory().batch_upsert_users(request).await.unwrap();
        admin
    }
}

async fn create(admin: &Client, prefix: &str, count: usize) {
    let request = proto::BulkCreateAccountsRequest {
        new_accounts: (0..count)
            .map(|at| new_account(&format!("{prefix} {at}"), "", "bob"))
            .collect(),
        ..Default::default()
    };
    admin.accounts().bulk_create_accounts(request).await.unwrap();
}

/// A writer hangs: his transaction wrote the next version of an account whose events are placed, and events of accounts
/// that lie between others. All that is committed gets its place at once, and his own when he is done.
#[tokio::test]
async fn nobody_waits_for_a_writer_who_hangs() {
    if !on_a_server("a writer who hangs", "there is one writer at a time") {
        return;
    }
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let mut ids = world.many_lying("Acme", &pool, 20).await;
    ids.sort();
    world.site().claim(0, "bob", &ids[3]).await.unwrap();
    let mut options = ConnectOptions::new(world.server.config.database.url.expose_secret());
    options.max_connections(1);
    let writer = Database::connect(options).await.unwrap();
    writer.execute_unprepared("START TRANSACTION").await.unwrap();
    // The first, one in the middle, the last, and right beside each.
    let hangs = [(&ids[0], 2), (&ids[3], 3), (&ids[10], 2), (&ids[19], 2)];
    let mut written: Vec<_> = hangs.iter().map(|(id, version)| ((*id).clone(), *version)).collect();
    written.extend(hangs.iter().map(|(id, _)| (next_to(id), 1)));
    for (id, version) in &written {
        let insert = format!(
            "INSERT INTO account_event (tenant, account_id, version, event_time, kind, caller, effects) \
             VALUES (1, {}, {version}, 1, 'account.updated', 'crm', '{{}}')",
            literal(id)
        );
        writer.execute_unprepared(&insert).await.unwrap();
    }
    let began = Instant::now();
    assert_eq!(world.relay().await, 21);
    // Less than a statement waits for a lock.
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_whole(&world.stream().await, 1);
    // He gives up: what he wrote was never there.
    writer.execute_unprepared("ROLLBACK").await.unwrap();
    writer.close().await.unwrap();
    assert_eq!(world.relay().await, 0);
    world.stop().await;
}

/// The rows are named by their key, however many there are, of however many versions each.
#[tokio::test]
async fn events_are_placed_by_their_key() {
    if !on_a_server("the plan of what is placed", "no rows are locked there") {
        return;
    }
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 600).await;
    let db = Database::connect(world.server.config.database.url.expose_secret())
        .await
        .unwrap();
    db.execute_unprepared("ANALYZE TABLE account_event").await.unwrap();
    let engine = world.server.db().engine();
    let event = |id: &String, version: usize| Unplaced {
        account: AccountId::parse(id).unwrap(),
        version: i64::try_from(version).unwrap(),
        event_time: 1,
    };
    let one = vec![event(&ids[0], 1)];
    let alike: Vec<_> = ids[..512].iter().map(|id| event(id, 1)).collect();
    let all_different: Vec<_> = ids[..512].iter().zip(1..).map(|(id, at)| event(id, at)).collect();
    let busy: Vec<_> = (1..=512).map(|version| event(&ids[0], version)).collect();
    for events in [one, alike, all_different, busy] {
        let statement = place_statement(engine, TenantKey(1), 0, &events);
        let lines = explain(&db, statement, &["type", "key", "key_len"]).await;
        // The whole key: tenant, account, version.
        assert_eq!(lines, ["range PRIMARY 28"], "{} events", events.len());
    }
    db.close().await.unwrap();
    world.stop().await;
}

/// One tenant's events cannot be placed: the others' are, in this round and in later ones, and when it is mended its own.
#[tokio::test]
async fn a_tenant_that_fails_sets_back_nobody_else() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, 5).await;
    let other = world.other_tenant().await;
    create(&other, "Other", 3).await;
    world.break_events("NEW.tenant = 1").await;
    let app = &world.server.running.app;
    let (lease, mut turns) = (lease(app).await, Turns::default());
    assert_eq!(app.relay(&lease, &mut turns, || true).await.unwrap(), 3);
    assert!(turns.failed().is_some());
    create(&other, "More", 4).await;
    assert_eq!(app.relay(&lease, &mut turns, || true).await.unwrap(), 4);
    assert_eq!(super::all(&other, 0, None).await.len(), 7);
    // Whoever relays once is told.
    world.below("UPDATE lease SET expire_time = 0").await;
    tidepool::worker::relay::once(app).await.unwrap_err();
    world.mend_events().await;
    let lease = super::relay::lease(app).await;
    let goes_on = async {
        let mut placed = 0;
        while placed < 5 {
            placed += app.relay(&lease, &mut turns, || true).await.unwrap();
        }
        placed
    };
    assert_eq!(timeout(SOON, goes_on).await.expect("it is set back for ever"), 5);
    assert_whole(&world.stream().await, 1);
    world.stop().await;
}

/// Events of one account cannot be placed: those of the tenant's other accounts are, and it stays visible.
#[tokio::test]
async fn an_account_that_fails_is_passed_over() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let mut ids = world.many_lying("Acme", &pool, 30).await;
    ids.sort();
    let bad = literal(&ids[11]);
    world.break_events(&format!("NEW.account_id = {bad}")).await;
    let app = &world.server.running.app;
    let (lease, mut turns) = (lease(app).await, Turns::default());
    let goes_on = async {
        let mut placed = 0;
        while placed < 29 {
            placed += app.relay(&lease, &mut turns, || true).await.unwrap();
        }
        placed
    };
    assert_eq!(timeout(SOON, goes_on).await.expect("the others wait"), 29);
    let stream = world.stream().await;
    assert_whole(&stream, 1);
    assert!(stream.iter().all(|event| event.account_id != ids[11]));
    let (waiting, _) = app.relay_lag().await.unwrap();
    assert_eq!(waiting, 1);
    world.mend_events().await;
    world.below("UPDATE lease SET expire_time = 0").await;
    assert_eq!(world.relay().await, 1);
    assert_whole(&world.stream().await, 1);
    world.stop().await;
}

/// How many wait is known of all tenants but those that cannot be looked at.
#[tokio::test]
async fn a_tenant_that_cannot_be_looked_at_hides_no_other() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, 5).await;
    let other = world.other_tenant().await;
    create(&other, "Other", 3).await;
    let app = &world.server.running.app;
    assert_eq!(app.relay_lag().await.unwrap().0, 8);
    if external_server().is_none() {
        // Only there a column takes what is no number.
        world
            .below("UPDATE account_event SET event_time = 'x' WHERE tenant = 1")
            .await;
        assert_eq!(app.relay_lag().await.unwrap().0, 3);
        world
            .below("UPDATE account_event SET event_time = 'x' WHERE tenant = 2")
            .await;
        app.relay_lag().await.unwrap_err();
        world
            .below(
                "UPDATE account_event SET event_time = (SELECT create_time FROM account WHERE account.id = account_id)",
            )
            .await;
    }
    world.stop().await;
}
