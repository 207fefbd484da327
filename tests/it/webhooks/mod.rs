//! Webhooks: what is sent, signed with what, in which order, how often; what is given up and sent again; where nothing is
//! sent; who may have one.

mod crash;
mod deliver;
mod failing;
mod manage;
mod receiver;
mod replay;
mod targets;
mod verified;

use crate::{
    harness::{Client, Server},
    world::{World, open_pool},
};
use chrono::TimeDelta;
use receiver::{Received, Receiver};
use std::time::Duration;
use tidepool::{
    app::webhook::Turned,
    config::Config,
    rpc::{
        convert::webhook_json,
        proto::{self, EventFilter, Webhook, WebhookProgress},
    },
    worker::{self, webhook::Settings},
};
use tonic::Status;

/// What must come soon, or the test fails instead of waiting for ever.
const SOON: Duration = Duration::from_secs(30);

/// This host is allowed, by its address and by its name.
pub(crate) fn allow(config: &mut Config) {
    config.webhooks.allowed_hosts = vec!["127.0.0.1:*".into(), "localhost:*".into()];
    config.webhooks.allow_private = true;
}

/// As a server sends.
pub(crate) const SENDS: Settings = Settings {
    encode: webhook_json::encode,
    interval: Duration::from_millis(10),
    at_once: 16,
};

/// An organisation whose events may be sent to this host.
async fn world() -> World {
    world_with(|_| {}).await
}

async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let server = Server::start_with(|config| {
        allow(config);
        change(config);
    });
    let world = World::of(server.await).await;
    world.server.running.app.webhooks.seed(1);
    world
}

fn webhook(url: &str) -> Webhook {
    Webhook {
        display_name: "Warehouse".into(),
        url: url.into(),
        ..Webhook::default()
    }
}

async fn create(client: &Client, webhook: Webhook, after: Option<i64>) -> Result<(Webhook, String), Status> {
    let request = proto::CreateWebhookRequest {
        webhook: Some(webhook),
        after_position: after,
        ..Default::default()
    };
    let made = client.webhooks().create_webhook(request).await?.into_inner();
    Ok((made.webhook.unwrap(), made.secret))
}

impl World {
    /// Sends everything to the receiver, from the beginning of the stream on, and says the webhook's id.
    async fn hook(&self, receiver: &Receiver) -> String {
        self.hook_with(receiver, EventFilter::default()).await.0
    }

    /// The same of what fits, with the secret.
    async fn hook_with(&self, receiver: &Receiver, filter: EventFilter) -> (String, String) {
        let webhook = Webhook {
            filter: Some(filter),
            ..webhook(&receiver.url())
        };
        let (webhook, secret) = create(&self.server.admin(), webhook, Some(0)).await.unwrap();
        (webhook.id, secret)
    }

    /// Sends what is to be sent at this time.
    async fn post(&self) -> Turned {
        self.relay().await;
        worker::webhook::once(&self.server.running.app, SENDS).await.unwrap()
    }

    /// The webhook and how far it is.
    async fn progress(&self, id: &str) -> (Webhook, WebhookProgress) {
        let request = proto::GetWebhookRequest { webhook_id: id.into() };
        let got = self.server.admin().webhooks().get_webhook(request).await;
        let got = got.unwrap().into_inner();
        (got.webhook.unwrap(), got.progress.unwrap())
    }

    /// All dead letters, page by page.
    async fn dead_letters(&self, id: &str) -> Vec<proto::DeadLetter> {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListDeadLettersRequest {
                webhook_id: id.into(),
                page_size: 2,
                page_token,
            };
            let page = self.server.admin().webhooks().list_dead_letters(request).await;
            let page = page.unwrap().into_inner();
            found.extend(page.dead_letters);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    }

    fn later(&self, seconds: i64) {
        self.server.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Claims and gives back, so often.
    async fn to_and_fro(&self, id: &str, times: usize) {
        let site = self.site();
        for _ in 0..times {
            site.claim(0, "bob", id).await.unwrap();
            site.give_back("bob", id).await;
        }
    }

    /// So many unclaimed accounts in a pool.
    async fn accounts(&self, count: usize) -> Vec<String> {
        let pool = self.pool(open_pool("North")).await;
        self.many_lying("Acme", &pool, count).await
    }
}

/// The accounts' versions in the order in which they came.
fn versions(came: &[Received], account: &str) -> Vec<i64> {
    let of = came.iter().map(Received::of).filter(|(of, _)| of == account);
    of.map(|(_, version)| version).collect()
}

fn delivered(number: usize) -> Turned {
    Turned {
        delivered: number,
        ..Turned::default()
    }
}

fn failed(number: usize) -> Turned {
    Turned {
        failed: number,
        ..Turned::default()
    }
}
