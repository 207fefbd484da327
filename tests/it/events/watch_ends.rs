//! How `WatchEvents` ends: with those who do not read, with the server, with the right to follow, with what was forgotten;
//! and how many there may be. Whatever ends it says where to go on.

use super::{SOON, Watcher, request};
use crate::{
    build::push_users,
    harness::{ACME, Client, Refused, Server},
    world::{World, open_pool, user},
};
use chrono::TimeDelta;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, User, WatchEventsRequest},
};
use tokio::time::{Instant, timeout};
use tonic::{
    Code, Status,
    transport::{Endpoint, Uri},
};

/// Where the refusal says to go on.
fn resume(ended: Result<(), Status>, code: Code, reason: Reason) -> i64 {
    let refused = ended.refused(code, reason);
    refused.error_info().unwrap().metadata["resume_position"]
        .parse()
        .unwrap()
}

/// A server with a pool `North`, whose watchers have a second.
async fn hurried() -> (Server, String) {
    let server = Server::start_with(|config| config.events.send_timeout_seconds = 1).await;
    push_users(&server.admin(), vec![user("ann"), user("bob")]).await;
    let site = crate::site::Site::new(vec![server.channel()]);
    let pool = site.pool(open_pool("North")).await;
    (server, pool)
}

/// H13: who does not read is kept a bounded number of events for, and then ended, with the position to go on from; others
/// notice nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_sent_away() {
    const EVENTS: usize = 3000;
    let (server, pool) = hurried().await;
    let site = crate::site::Site::new(vec![server.channel()]);
    site.many_lying("Acme", &pool, EVENTS).await;
    tidepool::worker::relay::once(&server.running.app).await.unwrap();
    let address = format!("http://{}", server.running.address());
    let narrow = Endpoint::from(address.parse::<Uri>().unwrap()).initial_stream_window_size(16 * 1024);
    let client = Client {
        channel: narrow.connect().await.unwrap(),
        ..server.admin()
    };
    let mut slow = Watcher::start(&client).await;
    let mut fast = Watcher::start(&server.admin()).await;
    assert_eq!(fast.events(EVENTS).await.len(), EVENTS);
    // The last word is waited for without reading: the stream's work has ended then.
    let streams = &server.running.app.events;
    timeout(SOON, async {
        while streams.followed_streams() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it is borne for ever");
    // What waits for him is kept, so his seat is.
    assert_eq!(streams.open_streams(), 2);
    let (events, ended) = slow.ended().await;
    let position = resume(ended, Code::Aborted, Reason::SlowConsumer);
    // What waited for him, and what HTTP/2 takes ahead.
    assert!((60..1000).contains(&events.len()), "{} events were kept", events.len());
    drop(slow);
    timeout(SOON, async {
        while streams.open_streams() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("his seat is not given back");
    assert_eq!(usize::try_from(position), Ok(events.len()));
    let mut again = Watcher::open(&server.admin(), request(position)).await.unwrap();
    let rest = again.events(EVENTS - events.len()).await;
    assert_eq!(rest[0].position, position + 1);
    drop((fast, again));
    server.stop().await;
}

/// H4: a server that stops tells its watchers where to go on, and does not wait for them.
#[tokio::test]
async fn a_stream_ends_with_the_server() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, 3).await;
    world.relay().await;
    let admin = world.server.admin();
    let mut idle = Watcher::start(&admin).await;
    idle.events(3).await;
    idle.heartbeat().await;
    timeout(SOON, world.server.discard()).await.unwrap();
    let (events, ended) = idle.ended().await;
    assert!(events.is_empty());
    assert_eq!(resume(ended, Code::Unavailable, Reason::ServerBusy), 3);
}

/// A service has sixteen streams at a server; who leaves makes room.
#[tokio::test]
async fn streams_are_counted() {
    let world = World::start().await;
    let client = world.server.caller(ACME, "warehouse", &[Scope::Events]);
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Watcher::start(&client).await);
    }
    let refused = Watcher::open(&client, request(0)).await.map(drop);
    let refused = refused.refused(Code::ResourceExhausted, Reason::WatchLimitReached);
    assert_eq!(refused.error_info().unwrap().metadata["limit"], "16");
    let other = world.server.caller(ACME, "ledger", &[Scope::Events]);
    let mut others = Watcher::start(&other).await;
    others.heartbeat().await;
    open.pop();
    let room = async { while Watcher::open(&client, request(0)).await.is_err() {} };
    timeout(SOON, room).await.expect("no room is made");
    drop((open, others));
    world.stop().await;
}

/// What the directory says of an actor holds for streams too.
#[tokio::test]
async fn who_is_no_admin_any_more_follows_no_more() {
    let world = World::start().await;
    let mut watcher = Watcher::start(&world.user("root")).await;
    watcher.heartbeat().await;
    push_users(&world.server.admin(), vec![user("root")]).await;
    let (_, ended) = watcher.ended().await;
    ended.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let gone = User {
        active: false,
        ..user("root")
    };
    push_users(&world.server.admin(), vec![gone]).await;
    let refused = Watcher::open(&world.user("root"), request(0)).await.map(drop);
    refused.refused(Code::PermissionDenied, Reason::ActorUnknown);
    world.stop().await;
}

/// However seldom he wants heartbeats, and however much happens: a user who is no CRM admin any more learns nothing of what
/// happens more than five seconds later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_admin_any_more_is_noticed_between_heartbeats() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let wish = WatchEventsRequest {
        heartbeat_seconds: 60,
        ..request(0)
    };
    let mut watcher = Watcher::open(&world.user("root"), wish).await.unwrap();
    watcher.heartbeat().await;
    push_users(&world.server.admin(), vec![user("root")]).await;
    let began = Instant::now();
    let ended = tokio::spawn(async move { watcher.ended().await });
    for at in 0.. {
        if ended.is_finished() {
            break;
        }
        assert!(began.elapsed() < SOON, "he follows on");
        world.lying(&format!("Acme {at}"), &pool).await;
        world.relay().await;
    }
    let (_, ended) = ended.await.unwrap();
    ended.refused(Code::PermissionDenied, Reason::NotAuthorized);
    world.stop().await;
}

/// A consumer that was away for too long is told so, instead of being given what is left.
#[tokio::test]
async fn who_was_away_for_too_long_is_told() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 5).await;
    world.relay().await;
    world.server.clock.advance(TimeDelta::days(31));
    world.server.running.app.purge_events(|| true).await.unwrap();
    let refused = Watcher::open(&world.server.admin(), request(2)).await.map(drop);
    let refused = refused.refused(Code::OutOfRange, Reason::EventsPurged);
    assert_eq!(refused.error_info().unwrap().metadata["oldest_position"], "6");
    let mut watcher = Watcher::start(&world.server.admin()).await;
    assert_eq!(watcher.heartbeat().await.position, 5);
    world.site().claim(0, "bob", &ids[0]).await.unwrap();
    world.relay().await;
    assert_eq!(watcher.event().await.position, 6);
    drop(watcher);
    let tenure = proto::ListAccountEventsRequest {
        account_id: ids[0].clone(),
        ..Default::default()
    };
    let history = world
        .server
        .admin()
        .history()
        .list_account_events(tenure)
        .await
        .unwrap();
    assert_eq!(history.into_inner().account_events.len(), 2);
    world.stop().await;
}
