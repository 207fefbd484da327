//! `WatchEvents` while it goes on: what there is, then what happens, at every server; heartbeats; nobody waits for others.

use super::{Watcher, all, assert_whole, kind, request};
use crate::world::{World, open_pool};
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tidepool::{
    app::{
        App,
        call::{Call, Scope},
        events::{Following, Told, Watch, WatchEvents},
    },
    domain::{
        event_stream::{Filter, Start},
        ids::{CallerId, TenantName},
    },
    rpc::proto::{EventFilter, EventHeartbeat, WatchEventsRequest},
    worker,
};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// X11: at every server, whoever relays: what was there, then each change, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_at_every_server_see_every_change() {
    let world = World::start().await;
    let replica = world.server.replica().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 30).await;
    world.relay().await;
    let admin = world.server.admin();
    let there = crate::harness::Client {
        channel: replica.channel.clone(),
        ..admin.clone()
    };
    let mut watchers = [Watcher::start(&admin).await, Watcher::start(&there).await];
    for watcher in &mut watchers {
        assert_whole(&watcher.events(30).await, 1);
        let heartbeat = watcher.heartbeat().await;
        assert_eq!((heartbeat.position, heartbeat.last_position), (30, 30));
    }
    for (at, id) in ids.iter().enumerate() {
        world.site().claim(0, "bob", id).await.unwrap();
        if at % 10 == 0 {
            world.relay().await;
        }
    }
    world.relay().await;
    let stream = world.stream().await;
    assert_whole(&stream, 1);
    for watcher in &mut watchers {
        assert_eq!(watcher.events(30).await, stream[30..]);
    }
    drop(watchers);
    replica.stop().await;
    world.stop().await;
}

/// The relay of a server is told what the server commits, and watchers what it places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_to_look_for_what_happens_here() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let app = world.server.running.app.clone();
    let stop = CancellationToken::new();
    // It would look by itself in an hour.
    let relay = tokio::spawn(worker::relay::run(app, Duration::from_hours(1), stop.clone()));
    let mut watcher = Watcher::start(&world.server.admin()).await;
    for at in 0..5 {
        let id = world.lying(&format!("Acme {at}"), &pool).await;
        assert_eq!(watcher.event().await.account_id, id);
    }
    stop.cancel();
    relay.await.unwrap();
    drop(watcher);
    world.stop().await;
}

/// X11: who wants nothing of what happens learns all the same how far he has come.
#[tokio::test]
async fn heartbeats_say_how_far_one_has_come() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.relay().await;
    let wish = WatchEventsRequest {
        filter: Some(EventFilter {
            kinds: vec!["account.claimed".into()],
            ..EventFilter::default()
        }),
        ..request(0)
    };
    let mut watcher = Watcher::open(&world.server.admin(), wish.clone()).await.unwrap();
    assert_eq!(
        watcher.heartbeat().await,
        EventHeartbeat {
            position: 1,
            last_position: 1
        }
    );
    // One a second, whether anything happens or not.
    assert_eq!(watcher.heartbeat().await.position, 1);
    world.many_lying("Other", &pool, 3).await;
    world.relay().await;
    while watcher.heartbeat().await.position < 4 {}
    world.site().claim(0, "bob", &id).await.unwrap();
    world.relay().await;
    assert_eq!((kind(&watcher.event().await), watcher.position), ("account.claimed", 5));
    // From what the heartbeat said one goes on.
    let wish = WatchEventsRequest {
        after_position: 4,
        ..wish
    };
    let mut again = Watcher::open(&world.server.admin(), wish).await.unwrap();
    assert_eq!(again.event().await.position, 5);
    drop((watcher, again));
    world.stop().await;
}

/// From now on: nothing of what was, and the first heartbeat says where that is.
#[tokio::test]
async fn from_now_on() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 4).await;
    world.relay().await;
    let wish = WatchEventsRequest {
        from_now: true,
        ..request(0)
    };
    let mut watcher = Watcher::open(&world.server.admin(), wish).await.unwrap();
    assert_eq!(watcher.heartbeat().await.position, 4);
    world.site().claim(0, "bob", &ids[0]).await.unwrap();
    world.relay().await;
    let event = watcher.event().await;
    assert_eq!((event.position, kind(&event)), (5, "account.claimed"));
    drop(watcher);
    world.stop().await;
}

/// A watch that has not begun to read.
async fn open(app: &Arc<App>, start: Start, stop: &CancellationToken) -> (Watch, Following) {
    let call = Call {
        tenant: TenantName::parse("acme").unwrap(),
        caller: CallerId::parse("warehouse").unwrap(),
        scopes: vec![Scope::Events],
        actor: None,
        deadline: Instant::now() + super::SOON,
    };
    let wish = WatchEvents {
        start,
        filter: Filter::default(),
        heartbeat: Duration::from_mins(1),
    };
    Watch::open(app.clone(), call, wish, stop.clone()).await.unwrap()
}

