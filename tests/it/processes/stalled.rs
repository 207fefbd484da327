//! Peers of a process that take nothing, or never stop sending: what is kept of them is bounded in bytes, and each is told
//! how it ended.

use super::{Deployed, soon};
use crate::{
    activities::told,
    harness::{Client, external_server, say},
    process::Process,
    world::{World, open_pool},
};
use chrono::{DateTime, Utc};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{
        Activity, IngestActivitiesRequest, IngestActivitiesResponse, WatchEventsRequest, WatchEventsResponse,
        watch_events_response::Message,
    },
};
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::iter;
use tonic::{Code, Status, Streaming, transport::Endpoint};
use tonic_types::StatusExt;

/// Those who watch and read nothing: as many as four services may.
const STALLED: usize = 64;
const SERVICES: usize = 4;
/// Events that each of them would be sent, and the objects that each of these names.
const EVENTS: usize = 3000;
const OBJECTS: usize = 150;
/// Streams of activities of each kind.
const SENDERS: usize = 2;
/// How much all of that may cost the process.
const MOST: u64 = 64 * 1024 * 1024;
const LONG: Duration = Duration::from_mins(2);
/// A stream of activities of which no answer is read is ended after thirty seconds; beside that, what was taken last has
/// time to be recorded.
const GIVEN_UP: Duration = Duration::from_secs(40);

impl Process {
    /// A service's own connection, which takes little ahead of what is read.
    async fn narrow(&self, caller: &str, scope: Scope) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        Client {
            channel: endpoint.initial_stream_window_size(16 * 1024).connect().await.unwrap(),
            tenant: crate::harness::ACME.to_owned(),
            caller: caller.to_owned(),
            scopes: scope.as_str().to_owned(),
            actor: String::new(),
        }
    }
}

async fn watch(client: &Client) -> Streaming<WatchEventsResponse> {
    let request = WatchEventsRequest {
        heartbeat_seconds: 60,
        ..Default::default()
    };
    client.events().watch_events(request).await.unwrap().into_inner()
}

/// Reads up to the end: the position of the last event, how many bytes all were, and how it ended.
async fn rest(mut stream: Streaming<WatchEventsResponse>) -> (i64, usize, Result<(), Status>) {
    let (mut position, mut bytes) = (0, 0);
    loop {
        let told = match stream.message().await {
            Ok(Some(told)) => told,
            Ok(None) => return (position, bytes, Ok(())),
            Err(status) => return (position, bytes, Err(status)),
        };
        bytes += prost::Message::encoded_len(&told);
        if let Some(Message::Event(event)) = told.message {
            assert_eq!(event.position, position + 1);
            position = event.position;
        }
    }
}

/// Makes all events large, as those of accounts are that many objects follow.
async fn enlarge(deployed: &Deployed) {
    let object = r#"{"source":"erp","object_type":"opportunity","object_id":"an-opportunity-of-theirs","old":"bob","new":"cid"}"#;
    let objects = vec![object; OBJECTS].join(",");
    let add = if external_server().is_some() {
        format!("CONCAT(LEFT(effects, LENGTH(effects) - 1), ',\"related\":[{objects}]}}')")
    } else {
        format!("substr(effects, 1, length(effects) - 1) || ',\"related\":[{objects}]}}'")
    };
    deployed
        .execute(&format!("UPDATE account_event SET effects = {add}"))
        .await;
}

/// A stream of messages without end, counted as they are taken.
async fn send(
    process: &Process,
    service: &str,
    account: &str,
    at: DateTime<Utc>,
    sent: &Arc<AtomicUsize>,
) -> Streaming<IngestActivitiesResponse> {
    let (name, account, sent) = (service.to_owned(), account.to_owned(), sent.clone());
    let messages = (0..).map(move |sequence| {
        sent.fetch_add(1, Ordering::Relaxed);
        let activity = |which: usize| Activity {
            object_id: String::new(),
            summary: "x".repeat(500),
            ..told(&format!("{name}-{sequence}-{which}"), &account, "call.made", at)
        };
        IngestActivitiesRequest {
            sequence,
            activities: (0..5).map(activity).collect(),
            buffer_unknown: false,
        }
    });
    let client = process.narrow(service, Scope::Ingest).await;
    let answers = client.activities().ingest_activities(iter(messages)).await;
    answers.unwrap().into_inner()
}

