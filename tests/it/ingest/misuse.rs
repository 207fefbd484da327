//! Bad input and peers that misbehave: each is told what is wrong, and nobody else notices.

use super::{
    stream::{ingest, message},
    *,
};
use crate::{harness::Server, raw::Raw};
use bytes::Bytes;
use chrono::TimeDelta;
use http::Uri;
use prost::Message;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{IngestActivitiesResponse, Money},
};
use tokio::{sync::mpsc::channel, time::timeout};
use tokio_stream::{iter, wrappers::ReceiverStream};
use tonic::{Request, transport::Endpoint};

const LONG: Duration = Duration::from_mins(1);

/// P5: a time ahead of ours is refused beyond what clocks differ by, and the past never is; old news move nothing that is
/// newer. Amounts are exact or refused.
#[tokio::test]
async fn times_and_amounts_have_bounds() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let at = |event: &str, ahead: TimeDelta| follow_up(event, &id, now + ahead);
    let worth = |event: &str, amount: &str, currency: &str| Activity {
        object_id: format!("order-{event}"),
        amount: Some(Money {
            amount: amount.into(),
            currency: currency.into(),
        }),
        ..told(event, &id, "sales_order.created", now)
    };
    let told = vec![
        at("soon", TimeDelta::minutes(5)),
        at("future", TimeDelta::minutes(5) + TimeDelta::microseconds(1)),
        at("far", TimeDelta::days(365 * 50)),
        at("old", -TimeDelta::days(3653)),
        worth("right", "1200.50", "EUR"),
        worth("digits", &"1".repeat(40), "EUR"),
        worth("nan", "NaN", "EUR"),
        worth("minus", "-1", "EUR"),
        worth("currency", "1", "XQQ"),
    ];
    let future = || refused("OCCURRED_IN_FUTURE");
    let money = || refused("INVALID_MONEY");
    let expected = [
        RECORDED,
        future(),
        future(),
        RECORDED,
        RECORDED,
        money(),
        money(),
        money(),
        money(),
    ];
    assert_eq!(tell(&world.source("erp"), of(told.clone())).await.unwrap(), expected);
    let last = world.account(&id).await.last_follow_up_time;
    assert_eq!(last, crate::activities::time(now + TimeDelta::minutes(5)));
    // A stream takes the same and refuses the same.
    let (answers, ended) = ingest(&world.source("erp"), vec![message(1, told)]).await;
    ended.unwrap();
    let again = expected.map(|came| if came == RECORDED { DUPLICATE } else { came });
    assert_eq!(came(answers[0].results.clone()), again);
    world.stop().await;
}

/// Big messages of a stream whose sender stops at nothing.
fn endless(
    world: &World,
    id: &str,
    count: i64,
    sent: &Arc<AtomicUsize>,
) -> impl Iterator<Item = proto::IngestActivitiesRequest> + Send + 'static {
    let (now, id, sent) = (world.server.clock.now(), id.to_owned(), sent.clone());
    let summary = "x".repeat(1000);
    (0..count).map(move |at| {
        sent.fetch_add(1, Ordering::Relaxed);
        let activity = |which: usize| Activity {
            summary: summary.clone(),
            ..follow_up(&format!("e{at}-{which}"), &id, now)
        };
        message(at, (0..10).map(activity).collect())
    })
}

/// A sender who never stops is taken no more from than is answered: what is under way stays bounded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_stops_writing_is_held_back() {
    const MESSAGES: i64 = 1000;
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let messages = endless(&world, &id, MESSAGES, &sent);
    let answers = world.source("erp").activities().ingest_activities(iter(messages)).await;
    let mut answers = answers.unwrap().into_inner();
    let (mut read, mut most) = (0, 0);
    while let Some(answer) = answers.message().await.unwrap() {
        most = most.max(sent.load(Ordering::Relaxed) - usize::try_from(read).unwrap());
        assert_eq!((answer.sequence, answer.results.len()), (read, 10));
        read += 1;
    }
    assert_eq!(read, MESSAGES);
    assert!(most < 400, "{most} messages were under way at once");
    assert_eq!(world.rows("activity").await, MESSAGES * 10);
    world.stop().await;
}

