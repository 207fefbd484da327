//! Activities wait for accounts that are not there yet: never lost, never counted twice.

use super::*;
use crate::{build::mask, harness::run_sql};
use chrono::TimeDelta;
use secrecy::ExposeSecret;

/// X13 and SPEC 2.5: what is told of an account before it is there is recorded as soon as it is, however it comes, as it
/// was told, once.
#[tokio::test]
async fn what_waited_is_recorded_when_its_account_appears() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    let won = Activity {
        external_account_id: "erp-3".into(),
        object_id: "o1".into(),
        summary: "Signed".into(),
        actor: "bob".into(),
        ..told("won", "", "opportunity.won", now)
    };
    let waits = vec![
        named("created", "erp-1", now),
        named("imported", "erp-2", now),
        named("updated", "erp-3", now - TimeDelta::hours(1)),
        won,
        named("never", "erp-4", now),
    ];
    assert_eq!(
        tell(&source, waiting(waits.clone())).await.unwrap(),
        [BUFFERED; 5].map(|came| came)
    );
    world.sweep().await;
    assert_eq!(world.rows("parked_activity").await, 5);

    let created = world.known_as("Created", &pool, "erp-1").await;
    let row = proto::ImportAccountsRequest {
        new_account: Some(known_as("Imported", &pool, "erp-2")),
        request_id: String::new(),
    };
    let mut client = world.server.admin().accounts();
    let mut imported = client
        .import_accounts(tokio_stream::iter([row]))
        .await
        .unwrap()
        .into_inner();
    let imported = imported.message().await.unwrap().unwrap().account_id;
    let updated = world.create("Updated", &pool, "bob").await.id;
    let request = proto::UpdateAccountRequest {
        account: Some(Account {
            id: updated.clone(),
            external_id: "erp-3".into(),
            ..Account::default()
        }),
        update_mask: mask(&["external_id"]),
        ..Default::default()
    };
    world.server.admin().accounts().update_account(request).await.unwrap();
    world.sweep().await;

    let events = async |account: &str| {
        let shown = world.shown(account).await;
        shown.into_iter().map(|activity| activity.event_id).collect::<Vec<_>>()
    };
    assert_eq!(events(&created).await, ["created"]);
    assert_eq!(events(&imported).await, ["imported"]);
    assert_eq!(events(&updated).await, ["won", "updated"]);
    let shown = &world.shown(&updated).await[0];
    assert_eq!(
        (
            shown.summary.as_str(),
            shown.actor.as_str(),
            shown.source.as_str(),
            shown.object_id.as_str()
        ),
        ("Signed", "bob", "erp", "o1")
    );
    assert_eq!(world.account(&updated).await.deals.unwrap().won_count, 1);
    assert_eq!(world.rows("parked_activity").await, 1);
    // To be told again is the same as ever.
    assert_eq!(
        tell(&source, waiting(waits)).await.unwrap(),
        [DUPLICATE, DUPLICATE, DUPLICATE, DUPLICATE, BUFFERED]
    );
    world.sweep().await;
    assert_eq!(events(&updated).await.len(), 2);
    world.stop().await;
}

/// P4: an event that waits is known: the same words wait on, other words are refused, and what its source tells again
/// once the account is there is recorded at once.
#[tokio::test]
async fn what_waits_is_known() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    let first = named("e1", "erp-1", now);
    let twice = vec![first.clone(), first.clone(), named("e1", "erp-2", now)];
    assert_eq!(
        tell(&source, waiting(twice)).await.unwrap(),
        [BUFFERED, BUFFERED, refused("EVENT_ID_REUSED")]
    );
    // It waits, whether or not it is asked again to.
    assert_eq!(tell(&source, of(vec![first.clone()])).await.unwrap(), [BUFFERED]);
    let other = Activity {
        summary: "Other words".into(),
        ..first.clone()
    };
    let reused = || [refused("EVENT_ID_REUSED")];
    assert_eq!(tell(&source, waiting(vec![other.clone()])).await.unwrap(), reused());
    // The id of one source means nothing to another.
    assert_eq!(
        tell(&world.source("crm"), waiting(vec![other.clone()])).await.unwrap(),
        [BUFFERED]
    );

    let id = world.known_as("Acme", &pool, "erp-1").await;
    assert_eq!(tell(&source, waiting(vec![other])).await.unwrap(), reused());
    assert_eq!(
        tell(&source, of(vec![follow_up("e1", &id, now)])).await.unwrap(),
        reused()
    );
    assert_eq!(tell(&source, of(vec![first.clone()])).await.unwrap(), [RECORDED]);
    assert_eq!(world.rows("parked_activity WHERE source = 'erp'").await, 0);
    assert_eq!(tell(&source, of(vec![first])).await.unwrap(), [DUPLICATE]);
    world.sweep().await;
    assert_eq!(world.shown(&id).await.len(), 2);
    assert_eq!(world.rows("parked_activity").await, 0);
    world.stop().await;
}

