//! What a service tells leaves its own trace: with the activity, with the event that it makes, over the time that it waits,
//! and in the span of the reclaim that ends what it began.

use super::*;
use crate::{
    collector::Collector,
    harness::Storage,
    hold::{Hold, until},
    process::{Process, run},
    raw::{ADMIN, Raw},
    sweeping,
};
use chrono::TimeDelta;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use sea_orm::{ConnectionTrait, Database, Statement};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, time::Duration};
use tidepool::{
    app::{
        call::{Call, Scope},
        ingest::{Part, lanes},
    },
    clock::Clock,
    domain::ids::{CallerId, TenantName},
    rpc::convert,
    telemetry::traces,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing::{Instrument, subscriber::DefaultGuard};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

const LONG: Duration = Duration::from_mins(1);

/// Traces what happens in this thread, and keeps it nowhere.
fn traced() -> DefaultGuard {
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    tracing_subscriber::registry().with(layer).set_default()
}

/// The trace of this number.
fn trace(number: usize) -> String {
    format!("{number:032x}")
}

/// Of which traces the contexts in this column are, by what is in another one; empty where there is none.
async fn kept(world: &World, from: &str, by: &str) -> BTreeMap<String, String> {
    let url = world.server.config.database.url.expose_secret();
    let db = Database::connect(url).await.unwrap();
    let select = format!("SELECT {by} AS name, traceparent FROM {from}");
    let statement = Statement::from_string(db.get_database_backend(), select);
    let rows = db.query_all_raw(statement).await.unwrap();
    let kept = rows.iter().map(|row| {
        let context: Option<String> = row.try_get("", "traceparent").unwrap();
        let trace = context.map_or(String::new(), |context| context[3..35].to_owned());
        (row.try_get("", "name").unwrap(), trace)
    });
    let kept = kept.collect();
    db.close().await.unwrap();
    kept
}

/// Calls of one service in one unit of work: each of their activities, and each event, is in the trace of its own call, and in
/// none where that was not traced; an event that several calls made is in that of the latest activity.
#[tokio::test]
async fn each_call_leaves_its_own_trace() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 5).await;
    let now = world.server.clock.now();
    let _traced = traced();
    let app = world.server.running.app.clone();
    let call = Call {
        tenant: TenantName::parse("acme").unwrap(),
        caller: CallerId::parse("erp").unwrap(),
        scopes: vec![Scope::Ingest],
        actor: None,
        deadline: Instant::now() + LONG,
    };
    let tell = |number: usize, flags: &str, activities: &[Activity]| {
        let span = tracing::info_span!("call");
        let parent = format!("00-{}-00f067aa0c1902b7-{flags}", trace(number));
        let headers =
            http::HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), parent.parse().unwrap())]);
        traces::continue_from(&span, &headers);
        let part = Part {
            key: None,
            told: convert::activity::record(activities, None, false).unwrap(),
            buffer_unknown: false,
            encode: |_| Vec::new(),
        };
        let (app, call) = (app.clone(), call.clone());
        async move { app.ingest(&call, vec![part]).await.unwrap() }.instrument(span)
    };
    // Brings the snapshot up to date.
    tell(9, "01", &[follow_up("warm", &ids[4], now)]).await;
    let hold = Hold::accounts(&world.server).await;
    let mut told = JoinSet::new();
    let lanes = lanes(world.server.db().slots().max);
    let gates: Vec<_> = (0..lanes)
        // Later than all before, or it would change nothing, and wait for nobody.
        .map(|at| (at, now + TimeDelta::minutes(1)))
        .map(|(at, time)| follow_up(&format!("gate-{at}"), &ids[4], time))
        .collect();
    for (at, gate) in gates.into_iter().enumerate() {
        told.spawn(tell(9, "01", &[gate]));
        until(|| app.lanes.running() > at).await;
    }
    let minute = |minutes: i64| now + TimeDelta::minutes(minutes);
    told.spawn(tell(
        1,
        "01",
        &[follow_up("e1", &ids[0], now), follow_up("e2", &ids[1], minute(1))],
    ));
    told.spawn(tell(2, "00", &[follow_up("e3", &ids[2], now)]));
    told.spawn(tell(
        3,
        "01",
        &[follow_up("e4", &ids[3], now), follow_up("e5", &ids[1], minute(2))],
    ));
    until(|| app.lanes.waiting() >= 3).await;
    hold.release().await;
    told.join_all().await;
    let activities = kept(&world, "activity WHERE event_id LIKE 'e%'", "event_id").await;
    let expected = [("e1", 1), ("e2", 1), ("e3", 0), ("e4", 3), ("e5", 3)];
    let of = |number: usize| if number == 0 { String::new() } else { trace(number) };
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(event, number)| ((*event).to_owned(), of(*number)))
        .collect();
    assert_eq!(activities, expected);
    let events = "account_event e JOIN account a ON a.id = e.account_id WHERE e.version = 2 AND a.name <> 'Acme 4'";
    let events = kept(&world, events, "a.name").await;
    let expected: BTreeMap<_, _> = [1, 3, 0, 3]
        .iter()
        .enumerate()
        .map(|(at, number)| (format!("Acme {at}"), of(*number)))
        .collect();
    assert_eq!(events, expected);
    world.stop().await;
}

