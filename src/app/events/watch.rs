//! Sends events as they happen: first what there is, page by page from the database, then what the hub hands out.
//!
//! What is kept of a watcher is one page and one channel, whatever it does. It is sent what it can take, and ended if it
//! takes nothing for a while, with the position from which to go on.

use super::{Events, READ_TIME, hub::News, seats::Seat};
use crate::{
    app::{App, call::Call},
    domain::{
        error::Error,
        event_stream::{Filter, Start, StreamEvent},
        ids::TenantKey,
        refusal::{Reason, Refusal},
    },
    telemetry::metrics,
};
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        mpsc::{self, Sender, channel},
    },
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

/// Messages that wait until they are taken.
const WAITING: usize = 256;

/// What somebody wants to follow.
#[derive(Clone, Debug)]
pub struct WatchEvents {
    /// From where on.
    pub start: Start,
    /// Which events.
    pub filter: Filter,
    /// How often it is told that nothing is missing.
    pub heartbeat: Duration,
}

/// What a watcher is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// An event.
    Event(Arc<StreamEvent>),
    /// That everything up to here was sent or is not wanted.
    Heartbeat {
        /// Up to where.
        position: i64,
        /// How far the stream goes.
        last: i64,
    },
}

type Message = Result<Told, Error>;

/// Why a watch ends.
enum End {
    /// Nobody listens.
    Gone,
    /// It was long enough.
    Over,
    /// This.
    Because(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Because(error)
    }
}

/// Somebody who follows the stream.
#[derive(Debug)]
pub struct Watch {
    app: Arc<App>,
    call: Call,
    tenant: TenantKey,
    wish: WatchEvents,
    /// Everything up to here was sent or is not wanted.
    position: i64,
    news: Receiver<Arc<News>>,
    sender: Sender<Message>,
    until: Instant,
    stop: CancellationToken,
    _seat: Seat,
}

impl Watch {
    /// Lets somebody follow the stream until `stop`, if he may; to be [run](Self::run), which fills the channel.
    pub async fn open(
        app: Arc<App>,
        call: Call,
        wish: WatchEvents,
        stop: CancellationToken,
    ) -> Result<(Self, mpsc::Receiver<Message>), Error> {
        let org = app.may_follow(&call).await?;
        let Events { settings, seats, .. } = &app.events;
        let who = (call.tenant.clone(), call.caller.clone());
        let seat = seats.take(who, settings.per_caller, settings.in_total)?;
        let bounds = app.bounds(org.key).await?;
        let position = bounds.place(wish.start)?;
        // Nothing that is handed out from here on is missed: what was there before is read.
        let news = app.events.hub.watch(org.key, bounds.last);
        // One more for the last word.
        let (sender, receiver) = channel(WAITING + 1);
        let watch = Self {
            until: Instant::now() + settings.longest,
            app: app.clone(),
            call,
            tenant: org.key,
            wish,
            position,
            news,
            sender,
            stop,
            _seat: seat,
        };
        Ok((watch, receiver))
    }

    /// Goes on until the server stops, or until nobody listens any more.
    pub async fn run(mut self) {
        // Kept for the end: a watcher who does not read must not keep it from being told.
        let Ok(last) = self.sender.clone().reserve_owned().await else {
            return;
        };
        let ended = AssertUnwindSafe(self.follow()).catch_unwind().await;
        match ended {
            Ok(End::Gone | End::Over) => {}
            Ok(End::Because(error)) => {
                last.send(Err(error));
            }
            Err(_) => {
                metrics::panicked();
                tracing::error!("a watch of events panicked");
                last.send(Err(Error::internal()));
            }
        }
    }

    async fn follow(&mut self) -> End {
        let period = self.wish.heartbeat;
        let mut beat = interval_at(Instant::now() + period, period);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut greeted = false;
        loop {
            let went = async {
                self.catch_up(&mut beat).await?;
                if !greeted {
                    greeted = true;
                    self.beat().await?;
                }
                self.listen(&mut beat).await
            };
            if let Err(end) = went.await {
                return end;
            }
        }
    }

