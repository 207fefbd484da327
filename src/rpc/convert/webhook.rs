//! Webhooks, how far they are, and what was given up.

use super::{decode, etag, etag_opt, event, mask, own_id, page_size, required, timestamp};
use crate::{
    app::{
        configured::UpdateConfigured,
        webhook::{CreateWebhook, REPLAYED_MAX, ReplayDeadLetters, ReplayEvents, RotateSecret, Trial},
    },
    domain::{
        error::Error,
        event_stream::{Bounds, Start, StreamEvent},
        refusal::Violations,
        text::{check_len, check_unique},
        webhook::{Settings, StoredWebhook, WantedEvents, delivery::Waiting},
    },
    rpc::proto,
    store::webhook::Progress,
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Hours for which an old secret is used if the request does not say.
const KEEP: i32 = 24;
/// And at most.
const LONGEST_KEEP: i32 = 168;

/// A webhook as a message, at this time.
#[must_use]
pub fn encode(webhook: &StoredWebhook, now: DateTime<Utc>) -> proto::Webhook {
    let (config, settings) = (&webhook.config, &webhook.config.settings);
    let wanted = &settings.filter;
    let filter = proto::EventFilter {
        kinds: wanted.kinds.clone(),
        pool_ids: super::texts(&wanted.pool_ids),
        owners: super::texts(&wanted.owners),
    };
    proto::Webhook {
        id: webhook.id.to_string(),
        display_name: settings.display_name.clone(),
        url: settings.url.clone(),
        filter: (*wanted != WantedEvents::default()).then_some(filter),
        enabled: config.enabled,
        disabled_reason: config.disabled_reason.clone(),
        old_secret_expire_time: config.old_secret_until(now).and_then(timestamp),
        etag: etag(webhook.version),
        create_time: timestamp(webhook.create_time),
        update_time: timestamp(webhook.update_time),
    }
}

/// How far a webhook is, as a message.
#[must_use]
pub fn encode_progress(progress: &Progress, bounds: Bounds, dead: usize) -> proto::WebhookProgress {
    proto::WebhookProgress {
        position: progress.position,
        last_position: bounds.last,
        waiting: i32::try_from(progress.waiting).unwrap_or(i32::MAX),
        dead_letters: i32::try_from(dead).unwrap_or(i32::MAX),
        last_delivery_time: progress.deliver_time.and_then(timestamp),
        failing_since: progress.health.failing_since.and_then(timestamp),
        failures: i32::try_from(progress.health.failures).unwrap_or(i32::MAX),
        last_error: progress.error.clone(),
    }
}

/// A dead letter as a message.
#[must_use]
pub fn encode_dead((row, told): (Waiting, StreamEvent)) -> proto::DeadLetter {
    proto::DeadLetter {
        event: Some(event::encode(told)),
        attempts: i32::try_from(row.attempts).unwrap_or(i32::MAX),
        attempt_time: timestamp(row.attempt_time),
        error: row.error,
    }
}

/// What came of a test, as a message.
#[must_use]
pub fn encode_trial(trial: Trial) -> proto::TestWebhookResponse {
    proto::TestWebhookResponse {
        delivered: trial.error.is_none(),
        error: trial.error.unwrap_or_default(),
        took: prost_types::Duration::try_from(trial.took).ok(),
    }
}

/// Reads what is to be created.
pub fn create(message: proto::CreateWebhookRequest) -> Result<CreateWebhook, Error> {
    decode(|v| {
        let start = match message.after_position {
            Some(after) => position(v, after).map(Start::After),
            None => Some(Start::Now),
        };
        let webhook = required(v, "webhook", message.webhook)?;
        let settings = settings(v, webhook);
        Some(CreateWebhook {
            settings,
            start: start?,
        })
    })
}

/// Reads an update.
pub fn update(message: proto::UpdateWebhookRequest) -> Result<UpdateConfigured<Settings>, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let webhook = required(v, "webhook", message.webhook)?;
        let id = own_id(v, "webhook.id", &webhook.id);
        let etag = etag_opt(v, "webhook.etag", &webhook.etag);
        let config = settings(v, webhook);
        Some(UpdateConfigured {
            id: id?,
            config,
            paths,
            etag: etag?,
        })
    })
}

/// Reads an id and an etag.
pub fn target(webhook_id: &str, etag: &str) -> Result<(Uuid, Option<i64>), Error> {
    decode(|v| {
        let id = own_id(v, "webhook_id", webhook_id);
        let etag = etag_opt(v, "etag", etag);
        Some((id?, etag?))
    })
}

/// Reads for how long an old secret is used.
pub fn rotate(message: &proto::RotateWebhookSecretRequest) -> Result<RotateSecret, Error> {
    decode(|v| {
        let id = own_id(v, "webhook_id", &message.webhook_id);
        let etag = etag_opt(v, "etag", &message.etag);
        let hours = message.keep_hours.unwrap_or(KEEP);
        let fits = (0..=LONGEST_KEEP).contains(&hours);
        let wrong = || format!("must be 0 to {LONGEST_KEEP}");
        let hours = v.check("keep_hours", fits.then_some(hours).ok_or_else(wrong));
        Some(RotateSecret {
            id: id?,
            keep: TimeDelta::hours(hours?.into()),
            etag: etag?,
        })
    })
}

/// Reads which dead letters are listed.
pub fn list_dead(message: &proto::ListDeadLettersRequest) -> Result<(Uuid, usize), Error> {
    decode(|v| {
        let id = own_id(v, "webhook_id", &message.webhook_id);
        let size = page_size(v, message.page_size);
        Some((id?, size?))
    })
}

/// Reads which dead letters are sent again.
pub fn replay_dead(message: &proto::ReplayDeadLettersRequest) -> Result<ReplayDeadLetters, Error> {
    decode(|v| {
        let id = own_id(v, "webhook_id", &message.webhook_id);
        let positions = &message.positions;
        check_len(v, "positions", positions.len(), REPLAYED_MAX);
        for (at, position) in positions.iter().enumerate().take(REPLAYED_MAX) {
            if *position < 1 {
                v.add(format!("positions[{at}]"), "must be a position, 1 or more");
            }
        }
        check_unique(v, "positions", positions.iter().take(REPLAYED_MAX + 1));
        Some(ReplayDeadLetters {
            id: id?,
            positions: positions.clone(),
        })
    })
}

/// Reads from where on everything is sent again.
pub fn replay_events(message: &proto::ReplayEventsRequest) -> Result<ReplayEvents, Error> {
    decode(|v| {
        let id = own_id(v, "webhook_id", &message.webhook_id);
        let after = position(v, message.after_position);
        Some(ReplayEvents { id: id?, after: after? })
    })
}

fn position(v: &mut Violations, position: i64) -> Option<i64> {
    let fits = (position >= 0).then_some(position);
    v.check("after_position", fits.ok_or("must not be negative"))
}

fn settings(v: &mut Violations, message: proto::Webhook) -> Settings {
    let kinds = message.filter.as_ref().map(|filter| filter.kinds.clone());
    let mut inner = Violations::default();
    let wanted = event::filter(&mut inner, message.filter);
    for violation in inner.within("webhook").into_vec() {
        v.add_as(violation.reason, violation.field, violation.description);
    }
    Settings {
        display_name: message.display_name,
        url: message.url,
        filter: WantedEvents {
            kinds: kinds.unwrap_or_default(),
            pool_ids: wanted.pools,
            owners: wanted.owners,
        },
    }
}
