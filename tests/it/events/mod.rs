//! The stream of events: in which order they come, that none is missing and none comes twice, whoever dies; who may follow
//! it, from where, and what becomes of those who do not keep up.

mod crash;
mod example;
mod list;
#[cfg(feature = "nats")]
mod nats;
mod relay;
mod relay_faults;
mod traced;
mod watch;
mod watch_ends;

use crate::{
    harness::{Client, at_node},
    proxy::Proxy,
    world::World,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tidepool::{
    app::App,
    lifecycle,
    rpc::proto::{
        Event, EventFilter, EventHeartbeat, ListEventsRequest, WatchEventsRequest, WatchEventsResponse,
        watch_events_response::Message,
    },
    worker,
};
use tokio::time::timeout;
use tonic::{Status, Streaming};

/// What must come soon, or the test fails instead of waiting for ever.
const SOON: Duration = Duration::from_secs(30);

impl World {
    /// Brings all events that wait into the stream, and says how many.
    pub(crate) async fn relay(&self) -> usize {
        worker::relay::once(&self.server.running.app).await.unwrap()
    }

    /// The whole stream as an administering service sees it.
    async fn stream(&self) -> Vec<Event> {
        all(&self.server.admin(), 0, None).await
    }

    /// The flows of another server on the same database, through the proxy if there is one.
    pub(crate) async fn other_app(&self, proxy: Option<&Proxy>) -> Arc<App> {
        let mut config = self.server.config.clone();
        config.database.url = match proxy {
            Some(proxy) => proxy.url(&config.database.url),
            None => at_node(&config.database.url, 1),
        };
        let clock = self.server.clock.clone();
        let db = lifecycle::open(&config, &clock).await.unwrap();
        Arc::new(App::start(db, clock).await.unwrap())
    }
}

/// All events after the position that fit, page by page.
async fn all(client: &Client, after: i64, filter: Option<EventFilter>) -> Vec<Event> {
    let (mut found, mut after_position) = (Vec::new(), after);
    loop {
        let request = ListEventsRequest {
            after_position,
            page_size: 500,
            filter: filter.clone(),
        };
        let page = client.events().list_events(request).await.unwrap().into_inner();
        found.extend(page.events);
        after_position = page.position;
        if page.position == page.last_position {
            return found;
        }
    }
}

/// Somebody who follows.
struct Watcher {
    stream: Streaming<WatchEventsResponse>,
    /// How far he has come.
    position: i64,
}

impl Watcher {
    async fn open(client: &Client, request: WatchEventsRequest) -> Result<Self, Status> {
        let position = request.after_position;
        let stream = client.events().watch_events(request).await?.into_inner();
        Ok(Self { stream, position })
    }

    /// From the beginning, with everything, and a heartbeat a second.
    async fn start(client: &Client) -> Self {
        Self::open(client, request(0)).await.unwrap()
    }

    /// The next message, or how the stream ended. Positions never go back.
    async fn next(&mut self) -> Result<Option<Message>, Status> {
        let came = timeout(SOON, self.stream.message()).await.expect("nothing comes");
        let Some(told) = came? else { return Ok(None) };
        let message = told.message.unwrap();
        let position = match &message {
            Message::Event(event) => {
                assert!(event.position > self.position, "{} again", event.position);
                event.position
            }
            Message::Heartbeat(heartbeat) => {
                assert!(heartbeat.last_position >= heartbeat.position, "{heartbeat:?}");
                heartbeat.position
            }
        };
        assert!(position >= self.position, "{position} after {}", self.position);
        self.position = position;
        Ok(Some(message))
    }

    /// The next event.
    async fn event(&mut self) -> Event {
        loop {
            if let Message::Event(event) = self.next().await.unwrap().expect("it ended") {
                return event;
            }
        }
    }

    /// So many events.
    async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.event().await);
        }
        events
    }

    /// The next heartbeat, before which no event comes.
    async fn heartbeat(&mut self) -> EventHeartbeat {
        match self.next().await.unwrap().expect("it ended") {
            Message::Heartbeat(heartbeat) => heartbeat,
            Message::Event(event) => panic!("{event:?}"),
        }
    }

    /// How it ends, and what came before.
    async fn ended(&mut self) -> (Vec<Event>, Result<(), Status>) {
        let mut events = Vec::new();
        loop {
            match self.next().await {
                Ok(Some(Message::Event(event))) => events.push(event),
                Ok(Some(Message::Heartbeat(_))) => {}
                Ok(None) => return (events, Ok(())),
                Err(status) => return (events, Err(status)),
            }
        }
    }
}

/// Everything after the position, with a heartbeat a second.
fn request(after_position: i64) -> WatchEventsRequest {
    WatchEventsRequest {
        after_position,
        heartbeat_seconds: 1,
        ..WatchEventsRequest::default()
    }
}

/// P11: positions have no holes from `first` on, and each account's versions come in order, the first ones first.
fn assert_whole(events: &[Event], first: i64) {
    let mut versions: HashMap<&str, i64> = HashMap::new();
    for (event, position) in events.iter().zip(first..) {
        assert_eq!(event.position, position);
        let version = event.account_event.as_ref().unwrap().version;
        let before = versions.insert(&event.account_id, version);
        if first == 1 || before.is_some() {
            assert_eq!(version, before.unwrap_or(0) + 1, "of {}", event.account_id);
        }
    }
}

/// What happened, in short.
fn kind(event: &Event) -> &str {
    &event.account_event.as_ref().unwrap().kind
}