/// What may not be told may not wait either.
#[tokio::test]
async fn what_waits_was_checked() {
    let world = World::start().await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    let deal = Activity {
        kind: "opportunity.won".into(),
        ..named("deal", "erp-1", now)
    };
    let told = vec![named("future", "erp-1", now + TimeDelta::minutes(6)), deal];
    assert_eq!(
        tell(&source, waiting(told)).await.unwrap(),
        [refused("OCCURRED_IN_FUTURE"), refused("INVALID_ARGUMENT")]
    );
    assert_eq!(world.rows("parked_activity").await, 0);
    world.stop().await;
}

/// What was accepted while it waited is recorded, whatever the rules make of its kind by then.
#[tokio::test]
async fn what_waits_was_accepted_under_the_rules_of_then() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let signed = Activity {
        kind: "contract.activated".into(),
        ..named("e1", "erp-1", world.server.clock.now())
    };
    let told = tell(&world.source("erp"), waiting(vec![signed])).await.unwrap();
    assert_eq!(told, [BUFFERED]);
    let request = proto::UpdateActivityRulesRequest {
        activity_rules: Some(proto::ActivityRules {
            close_kinds: vec!["contract.activated".into()],
            ..Default::default()
        }),
        update_mask: mask(&["close_kinds"]),
        ..Default::default()
    };
    let root = world.user("root");
    root.activity_rules().update_activity_rules(request).await.unwrap();
    let id = world.known_as("Acme", &pool, "erp-1").await;
    world.sweep().await;
    assert_eq!(world.shown(&id).await.len(), 1);
    assert_eq!(world.rows("parked_activity").await, 0);
    world.stop().await;
}