/// Where now is comes first, also where something gets its position before the watch reads.
#[tokio::test]
async fn where_now_is_comes_first() {
    let world = World::start().await;
    let app = &world.server.running.app;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, 4).await;
    world.relay().await;
    let stop = CancellationToken::new();
    let (watch, mut told) = open(app, Start::Now, &stop).await;
    world.lying("Late", &pool).await;
    world.relay().await;
    let watching = tokio::spawn(watch.run());
    let first = told.next().await.unwrap().unwrap();
    assert!(matches!(first, Told::Heartbeat { position: 4, .. }), "{first:?}");
    let next = told.next().await.unwrap().unwrap();
    assert!(matches!(&next, Told::Event(event) if event.position == 5), "{next:?}");
    stop.cancel();
    watching.await.unwrap();
    world.stop().await;
}

/// X11: while many write and the relay goes on, whoever comes at any time, from any position, gets the rest of the same
/// sequence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_later_gets_the_rest() {
    const ACCOUNTS: usize = 12;
    const MOVES: usize = 8;
    const EVENTS: usize = ACCOUNTS * (1 + 2 * MOVES);
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, ACCOUNTS).await;
    world.relay().await;
    let stop = CancellationToken::new();
    let relay = worker::relay::run(world.other_app(None).await, Duration::from_millis(20), stop.clone());
    let relay = tokio::spawn(relay);
    let mut watchers = JoinSet::new();
    let watch = |after: i64| {
        let admin = world.server.admin();
        async move {
            let mut watcher = Watcher::open(&admin, request(after)).await.unwrap();
            let rest = EVENTS - usize::try_from(after).unwrap();
            (after, watcher.events(rest).await)
        }
    };
    let site = world.site();
    for round in 0..MOVES {
        watchers.spawn(watch(i64::try_from(round).unwrap()));
        for id in &ids {
            site.claim(0, "bob", id).await.unwrap();
            site.give_back("bob", id).await;
        }
    }
    let got = watchers.join_all().await;
    stop.cancel();
    relay.await.unwrap();
    let stream = world.stream().await;
    assert_eq!(stream.len(), EVENTS);
    assert_whole(&stream, 1);
    for (after, events) in got {
        assert_eq!(events, stream[usize::try_from(after).unwrap()..], "after {after}");
    }
    world.stop().await;
}

/// Who misses more than is kept for him reads it from the database, and misses nothing.
#[tokio::test]
async fn who_lags_behind_misses_nothing() {
    /// More than wait for a watcher, and then more pages than are kept for him.
    const FIRST: usize = 400;
    const ROUNDS: usize = 40;
    let world = World::start().await;
    let app = world.server.running.app.clone();
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, 20).await;
    world.relay().await;
    let stop = CancellationToken::new();
    let (watch, mut told) = open(&app, Start::After(0), &stop).await;
    let watching = tokio::spawn(watch.run());
    let mut positions = Vec::new();
    // Up to the heartbeat: it has caught up, and listens.
    while let Told::Event(event) = told.next().await.unwrap().unwrap() {
        positions.push(event.position);
    }
    world.many_lying("More", &pool, FIRST).await;
    world.relay().await;
    app.tell_watchers().await.unwrap();
    for round in 0..ROUNDS {
        world.lying(&format!("Late {round}"), &pool).await;
        world.relay().await;
        app.tell_watchers().await.unwrap();
    }
    while positions.len() < 20 + FIRST + ROUNDS {
        if let Told::Event(event) = told.next().await.unwrap().unwrap() {
            positions.push(event.position);
        }
    }
    assert!(
        positions
            .iter()
            .copied()
            .eq(1..=i64::try_from(positions.len()).unwrap())
    );
    stop.cancel();
    watching.await.unwrap();
    world.stop().await;
}

/// Of a thousand events each is read once for all who watch, however many these are.
#[tokio::test]
async fn what_is_new_is_read_once() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let admin = world.server.admin();
    let app = &world.server.running.app;
    let mut watchers = Vec::new();
    for _ in 0..10 {
        let mut watcher = Watcher::open(
            &admin,
            WatchEventsRequest {
                heartbeat_seconds: 60,
                ..request(0)
            },
        )
        .await
        .unwrap();
        watcher.heartbeat().await;
        watchers.push(watcher);
    }
    world.many_lying("Acme", &pool, 200).await;
    let before = app.db.statements();
    world.relay().await;
    for watcher in &mut watchers {
        assert_whole(&watcher.events(200).await, 1);
    }
    let cost = app.db.statements() - before;
    // The relay's own, one page, and a look every tenth of a second meanwhile: not ten pages and ten looks.
    let watching = cost.saturating_sub(10);
    assert!(watching < 60, "{cost} statements");
    assert_eq!(all(&admin, 0, None).await.len(), 200);
    drop(watchers);
    world.stop().await;
}
