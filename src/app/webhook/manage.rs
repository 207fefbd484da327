//! Creates, reads, changes and deletes webhooks. Their configuration is a row of the tenant's configuration; how far they
//! are is written with it.

use super::{allow, find};
use crate::{
    app::{
        App,
        call::Call,
        configured::{UpdateConfigured, check_number},
        flow::{self, Ask, Once, Reply},
        page::{self, List},
        sweep::service,
        tenant::check_etag,
    },
    domain::{
        config_change::{Action, ConfigChange, ConfigEvent, Write},
        configured::{ConfigTable, Configured},
        error::Error,
        event_stream::{Bounds, Start},
        ids::TenantName,
        refusal::Violations,
        webhook::{ProgressWrite, Settings, StoredWebhook, WEBHOOKS_MAX, Webhook, signature},
    },
    store::{
        config,
        webhook::{self, Progress},
        webhook_delivery,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

const TABLE: ConfigTable = ConfigTable::Webhook;

/// What is to be created.
#[derive(Clone, Debug)]
pub struct CreateWebhook {
    /// What people say of it.
    pub settings: Settings,
    /// From where on events are sent.
    pub start: Start,
}

/// A change of the secret.
#[derive(Clone, Debug)]
pub struct RotateSecret {
    /// Of which webhook.
    pub id: Uuid,
    /// For how long the secret before is used too.
    pub keep: TimeDelta,
    /// The state that the caller saw.
    pub etag: Option<i64>,
}

/// A webhook with a secret that is told once.
#[derive(Clone, Debug)]
pub struct WithSecret {
    /// The webhook.
    pub webhook: StoredWebhook,
    /// The secret, sealed: see [`App::show_webhook_secret`].
    pub sealed: String,
}

fn check(violations: Violations) -> Result<(), Error> {
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations.within("webhook").into())
    }
}

/// The next version of a webhook, and what is written with it.
fn changed(
    old: &StoredWebhook,
    new: Webhook,
    action: Action,
    progress: Option<ProgressWrite>,
    now: DateTime<Utc>,
) -> (ConfigChange, StoredWebhook) {
    if new == old.config && progress.is_none() {
        return (ConfigChange::default(), old.clone());
    }
    let told = (old.config.told(), new.told());
    let event = ConfigEvent::new(TABLE.as_str(), old.id, action, Some(&told.0), Some(&told.1));
    let row = old.with(new, now);
    let update = Write::RowUpdate(TABLE, row.serialised());
    let change = ConfigChange {
        writes: std::iter::once(update).chain(progress.map(Write::Webhook)).collect(),
        events: vec![event],
    };
    (change, row)
}

impl App {
    /// Creates a webhook that sends what comes after some position.
    pub async fn create_webhook(
        &self,
        call: &Call,
        once: &Once<'_, WithSecret>,
        input: &CreateWebhook,
    ) -> Result<Reply<WithSecret>, Error> {
        let org = self.organisation(call).await?;
        allow(&Self::principal(&org, call)?)?;
        // Refused only if this was not answered before.
        let begin = self.stream_bounds(org.key).await?.place(input.start);
        let id = self.ids.next();
        let sealed = self.webhooks.vault.make(id);
        self.configure(call, "CreateWebhook", once, Ask::Nothing, |facts| {
            allow(facts.principal)?;
            self.webhooks.refuse_if_off()?;
            check(input.settings.validate(Some(self.webhooks.policy())))?;
            check_number("webhooks", facts.org.webhooks.len(), WEBHOOKS_MAX)?;
            let position = begin.clone()?;
            let config = Webhook::new(input.settings.clone(), sealed.clone());
            let webhook = Configured::new(id, config, facts.now);
            let told = webhook.config.told();
            let event = ConfigEvent::new(TABLE.as_str(), id, Action::Created, None, Some(&told));
            let change = ConfigChange {
                writes: vec![
                    Write::RowInsert(TABLE, webhook.serialised()),
                    Write::Webhook(ProgressWrite::Begin(id, position)),
                ],
                events: vec![event],
            };
            let sealed = sealed.clone();
            Ok((change, WithSecret { webhook, sealed }))
        })
        .await
    }