/// H13: a client that stops reading is sent no more, and no more is taken from it; nobody else notices, and once it reads
/// on all is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_not_served() {
    const MESSAGES: i64 = 1500;
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let address = format!("http://{}", world.server.running.address());
    let narrow = Endpoint::from(address.parse::<Uri>().unwrap()).initial_stream_window_size(4 * 1024);
    let client = Client {
        channel: narrow.connect().await.unwrap(),
        ..world.source("erp")
    };
    let sent = Arc::new(AtomicUsize::new(0));
    let messages = endless(&world, &id, MESSAGES, &sent);
    let answers = client.activities().ingest_activities(iter(messages)).await;
    let mut answers = answers.unwrap().into_inner();
    let (mut count, mut same) = (0, 0);
    while same < 50 {
        let now = world.rows("activity").await;
        same = if now == count { same + 1 } else { 0 };
        count = now;
    }
    let taken = sent.load(Ordering::Relaxed);
    assert!(
        taken < 800,
        "{taken} messages were taken from somebody who does not read"
    );
    // Its lane is free meanwhile.
    let other = of(vec![follow_up("other", &id, world.server.clock.now())]);
    let told = timeout(LONG, tell(&world.source("erp"), other)).await.unwrap();
    assert_eq!(told.unwrap(), [RECORDED]);
    let mut read = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        assert_eq!((answer.sequence, answer.results.len()), (read, 10));
        read += 1;
    }
    assert_eq!(read, MESSAGES);
    world.stop().await;
}

/// H12: half a message, or none at all, ends the stream as the caller's fault; what came before it is answered first.
#[tokio::test]
async fn a_message_that_cannot_be_read_ends_the_stream() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let raw = Raw::connect(world.server.running.address()).await;
    let framed = |message: &[u8], length: usize| {
        let mut frame = vec![0];
        frame.extend(u32::try_from(length).unwrap().to_be_bytes());
        frame.extend(message);
        frame
    };
    let whole = message(2, vec![follow_up("other", &id, now)]).encode_to_vec();
    let long = vec![0; world.server.config.server.max_request_bytes + 1];
    let broken = [
        framed(b"\xff\xff", 2),
        framed(&long, long.len()),
        framed(&whole[..whole.len() / 2], whole.len()),
    ];
    for (at, broken) in broken.into_iter().enumerate() {
        let good = message(1, vec![follow_up(&format!("e{at}"), &id, now)]).encode_to_vec();
        let mut bytes = framed(&good, good.len());
        bytes.extend(broken);
        let (response, mut stream) = raw.open("/tidepool.v1.ActivityService/IngestActivities", &bytes).await;
        drop(stream.send_data(Bytes::new(), true));
        let mut body = response.await.unwrap().into_body();
        let mut read = Vec::new();
        while let Some(chunk) = body.data().await {
            read.extend(chunk.unwrap());
        }
        let answer = IngestActivitiesResponse::decode(&read[5..]).unwrap();
        assert_eq!((answer.sequence, came(answer.results)), (1, vec![RECORDED]), "{at}");
        let trailers = body.trailers().await.unwrap().unwrap();
        let status = Status::from_header_map(&trailers).unwrap();
        Err::<(), _>(status).refused(Code::InvalidArgument, Reason::InvalidArgument);
    }
    assert_eq!(world.rows("activity").await, 3);
    raw.close().await;
    world.stop().await;
}

/// A stream ends with its deadline, and says so.
#[tokio::test]
async fn a_stream_ends_with_its_deadline() {
    let world = World::start().await;
    let (sender, receiver) = channel(1);
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.set_timeout(Duration::from_secs(1));
    let answers = world.source("erp").activities().ingest_activities(request).await;
    let mut answers = answers.unwrap().into_inner();
    answers
        .message()
        .await
        .refused(Code::DeadlineExceeded, Reason::DeadlineExceeded);
    drop(sender);
    world.stop().await;
}

/// A stream counts as a call under way until it ends, and ends with the server, which tells it to come again.
#[tokio::test]
async fn a_stream_has_a_place_and_ends_with_the_server() {
    let server = Server::start_with(|config| config.server.max_concurrent_calls = 1).await;
    let admin = server.admin();
    let (sender, receiver) = channel(1);
    let stream = admin
        .activities()
        .ingest_activities(ReceiverStream::new(receiver))
        .await;
    let mut answers = stream.unwrap().into_inner();
    let tenant = async || admin.tenants().get_tenant(proto::GetTenantRequest {}).await;
    tenant().await.refused(Code::Unavailable, Reason::ServerBusy);
    timeout(LONG, server.discard()).await.unwrap();
    answers.message().await.refused(Code::Unavailable, Reason::ServerBusy);
    drop(sender);
}
