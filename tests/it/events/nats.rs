//! Events are published to NATS: all of them, each once, in their order, whoever stops and goes on. With the feature `nats`,
//! on the server that `TIDEPOOL_TEST_NATS_URL` names; see `make test-nats`.

use super::{SOON, all};
use crate::{
    harness::run_sql,
    world::{World, open_pool},
};
use async_nats::{
    HeaderMap,
    header::NATS_MESSAGE_ID,
    jetstream::{self, Context, stream::RawMessageErrorKind},
};
use prost::Message;
use secrecy::ExposeSecret;
use std::{env, time::Duration};
use tidepool::{
    config::{Config, Nats},
    lifecycle,
    rpc::proto::Event,
    worker::nats::{self, Settings},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// More than a page.
const MANY: usize = 300;

/// A stream of its own.
struct Stream {
    settings: Settings,
    context: Context,
}

impl Stream {
    async fn new() -> Self {
        let url =
            env::var("TIDEPOOL_TEST_NATS_URL").expect("TIDEPOOL_TEST_NATS_URL names a server: see make test-nats");
        let name = Uuid::now_v7().simple().to_string();
        let config = Config {
            nats: Nats {
                url: Some(url.clone()),
                stream: name.clone(),
                subject_prefix: format!("test.{name}"),
                ..Nats::default()
            },
            ..Config::default()
        };
        Self {
            settings: lifecycle::nats_settings(&config).unwrap(),
            context: jetstream::new(async_nats::connect(url).await.unwrap()),
        }
    }

    /// How many messages it has.
    async fn len(&self) -> u64 {
        let stream = self.context.get_stream(&self.settings.stream).await;
        stream.map_or(0, |stream| stream.cached_info().state.messages)
    }

    /// Until it has so many messages.
    async fn reaches(&self, messages: usize) {
        let reached = async {
            while self.len().await < messages as u64 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, reached).await.expect("nothing comes");
    }

    /// What consumers get: subjects, headers and events, in the order of the stream.
    async fn messages(&self) -> Vec<(String, HeaderMap, Event)> {
        let stream = self.context.get_stream(&self.settings.stream).await.unwrap();
        let mut messages = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            match stream.get_raw_message(sequence).await {
                Ok(message) => {
                    let event = Event::decode(message.payload).unwrap();
                    messages.push((message.subject.to_string(), message.headers, event));
                }
                Err(error) => assert_eq!(error.kind(), RawMessageErrorKind::NoMessageFound, "{error}"),
            }
        }
        messages
    }

    async fn events(&self) -> Vec<Event> {
        self.messages().await.into_iter().map(|(.., event)| event).collect()
    }
}

fn positions(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.position).collect()
}

impl World {
    /// Accounts are made, and their events are in the stream.
    async fn happen(&self, prefix: &str, pool: &str, count: usize) -> Vec<Event> {
        self.many_lying(prefix, pool, count).await;
        self.relay().await;
        all(&self.server.admin(), 0, None).await
    }

    async fn database(&self, sql: &str) {
        let url = self.server.config.database.url.expose_secret();
        run_sql(url, sql.to_owned()).await;
    }
}

/// X11: what is published is what the stream of events has, with what consumers and the server tell it by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_events_are_published_in_their_order() {
    let (world, stream) = (World::start().await, Stream::new().await);
    let pool = world.pool(open_pool("North")).await;
    let happened = world.happen("Moss", &pool, MANY).await;
    let app = &world.server.running.app;
    assert_eq!(nats::once(app, &stream.settings).await.unwrap(), happened.len());
    let messages = stream.messages().await;
    assert_eq!(messages.len(), happened.len());
    for ((subject, headers, event), expected) in messages.iter().zip(&happened) {
        assert_eq!(event, expected);
        let change = event.account_event.as_ref().unwrap();
        let prefix = &stream.settings.subject_prefix;
        assert_eq!(*subject, format!("{prefix}.acme.{}", change.kind));
        let header = |name: &str| {
            headers
                .get(name)
                .map(|value| value.as_str().to_owned())
                .unwrap_or_default()
        };
        assert_eq!(
            header(NATS_MESSAGE_ID.as_ref()),
            format!("{}/{}", event.account_id, change.version)
        );
        assert_eq!(header("traceparent"), event.traceparent);
        assert_eq!(
            header("Content-Type"),
            "application/protobuf; messageType=\"tidepool.v1.Event\""
        );
    }
    assert_eq!(nats::once(app, &stream.settings).await.unwrap(), 0);
    world.stop().await;
}

