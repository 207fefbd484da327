//! Sends events as they happen: first what there is, page by page from the database, then what the hub hands out.
//!
//! What is kept of a watcher is one page and one channel, each bounded in bytes, whatever it does. It is sent what it can
//! take, and ended if it takes nothing for a while, with the position from which to go on. Its seat is free again when
//! nothing is kept of it any more: when the work has ended, and whoever was sent what waits has taken it or is gone.

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
use futures::{FutureExt, Stream};
use std::{
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        broadcast::{Receiver, error::RecvError},
        mpsc::{self, OwnedPermit, Sender, channel},
    },
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

/// Messages that wait until they are taken.
const WAITING: usize = 256;
/// And bytes of these, about. An event that is larger waits alone.
const WAITING_BYTES: u32 = 64 * 1024;
/// Bytes of events that are read at once, about: so much is kept beside what waits. The first number at first and for those
/// who are slow, up to the second for those who soon took what was read before.
const PAGE_BYTES: [usize; 2] = [64 * 1024, 1024 * 1024];
/// How soon that is.
const SOON: Duration = Duration::from_millis(250);
/// How old the answer may be to whether a user may still follow, when an event is sent.
const LOOK_EVERY: Duration = Duration::from_secs(5);

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

impl Told {
    fn weight(&self) -> u32 {
        match self {
            Self::Event(event) => u32::try_from(event.weight).unwrap_or(u32::MAX).min(WAITING_BYTES),
            Self::Heartbeat { .. } => 1,
        }
    }
}

type Message = Result<Told, Error>;

/// A message that waits, and the room that it takes.
#[derive(Debug)]
struct Waiting {
    message: Message,
    _room: Option<OwnedSemaphorePermit>,
}

/// What a watcher takes, message by message.
#[derive(Debug)]
pub struct Following {
    receiver: mpsc::Receiver<Waiting>,
    taken: Arc<AtomicU64>,
    _seat: Arc<Seat>,
}

impl Stream for Following {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let waiting = ready!(self.receiver.poll_recv(context));
        self.taken.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(waiting.map(|waiting| waiting.message))
    }
}

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
    sender: Sender<Waiting>,
    room: Arc<Semaphore>,
    /// How many messages were taken.
    taken: Arc<AtomicU64>,
    /// When it was last seen that the user may follow.
    looked: Instant,
    until: Instant,
    stop: CancellationToken,
    _seat: Arc<Seat>,
}

impl Watch {
    /// Lets somebody follow the stream until `stop`, if he may; to be [run](Self::run), which fills the channel.
    pub async fn open(
        app: Arc<App>,
        call: Call,
        wish: WatchEvents,
        stop: CancellationToken,
    ) -> Result<(Self, Following), Error> {
        let looked = Instant::now();
        let org = app.may_follow(&call).await?;
        let Events { settings, seats, .. } = &app.events;
        let who = (call.tenant.clone(), call.caller.clone());
        let seat = Arc::new(seats.take(who, settings.per_caller, settings.in_total)?);
        let bounds = app.bounds(org.key).await?;
        let position = bounds.place(wish.start)?;
        // Nothing that is handed out from here on is missed: what was there before is read.
        let news = app.events.hub.watch(org.key, bounds.last);
        // One more for the last word.
        let (sender, receiver) = channel(WAITING + 1);
        let taken = Arc::new(AtomicU64::new(0));
        let following = Following {
            receiver,
            taken: taken.clone(),
            _seat: seat.clone(),
        };
        let watch = Self {
            until: Instant::now() + settings.longest,
            app: app.clone(),
            call,
            tenant: org.key,
            wish,
            position,
            news,
            sender,
            room: Arc::new(Semaphore::new(WAITING_BYTES as usize)),
            taken,
            looked,
            stop,
            _seat: seat,
        };
        Ok((watch, following))
    }

    /// Goes on until the server stops, or until nobody listens any more.
    pub async fn run(mut self) {
        // Kept for the end: a watcher who does not read must not keep it from being told.
        let Ok(last) = self.sender.clone().reserve_owned().await else {
            return;
        };
        let ended = AssertUnwindSafe(self.follow()).catch_unwind().await;
        let error = match ended {
            Ok(End::Gone | End::Over) => return,
            Ok(End::Because(error)) => error,
            Err(_) => {
                metrics::panicked();
                tracing::error!("a watch of events panicked");
                Error::internal()
            }
        };
        last.send(Waiting {
            message: Err(error),
            _room: None,
        });
    }

    async fn follow(&mut self) -> End {
        let period = self.wish.heartbeat;
        let mut beat = interval_at(Instant::now() + period, period);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Whoever begins now learns where that is, also if something gets its position before the watch reads.
        let mut greeted = self.wish.start == Start::Now;
        if greeted && let Err(end) = self.beat().await {
            return end;
        }
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
        let mut bytes = PAGE_BYTES[0];
        loop {
            self.goes_on()?;
            let bounds = self.app.bounds(self.tenant).await?;
            bounds.keeps(self.position)?;
            let between = (self.position, bounds.last);
            let page = self.app.events_between(self.tenant, between, bytes).await?;
            let read = Instant::now();
            let Some(end) = page.last().map(|event| event.position) else {
                return Ok(());
            };
            for event in page {
                self.pass(Arc::new(event)).await?;
            }
            bytes = if read.elapsed() < SOON {
                PAGE_BYTES[1].min(bytes * 2)
            } else {
                PAGE_BYTES[0]
            };
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

    async fn beat(&mut self) -> Result<(), End> {
        let last = self.app.events.hub.position(self.tenant).max(self.position);
        let position = self.position;
        self.send(Told::Heartbeat { position, last }).await
    }

    async fn send(&mut self, told: Told) -> Result<(), End> {
        let (room, slot) = self.place(told.weight()).await?;
        // After it waited, so that nothing is sent on an old answer.
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look_up().await?;
        }
        slot.send(Waiting {
            message: Ok(told),
            _room: Some(room),
        });
        Ok(())
    }

    /// Waits until there is room for a message, for as long as anything is taken now and then.
    async fn place(&self, weight: u32) -> Result<(OwnedSemaphorePermit, OwnedPermit<Waiting>), End> {
        let patience = self.app.events.settings.send_timeout;
        let place = async {
            let room = self.room.clone().acquire_many_owned(weight).await.ok()?;
            let slot = self.sender.clone().reserve_owned().await.ok()?;
            Some((room, slot))
        };
        let mut place = pin!(place);
        loop {
            let taken = self.taken.load(Ordering::Relaxed);
            let placed = tokio::select! {
                biased;
                placed = timeout(patience, &mut place) => placed,
                () = self.stop.cancelled() => return Err(self.stopping()),
            };
            match placed {
                Ok(Some(place)) => return Ok(place),
                Ok(None) => return Err(End::Gone),
                Err(_) if self.taken.load(Ordering::Relaxed) > taken => {}
                Err(_) => {
                    metrics::too_slow();
                    tracing::info!(
                        position = self.position,
                        "a watcher of events does not read and is sent away"
                    );
                    let message = format!(
                        "no event was read for {} seconds; go on after resume_position",
                        patience.as_secs()
                    );
                    return Err(self.ended(Reason::SlowConsumer, message));
                }
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
    async fn look_up(&mut self) -> Result<(), End> {
        self.looked = Instant::now();
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
