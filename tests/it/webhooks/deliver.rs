//! What is sent when nothing goes wrong.

use super::*;
use crate::harness::run_sql;
use secrecy::ExposeSecret;
use std::collections::HashSet;
use tidepool::{
    app::App,
    store::lease::{self, Lease},
};
use tokio::time::Instant;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c3902c7-01";

/// API7, P11: every event once, signed, each account's in order, and in the form in which it is listed.
#[tokio::test]
async fn events_are_sent_once_signed_and_in_order() {
    let world = world().await;
    let ids = world.accounts(3).await;
    for id in &ids {
        world.to_and_fro(id, 2).await;
    }
    let url = world.server.config.database.url.expose_secret();
    let traced = format!("UPDATE account_event SET traceparent = '{TRACE}' WHERE version = 2");
    run_sql(url, traced).await;
    let receiver = Receiver::start().await;
    let (_, secret) = world.hook_with(&receiver, EventFilter::default()).await;
    assert_eq!(world.post().await, delivered(15));
    assert_eq!(world.post().await, delivered(0));

    let came = receiver.came();
    let now = world.server.clock.now().timestamp().to_string();
    let positions: Vec<_> = came.iter().map(|it| it.json()["position"].clone()).collect();
    let expected: Vec<_> = (1..=15).map(|at: i64| serde_json::json!(at.to_string())).collect();
    assert_eq!(positions, expected);
    for id in &ids {
        assert_eq!(versions(&came, id), [1, 2, 3, 4, 5]);
    }
    for it in &came {
        assert_eq!(it.signed_by(&secret), [true], "{it:?}");
        assert_eq!(
            (it.path.as_str(), it.header("webhook-timestamp")),
            ("/events?of=acme", now.as_str())
        );
        let json = it.json();
        let event = &json["account_event"];
        assert_eq!(
            it.id(),
            format!(
                "{}/{}",
                json["account_id"].as_str().unwrap(),
                event["version"].as_str().unwrap()
            )
        );
        // CloudEvents in binary mode.
        assert_eq!(
            [
                it.header("ce-specversion"),
                it.header("ce-id"),
                it.header("ce-source"),
                it.header("content-type")
            ],
            ["1.0", it.id(), "/tidepool/acme", "application/json"]
        );
        assert_eq!(it.header("ce-type"), event["kind"].as_str().unwrap());
        assert_eq!(it.header("ce-subject"), json["account_id"].as_str().unwrap());
        assert_eq!(it.header("ce-time"), event["event_time"].as_str().unwrap());
        let traced = if it.of().1 == 2 { TRACE } else { "" };
        assert_eq!(it.header("traceparent"), traced);
        // Somebody else's secret, or another body, is told.
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(it.signed_by(other), [false]);
        let forged = Received {
            body: b"{}".as_slice().into(),
            ..it.clone()
        };
        assert_eq!(forged.signed_by(&secret), [false]);
    }
    // One connection is enough.
    assert_eq!(receiver.connections(), 1);
    world.stop().await;
}

/// Only what fits, before or after, as `WatchEvents` has it; what does not is passed over.
#[tokio::test]
async fn a_filter_leaves_out_what_is_not_wanted() {
    let world = world().await;
    let ids = world.accounts(2).await;
    let receiver = Receiver::start().await;
    let filter = EventFilter {
        kinds: vec!["account.claimed".into(), "account.returned".into()],
        owners: vec!["bob".into()],
        ..EventFilter::default()
    };
    let (id, _) = world.hook_with(&receiver, filter.clone()).await;
    world.to_and_fro(&ids[0], 1).await;
    world.site().claim(0, "cid", &ids[1]).await.unwrap();
    assert_eq!(world.post().await, delivered(2));
    let kinds: Vec<_> = receiver.take().iter().map(Received::kind).collect();
    assert_eq!(kinds, ["account.claimed", "account.returned"]);
    let (webhook, progress) = world.progress(&id).await;
    assert_eq!(webhook.filter, Some(filter));
    assert_eq!((progress.position, progress.last_position, progress.waiting), (5, 5, 0));
    // Another filter holds for what comes.
    let update = proto::UpdateWebhookRequest {
        webhook: Some(Webhook {
            id,
            url: receiver.url(),
            display_name: "All".into(),
            ..Webhook::default()
        }),
        update_mask: crate::build::mask(&["filter"]),
        ..Default::default()
    };
    let updated = world.server.admin().webhooks().update_webhook(update).await.unwrap();
    let updated = updated.into_inner().webhook.unwrap();
    assert_eq!((updated.filter, updated.display_name.as_str()), (None, "Warehouse"));
    world.site().give_back("cid", &ids[1]).await;
    assert_eq!(world.post().await, delivered(1));
    world.stop().await;
}