    /// The secret of a webhook as its owner is told it, once.
    pub fn show_webhook_secret(&self, webhook: Uuid, sealed: &str) -> Result<String, Error> {
        let secret = self.webhooks.vault.open(webhook, sealed);
        secret.map(|secret| signature::show(&secret)).ok_or_else(|| {
            tracing::error!(%webhook, "a secret of a webhook cannot be opened");
            Error::internal()
        })
    }

    /// Reads a webhook and how far it is: also how far its stream goes, and how many events were given up.
    ///
    /// Statement budget: 1 read of the revisions, 1 of the progress, 1 of the number of dead letters.
    pub async fn get_webhook(
        &self,
        call: &Call,
        id: Uuid,
    ) -> Result<(Arc<StoredWebhook>, Progress, Bounds, usize), Error> {
        let org = self.organisation(call).await?;
        allow(&Self::principal(&org, call)?)?;
        let found = find(&org, id)?;
        let unit = self.db.unit("GetWebhook", call.deadline);
        let read = unit.retry(|| async {
            let reader = unit.reader().await?;
            let progress = webhook::progress(&reader, org.key, id).await?;
            Ok((progress, webhook_delivery::count_dead(&reader, org.key, id).await?))
        });
        let (progress, dead) = read.await.map_err(|abort| unit.error(abort))?;
        // Deleted since.
        let (progress, bounds) = progress.ok_or_else(|| Error::not_found("webhook", id))?;
        Ok((found.clone(), progress, bounds, dead))
    }

    /// The webhooks by id, which is by creation, and the token of the next page.
    pub async fn list_webhooks(
        &self,
        call: &Call,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<StoredWebhook>>, String), Error> {
        let org = self.organisation(call).await?;
        allow(&Self::principal(&org, call)?)?;
        let list = List::new(call, "ListWebhooks", &());
        let after: Option<Uuid> = self.pages.open(&list, token)?;
        let rest = org
            .webhooks
            .iter()
            .filter(|row| after.is_none_or(|after| row.id > after));
        let rows = rest.take(size + 1).cloned().collect();
        Ok(page::cut(&self.pages, &list, rows, size, |row| row.id))
    }

    /// Changes what people say of a webhook.
    pub async fn update_webhook(
        &self,
        call: &Call,
        once: &Once<'_, StoredWebhook>,
        input: &UpdateConfigured<Settings>,
    ) -> Result<Reply<StoredWebhook>, Error> {
        self.configure(call, "UpdateWebhook", once, Ask::Nothing, |facts| {
            allow(facts.principal)?;
            let old = find(facts.org, input.id)?;
            check_etag(input.etag, old.version)?;
            let settings = input.merge(&old.config.settings)?;
            // An address that is there already is not asked about again: it is nobody's fault now.
            let moves = settings.url != old.config.settings.url;
            if moves {
                self.webhooks.refuse_if_off()?;
            }
            check(settings.validate(moves.then(|| self.webhooks.policy())))?;
            let new = Webhook {
                settings,
                ..old.config.clone()
            };
            Ok(changed(old, new, Action::Updated, None, facts.now))
        })
        .await
    }

    /// Lets a webhook send again, from where it stopped or from now on, or not at all.
    pub async fn enable_webhook(
        &self,
        call: &Call,
        once: &Once<'_, StoredWebhook>,
        (id, etag): (Uuid, Option<i64>),
        from_now: bool,
    ) -> Result<Reply<StoredWebhook>, Error> {
        let org = self.organisation(call).await?;
        allow(&Self::principal(&org, call)?)?;
        let last = self.stream_bounds(org.key).await?.last;
        self.configure(call, "EnableWebhook", once, Ask::Nothing, |facts| {
            allow(facts.principal)?;
            let old = find(facts.org, id)?;
            check_etag(etag, old.version)?;
            self.webhooks.refuse_if_off()?;
            if old.config.enabled {
                return Ok((ConfigChange::default(), StoredWebhook::clone(old)));
            }
            let go_on = ProgressWrite::GoOn(id, from_now.then_some(last));
            let new = old.config.switched(true, "");
            Ok(changed(old, new, Action::Enabled, Some(go_on), facts.now))
        })
        .await
    }

