//! Where nothing is sent: where the operator allows nothing, or not that; to addresses that are not public, whatever name
//! they have (API7).

use super::*;
use crate::harness::Refused;
use tidepool::domain::refusal::Reason;
use tonic::Code;

async fn test(world: &World, id: &str) -> Result<proto::TestWebhookResponse, Status> {
    let request = proto::TestWebhookRequest { webhook_id: id.into() };
    let tested = world.server.admin().webhooks().test_webhook(request).await?;
    Ok(tested.into_inner())
}

/// Without a list of hosts there are no webhooks, and the refusal says what the operator has to do.
#[tokio::test]
async fn webhooks_are_off_unless_hosts_are_allowed() {
    let world = World::start().await;
    let made = create(&world.server.admin(), webhook("https://hooks.example.com/"), None).await;
    let refused = made.refused(Code::FailedPrecondition, Reason::WebhooksOff);
    let info = refused.error_info().unwrap();
    assert_eq!(info.metadata["setting"], "webhooks.allowed_hosts");
    world.stop().await;
}

/// Hosts and ports that are not listed, addresses that are not public, and what is no address are refused by name.
#[tokio::test]
async fn only_allowed_targets_are_taken() {
    let world = world_with(|config| {
        config.webhooks.allowed_hosts = vec!["*.example.com".into(), "127.0.0.1:*".into(), "8.8.8.8".into()];
        config.webhooks.allow_private = false;
    });
    let world = world.await;
    let admin = world.server.admin();
    for url in [
        "https://hooks.example.org/",
        "https://hooks.example.com:8443/",
        "http://hooks.example.com/",
        "https://127.0.0.1:1/",
        "https://8.8.4.4/",
    ] {
        let details = create(&admin, webhook(url), None)
            .await
            .refused(Code::InvalidArgument, Reason::WebhookTargetNotAllowed);
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!((fields.len(), fields[0].field.as_str()), (1, "webhook.url"), "{url}");
    }
    let wrong = create(&admin, webhook("hooks.example.com"), None).await.violations();
    assert!(
        wrong[0].starts_with("webhook.url: must be an address such as https://"),
        "{wrong:?}"
    );
    for url in ["https://hooks.example.com/a", "https://8.8.8.8/"] {
        create(&admin, webhook(url), None).await.unwrap();
    }
    world.stop().await;
}

/// API7: a name that the operator allows and that means this host: nothing is sent, since the address is checked after the
/// name was resolved.
#[tokio::test]
async fn a_name_of_a_private_address_is_not_connected_to() {
    let world = world_with(|config| {
        config.webhooks.allowed_hosts = vec!["localhost:*".into()];
        config.webhooks.allow_private = false;
    });
    let world = world.await;
    world.accounts(1).await;
    let receiver = Receiver::start_tls().await;
    let hook = webhook(&receiver.url_of("localhost"));
    let (hook, _) = create(&world.server.admin(), hook, Some(0)).await.unwrap();
    assert_eq!(world.post().await, failed(1));
    let error = "address not allowed: loopback";
    assert_eq!(world.progress(&hook.id).await.1.last_error, error);
    let tested = test(&world, &hook.id).await.unwrap();
    assert_eq!((tested.delivered, tested.error.as_str()), (false, error));
    assert_eq!(receiver.connections(), 0);
    world.stop().await;
}

/// A test is sent at once, signed, to a webhook that is in use or not, and says what came of it.
#[tokio::test]
async fn a_webhook_can_be_tried() {
    let world = world().await;
    let receiver = Receiver::start().await;
    let (hook, secret) = world.hook_with(&receiver, EventFilter::default()).await;
    let disable = proto::DisableWebhookRequest {
        webhook_id: hook.clone(),
        ..Default::default()
    };
    world.server.admin().webhooks().disable_webhook(disable).await.unwrap();
    let tested = test(&world, &hook).await.unwrap();
    assert!(tested.delivered && tested.error.is_empty() && tested.took.is_some());
    let came = receiver.take();
    assert_eq!((came.len(), came[0].kind().as_str()), (1, "webhook.test"));
    assert_eq!(came[0].signed_by(&secret), [true]);
    receiver.answer(|_| receiver::status(404));
    let tested = test(&world, &hook).await.unwrap();
    assert_eq!((tested.delivered, tested.error.as_str()), (false, "status 404"));
    // It counts for nothing.
    assert_eq!(world.progress(&hook).await.1, WebhookProgress::default());
    world.stop().await;
}