/// What its account does not take goes on waiting, and holds up nobody behind it; its source may be disabled by then.
#[tokio::test]
async fn what_is_refused_waits_on() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    let other = world.lying("Other", &pool).await;
    let ours = Activity {
        object_id: "o1".into(),
        ..told("first", &other, "opportunity.won", now)
    };
    tell(&source, of(vec![ours])).await.unwrap();
    let theirs = Activity {
        external_account_id: "erp-1".into(),
        object_id: "o1".into(),
        ..told("a", "", "opportunity.won", now)
    };
    tell(&source, waiting(vec![theirs, named("b", "erp-1", now)]))
        .await
        .unwrap();
    let request = proto::RegisterActivitySourceRequest {
        activity_source: Some(proto::ActivitySource {
            name: "erp".into(),
            display_name: "ERP".into(),
            kinds: vec!["call.made".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let admin = world.server.admin();
    admin.sources().register_activity_source(request).await.unwrap();
    let disable = proto::DisableActivitySourceRequest {
        activity_source_name: "erp".into(),
        ..Default::default()
    };
    admin.sources().disable_activity_source(disable).await.unwrap();
    let id = world.known_as("Acme", &pool, "erp-1").await;
    for _ in 0..2 {
        world.sweep().await;
        assert_eq!(world.shown(&id).await.len(), 1);
        assert_eq!(world.rows("parked_activity WHERE event_id = 'a'").await, 1);
        assert_eq!(world.rows("parked_activity").await, 1);
    }
    world.stop().await;
}

/// A row that cannot be decided, for a fault of ours, holds up nobody else.
#[tokio::test]
async fn what_cannot_be_decided_holds_up_nobody() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let now = world.server.clock.now();
    let waits = vec![named("a", "erp-1", now), named("b", "erp-2", now)];
    tell(&world.source("erp"), waiting(waits)).await.unwrap();
    world.known_as("Moss", &pool, "erp-1").await;
    let reed = world.known_as("Reed", &pool, "erp-2").await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    run_sql(
        &url,
        "UPDATE account SET last_owner = 'no id at all' WHERE name = 'Moss'".to_owned(),
    )
    .await;
    world.sweep().await;
    assert_eq!(world.shown(&reed).await.len(), 1);
    assert_eq!(world.rows("parked_activity").await, 1);
    run_sql(
        &url,
        "UPDATE account SET last_owner = NULL WHERE name = 'Moss'".to_owned(),
    )
    .await;
    // It is let alone for a moment.
    world
        .server
        .clock
        .advance(TimeDelta::minutes(1) - TimeDelta::microseconds(1));
    world.sweep().await;
    assert_eq!(world.rows("parked_activity").await, 1);
    world.server.clock.advance(TimeDelta::microseconds(1));
    world.sweep().await;
    assert_eq!(world.rows("parked_activity").await, 0);
    world.stop().await;
}

/// After seven days nobody waits any more: not before, not after.
#[tokio::test]
async fn nothing_waits_for_ever() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    tell(
        &source,
        waiting(vec![named("e1", "erp-1", now), named("e2", "erp-2", now)]),
    )
    .await
    .unwrap();
    world.server.clock.advance(TimeDelta::days(7));
    // Whoever comes in the last moment is in time.
    let id = world.known_as("Acme", &pool, "erp-1").await;
    world.sweep().await;
    assert_eq!(world.shown(&id).await.len(), 1);
    assert_eq!(world.rows("parked_activity").await, 1);
    world.server.clock.advance(TimeDelta::microseconds(1));
    world.sweep().await;
    assert_eq!(world.rows("parked_activity").await, 0);
    let late = world.known_as("Late", &pool, "erp-2").await;
    world.sweep().await;
    assert!(world.shown(&late).await.is_empty());
    // Its source may tell it again: nothing is known of it.
    assert_eq!(
        tell(&source, of(vec![named("e2", "erp-2", now)])).await.unwrap(),
        [RECORDED]
    );
    world.stop().await;
}

/// What is told again while it waits was acknowledged again, and has its seven days from then on.
#[tokio::test]
async fn what_is_told_again_waits_anew() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    let told = || waiting(vec![named("e1", "erp-1", now)]);
    assert_eq!(tell(&source, told()).await.unwrap(), [BUFFERED]);
    world.server.clock.advance(TimeDelta::days(7) + TimeDelta::seconds(10));
    // It is over, and nobody has cleared it away yet.
    assert_eq!(tell(&source, told()).await.unwrap(), [BUFFERED]);
    world.server.clock.advance(TimeDelta::days(7));
    world.sweep().await;
    assert_eq!(world.rows("parked_activity").await, 1);
    let id = world.known_as("Acme", &pool, "erp-1").await;
    world.sweep().await;
    assert_eq!(world.shown(&id).await.len(), 1);
    world.stop().await;
}

/// As many wait as may: the rest is refused one by one, and what waits already goes on waiting.
#[tokio::test]
async fn there_is_room_for_a_hundred_thousand() {
    let world = World::start().await;
    let source = world.source("erp");
    let now = world.server.clock.now();
    tell(&source, waiting(vec![named("e1", "erp-1", now)])).await.unwrap();
    let url = world.server.config.database.url.expose_secret().to_owned();
    let digits: Vec<_> = (0..10).map(|digit| format!("SELECT {digit} AS digit")).collect();
    let digits = digits.join(" UNION ALL ");
    let places = ["a", "b", "c", "d", "e"].map(|place| format!("JOIN ({digits}) {place}"));
    let number = "a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit + 10000 * e.digit";
    let fill = format!(
        "INSERT INTO parked_activity (tenant, source, event_id, payload_hash, external_id, payload, park_time, expire_time) \
         SELECT p.tenant, 'filler', {number}, p.payload_hash, p.external_id, p.payload, p.park_time, p.expire_time \
         FROM parked_activity p {} WHERE {number} < 99699",
        places.join(" ")
    );
    run_sql(&url, fill).await;
    assert_eq!(world.rows("parked_activity").await, 99_700);
    let mut came = Vec::new();
    for call in 0..2 {
        let many = (0..200).map(|at| named(&format!("more-{call}-{at}"), "erp-9", now));
        came.extend(tell(&source, waiting(many.collect())).await.unwrap());
    }
    let full = came.iter().position(|came| *came == refused("PARKING_FULL")).unwrap();
    assert_eq!(full, 300);
    assert!(came[full..].iter().all(|came| *came == refused("PARKING_FULL")));
    assert_eq!(world.rows("parked_activity").await, 100_000);
    assert_eq!(
        tell(&source, waiting(vec![named("e1", "erp-1", now)])).await.unwrap(),
        [BUFFERED]
    );
    world.stop().await;
}
