//! `IngestActivities`: messages in their order whatever comes of them, each answered after its commit.

use super::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{IngestActivitiesRequest, IngestActivitiesResponse},
};
use tokio::{sync::mpsc::channel, time::timeout};
use tokio_stream::{iter, wrappers::ReceiverStream};

const LONG: Duration = Duration::from_mins(1);

pub(super) fn message(sequence: i64, activities: Vec<Activity>) -> IngestActivitiesRequest {
    IngestActivitiesRequest {
        sequence,
        activities,
        buffer_unknown: false,
    }
}

/// What came of a message: of each of its activities, or of the message.
fn said(answer: IngestActivitiesResponse) -> (i64, Result<Vec<Came>, String>) {
    let status = answer.status.unwrap();
    let said = match status.code {
        0 => Ok(came(answer.results)),
        _ => Err(reason(&status)),
    };
    (answer.sequence, said)
}

/// Sends all messages and reads all answers, and how it ended.
pub(super) async fn ingest(
    client: &Client,
    messages: Vec<IngestActivitiesRequest>,
) -> (Vec<IngestActivitiesResponse>, Result<(), Status>) {
    let mut answers = match client.activities().ingest_activities(iter(messages)).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (vec![], Err(status)),
    };
    let mut read = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => read.push(answer),
            Ok(None) => return (read, Ok(())),
            Err(status) => return (read, Err(status)),
        }
    }
}

/// Every message is answered in its place, under its own number; what is wrong with one is an answer to it.
#[tokio::test]
async fn messages_are_answered_in_their_order() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let good = |event: &str| follow_up(event, &id, now);
    let many = |count: usize| (0..count).map(|at| good(&format!("many-{at}"))).collect::<Vec<_>>();
    let waits = IngestActivitiesRequest {
        buffer_unknown: true,
        ..message(9, vec![named("w", "erp-1", now)])
    };
    let messages = vec![
        message(7, vec![good("a"), good("b")]),
        message(7, vec![good("a"), good("no id")]),
        message(-1, vec![]),
        message(0, many(501)),
        message(i64::MAX, vec![named("n", "erp-1", now)]),
        waits,
        message(10, many(500)),
        message(11, many(3)),
    ];
    let (answers, ended) = ingest(&world.source("erp"), messages).await;
    ended.unwrap();
    let answers: Vec<_> = answers.into_iter().map(said).collect();
    let invalid = || Err("INVALID_ARGUMENT".to_owned());
    assert_eq!(
        answers,
        [
            (7, Ok(vec![RECORDED, RECORDED])),
            (7, Ok(vec![DUPLICATE, invalid()])),
            (-1, Err("INVALID_ARGUMENT".to_owned())),
            (0, Err("INVALID_ARGUMENT".to_owned())),
            (i64::MAX, Ok(vec![refused("NOT_FOUND")])),
            (9, Ok(vec![BUFFERED])),
            (10, Ok(vec![RECORDED; 500])),
            (11, Ok(vec![DUPLICATE; 3])),
        ]
    );
    assert_eq!(
        world.account(&id).await.last_follow_up_time,
        crate::activities::time(now)
    );
    world.stop().await;
}

/// Who sends one message and waits is answered at once, after the commit.
#[tokio::test]
async fn an_answer_does_not_wait_for_the_next_message() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let (sender, receiver) = channel(1);
    let stream = world
        .source("erp")
        .activities()
        .ingest_activities(ReceiverStream::new(receiver))
        .await;
    let mut answers = stream.unwrap().into_inner();
    for at in 1..=3 {
        let told = follow_up(&format!("e{at}"), &id, now);
        sender.send(message(at, vec![told])).await.unwrap();
        let answer = timeout(LONG, answers.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(said(answer), (at, Ok(vec![RECORDED])));
        assert_eq!(world.rows("activity").await, at);
    }
    drop(sender);
    assert!(answers.message().await.unwrap().is_none());
    world.stop().await;
}

