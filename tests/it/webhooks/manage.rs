//! Who may have webhooks, and what becomes of their secrets.

use super::*;
use crate::harness::{ACME, Refused};
use sea_orm::{ConnectionTrait, Database, Statement};
use secrecy::ExposeSecret;
use tidepool::{app::call::Scope, domain::refusal::Reason};
use tonic::Code;

async fn rotate(client: &Client, request: proto::RotateWebhookSecretRequest) -> (Webhook, String) {
    let rotated = client.webhooks().rotate_webhook_secret(request).await.unwrap();
    let rotated = rotated.into_inner();
    (rotated.webhook.unwrap(), rotated.secret)
}

/// A secret is told once, and again only to the same request; the one before is used beside it for a while, or not at all.
#[tokio::test]
async fn secrets_are_told_once_and_rotate() {
    let world = world().await;
    let ids = world.accounts(1).await;
    let admin = world.server.admin();
    let receiver = Receiver::start().await;
    let request = proto::CreateWebhookRequest {
        webhook: Some(webhook(&receiver.url())),
        after_position: Some(0),
        request_id: "create".into(),
    };
    let made = admin
        .webhooks()
        .create_webhook(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = admin.webhooks().create_webhook(request).await.unwrap().into_inner();
    assert_eq!(made, again);
    let (hook, first) = (made.webhook.unwrap(), made.secret);
    assert!(first.starts_with("whsec_") && first.len() == 50, "{first}");
    world.post().await;
    assert_eq!(receiver.take()[0].signed_by(&first), [true]);

    let request = proto::RotateWebhookSecretRequest {
        webhook_id: hook.id.clone(),
        etag: hook.etag.clone(),
        ..Default::default()
    };
    let (rotated, second) = rotate(&admin, request.clone()).await;
    assert!(second != first && rotated.old_secret_expire_time.is_some());
    let stale = admin.webhooks().rotate_webhook_secret(request).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    world.to_and_fro(&ids[0], 1).await;
    world.post().await;
    for it in receiver.take() {
        assert_eq!(it.signed_by(&second), [true, false]);
        assert_eq!(it.signed_by(&first), [false, true]);
    }
    world.later(24 * 3600);
    let (now, _) = world.progress(&hook.id).await;
    assert!(now.old_secret_expire_time.is_none());
    let at_once = proto::RotateWebhookSecretRequest {
        webhook_id: hook.id.clone(),
        keep_hours: Some(0),
        ..Default::default()
    };
    let (_, third) = rotate(&admin, at_once).await;
    world.to_and_fro(&ids[0], 1).await;
    world.post().await;
    for it in receiver.take() {
        assert_eq!(it.signed_by(&third), [true]);
    }
    assert_unreadable(&world, &[first, second, third]).await;
    world.stop().await;
}

/// No secret is in what is read of a webhook, in its history, or anywhere in the database as it is told.
async fn assert_unreadable(world: &World, secrets: &[String]) {
    let admin = world.server.admin();
    let listed = admin
        .webhooks()
        .list_webhooks(proto::ListWebhooksRequest::default())
        .await;
    let request = proto::ListConfigEventsRequest {
        resource_type: "webhook".into(),
        ..Default::default()
    };
    let history = admin.tenants().list_config_events(request).await.unwrap().into_inner();
    let kinds: Vec<_> = history
        .config_events
        .iter()
        .map(|event| event.action.as_str())
        .collect();
    assert_eq!(kinds, ["updated", "updated", "created"]);
    let told = format!("{:?} {history:?}", listed.unwrap().into_inner());
    assert!(told.contains("secret_number") && !told.contains("sealed"), "{told}");
    let db = Database::connect(world.server.config.database.url.expose_secret())
        .await
        .unwrap();
    let select = async |sql: &str| {
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql));
        rows.await.unwrap()
    };
    let mut stored = String::new();
    for row in select("SELECT config FROM webhook").await {
        stored.push_str(&row.try_get::<String>("", "config").unwrap());
    }
    for row in select("SELECT response FROM request").await {
        let response: Vec<u8> = row.try_get("", "response").unwrap();
        stored.push_str(&String::from_utf8_lossy(&response));
    }
    db.close().await.unwrap();
    assert!(stored.contains("sealed") && stored.contains("Warehouse"), "{stored}");
    for secret in secrets {
        assert!(!told.contains(secret.as_str()) && !stored.contains(secret.as_str()));
    }
}