/// Reads all events from the first one on.
async fn read_all(process: &Process, caller: &str) {
    let mut stream = watch(&process.narrow(caller, Scope::Events).await).await;
    let mut position = 0;
    while position < i64::try_from(EVENTS).unwrap() {
        let told = timeout(LONG, stream.message()).await.expect("nothing comes");
        if let Some(Message::Event(event)) = told.unwrap().unwrap().message {
            assert_eq!(event.position, position + 1);
            position = event.position;
        }
    }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// Reads answers in their order up to the end; says how many, and how it ended.
async fn answers(mut stream: Streaming<IngestActivitiesResponse>) -> (i64, Status) {
    let mut read = 0;
    loop {
        match stream.message().await {
            Ok(Some(answer)) => {
                assert_eq!((answer.sequence, answer.results.len()), (read, 5));
                read += 1;
            }
            Ok(None) => panic!("it ended as if all was answered"),
            Err(status) => return (read, status),
        }
    }
}

/// H13: many who watch thousands of large events and read nothing, services that never read what is acknowledged, others that
/// never stop sending: the process stays small, everybody else is served, and each is told where to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_stall_cost_little() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, EVENTS).await;
    let at = world.server.clock.now();
    let deployed = Deployed::of(world).await;
    enlarge(&deployed).await;
    let settings = [
        ("TIDEPOOL__EVENTS__ENABLED", "true"),
        // What happens here lies in the past.
        ("TIDEPOOL__EVENTS__KEEP_DAYS", "3650"),
    ];
    let process = deployed.serve_at(&deployed.url, &settings).await;
    // What it takes to serve somebody who reads is not what those cost who do not.
    read_all(&process, "first").await;
    let base = process.peak_memory();

    let mut stalled = Vec::new();
    for service in 0..SERVICES {
        let client = process.narrow(&format!("stalled-{service}"), Scope::Events).await;
        for _ in 0..STALLED / SERVICES {
            stalled.push(watch(&client).await);
        }
    }
    let (mut unread, mut senders) = (Vec::new(), Vec::new());
    let (taken, others) = (Arc::default(), Arc::default());
    for (sender, account) in ids.iter().take(SENDERS).enumerate() {
        unread.push(send(&process, &format!("unread-{sender}"), account, at, &taken).await);
        let stream = send(&process, &format!("endless-{sender}"), account, at, &others).await;
        senders.push(tokio::spawn(answers(stream)));
    }
    // Somebody who reads is sent everything meanwhile.
    read_all(&process, "second").await;
    let all_sent_away = async {
        while process.times_said("a watcher of events does not read") < STALLED {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, all_sent_away).await.expect("some are borne for ever");
    for stream in stalled {
        let (position, bytes, ended) = soon("the end", rest(stream)).await;
        let status = ended.unwrap_err();
        let expected = (Code::Aborted, Reason::SlowConsumer.as_str().to_owned());
        assert_eq!((status.code(), reason(&status)), expected);
        let details = status.get_error_details();
        let resume = &details.error_info().unwrap().metadata["resume_position"];
        assert_eq!(*resume, position.to_string());
        // What waited, and what HTTP/2 takes ahead.
        assert!((1..512 * 1024).contains(&bytes), "{bytes} bytes were kept");
    }
    // Only what they read would tell them that they were given up: so it is, once nothing was taken from them for so long.
    let (mut before, mut since) = (0, Instant::now());
    while since.elapsed() < GIVEN_UP {
        sleep(Duration::from_millis(100)).await;
        let now = taken.load(Ordering::Relaxed);
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    for stream in unread {
        let (answered, status) = soon("the end", answers(stream)).await;
        assert!(answered > 0);
        let expected = (Code::DeadlineExceeded, Reason::DeadlineExceeded.as_str().to_owned());
        assert_eq!((status.code(), reason(&status)), expected, "{status:?}");
    }
    let most = process.peak_memory() - base;
    say(&format!(
        "{STALLED} watchers who read nothing: {} KiB above {} KiB",
        most / 1024,
        base / 1024
    ));
    assert!(most < MOST, "{most} bytes above {base}");
    let (status, log) = process.stop().await;
    assert!(status.success(), "{log}");
    for sender in senders {
        let (answered, status) = sender.await.unwrap();
        assert!(answered > 0);
        let expected = (Code::Unavailable, Reason::ServerBusy.as_str().to_owned());
        assert_eq!((status.code(), reason(&status)), expected, "{status:?}");
    }
    deployed.end().await;
}
