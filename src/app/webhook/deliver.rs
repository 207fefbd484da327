//! Sends events: a turn of a webhook is what waits and is due, then what is new, until enough was sent, or the target takes
//! nothing; then what came of it is written, in one transaction under the version that was read.
//!
//! Nothing is written before it is sent: whoever dies in between has sent events that are sent again. A turn that was
//! overtaken writes nothing either.
//!
//! Statement budget of a turn: 1 read of the revisions, 1 of the progress, 1 of what waits, 1 of its events where some is
//! due, 1 of new events where there is room; then 1 lease, 1 write of the progress, and per hundred rows 1 write of what is
//! delivered and 1 of what waits or is given up.

use super::{App, Encode, UNIT_TIME};
use crate::{
    app::sweep::{LEASE_TIME, Stopped},
    domain::{
        error::Error,
        event_stream::StreamEvent,
        ids::{TenantKey, TenantName},
        organisation::Organisation,
        webhook::{
            StoredWebhook,
            delivery::{DEAD_MAX, Failure, IN_A_ROW, Queue, WAITING_MAX, again_at},
            letter,
            target::Target,
        },
    },
    store::{
        event_stream::{self, Portion},
        lease::{self, Lease},
        webhook::{self, Due, Progress},
        webhook_delivery,
    },
    webhook::Line,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Requests of a turn.
const SENT_MAX: usize = 50;
/// After so long a turn sends nothing more: a lease must outlive it, and what was sent twice should be little.
const TURN_TIME: Duration = Duration::from_secs(4);
/// New events that are read for a turn.
const PAGE: usize = 100;
/// So many, whatever their size: fewer would mean that there are no more.
const PORTION: Portion = Portion {
    events: PAGE,
    bytes: i64::MAX,
};

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Events that were delivered.
    pub delivered: usize,
    /// Attempts that failed.
    pub failed: usize,
    /// Events that were given up.
    pub dead: usize,
}

impl Turned {
    /// And what another one did.
    pub fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.dead += other.dead;
    }
}

/// Sends events to one webhook, one after the other.
pub(super) struct Post<'a> {
    app: &'a App,
    tenant: &'a TenantName,
    secrets: Vec<Vec<u8>>,
    line: Line<'a>,
    encode: Encode,
}

impl<'a> Post<'a> {
    /// To this webhook, unless its address is none.
    pub(super) fn of(
        app: &'a App,
        tenant: &'a TenantName,
        webhook: &StoredWebhook,
        encode: Encode,
    ) -> Result<Result<Self, Failure>, Error> {
        let Ok(target) = Target::parse(&webhook.config.settings.url) else {
            return Ok(Err(Failure::NotAllowed));
        };
        let opened = webhook.config.secrets_at(app.clock.now()).map(|sealed| {
            app.webhooks.vault.open(webhook.id, sealed).ok_or_else(|| {
                tracing::error!(webhook = %webhook.id, "a secret of a webhook cannot be opened");
                Error::internal()
            })
        });
        Ok(Ok(Self {
            app,
            tenant,
            secrets: opened.collect::<Result<_, _>>()?,
            line: app.webhooks.courier.line(target),
            encode,
        }))
    }

    /// Sends one.
    pub(super) async fn send(&mut self, event: &StreamEvent) -> Result<(), Failure> {
        let body = Bytes::from((self.encode)(event));
        let secrets = self.secrets.iter().map(Vec::as_slice);
        let mut headers = HeaderMap::new();
        for (name, value) in letter::headers(self.tenant, event, &body, self.app.clock.now(), secrets) {
            // What does not fit into a header is left out: all that is signed does.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        self.line.post(&headers, &body).await
    }
}

/// What a turn begins with.
struct Loaded {
    progress: Progress,
    queue: Queue,
    /// What waits and is to be sent, by position.
    due: Vec<StreamEvent>,
    /// What is new, by position, and how far was looked.
    new: Vec<StreamEvent>,
    looked_to: i64,
}

/// A turn that goes on.
struct Turn<'a> {
    app: &'a App,
    post: Result<Post<'a>, Failure>,
    progress: Progress,
    queue: Queue,
    /// Whether the target took nothing so far, and is only asked with one event.
    asks: bool,
    turned: Turned,
    in_a_row: u32,
    gone: bool,
    began: Instant,
}