/// Whoever may follow everything in the tenant may send it somewhere, and nobody else.
#[tokio::test]
async fn webhooks_are_for_those_who_may_follow() {
    let world = world().await;
    let server = &world.server;
    let receiver = Receiver::start().await;
    let hook = || webhook(&receiver.url());
    for scope in [Scope::Admin, Scope::Events] {
        let client = server.caller(ACME, "warehouse", &[scope]);
        create(&client, hook(), None).await.unwrap();
    }
    create(&world.user("root"), hook(), None).await.unwrap();
    for scope in [Scope::Config, Scope::Directory, Scope::Ingest, Scope::ActAs] {
        let client = server.caller(ACME, "warehouse", &[scope]);
        let refused = create(&client, hook(), None).await;
        refused.refused(Code::PermissionDenied, Reason::ScopeMissing);
    }
    for who in ["ann", "bob"] {
        let refused = create(&world.user(who), hook(), None).await;
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
        let mut webhooks = world.user(who).webhooks();
        let listed = webhooks.list_webhooks(proto::ListWebhooksRequest::default()).await;
        listed.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let limit = loop {
        if let Err(status) = create(&server.admin(), hook(), None).await {
            break Err::<(), _>(status);
        }
    };
    let details = limit.refused(Code::ResourceExhausted, Reason::ConfigLimitReached);
    assert_eq!(details.error_info().unwrap().metadata["limit"], "20");
    world.stop().await;
}

/// Each tenant's webhooks are sent that tenant's events.
#[tokio::test]
async fn tenants_do_not_hear_of_each_other() {
    let world = world().await;
    world.accounts(2).await;
    world.server.create_tenant("other").await;
    let other = world.server.caller("other", "console", &[Scope::Admin]);
    let (ours, theirs) = (Receiver::start().await, Receiver::start().await);
    let hook = world.hook(&ours).await;
    create(&other, webhook(&theirs.url()), Some(0)).await.unwrap();
    let request = proto::BatchUpsertUsersRequest {
        users: vec![crate::world::user("ann")],
        ..Default::default()
    };
    other.directory().batch_upsert_users(request).await.unwrap();
    let request = proto::CreateAccountRequest {
        new_account: Some(crate::site::new_account("Theirs", "", "ann")),
        ..Default::default()
    };
    other.accounts().create_account(request).await.unwrap();
    assert_eq!(world.post().await, delivered(3));
    assert_eq!((ours.came().len(), theirs.came().len()), (2, 1));
    assert_eq!(theirs.came()[0].header("ce-source"), "/tidepool/other");
    let got = other
        .webhooks()
        .get_webhook(proto::GetWebhookRequest { webhook_id: hook })
        .await;
    got.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// What is deleted is gone with all that waited; what is disabled sends nothing, and nothing is lost by it.
#[tokio::test]
async fn webhooks_stop_and_go() {
    let world = world().await;
    let ids = world.accounts(3).await;
    let receiver = Receiver::start().await;
    let bad = ids[0].clone();
    receiver.answer(move |it| {
        if it.of().0 == bad {
            receiver::status(500)
        } else {
            receiver::OK
        }
    });
    let hook = world.hook(&receiver).await;
    assert_eq!(world.post().await.delivered, 2);
    let admin = world.server.admin();
    let disable = proto::DisableWebhookRequest {
        webhook_id: hook.clone(),
        ..Default::default()
    };
    admin.webhooks().disable_webhook(disable).await.unwrap();
    world.to_and_fro(&ids[1], 1).await;
    world.later(3600);
    receiver.take();
    assert_eq!(world.post().await, Turned::default());
    let enable = proto::EnableWebhookRequest {
        webhook_id: hook.clone(),
        ..Default::default()
    };
    admin.webhooks().enable_webhook(enable).await.unwrap();
    let turned = world.post().await;
    assert_eq!((turned.delivered, turned.failed), (2, 1));
    let delete = proto::DeleteWebhookRequest {
        webhook_id: hook.clone(),
        ..Default::default()
    };
    admin.webhooks().delete_webhook(delete).await.unwrap();
    world.later(13 * 3600);
    assert_eq!(world.post().await, Turned::default());
    let got = admin
        .webhooks()
        .get_webhook(proto::GetWebhookRequest { webhook_id: hook })
        .await;
    got.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}