/// What waited for its account is recorded in the trace in which it was told, however long ago that was.
#[tokio::test]
async fn what_waited_keeps_its_trace() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let now = world.server.clock.now();
    let _traced = traced();
    let source = world.source("erp");
    for (event, account, flags) in [("e1", "erp-1", "01"), ("e2", "erp-2", "01"), ("e3", "erp-3", "00")] {
        let mut request = tonic::Request::new(waiting(vec![named(event, account, now)]));
        let parent = format!("00-{}-00f067aa0c1902b7-{flags}", trace(event.len()));
        request.metadata_mut().insert("traceparent", parent.parse().unwrap());
        source.activities().record_activities(request).await.unwrap();
    }
    for (name, external) in [("One", "erp-1"), ("Two", "erp-2"), ("Three", "erp-3")] {
        world.known_as(name, &pool, external).await;
    }
    world.server.clock.advance(TimeDelta::days(3));
    world.sweep().await;
    let of = |text: &str| (text.to_owned(), trace(2));
    let expected = BTreeMap::from([of("e1"), of("e2"), ("e3".into(), String::new())]);
    assert_eq!(kept(&world, "activity", "event_id").await, expected);
    let events = "account_event e JOIN account a ON a.id = e.account_id WHERE e.kind = 'account.activity_recorded'";
    let expected = BTreeMap::from([of("One"), of("Two"), ("Three".into(), String::new())]);
    assert_eq!(kept(&world, events, "a.name").await, expected);
    world.stop().await;
}