/// A stream that is cut in the middle and sent again records what was missing.
#[tokio::test]
async fn a_stream_that_was_cut_is_repeated() {
    const MESSAGES: i64 = 300;
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let all: Vec<_> = (0..MESSAGES)
        .map(|at| message(at, vec![follow_up(&format!("e{at}"), &id, now)]))
        .collect();
    let source = world.source("erp");
    let mut stream = source
        .activities()
        .ingest_activities(iter(all.clone()))
        .await
        .unwrap()
        .into_inner();
    for _ in 0..20 {
        stream.message().await.unwrap().unwrap();
    }
    drop(stream);
    let (answers, ended) = ingest(&source, all).await;
    ended.unwrap();
    let first: Vec<_> = answers.into_iter().map(said).collect();
    assert_eq!(i64::try_from(first.len()), Ok(MESSAGES));
    assert!(first[..20].iter().all(|(_, said)| *said == Ok(vec![DUPLICATE])));
    assert_eq!(world.rows("activity").await, MESSAGES);
    world.stop().await;
}

/// A source that is disabled meanwhile is told so, and nothing more is taken from it.
#[tokio::test]
async fn a_source_that_is_disabled_ends() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let source = world.source("erp");
    let request = proto::RegisterActivitySourceRequest {
        activity_source: Some(proto::ActivitySource {
            display_name: "ERP".into(),
            kinds: vec!["sales_record.*".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    source.sources().register_activity_source(request).await.unwrap();
    let (sender, receiver) = channel(1);
    let stream = source
        .activities()
        .ingest_activities(ReceiverStream::new(receiver))
        .await;
    let mut answers = stream.unwrap().into_inner();
    let told = vec![follow_up("e1", &id, now), told("e2", &id, "call.made", now)];
    sender.send(message(1, told)).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!(said(answer), (1, Ok(vec![RECORDED, refused("KIND_NOT_ALLOWED")])));
    let disable = proto::DisableActivitySourceRequest {
        activity_source_name: "erp".into(),
        ..Default::default()
    };
    world
        .server
        .admin()
        .sources()
        .disable_activity_source(disable)
        .await
        .unwrap();
    sender.send(message(2, vec![follow_up("e3", &id, now)])).await.unwrap();
    answers
        .message()
        .await
        .refused(Code::PermissionDenied, Reason::SourceDisabled);
    assert_eq!(world.rows("activity").await, 1);
    world.stop().await;
}

/// Many streams of one service at once share its lanes, and each keeps its order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_run_beside_each_other() {
    const STREAMS: usize = 8;
    const MESSAGES: i64 = 100;
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 5).await;
    let now = world.server.clock.now();
    let done = Arc::new(AtomicUsize::new(0));
    let mut streams = tokio::task::JoinSet::new();
    for stream in 0..STREAMS {
        let (source, ids, done) = (world.source("erp"), ids.clone(), done.clone());
        streams.spawn(async move {
            let messages = (0..MESSAGES).map(|at| {
                let id = &ids[usize::try_from(at).unwrap() % ids.len()];
                // Every event is told by two streams.
                let event = format!("{}-{at}", stream / 2);
                message(at, vec![follow_up(&event, id, now)])
            });
            let (answers, ended) = ingest(&source, messages.collect()).await;
            ended.unwrap();
            let said: Vec<_> = answers.into_iter().map(said).collect();
            assert!(said.iter().map(|(sequence, _)| *sequence).eq(0..MESSAGES));
            let new = said.iter().filter(|(_, said)| *said == Ok(vec![RECORDED])).count();
            done.fetch_add(new, Ordering::Relaxed);
        });
    }
    streams.join_all().await;
    assert_eq!(done.load(Ordering::Relaxed), STREAMS / 2 * 100);
    assert_eq!(world.rows("activity").await, 400);
    world.stop().await;
}
