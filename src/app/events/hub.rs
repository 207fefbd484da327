//! What is new is read once per tenant and process, and handed to all who watch.
//!
//! A watcher that does not keep up loses what is handed to it, not its place: it reads from the database what it missed,
//! by itself. So what is kept here is bounded, eight pages of 128 KiB, and nobody waits for anybody.

use super::{PAGE, READ_TIME};
use crate::{
    app::App,
    domain::{
        error::Error,
        event_stream::{Bounds, StreamEvent},
        ids::TenantKey,
    },
    store::event_stream::{self, Portion},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, broadcast},
    time::{Instant, sleep},
};

/// Bytes of events that are read at once, about.
const PAGE_BYTES: usize = 128 * 1024;
/// Pages that are kept for watchers who are behind.
const KEPT: usize = 8;

/// All events of a tenant after one position, up to and with another.
#[derive(Debug)]
pub(super) struct News {
    pub(super) after: i64,
    pub(super) to: i64,
    pub(super) events: Vec<Arc<StreamEvent>>,
}

#[derive(Debug)]
struct Watched {
    sender: broadcast::Sender<Arc<News>>,
    /// What was handed out goes up to here.
    position: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Hub {
    tenants: Mutex<HashMap<TenantKey, Watched>>,
    /// Somebody watches a tenant that nobody watched.
    opened: Notify,
    /// This process gave positions.
    placed: Notify,
}

impl Hub {
    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantKey, Watched>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out what comes after `last`, the end of the tenant's stream at some moment before; or what comes after what
    /// those who are there already were handed.
    pub(super) fn watch(&self, tenant: TenantKey, last: i64) -> broadcast::Receiver<Arc<News>> {
        let mut tenants = self.tenants();
        let watched = tenants.entry(tenant).or_insert_with(|| Watched {
            sender: broadcast::Sender::new(KEPT),
            position: last,
        });
        self.opened.notify_one();
        watched.sender.subscribe()
    }

    /// How many are handed what is new.
    pub(super) fn listeners(&self) -> usize {
        let tenants = self.tenants();
        tenants.values().map(|watched| watched.sender.receiver_count()).sum()
    }

    /// How far what was handed out goes.
    pub(super) fn position(&self, tenant: TenantKey) -> i64 {
        self.tenants().get(&tenant).map_or(0, |watched| watched.position)
    }

    pub(super) fn placed(&self) {
        self.placed.notify_one();
    }

    /// The tenants that somebody watches, and how far each was handed out. The others are let go.
    fn watched(&self) -> HashMap<TenantKey, i64> {
        let mut tenants = self.tenants();
        tenants.retain(|_, watched| watched.sender.receiver_count() > 0);
        tenants
            .iter()
            .map(|(tenant, watched)| (*tenant, watched.position))
            .collect()
    }

    fn hand_out(&self, tenant: TenantKey, news: News) {
        if let Some(watched) = self.tenants().get_mut(&tenant) {
            watched.position = news.to;
            // Nobody listens any more: then it is nobody's news.
            drop(watched.sender.send(Arc::new(news)));
        }
    }

    pub(super) async fn wanted(&self, pause: Duration) {
        if self.watched().is_empty() {
            self.opened.notified().await;
            return;
        }
        tokio::select! {
            () = self.placed.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

impl App {
    /// Hands out what is new to those who watch.
    ///
    /// Statement budget: 1 read for all tenants that are watched; of each of which something is new 2 more per 256 events or
    /// 128 KiB, 1 if it is one or two.
    pub async fn tell_watchers(&self) -> Result<(), Error> {
        let watched = self.events.hub.watched();
        if watched.is_empty() {
            return Ok(());
        }
        let tenants: Vec<_> = watched.keys().copied().collect();
        // Without a trace for each look, many times a second; the next look is the next attempt.
        let unit = self.db.unit("look for events", Instant::now() + READ_TIME);
        let look = async {
            let reader = unit.reader().await?;
            Ok(event_stream::bounds_of(&reader, &tenants).await?)
        };
        let bounds = look.await.map_err(|abort| unit.error(abort))?;
        let mut told = Ok(());
        for (tenant, position) in watched {
            let last = bounds.get(&tenant).map_or(0, |bounds| bounds.last);
            // What is wrong in one tenant's stream keeps the others from nothing.
            told = self.tell_of(tenant, position, last).await.and(told);
        }
        told
    }

    async fn tell_of(&self, tenant: TenantKey, mut position: i64, last: i64) -> Result<(), Error> {
        while position < last {
            let events = self.events_between(tenant, (position, last), PAGE_BYTES).await?;
            // There are no holes.
            let to = events.last().map_or(last, |event| event.position);
            let events = events.into_iter().map(Arc::new).collect();
            let news = News {
                after: position,
                to,
                events,
            };
            self.events.hub.hand_out(tenant, news);
            position = to;
        }
        Ok(())
    }

    /// A page of the tenant's events after one position, up to and with another that was given: so many bytes at most, unless
    /// the first one is larger.
    pub(super) async fn events_between(
        &self,
        tenant: TenantKey,
        between: (i64, i64),
        bytes: usize,
    ) -> Result<Vec<StreamEvent>, Error> {
        let portion = Portion {
            events: PAGE,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        };
        let unit = self.db.unit("read events", Instant::now() + READ_TIME);
        let page = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(event_stream::page(&reader, tenant, between, portion).await?)
        });
        page.await.map_err(|abort| unit.error(abort))
    }

    /// How far the tenant's stream goes.
    pub(super) async fn bounds(&self, tenant: TenantKey) -> Result<Bounds, Error> {
        let unit = self.db.unit("read events", Instant::now() + READ_TIME);
        let bounds = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(event_stream::bounds(&reader, tenant).await?)
        });
        bounds.await.map_err(|abort| unit.error(abort))
    }
}