/// Where it is traced, a batch of the sweep that takes something reads once more; where it takes nothing, or is not traced, it
/// reads as much as ever.
#[tokio::test]
async fn a_reclaim_that_is_traced_reads_once_more() {
    let mut spent = Vec::new();
    for tracing in [false, true] {
        let world = World::start().await;
        let pool = world.pool(open_pool("North")).await;
        world.rule(sweeping::follow_up(&pool, 30)).await;
        world.site().many("Acme", &pool, "bob", 20).await;
        world.server.clock.advance(TimeDelta::seconds(61));
        world.sweep().await;
        world.sweep().await;
        let guard = tracing.then(traced);
        let statements = || world.server.db().statements();
        let before = statements();
        assert_eq!(world.sweep().await.reclaimed, 0);
        let nothing = statements() - before;
        world.server.clock.advance(TimeDelta::days(30));
        let before = statements();
        assert_eq!(world.sweep().await.reclaimed, 20);
        spent.push((nothing, statements() - before));
        drop(guard);
        world.stop().await;
    }
    assert_eq!((spent[1].0, spent[1].1), (spent[0].0, spent[0].1 + 1));
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A service in a process of its own that tells a collector.
struct Told {
    raw: Raw,
}

impl Told {
    async fn call<T: Message + Default>(&self, method: &str, request: impl Message, more: &[(&str, &[u8])]) -> T {
        let path = format!("/tidepool.v1.{method}");
        let metadata = [&ADMIN, more].concat();
        let answer = self.raw.call(&path, &metadata, &request.encode_to_vec()).await.unwrap();
        T::decode(answer.as_slice()).unwrap()
    }

    async fn in_trace<T: Message + Default>(&self, number: usize, method: &str, request: impl Message) -> T {
        let parent = format!("00-{}-00f067aa0c1902b7-01", trace(number));
        self.call(method, request, &[("traceparent", parent.as_bytes())]).await
    }
}

/// A claim, the follow-up that kept the account, and its reclaim are linked spans; the event of the reclaim hands on the
/// context of the last one.
#[tokio::test]
async fn a_reclaim_is_linked_to_what_came_before_it() {
    let (storage, url) = Storage::create().await;
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    let settings = [
        ("TIDEPOOL__DATABASE__URL", url.as_str()),
        ("TIDEPOOL__DATABASE__AUTO_MIGRATE", "true"),
        ("TIDEPOOL__DATABASE__MAX_CONNECTIONS", "4"),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__SWEEP__INTERVAL_SECONDS", "1"),
        ("TIDEPOOL__SWEEP__GRACE_SECONDS", "0"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
        ("TIDEPOOL__TELEMETRY__OTLP_ENDPOINT", endpoint.as_str()),
    ];
    assert!(run(&settings, &["tenant", "create", "acme"]).status.success());
    let process = Process::serve(&settings).await;
    let told = Told {
        raw: process.raw().await,
    };
    let users = vec![crate::world::user("ann"), crate::world::user("bob")];
    let push = proto::BatchUpsertUsersRequest {
        users,
        ..Default::default()
    };
    let _: proto::BatchUpsertUsersResponse = told.call("DirectoryService/BatchUpsertUsers", push, &[]).await;
    let create = proto::CreatePoolRequest {
        pool: Some(open_pool("North")),
        ..Default::default()
    };
    let made: proto::CreatePoolResponse = told.call("PoolService/CreatePool", create, &[]).await;
    let pool = made.pool.unwrap().id;
    let rule = proto::ReclaimRule {
        reclaim_kinds: vec!["customer.opted_out".into()],
        ..sweeping::follow_up(&pool, 30)
    };
    let create = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        include_past_days: Some(true),
        ..Default::default()
    };
    let _: proto::CreateReclaimRuleResponse = told.call("RetentionRuleService/CreateReclaimRule", create, &[]).await;
    let create = proto::CreateAccountRequest {
        new_account: Some(known_as("Acme", &pool, "")),
        ..Default::default()
    };
    let made: proto::CreateAccountResponse = told.in_trace(1, "AccountService/CreateAccount", create).await;
    let id = made.account.unwrap().id;
    let assign = crate::world::assign(&id, "bob");
    let _: proto::AssignAccountResponse = told.in_trace(2, "CirculationService/AssignAccount", assign).await;
    let mut second = 0;
    for (number, event, kind) in [
        (3, "e1", "sales_record.created"),
        (4, "e2", "sales_record.created"),
        (5, "e3", "call.made"),
        (6, "e4", "customer.opted_out"),
    ] {
        // Each at a time of its own, none before the account was assigned.
        second += 1;
        let at = Clock::System.now() + TimeDelta::seconds(second);
        let activity = Activity {
            kind: kind.into(),
            ..follow_up(event, &id, at)
        };
        let tell = of(vec![activity]);
        let _: proto::RecordActivitiesResponse = told.in_trace(number, "ActivityService/RecordActivities", tell).await;
    }
    let reclaimed = async {
        loop {
            let list = proto::ListEventsRequest {
                filter: Some(proto::EventFilter {
                    kinds: vec!["account.reclaimed".into()],
                    ..Default::default()
                }),
                ..Default::default()
            };
            let listed: proto::ListEventsResponse = told.call("EventService/ListEvents", list, &[]).await;
            if let [event] = listed.events.as_slice() {
                return event.clone();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let event = timeout(LONG, reclaimed).await.expect("nothing was reclaimed");
    told.raw.close().await;
    let (status, said) = process.stop().await;
    assert!(status.success(), "{said}");
    let spans = collector.spans();
    let reclaims: Vec<_> = spans.iter().filter(|span| span.name == "reclaim").collect();
    let [reclaim] = reclaims.as_slice() else {
        panic!("{reclaims:?}");
    };
    assert_eq!(
        event.traceparent,
        format!("00-{}-{}-01", hex(&reclaim.trace_id), hex(&reclaim.span_id))
    );
    // What gave him the account, his last follow-up, and what took it; nothing else that was told of it.
    let mut linked: Vec<_> = reclaim.links.iter().map(|link| hex(&link.trace_id)).collect();
    linked.sort();
    assert_eq!(linked, [trace(2), trace(4), trace(6)]);
    for link in &reclaim.links {
        let span = spans
            .iter()
            .find(|span| span.span_id == link.span_id)
            .expect("a span that was kept");
        assert!(
            span.name.starts_with("tidepool.v1.") || span.name == "AssignAccount",
            "{}",
            span.name
        );
    }
    collector.stop().await;
    storage.remove().await;
}
