//! How long after its commit a watcher has an event, while a moderate number of them happens: from the answer to the call
//! to the event's arrival, both through the port.

use crate::{
    Plan,
    callers::connect,
    common::{
        Outcome,
        report::{Report, Target},
        runs::Latency,
        site::Site,
    },
    mix::{Account, Happening},
    moments::Moments,
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tidepool::{
    client::Client,
    rpc::proto::{RecordActivitiesRequest, WatchEventsRequest, WatchEventsResponse, watch_events_response::Message},
};
use tokio::{
    task::JoinSet,
    time::{interval, timeout},
};
use tonic::Streaming;

/// Callers, and how often each of them calls: 200 a second.
const CALLERS: usize = 4;
const EVERY: Duration = Duration::from_millis(20);
/// How long the last event may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

type Times = HashMap<String, Instant>;

/// Follows from now on; the stream is there when this returns.
async fn follow(client: &Client) -> Outcome<Streaming<WatchEventsResponse>> {
    let request = WatchEventsRequest {
        from_now: true,
        ..Default::default()
    };
    let mut stream = client.events().watch_events(request).await?.into_inner();
    stream.message().await?.ok_or("the watch ended at once")?;
    Ok(stream)
}

/// When the event of each of so many accounts came.
async fn arrivals(mut stream: Streaming<WatchEventsResponse>, number: usize) -> Outcome<Times> {
    let mut came = Times::new();
    while came.len() < number {
        let told = stream.message().await?.ok_or("the watch ended early")?;
        if let Some(Message::Event(event)) = told.message {
            came.entry(event.account_id).or_insert_with(Instant::now);
        }
    }
    Ok(came)
}

/// Tells of each `CALLERS`th account from the `first` on; says when each call was answered.
async fn tell(client: Client, visits: Vec<Happening>, accounts: Arc<[Account]>) -> Outcome<Times> {
    let mut answered = Times::new();
    let mut tick = interval(EVERY);
    for visit in visits {
        tick.tick().await;
        let request = RecordActivitiesRequest {
            activities: vec![visit.message(&accounts)],
            ..Default::default()
        };
        client.activities().record_activities(request).await?;
        answered.insert(accounts[visit.account].id.to_string(), Instant::now());
    }
    Ok(answered)
}

pub(crate) async fn measure(
    plan: &Plan,
    report: &mut Report,
    (site, accounts, mut moments): (Site, Arc<[Account]>, Moments),
) -> Outcome {
    eprintln!("{} events, watched", plan.watched);
    let clients = connect(&site, CALLERS + 1)?;
    let stream = follow(&clients[CALLERS]).await?;
    let came = tokio::spawn(arrivals(stream, plan.watched));
    let at = moments.next();
    let mut callers = JoinSet::new();
    for (first, client) in clients[..CALLERS].iter().enumerate() {
        let visits = (first..plan.watched).step_by(CALLERS);
        let visits = visits.map(|account| Happening::visit(account, format!("watch/{account}"), at));
        callers.spawn(tell(client.clone(), visits.collect(), accounts.clone()));
    }
    let mut answered = Times::new();
    while let Some(told) = callers.join_next().await {
        answered.extend(told??);
    }
    let came = timeout(PATIENCE, came).await???;
    let after = |(account, came): (&String, &Instant)| {
        let answered = answered.get(account)?;
        Some(came.saturating_duration_since(*answered).as_secs_f64() * 1000.0)
    };
    let delays = Latency::of(came.iter().filter_map(after).collect());
    if delays.count() != plan.watched {
        return Err(format!("{} events came that were told of, of {}", delays.count(), plan.watched).into());
    }
    report.add("event at a watcher, median", delays.percentile(50), "ms", None);
    let target = Some(Target::AtMost(200.0));
    report.add("event at a watcher, 99 %", delays.percentile(99), "ms", target);
    site.stop().await;
    Ok(())
}
