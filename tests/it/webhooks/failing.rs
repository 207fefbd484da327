//! Targets that do not take what they are sent: tried again, left alone, given up.

use super::{receiver::status, *};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// P11: what fails is sent again after a while that grows, under the same id, signed anew; later events of its account
/// wait for it, and those of others do not.
#[tokio::test]
async fn what_fails_holds_its_account_and_nothing_else() {
    let world = world().await;
    let ids = world.accounts(3).await;
    let receiver = Receiver::start().await;
    let bad = ids[1].clone();
    receiver.answer(move |it| if it.of().0 == bad { status(500) } else { receiver::OK });
    let (hook, secret) = world.hook_with(&receiver, EventFilter::default()).await;
    world.to_and_fro(&ids[1], 1).await;
    world.to_and_fro(&ids[2], 1).await;
    let expected = Turned {
        delivered: 4,
        failed: 1,
        dead: 0,
    };
    assert_eq!(world.post().await, expected);
    let came = receiver.take();
    assert_eq!(versions(&came, &ids[1]), [1]);
    assert_eq!(versions(&came, &ids[2]), [1, 2, 3]);
    let (_, progress) = world.progress(&hook).await;
    assert_eq!((progress.position, progress.waiting, progress.dead_letters), (7, 3, 0));
    // Not before its time, which is 30 seconds, a fifth more or less.
    world.later(23);
    assert_eq!(world.post().await, Turned::default());
    world.later(14);
    assert_eq!(world.post().await, failed(1));
    let again = receiver.take();
    assert_eq!((again.len(), again[0].of()), (1, (ids[1].clone(), 1)));
    assert_eq!(again[0].signed_by(&secret), [true]);
    let now = world.server.clock.now().timestamp().to_string();
    assert_eq!(again[0].header("webhook-timestamp"), now);
    // Something new of the account waits too.
    world.to_and_fro(&ids[1], 1).await;
    world.later(60);
    assert_eq!(world.post().await, Turned::default());
    receiver.answer(|_| receiver::OK);
    world.later(90);
    assert_eq!(world.post().await, delivered(5));
    assert_eq!(versions(&receiver.take(), &ids[1]), [1, 2, 3, 4, 5]);
    let (_, progress) = world.progress(&hook).await;
    assert_eq!(
        (progress.waiting, progress.failures, progress.last_error.as_str()),
        (0, 0, "")
    );
    assert!(progress.failing_since.is_none() && progress.last_delivery_time.is_some());
    world.stop().await;
}

/// API7: an answer that points elsewhere is a failure, and nobody goes there.
#[tokio::test]
async fn redirects_are_not_followed() {
    let world = world().await;
    world.accounts(1).await;
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let hook = world.hook(&receiver).await;
    for code in [301, 302, 303, 307, 308] {
        let location = elsewhere.url();
        receiver.answer(move |_| receiver::Answer::Status(code, vec![("location", location.clone())]));
        assert_eq!(world.post().await, failed(1), "{code}");
        assert_eq!(world.progress(&hook).await.1.last_error, format!("status {code}"));
        world.later(13 * 3600);
    }
    assert!(elsewhere.came().is_empty());
    world.stop().await;
}

/// API7: a target that does not answer in time has not taken it; nor has one that breaks off, or is not there.
#[tokio::test]
async fn a_target_that_does_not_answer_has_taken_nothing() {
    let world = world_with(|config| config.webhooks.timeout_ms = 200).await;
    world.accounts(1).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| receiver::Answer::Nothing);
    let hook = world.hook(&receiver).await;
    assert_eq!(world.post().await, failed(1));
    let (_, progress) = world.progress(&hook).await;
    assert_eq!((progress.last_error.as_str(), progress.failures), ("timeout", 1));
    drop(receiver);
    world.later(60);
    assert_eq!(world.post().await, failed(1));
    assert_eq!(world.progress(&hook).await.1.last_error, "no connection");
    // Something that is no HTTP.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let update = proto::UpdateWebhookRequest {
        webhook: Some(Webhook {
            id: hook.clone(),
            url,
            ..Webhook::default()
        }),
        update_mask: crate::build::mask(&["url"]),
        ..Default::default()
    };
    world.server.admin().webhooks().update_webhook(update).await.unwrap();
    world.later(13 * 3600);
    assert_eq!(world.post().await, failed(1));
    assert_eq!(world.progress(&hook).await.1.last_error, "connection broken");
    world.stop().await;
}

/// A target that says when to come again is left alone until then.
#[tokio::test]
async fn a_target_may_say_when_to_come_again() {
    let world = world().await;
    world.accounts(1).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| receiver::Answer::Status(429, vec![("retry-after", "600".into())]));
    world.hook(&receiver).await;
    assert_eq!(world.post().await, failed(1));
    world.later(599);
    assert_eq!(world.post().await, Turned::default());
    world.later(1);
    assert_eq!(world.post().await, failed(1));
    world.stop().await;
}