/// X11: it stops after the server took events and before that is noted, and another replica goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_in_mid_way_nothing_is_missing_and_nothing_comes_twice() {
    let (world, stream) = (World::start().await, Stream::new().await);
    let pool = world.pool(open_pool("North")).await;
    world.happen("Moss", &pool, MANY).await;
    let app = &world.server.running.app;
    nats::once(app, &stream.settings).await.unwrap();
    let noted = 10;
    world
        .database(&format!("UPDATE event_export SET position = {noted}"))
        .await;
    let happened = world.happen("Reed", &pool, 5).await;
    let other = world.other_app(None).await;
    let published = nats::once(&other, &stream.settings).await.unwrap();
    assert_eq!(published, happened.len() - noted);
    assert_eq!(stream.events().await, happened);
    // Both at once: one of them does it.
    let happened = world.happen("Fern", &pool, MANY).await;
    let (one, two) = tokio::join!(nats::once(app, &stream.settings), nats::once(&other, &stream.settings));
    assert_eq!(one.unwrap() + two.unwrap(), MANY);
    assert_eq!(stream.events().await, happened);
    other.db.close().await;
    world.stop().await;
}

/// Somebody else publishes into the stream, so that its last message is not the one that is thought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_in_the_stream_does_no_harm() {
    let (world, stream) = (World::start().await, Stream::new().await);
    let pool = world.pool(open_pool("North")).await;
    let happened = world.happen("Moss", &pool, 3).await;
    let stop = CancellationToken::new();
    let app = world.server.running.app.clone();
    let publishing = tokio::spawn(nats::run(app, stream.settings.clone(), stop.clone()));
    stream.reaches(happened.len()).await;
    let subject = format!("{}.test.account.strange", stream.settings.subject_prefix);
    let strange = stream.context.publish(subject, Event::default().encode_to_vec().into());
    strange.await.unwrap().await.unwrap();
    let all = world.happen("Reed", &pool, 4).await;
    stream.reaches(all.len() + 1).await;
    let mut events = stream.events().await;
    assert_eq!(events.remove(happened.len()), Event::default());
    // What was on its way behind the stranger was not taken either, though its number was right.
    assert_eq!(positions(&events), positions(&all));
    assert_eq!(events, all);
    stop.cancel();
    timeout(SOON, publishing).await.expect("it does not end").unwrap();
    world.stop().await;
}

/// What is forgotten cannot be published; what comes after it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_forgotten_meanwhile_is_passed_over() {
    let (world, stream) = (World::start().await, Stream::new().await);
    let pool = world.pool(open_pool("North")).await;
    world.happen("Moss", &pool, 4).await;
    let app = &world.server.running.app;
    nats::once(app, &stream.settings).await.unwrap();
    let first = stream.events().await;
    world.happen("Reed", &pool, 4).await;
    world
        .database("UPDATE event_stream SET purged_position = last_position - 1")
        .await;
    assert_eq!(nats::once(app, &stream.settings).await.unwrap(), 1);
    let events = stream.events().await;
    assert_eq!(events.len(), first.len() + 1);
    assert_eq!(events.last().unwrap().position, first.last().unwrap().position + 4);
    world.happen("Fern", &pool, 2).await;
    world
        .database("UPDATE event_stream SET purged_position = last_position")
        .await;
    assert_eq!(nats::once(app, &stream.settings).await.unwrap(), 0);
    // It is not looked for again.
    assert!(app.behind(&stream.settings.stream).await.unwrap().is_empty());
    world.stop().await;
}