impl Turn<'_> {
    fn may_go_on(&self) -> bool {
        let failed = if self.asks { 1 } else { IN_A_ROW };
        self.in_a_row < failed
            && !self.gone
            && self.turned.delivered + self.turned.failed < SENT_MAX
            && self.began.elapsed() < TURN_TIME
    }

    async fn send(&mut self, event: &StreamEvent) {
        let sent = match &mut self.post {
            Ok(post) => post.send(event).await,
            Err(failure) => Err(*failure),
        };
        let now = self.app.clock.now();
        let Err(failure) = sent else {
            self.queue.delivered(event.position);
            self.progress.health.went_well();
            self.progress.deliver_time = Some(now);
            self.progress.error.clear();
            self.turned.delivered += 1;
            self.in_a_row = 0;
            // It takes something again.
            self.asks = false;
            return;
        };
        self.progress.health.failed(now);
        self.progress.error = failure.to_string();
        self.turned.failed += 1;
        self.in_a_row += 1;
        self.gone = failure.is_gone();
        let limit = self.app.webhooks.attempts;
        let spread = self.app.webhooks.spread();
        let again = |attempts| again_at(attempts, limit, failure, now, spread);
        if self.queue.failed((event.position, event.account), failure, now, again) {
            self.turned.dead += 1;
        }
    }

    /// What waits and is due.
    async fn send_due(&mut self, events: &[StreamEvent], go_on: &(impl Fn() -> bool + Sync)) {
        for event in events {
            if !self.may_go_on() || !go_on() {
                return;
            }
            if self.queue.may_go(event.position) {
                self.send(event).await;
            }
        }
    }

    /// What is new and fits.
    async fn send_new(
        &mut self,
        webhook: &StoredWebhook,
        loaded: (&[StreamEvent], i64),
        go_on: &(impl Fn() -> bool + Sync),
    ) {
        let filter = webhook.config.settings.filter.filter();
        for event in loaded.0 {
            if self.queue.len() >= WAITING_MAX || !self.may_go_on() || !go_on() {
                return;
            }
            if filter.fits(event) {
                if self.queue.holds(event.account) {
                    self.queue.follow(event.position, event.account);
                } else {
                    self.send(event).await;
                }
            }
            self.progress.position = event.position;
        }
        self.progress.position = loaded.1;
    }
}

impl App {
    /// The webhooks for which there is something to do.
    pub async fn webhooks_due(&self) -> Result<Vec<Due>, Error> {
        // Without a trace for each look, several times a second; the next look is the next attempt.
        let unit = self.db.unit("look for webhooks", Instant::now() + UNIT_TIME);
        let look = async {
            let reader = unit.reader().await?;
            Ok(webhook::due(&reader, self.clock.now()).await?)
        };
        look.await.map_err(|abort| unit.error(abort))
    }