/// A target that takes nothing is sent no more after three failures, and then asked with one event at a time; when it takes
/// something again, all the rest comes.
#[tokio::test]
async fn a_target_that_takes_nothing_is_left_alone() {
    let world = world().await;
    world.accounts(20).await;
    let receiver = Receiver::start().await;
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    receiver.answer(move |_| {
        if is_up.load(Ordering::SeqCst) {
            receiver::OK
        } else {
            status(503)
        }
    });
    let hook = world.hook(&receiver).await;
    assert_eq!(world.post().await, failed(3));
    assert_eq!(world.post().await, Turned::default());
    // Between 4 and 6 seconds, then twice that.
    world.later(6);
    assert_eq!(world.post().await, failed(1));
    world.later(7);
    assert_eq!(world.post().await, Turned::default());
    world.later(5);
    assert_eq!(world.post().await, failed(1));
    let (_, progress) = world.progress(&hook).await;
    assert_eq!((progress.position, progress.waiting, progress.failures), (5, 5, 5));
    up.store(true, Ordering::SeqCst);
    // The first that waited is due by then, and tells that it takes something again: the others have their own times.
    world.later(3600);
    assert_eq!(world.post().await, delivered(20));
    let came = receiver.came();
    assert_eq!(came.len(), 25);
    world.stop().await;
}

/// A target that says that it is gone is believed: nothing more is sent, and the webhook and its history say why.
#[tokio::test]
async fn a_target_that_is_gone_is_believed() {
    let world = world().await;
    world.accounts(2).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| status(410));
    let hook = world.hook(&receiver).await;
    assert_eq!(world.post().await, failed(1));
    let (webhook, progress) = world.progress(&hook).await;
    assert!(!webhook.enabled);
    assert_eq!(webhook.disabled_reason, "the target says that it is gone: status 410");
    assert_eq!(progress.waiting, 1);
    world.later(13 * 3600);
    assert_eq!(world.post().await, Turned::default());
    let request = proto::ListConfigEventsRequest {
        resource_type: "webhook".into(),
        ..Default::default()
    };
    let told = world
        .server
        .admin()
        .tenants()
        .list_config_events(request)
        .await
        .unwrap();
    let last = &told.into_inner().config_events[0];
    assert_eq!(
        (last.caller.as_str(), last.action.as_str(), last.resource.as_str()),
        ("tidepool", "disabled", hook.as_str())
    );
    // Back again, it goes on where it stopped.
    receiver.answer(|_| receiver::OK);
    let enable = proto::EnableWebhookRequest {
        webhook_id: hook.clone(),
        ..Default::default()
    };
    let enabled = world.server.admin().webhooks().enable_webhook(enable).await.unwrap();
    let enabled = enabled.into_inner().webhook.unwrap();
    assert!(enabled.enabled && enabled.disabled_reason.is_empty());
    assert_eq!(world.post().await, delivered(2));
    world.stop().await;
}

/// A target that fails for three days, however often it is asked, is disabled, and not before.
#[tokio::test]
async fn a_target_that_fails_for_days_is_disabled() {
    let world = world_with(|config| config.webhooks.attempts = 20).await;
    world.accounts(60).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| status(502));
    let hook = world.hook(&receiver).await;
    assert_eq!(world.post().await, failed(3));
    for _ in 0..71 {
        world.later(3600);
        assert_eq!(world.post().await, failed(1));
        assert!(world.progress(&hook).await.0.enabled);
    }
    world.later(3600);
    assert_eq!(world.post().await, failed(1));
    let (webhook, _) = world.progress(&hook).await;
    assert!(!webhook.enabled);
    assert_eq!(
        webhook.disabled_reason,
        "nothing was delivered since 2026-03-01T02:00:00+00:00; last: status 502"
    );
    // From now on: what waited is forgotten, and what happened meanwhile.
    receiver.answer(|_| receiver::OK);
    receiver.take();
    let enable = proto::EnableWebhookRequest {
        webhook_id: hook.clone(),
        from_now: true,
        ..Default::default()
    };
    world.server.admin().webhooks().enable_webhook(enable).await.unwrap();
    let (_, progress) = world.progress(&hook).await;
    assert_eq!((progress.position, progress.waiting), (60, 0));
    assert_eq!(world.post().await, Turned::default());
    let pool = world.pool(open_pool("South")).await;
    world.lying("New", &pool).await;
    assert_eq!(world.post().await, delivered(1));
    world.stop().await;
}
