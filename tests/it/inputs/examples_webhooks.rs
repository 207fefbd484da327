//! Examples of the rpcs of webhooks. Nobody listens where they are sent, and what is sent is given up at once.

use super::{
    examples::{Made, by_service},
    side::{Side, Thing},
};
use crate::{build::mask, webhooks::SENDS};
use tidepool::{config::Config, rpc::proto, worker};

/// A port on which nothing is.
const TARGET: &str = "http://127.0.0.1:9/events";
/// More than that are cleared away.
const MANY: usize = 10;

/// Lets webhooks be made that lead nowhere.
pub(super) fn configure(config: &mut Config) {
    crate::webhooks::allow(config);
    config.webhooks.attempts = 1;
}

impl Side {
    fn webhook(&self) -> proto::Webhook {
        proto::Webhook {
            display_name: self.fresh("Warehouse"),
            url: TARGET.into(),
            filter: Some(proto::EventFilter {
                kinds: vec!["account.*".into()],
                pool_ids: vec![self.id(Thing::Pool)],
                owners: vec![self.name("cid")],
            }),
            ..Default::default()
        }
    }

    /// Creates one, and says its id.
    async fn new_webhook(&self, webhook: proto::Webhook, after_position: Option<i64>) -> String {
        let request = proto::CreateWebhookRequest {
            webhook: Some(webhook),
            after_position,
            ..Default::default()
        };
        let made = self.admin.webhooks().create_webhook(request).await.unwrap();
        made.into_inner().webhook.unwrap().id
    }

    /// Two, with dead letters.
    pub(super) async fn furnish_webhooks(&mut self) {
        for _ in 0..2 {
            let all = proto::Webhook {
                filter: None,
                ..self.webhook()
            };
            let id = self.new_webhook(all, Some(0)).await;
            self.ids.insert(Thing::Webhook, id);
        }
        let turned = worker::webhook::once(&self.app, SENDS).await.unwrap();
        assert!(turned.dead >= 4, "{turned:?}");
    }

    /// Makes room for more, if there are many.
    async fn clear_webhooks(&self) {
        let mut webhooks = self.admin.webhooks();
        let listed = webhooks.list_webhooks(proto::ListWebhooksRequest::default()).await;
        let listed = listed.unwrap().into_inner().webhooks;
        for webhook in listed.into_iter().skip(2 + MANY) {
            let request = proto::DeleteWebhookRequest {
                webhook_id: webhook.id,
                ..Default::default()
            };
            webhooks.delete_webhook(request).await.unwrap();
        }
    }
}

pub(super) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    let (etag, request_id) = (String::new(), String::new());
    let target: &[&str] = &["webhook_id"];
    let webhook_id = || side.id(Thing::Webhook);
    Some(match rpc {
        "CreateWebhook" => {
            side.clear_webhooks().await;
            let request = proto::CreateWebhookRequest {
                webhook: Some(side.webhook()),
                after_position: Some(1),
                request_id,
            };
            by_service(&["webhook", "webhook.display_name", "webhook.url"], request)
        }
        "GetWebhook" => by_service(
            target,
            proto::GetWebhookRequest {
                webhook_id: webhook_id(),
            },
        ),
        "ListWebhooks" => by_service(
            &[],
            proto::ListWebhooksRequest {
                page_size: 1,
                page_token: String::new(),
            },
        ),
        "UpdateWebhook" => {
            let webhook = proto::Webhook {
                id: webhook_id(),
                ..side.webhook()
            };
            let request = proto::UpdateWebhookRequest {
                webhook: Some(webhook),
                update_mask: mask(&["display_name", "url", "filter"]),
                request_id,
            };
            let required = &[
                "webhook",
                "webhook.id",
                "webhook.display_name",
                "webhook.url",
                "update_mask",
                "update_mask.paths",
            ];
            by_service(required, request)
        }
        "EnableWebhook" => by_service(
            target,
            proto::EnableWebhookRequest {
                webhook_id: webhook_id(),
                from_now: false,
                etag,
                request_id,
            },
        ),
        "DisableWebhook" => by_service(
            target,
            proto::DisableWebhookRequest {
                webhook_id: webhook_id(),
                etag,
                request_id,
            },
        ),
        "DeleteWebhook" => {
            side.clear_webhooks().await;
            let request = proto::DeleteWebhookRequest {
                webhook_id: side.new_webhook(side.webhook(), None).await,
                etag,
                request_id,
            };
            by_service(target, request)
        }
        "RotateWebhookSecret" => by_service(
            target,
            proto::RotateWebhookSecretRequest {
                webhook_id: webhook_id(),
                keep_hours: Some(1),
                etag,
                request_id,
            },
        ),
        "TestWebhook" => by_service(
            target,
            proto::TestWebhookRequest {
                webhook_id: webhook_id(),
            },
        ),
        "ListDeadLetters" => by_service(
            target,
            proto::ListDeadLettersRequest {
                webhook_id: webhook_id(),
                page_size: 1,
                page_token: String::new(),
            },
        ),
        "ReplayDeadLetters" => by_service(
            target,
            proto::ReplayDeadLettersRequest {
                webhook_id: webhook_id(),
                positions: vec![1, 2],
                request_id,
            },
        ),
        "ReplayEvents" => by_service(
            target,
            proto::ReplayEventsRequest {
                webhook_id: webhook_id(),
                // Each brings the webhook back for the next.
                after_position: 0,
                request_id,
            },
        ),
        _ => return None,
    })
}