    /// How many events webhooks have not delivered yet, and how many webhooks are out of use.
    pub async fn webhooks_behind(&self) -> Result<(u64, u64), Error> {
        let unit = self.db.unit("measure webhooks", Instant::now() + UNIT_TIME);
        let behind = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(webhook::behind(&reader, self.db.engine()).await?)
        });
        let (events, stopped) = behind.await.map_err(|abort| unit.error(abort))?;
        Ok((u64::try_from(events).unwrap_or(0), u64::try_from(stopped).unwrap_or(0)))
    }

    /// Forgets dead letters that are older than the days that are configured.
    pub async fn purge_dead_letters(&self) -> Result<u64, Error> {
        let before = self.clock.now() - self.webhooks.keep;
        let unit = self.db.unit("purge dead letters", Instant::now() + UNIT_TIME);
        let found = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(webhook_delivery::with_dead(&reader).await?)
        });
        let mut purged = 0;
        for (tenant, id) in found.await.map_err(|abort| unit.error(abort))? {
            let unit = self.db.unit("purge dead letters", Instant::now() + UNIT_TIME);
            let purge = unit.replayable(true);
            let purge =
                purge.retry(|| unit.tx(async |tx| Ok(webhook_delivery::purge_dead(tx, tenant, id, before).await?)));
            purged += purge.await.map_err(|abort| unit.error(abort))?;
        }
        Ok(purged)
    }

    /// A turn of the webhook, for as long as `go_on` says so.
    pub async fn webhook_turn(
        &self,
        lease: &Lease,
        due: &Due,
        encode: Encode,
        go_on: impl Fn() -> bool + Send + Sync,
    ) -> Result<Turned, Stopped> {
        let unit = self.db.unit("read configuration", Instant::now() + UNIT_TIME);
        let org = self.snapshots.current(&due.tenant, Instant::now() + UNIT_TIME).await;
        let org = org.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        let webhook = org.as_ref().and_then(|org| {
            let found = org.webhooks.iter().find(|row| row.id == due.id && row.config.enabled);
            found.map(|webhook| (org, webhook))
        });
        // Deleted or disabled since.
        let Some((org, webhook)) = webhook else {
            return Ok(Turned::default());
        };
        let loaded = self.load_turn(org, due.id).await.map_err(Stopped::Failed)?;
        let Some(loaded) = loaded else {
            return Ok(Turned::default());
        };
        let post = Post::of(self, &org.name, webhook, encode).map_err(Stopped::Failed)?;
        let mut turn = Turn {
            app: self,
            post,
            asks: loaded.progress.health.is_down(),
            progress: loaded.progress,
            queue: loaded.queue,
            turned: Turned::default(),
            in_a_row: 0,
            gone: false,
            began: Instant::now(),
        };
        turn.send_due(&loaded.due, &go_on).await;
        if turn.may_go_on() && go_on() {
            turn.send_new(webhook, (&loaded.new, loaded.looked_to), &go_on).await;
        }
        self.end_turn(lease, org, due.id, turn).await
    }

    /// What the turn begins with; `None` if the webhook is out of use or gone.
    async fn load_turn(&self, org: &Organisation, id: Uuid) -> Result<Option<Loaded>, Error> {
        let unit = self.db.unit("read deliveries", Instant::now() + UNIT_TIME);
        let now = self.clock.now();
        let read = unit.retry(|| async {
            let reader = unit.reader().await?;
            let found = webhook::progress(&reader, org.key, id).await?;
            let Some((progress, bounds)) = found.filter(|(progress, _)| progress.active) else {
                return Ok(None);
            };
            let queue = Queue::new(webhook_delivery::waiting(&reader, org.key, id).await?);
            let due = event_stream::at(&reader, org.key, &queue.due(now, SENT_MAX)).await?;
            let (mut new, mut looked_to) = (Vec::new(), progress.position);
            if bounds.last > progress.position && queue.len() < WAITING_MAX {
                let range = (progress.position, bounds.last);
                new = event_stream::page(&reader, org.key, range, PORTION).await?;
                looked_to = match new.last() {
                    Some(last) if new.len() == PAGE => last.position,
                    _ => bounds.last,
                };
            }
            Ok(Some(Loaded {
                progress,
                queue,
                due,
                new,
                looked_to,
            }))
        });
        read.await.map_err(|abort| unit.error(abort))
    }

    /// Writes what came of it, unless somebody else has gone on with the webhook meanwhile, or has the lease.
    async fn end_turn(&self, lease: &Lease, org: &Organisation, id: Uuid, turn: Turn<'_>) -> Result<Turned, Stopped> {
        let Turn {
            mut progress,
            queue,
            turned,
            gone,
            ..
        } = turn;
        let now = self.clock.now();
        progress.waiting = i64::try_from(queue.len()).unwrap_or(i64::MAX);
        progress.next_time = queue.next_time();
        if progress.health.is_down() {
            progress.health.pause(now, self.webhooks.spread());
        }
        let changes = queue.changes();
        let unit = self.db.unit("deliver", Instant::now() + UNIT_TIME);
        let engine = self.db.engine();
        let (progress, changes) = (&progress, &changes);
        let written = unit.retry(|| {
            unit.tx(async |tx| {
                if !lease::renew(tx, engine, lease, LEASE_TIME).await? {
                    return Ok(None);
                }
                let saved = webhook::save(tx, org.key, id, progress).await?;
                if saved {
                    webhook_delivery::apply(tx, engine, (org.key, id), changes).await?;
                }
                Ok(Some(saved))
            })
        });
        let written = written.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        let Some(saved) = written else {
            return Err(Stopped::LeaseLost);
        };
        if !saved {
            tracing::debug!(webhook = %id, "a turn was overtaken; what it sent is sent again");
            return Ok(turned);
        }
        if turned.failed > 0 {
            tracing::info!(webhook = %id, failed = turned.failed, error = progress.error, "a webhook did not take events");
        }
        let reason = self.gives_up(org.key, id, progress, turned, gone).await;
        if let Some(reason) = reason.map_err(Stopped::Failed)? {
            tracing::warn!(webhook = %id, reason, "a webhook was disabled");
            let disabled = self.give_webhook_up(&org.name, id, &reason).await;
            disabled.map_err(Stopped::Failed)?;
        }
        Ok(turned)
    }

    /// Why the webhook cannot go on, if it cannot.
    async fn gives_up(
        &self,
        tenant: TenantKey,
        id: Uuid,
        progress: &Progress,
        turned: Turned,
        gone: bool,
    ) -> Result<Option<String>, Error> {
        if gone {
            return Ok(Some("the target says that it is gone: status 410".to_owned()));
        }
        let health = &progress.health;
        if health.is_given_up(self.clock.now(), self.webhooks.disable_after) {
            let since = health.failing_since.unwrap_or_default().to_rfc3339();
            let reason = format!("nothing was delivered since {since}; last: {}", progress.error);
            return Ok(Some(reason));
        }
        if turned.dead == 0 {
            return Ok(None);
        }
        let unit = self.db.unit("count dead letters", Instant::now() + UNIT_TIME);
        let count = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(webhook_delivery::count_dead(&reader, tenant, id).await?)
        });
        let dead = count.await.map_err(|abort| unit.error(abort))?;
        Ok((dead >= DEAD_MAX).then(|| format!("there are {DEAD_MAX} dead letters")))
    }
}
