//! Services that tell through the port: in calls of many activities, in streams, in calls of one.

use crate::{
    common::{
        Failure, Outcome,
        runs::Latency,
        site::{Site, TENANT},
        spent::{self, measured},
    },
    mix::{Account, BATCH, Teller},
};
use indicatif::ProgressBar;
use std::{sync::Arc, time::Instant};
use tidepool::{
    client::{Client, Who},
    rpc::proto::{
        IngestActivitiesRequest, RecordActivitiesRequest, RecordOutcome, record_activities_response::Result as Told,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Messages that are on their way before an answer is awaited.
const AHEAD: usize = 4;
/// Messages of a stream, after which another one is opened: a stream may not last for ever.
const STREAM: usize = 200;

/// The calling service, through so many connections.
pub(crate) fn connect(site: &Site, connections: usize) -> Outcome<Vec<Client>> {
    let who = Who {
        tenant: TENANT.into(),
        caller: "orders".into(),
        scopes: "ingest,events".into(),
        actor: String::new(),
    };
    let clients = (0..connections).map(|_| spent::connect(site.running.address(), &who));
    clients.collect()
}

fn check(results: &[Told], number: usize, wanted: RecordOutcome) -> Outcome {
    let other = results.iter().find(|result| result.outcome() != wanted);
    match other {
        Some(other) => Err(format!("an activity was not {}: {other:?}", wanted.as_str_name()).into()),
        None if results.len() != number => Err(format!("{} results instead of {number}", results.len()).into()),
        None => Ok(()),
    }
}

/// Each teller in a task of its own on one of the connections in turn; afterwards they are where they were.
async fn each<F>(clients: &[Client], tellers: &mut Vec<Teller>, work: impl Fn(Client, Teller) -> F) -> Outcome<Vec<f64>>
where
    F: Future<Output = Outcome<(Teller, Vec<f64>)>> + Send + 'static,
{
    let tasks: Vec<_> = tellers
        .drain(..)
        .zip(clients.iter().cycle())
        .map(|(teller, client)| tokio::spawn(measured(work(client.clone(), teller))))
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let (teller, took) = task.await??;
        tellers.push(teller);
        all.extend(took);
    }
    Ok(all)
}

/// So many calls of `size` activities by each teller, one after the other; says how long they took.
pub(crate) async fn calls(
    clients: &[Client],
    accounts: &Arc<[Account]>,
    tellers: &mut Vec<Teller>,
    (number, size): (usize, usize),
) -> Outcome<Latency> {
    let work = |client: Client, mut teller: Teller| {
        let accounts = accounts.clone();
        async move {
            let mut took = Vec::with_capacity(number);
            for _ in 0..number {
                let batch = teller.batch(size);
                let request = RecordActivitiesRequest {
                    activities: batch.iter().map(|told| told.message(&accounts)).collect(),
                    ..Default::default()
                };
                let began = Instant::now();
                let answer = client.activities().record_activities(request).await?.into_inner();
                took.push(began.elapsed().as_secs_f64() * 1000.0);
                check(&answer.results, size, RecordOutcome::Recorded)?;
            }
            Ok::<_, Failure>((teller, took))
        }
    };
    Ok(Latency::of(each(clients, tellers, work).await?))
}

/// What a stream carries.
#[derive(Clone)]
pub(crate) struct Freight {
    /// Activities of each teller.
    pub(crate) number: usize,
    /// Activities of a message at most.
    pub(crate) size: usize,
    /// What is to come of each.
    pub(crate) wanted: RecordOutcome,
    pub(crate) bar: ProgressBar,
}

impl Freight {
    /// So many batches, all new.
    pub(crate) fn batches(number: usize) -> Self {
        Self {
            number: number * BATCH,
            size: BATCH,
            wanted: RecordOutcome::Recorded,
            bar: ProgressBar::hidden(),
        }
    }
}

/// The same in streams: a few messages ahead, and every answer in its place.
pub(crate) async fn streams(
    clients: &[Client],
    accounts: &Arc<[Account]>,
    tellers: &mut Vec<Teller>,
    freight: &Freight,
) -> Outcome {
    let work = |client: Client, mut teller: Teller| {
        let (accounts, freight) = (accounts.clone(), freight.clone());
        async move {
            let mut left = freight.number;
            while left > 0 {
                let now = left.min(STREAM * freight.size);
                teller = stream(&client, &accounts, teller, now, &freight).await?;
                left -= now;
            }
            Ok::<_, Failure>((teller, Vec::new()))
        }
    };
    each(clients, tellers, work).await.map(drop)
}

/// The sizes of messages.
fn messages(number: usize, size: usize) -> impl Iterator<Item = (i64, usize)> {
    let sizes = (0..number).step_by(size).map(move |at| size.min(number - at));
    (1..).zip(sizes)
}

async fn stream(
    client: &Client,
    accounts: &Arc<[Account]>,
    mut teller: Teller,
    number: usize,
    freight: &Freight,
) -> Outcome<Teller> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (told, size) = (accounts.clone(), freight.size);
    let telling = tokio::spawn(measured(async move {
        for (sequence, size) in messages(number, size) {
            let batch = teller.batch(size);
            let message = IngestActivitiesRequest {
                sequence,
                activities: batch.iter().map(|told_of| told_of.message(&told)).collect(),
                ..Default::default()
            };
            if sender.send(message).await.is_err() {
                break;
            }
        }
        teller
    }));
    let answers = client
        .activities()
        .ingest_activities(ReceiverStream::new(receiver))
        .await?;
    let mut answers = answers.into_inner();
    for (sequence, size) in messages(number, size) {
        let answer = answers.message().await?.ok_or("the stream ended early")?;
        if answer.sequence != sequence {
            return Err(format!("answer {} in place of {sequence}", answer.sequence).into());
        }
        check(&answer.results, size, freight.wanted)?;
        freight.bar.inc(size as u64);
    }
    Ok(telling.await?)
}