/// A webhook begins where it is told to: with what comes, with the oldest event, or after a position.
#[tokio::test]
async fn a_webhook_begins_where_it_is_told_to() {
    let world = world().await;
    world.accounts(5).await;
    world.relay().await;
    for (after, number) in [(None, 0), (Some(0), 5), (Some(3), 2), (Some(5), 0)] {
        let receiver = Receiver::start().await;
        create(&world.server.admin(), webhook(&receiver.url()), after)
            .await
            .unwrap();
        assert_eq!(world.post().await, delivered(number), "{after:?}");
        assert_eq!(receiver.came().len(), number);
    }
    world.stop().await;
}

/// Many events, over several turns, and a target that answers more than anybody wants to read.
#[tokio::test]
async fn many_events_take_many_turns() {
    let world = world().await;
    world.accounts(230).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| receiver::Answer::Bytes(1_000_000));
    world.hook(&receiver).await;
    assert_eq!(world.post().await, delivered(230));
    let ids: HashSet<_> = receiver.came().iter().map(|it| it.id().to_owned()).collect();
    assert_eq!(ids.len(), 230);
    world.stop().await;
}

/// Over TLS, for a target that somebody vouches for.
#[tokio::test]
async fn targets_prove_who_they_are() {
    for (ca, sent) in [("ca.pem", delivered(1)), ("other-ca.pem", failed(1))] {
        let file = format!("{}/tests/it/tls/{ca}", env!("CARGO_MANIFEST_DIR"));
        let world = world_with(|config| config.webhooks.ca_file = Some(file.into())).await;
        world.accounts(1).await;
        let receiver = Receiver::start_tls().await;
        let id = world.hook(&receiver).await;
        assert_eq!(world.post().await, sent, "{ca}");
        let error = world.progress(&id).await.1.last_error;
        assert_eq!(error, if sent.failed == 0 { "" } else { "TLS failed" });
        world.stop().await;
    }
}

/// A target that does not answer keeps nobody waiting but itself: it is answered only when the other has everything.
#[tokio::test]
async fn a_slow_target_holds_up_nobody_else() {
    let world = world().await;
    world.accounts(60).await;
    let (slow, fast) = (Receiver::start().await, Receiver::start().await);
    slow.answer(|_| receiver::Answer::Nothing);
    let waits = world.hook(&slow).await;
    world.hook(&fast).await;
    world.relay().await;
    let app = world.server.running.app.clone();
    let posting = tokio::spawn(async move { worker::webhook::once(&app, SENDS).await.unwrap() });
    tokio::time::timeout(SOON, fast.wait_for(60))
        .await
        .expect("it is held up");
    slow.wait_for(1).await;
    slow.answer(|_| receiver::OK);
    slow.go_on();
    assert_eq!(posting.await.unwrap(), delivered(120));
    assert_eq!(world.progress(&waits).await.1.failures, 0);
    world.stop().await;
}

async fn lease(app: &App) -> Lease {
    let unit = app.db.unit("lease", Instant::now() + SOON);
    let engine = app.db.engine();
    let taken = unit.retry(|| unit.tx(async |tx| Ok(lease::take(tx, engine, "webhooks", "test", SOON).await?)));
    taken.await.unwrap().expect("somebody has it")
}

/// The budget of a turn: 1 look; 1 read of the revisions, 3 of what is to be done, 1 lease and 1 write, of however many
/// events; 1 more read and 1 write where something waits.
#[tokio::test]
async fn a_turn_has_a_budget() {
    let world = world().await;
    let ids = world.accounts(30).await;
    let receiver = Receiver::start().await;
    world.hook(&receiver).await;
    world.relay().await;
    let app = &world.server.running.app;
    let lease = lease(app).await;
    let turn = async || {
        let before = app.db.statements();
        let due = app.webhooks_due().await.unwrap();
        let turned = app.webhook_turn(&lease, &due[0], webhook_json::encode, || true).await;
        (turned.unwrap(), app.db.statements() - before)
    };
    // The configuration is read once more by the first.
    app.snapshots
        .current(
            &tidepool::domain::ids::TenantName::parse("acme").unwrap(),
            Instant::now() + SOON,
        )
        .await
        .unwrap();
    assert_eq!(turn().await, (delivered(30), 7));
    let stuck = ids[0].clone();
    receiver.answer(move |it| {
        if it.of().0 == stuck {
            receiver::status(500)
        } else {
            receiver::OK
        }
    });
    world.to_and_fro(&ids[0], 1).await;
    world.relay().await;
    assert_eq!(turn().await, (failed(1), 8));
    receiver.answer(|_| receiver::OK);
    world.later(60);
    assert_eq!(turn().await, (delivered(2), 8));
    world.stop().await;
}