    /// Sends what there is, from the database.
    async fn catch_up(&mut self, beat: &mut Interval) -> Result<(), End> {
        loop {
            self.goes_on()?;
            let bounds = self.app.bounds(self.tenant).await?;
            bounds.keeps(self.position)?;
            let page = self.app.events_between(self.tenant, self.position, bounds.last).await?;
            let Some(end) = page.last().map(|event| event.position) else {
                return Ok(());
            };
            for event in page {
                self.pass(Arc::new(event)).await?;
            }
            if beat.tick().now_or_never().is_some() {
                self.look_up().await?;
                self.beat().await?;
            }
            if end >= bounds.last {
                return Ok(());
            }
        }
    }

    /// Sends what is handed out, until something is missing that has to be read.
    async fn listen(&mut self, beat: &mut Interval) -> Result<(), End> {
        loop {
            self.goes_on()?;
            let (sender, stop) = (self.sender.clone(), self.stop.clone());
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(self.stopping()),
                () = sender.closed() => return Err(End::Gone),
                _ = beat.tick() => {
                    self.look_up().await?;
                    self.beat().await?;
                    // Whatever was missed is read now and then, even if nothing new comes.
                    if self.app.events.hub.position(self.tenant) > self.position {
                        return Ok(());
                    }
                }
                came = self.news.recv() => match came {
                    Ok(news) if news.after > self.position => return Ok(()),
                    Ok(news) => {
                        for event in &news.events {
                            if event.position > self.position {
                                self.pass(event.clone()).await?;
                            }
                        }
                        self.position = self.position.max(news.to);
                    }
                    // The hub keeps those who are watched, so nothing closes before the end.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return Ok(()),
                }
            }
        }
    }

    /// Sends the event if it is wanted.
    async fn pass(&mut self, event: Arc<StreamEvent>) -> Result<(), End> {
        let position = event.position;
        if self.wish.filter.fits(&event) {
            self.goes_on()?;
            self.send(Told::Event(event)).await?;
        }
        self.position = position;
        Ok(())
    }

    async fn beat(&self) -> Result<(), End> {
        let last = self.app.events.hub.position(self.tenant).max(self.position);
        let position = self.position;
        self.send(Told::Heartbeat { position, last }).await
    }

    async fn send(&self, told: Told) -> Result<(), End> {
        let patience = self.app.events.settings.send_timeout;
        let sent = tokio::select! {
            biased;
            sent = timeout(patience, self.sender.send(Ok(told))) => sent,
            () = self.stop.cancelled() => return Err(self.stopping()),
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => {
                metrics::too_slow();
                let message = format!(
                    "no event was read for {} seconds; go on after resume_position",
                    patience.as_secs()
                );
                Err(self.ended(Reason::SlowConsumer, message))
            }
        }
    }

    fn goes_on(&self) -> Result<(), End> {
        if self.stop.is_cancelled() {
            return Err(self.stopping());
        }
        if self.sender.is_closed() {
            return Err(End::Gone);
        }
        if Instant::now() >= self.until {
            return Err(End::Over);
        }
        Ok(())
    }

    fn stopping(&self) -> End {
        let message = "the server is about to stop; go on after resume_position";
        self.ended(Reason::ServerBusy, message)
    }

    fn ended(&self, reason: Reason, message: impl Into<String>) -> End {
        let refusal = Refusal::new(reason, message).with("resume_position", self.position);
        End::Because(refusal.into())
    }

    /// Whether a user may still follow: he could before.
    async fn look_up(&self) -> Result<(), End> {
        if self.call.actor.is_some() {
            let deadline = Instant::now() + READ_TIME;
            let call = Call {
                deadline,
                ..self.call.clone()
            };
            self.app.may_follow(&call).await?;
        }
        Ok(())
    }
}
