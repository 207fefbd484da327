//! `WebhookService`.

use super::{
    Api, all_wrong,
    convert::{decode, page_size, webhook as convert, webhook_json},
    mutate, open,
    proto::{self, webhook_service_server::WebhookService},
};
use crate::{
    app::webhook::WithSecret,
    domain::{error::Error, ids::parse_own, webhook::StoredWebhook},
};
use tonic::{Request, Response, Status};

impl Api {
    fn webhook(&self, webhook: &StoredWebhook) -> proto::Webhook {
        convert::encode(webhook, self.app.clock.now())
    }

    /// What is remembered of an answer with a secret holds it sealed; what is sent holds it as it is.
    fn open_secret(&self, webhook: Option<&proto::Webhook>, secret: &mut String) -> Result<(), Error> {
        let id = webhook.and_then(|webhook| parse_own(&webhook.id).ok());
        *secret = self.app.show_webhook_secret(id.unwrap_or_default(), secret)?;
        Ok(())
    }
}

#[tonic::async_trait]
impl WebhookService for Api {
    async fn create_webhook(
        &self,
        request: Request<proto::CreateWebhookRequest>,
    ) -> Result<Response<proto::CreateWebhookResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::create(message.clone()))?;
        let encode = |made: &WithSecret| proto::CreateWebhookResponse {
            webhook: Some(self.webhook(&made.webhook)),
            secret: made.sealed.clone(),
        };
        let made: Result<Response<proto::CreateWebhookResponse>, Status> =
            mutate!(call, "CreateWebhook", message, encode, |once| self
                .app
                .create_webhook(&call, &once, &input));
        let mut made = made?.into_inner();
        self.open_secret(made.webhook.as_ref(), &mut made.secret)?;
        Ok(Response::new(made))
    }

    async fn get_webhook(
        &self,
        request: Request<proto::GetWebhookRequest>,
    ) -> Result<Response<proto::GetWebhookResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::target(&message.webhook_id, "")?;
        let (webhook, progress, bounds, dead) = self.app.get_webhook(&call, id).await?;
        Ok(Response::new(proto::GetWebhookResponse {
            webhook: Some(self.webhook(&webhook)),
            progress: Some(convert::encode_progress(&progress, bounds, dead)),
        }))
    }

    async fn list_webhooks(
        &self,
        request: Request<proto::ListWebhooksRequest>,
    ) -> Result<Response<proto::ListWebhooksResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let listed = self.app.list_webhooks(&call, size, &message.page_token).await?;
        let (webhooks, next_page_token) = listed;
        Ok(Response::new(proto::ListWebhooksResponse {
            webhooks: webhooks.iter().map(|webhook| self.webhook(webhook)).collect(),
            next_page_token,
        }))
    }

    async fn update_webhook(
        &self,
        request: Request<proto::UpdateWebhookRequest>,
    ) -> Result<Response<proto::UpdateWebhookResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::update(message.clone()))?;
        let encode = |webhook: &StoredWebhook| proto::UpdateWebhookResponse {
            webhook: Some(self.webhook(webhook)),
        };
        mutate!(call, "UpdateWebhook", message, encode, |once| self
            .app
            .update_webhook(&call, &once, &input))
    }

    async fn enable_webhook(
        &self,
        request: Request<proto::EnableWebhookRequest>,
    ) -> Result<Response<proto::EnableWebhookResponse>, Status> {
        let (call, message) = open(request)?;
        let target = convert::target(&message.webhook_id, &message.etag);
        let target = all_wrong(&message.request_id, target)?;
        let encode = |webhook: &StoredWebhook| proto::EnableWebhookResponse {
            webhook: Some(self.webhook(webhook)),
        };
        mutate!(call, "EnableWebhook", message, encode, |once| self.app.enable_webhook(
            &call,
            &once,
            target,
            message.from_now
        ))
    }

    async fn disable_webhook(
        &self,
        request: Request<proto::DisableWebhookRequest>,
    ) -> Result<Response<proto::DisableWebhookResponse>, Status> {
        let (call, message) = open(request)?;
        let target = convert::target(&message.webhook_id, &message.etag);
        let target = all_wrong(&message.request_id, target)?;
        let encode = |webhook: &StoredWebhook| proto::DisableWebhookResponse {
            webhook: Some(self.webhook(webhook)),
        };
        mutate!(call, "DisableWebhook", message, encode, |once| self
            .app
            .disable_webhook(&call, &once, target))
    }

    async fn delete_webhook(
        &self,
        request: Request<proto::DeleteWebhookRequest>,
    ) -> Result<Response<proto::DeleteWebhookResponse>, Status> {
        let (call, message) = open(request)?;
        let target = convert::target(&message.webhook_id, &message.etag);
        let target = all_wrong(&message.request_id, target)?;
        let encode = |(): &()| proto::DeleteWebhookResponse {};
        mutate!(call, "DeleteWebhook", message, encode, |once| self
            .app
            .delete_webhook(&call, &once, target))
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<proto::RotateWebhookSecretRequest>,
    ) -> Result<Response<proto::RotateWebhookSecretResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::rotate(&message))?;
        let encode = |made: &WithSecret| proto::RotateWebhookSecretResponse {
            webhook: Some(self.webhook(&made.webhook)),
            secret: made.sealed.clone(),
        };
        let made: Result<Response<proto::RotateWebhookSecretResponse>, Status> =
            mutate!(call, "RotateWebhookSecret", message, encode, |once| self
                .app
                .rotate_webhook_secret(&call, &once, &input));
        let mut made = made?.into_inner();
        self.open_secret(made.webhook.as_ref(), &mut made.secret)?;
        Ok(Response::new(made))
    }

    async fn test_webhook(
        &self,
        request: Request<proto::TestWebhookRequest>,
    ) -> Result<Response<proto::TestWebhookResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::target(&message.webhook_id, "")?;
        let trial = self.app.test_webhook(&call, id, webhook_json::encode).await?;
        Ok(Response::new(convert::encode_trial(trial)))
    }

    async fn list_dead_letters(
        &self,
        request: Request<proto::ListDeadLettersRequest>,
    ) -> Result<Response<proto::ListDeadLettersResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, size) = convert::list_dead(&message)?;
        let listed = self.app.list_dead_letters(&call, id, size, &message.page_token).await?;
        let (letters, next_page_token) = listed;
        Ok(Response::new(proto::ListDeadLettersResponse {
            dead_letters: letters.into_iter().map(convert::encode_dead).collect(),
            next_page_token,
        }))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<proto::ReplayDeadLettersRequest>,
    ) -> Result<Response<proto::ReplayDeadLettersResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::replay_dead(&message))?;
        let encode = |replayed: &u64| proto::ReplayDeadLettersResponse {
            replayed: i32::try_from(*replayed).unwrap_or(i32::MAX),
        };
        mutate!(call, "ReplayDeadLetters", message, encode, |once| self
            .app
            .replay_dead_letters(&call, &once, &input))
    }

    async fn replay_events(
        &self,
        request: Request<proto::ReplayEventsRequest>,
    ) -> Result<Response<proto::ReplayEventsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::replay_events(&message))?;
        let encode = |position: &i64| proto::ReplayEventsResponse { position: *position };
        mutate!(call, "ReplayEvents", message, encode, |once| self
            .app
            .replay_events(&call, &once, &input))
    }
}