    /// Lets a webhook send nothing.
    pub async fn disable_webhook(
        &self,
        call: &Call,
        once: &Once<'_, StoredWebhook>,
        (id, etag): (Uuid, Option<i64>),
    ) -> Result<Reply<StoredWebhook>, Error> {
        self.configure(call, "DisableWebhook", once, Ask::Nothing, |facts| {
            allow(facts.principal)?;
            let old = find(facts.org, id)?;
            check_etag(etag, old.version)?;
            if !old.config.enabled {
                return Ok((ConfigChange::default(), StoredWebhook::clone(old)));
            }
            let new = old.config.switched(false, "");
            let stop = Some(ProgressWrite::Stop(id));
            Ok(changed(old, new, Action::Disabled, stop, facts.now))
        })
        .await
    }

    /// Deletes a webhook with everything that belongs to it.
    pub async fn delete_webhook(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        (id, etag): (Uuid, Option<i64>),
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteWebhook", once, Ask::Nothing, |facts| {
            allow(facts.principal)?;
            let old = find(facts.org, id)?;
            check_etag(etag, old.version)?;
            let told = old.config.told();
            let event = ConfigEvent::new(TABLE.as_str(), id, Action::Deleted, Some(&told), None);
            let change = ConfigChange {
                writes: vec![Write::RowDelete(TABLE, id), Write::Webhook(ProgressWrite::Forget(id))],
                events: vec![event],
            };
            Ok((change, ()))
        })
        .await
    }

    /// Gives a webhook another secret.
    pub async fn rotate_webhook_secret(
        &self,
        call: &Call,
        once: &Once<'_, WithSecret>,
        input: &RotateSecret,
    ) -> Result<Reply<WithSecret>, Error> {
        let sealed = self.webhooks.vault.make(input.id);
        self.configure(call, "RotateWebhookSecret", once, Ask::Nothing, |facts| {
            allow(facts.principal)?;
            let old = find(facts.org, input.id)?;
            check_etag(input.etag, old.version)?;
            let new = old.config.rotated(sealed.clone(), facts.now + input.keep);
            let (change, webhook) = changed(old, new, Action::Updated, None, facts.now);
            let sealed = sealed.clone();
            Ok((change, WithSecret { webhook, sealed }))
        })
        .await
    }

    /// Disables a webhook that cannot go on, and says why in it and in the history.
    pub(super) async fn give_webhook_up(&self, tenant: &TenantName, id: Uuid, reason: &str) -> Result<(), Error> {
        let deadline = Instant::now() + super::UNIT_TIME;
        let unit = self.db.unit("disable webhook", deadline).replayable(true);
        self.on_tenant(tenant, &unit, deadline, |org| async move {
            unit.retry(|| {
                unit.tx(async |tx| {
                    flow::enter(tx, &org, None).await?;
                    let Some(old) = org.webhooks.iter().find(|row| row.id == id && row.config.enabled) else {
                        return Ok(());
                    };
                    let now = self.clock.now();
                    let new = old.config.switched(false, reason);
                    let stop = Some(ProgressWrite::Stop(id));
                    let (change, _) = changed(old, new, Action::Disabled, stop, now);
                    let principal = service();
                    let by = config::By {
                        caller: &principal.caller,
                        actor: None,
                        now,
                    };
                    config::apply(tx, &org, &change, &by, &self.ids).await?;
                    Ok(())
                })
            })
            .await
        })
        .await
    }
}
