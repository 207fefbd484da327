//! A service that forwards the events of another system, in Rust: it tells of orders in a stream, and follows what comes of
//! them. Both streams may break at any time: what was not answered is sent again, and the watch goes on where it was.
//!
//! ```text
//! cargo run --example stream -- http://127.0.0.1:7400 TENANT
//! ```
#![expect(clippy::print_stdout, reason = "an example")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    time::{Duration, SystemTime},
};
use tidepool::rpc::proto::{
    Account, Activity, BatchUpsertUsersRequest, CreateAccountRequest, EventFilter, IngestActivitiesRequest, Money,
    NewAccount, RecordOutcome, User, WatchEventsRequest, WatchEventsResponse,
    account_service_client::AccountServiceClient, activity_service_client::ActivityServiceClient,
    directory_service_client::DirectoryServiceClient, event_service_client::EventServiceClient,
    record_activities_response::Result as Told, watch_events_response::Message,
};
use tokio::sync::mpsc::channel;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    transport::{Channel, Endpoint},
};

const ORDERS: usize = 12;
/// Messages on their way at most: what the server has not answered is kept here, to be sent again.
const AHEAD: usize = 4;

/// A call by a service, for a user if one is named.
fn call<T>(message: T, tenant: &str, who: [&'static str; 3]) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let [caller, scopes, actor] = who;
    for (name, value) in [
        ("x-tidepool-tenant", tenant),
        ("x-tidepool-caller", caller),
        ("x-tidepool-scopes", scopes),
        ("x-tidepool-actor", actor),
    ] {
        if !value.is_empty() {
            let value = value.parse().map_err(|_| Status::invalid_argument(name))?;
            request.metadata_mut().insert(name, value);
        }
    }
    Ok(request)
}

const IDENTITY: [&str; 3] = ["identity", "directory", ""];
const ROSA: [&str; 3] = ["crm", "act-as", "rosa"];
const SHOP: [&str; 3] = ["shop", "ingest,events", ""];

/// Whether it is worth another attempt, in a moment.
fn passes(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Aborted | Code::DeadlineExceeded
    )
}

/// Sends messages and says what came of the activities. A stream that breaks is opened again.
async fn push(
    mut activities: ActivityServiceClient<Channel>,
    tenant: &str,
    messages: Vec<Vec<Activity>>,
) -> Result<Vec<RecordOutcome>, Status> {
    let mut unanswered: BTreeMap<i64, Vec<Activity>> = (1..).zip(messages).collect();
    let mut outcomes = Vec::new();
    while !unanswered.is_empty() {
        let (sender, receiver) = channel(AHEAD);
        let request = call(ReceiverStream::new(receiver), tenant, SHOP)?;
        let waiting = unanswered.clone();
        // There is room for one more whenever one was taken from the channel; HTTP/2 tells when to wait with that.
        let sending = tokio::spawn(async move {
            for (sequence, activities) in waiting {
                let message = IngestActivitiesRequest {
                    sequence,
                    activities,
                    ..IngestActivitiesRequest::default()
                };
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        });
        let answered = async {
            let mut answers = activities.ingest_activities(request).await?.into_inner();
            while let Some(answer) = answers.message().await? {
                // The server's status is of the message; each activity has a result of its own.
                outcomes.extend(answer.results.iter().map(Told::outcome));
                unanswered.remove(&answer.sequence);
            }
            Ok(())
        };
        let ended: Result<(), Status> = answered.await;
        sending.abort();
        match ended {
            Ok(()) => {}
            Err(status)
                if matches!(
                    status.code(),
                    Code::Unavailable | Code::Aborted | Code::DeadlineExceeded
                ) =>
            {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(status) => return Err(status),
        }
    }
    Ok(outcomes)
}

/// Follows what is recorded after a position, or from now on.
async fn watch(
    events: &mut EventServiceClient<Channel>,
    tenant: &str,
    after: Option<i64>,
) -> Result<Streaming<WatchEventsResponse>, Status> {
    let request = WatchEventsRequest {
        after_position: after.unwrap_or(0),
        from_now: after.is_none(),
        filter: Some(EventFilter {
            kinds: vec!["account.activity_recorded".into()],
            ..EventFilter::default()
        }),
        ..WatchEventsRequest::default()
    };
    Ok(events.watch_events(call(request, tenant, SHOP)?).await?.into_inner())
}

/// What the other system says of an order: it was created, and confirmed. It knows the account by its own id.
fn order(number: usize) -> Vec<Activity> {
    let said = |action| Activity {
        event_id: format!("order-{number}/{action}"),
        external_account_id: format!("erp-{number}"),
        kind: format!("sales_order.{action}"),
        object_id: format!("order-{number}"),
        occur_time: Some(now()),
        amount: Some(Money {
            amount: format!("{}.50", 1200 + number),
            currency: "EUR".into(),
        }),
        ..Activity::default()
    };
    ["created", "confirmed"].map(said).into()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(address), Some(tenant)) = (arguments.next(), arguments.next()) else {
        return Err("usage: stream http://HOST:PORT TENANT".into());
    };
    let channel = Endpoint::try_from(address)?.connect_lazy();
    let user = User {
        id: "rosa".into(),
        display_name: "Rosa".into(),
        active: true,
        ..User::default()
    };
    let request = BatchUpsertUsersRequest {
        users: vec![user],
        ..BatchUpsertUsersRequest::default()
    };
    let mut directory = DirectoryServiceClient::new(channel.clone());
    directory.batch_upsert_users(call(request, &tenant, IDENTITY)?).await?;
    let mut accounts = AccountServiceClient::new(channel.clone());
    let mut ids = BTreeSet::new();
    for at in 0..ORDERS {
        let account = Account {
            name: format!("Webshop customer {at}"),
            external_id: format!("erp-{at}"),
            ..Account::default()
        };
        let request = CreateAccountRequest {
            new_account: Some(NewAccount {
                account: Some(account),
                ..NewAccount::default()
            }),
            request_id: format!("create-erp-{at}"),
        };
        let created = accounts
            .create_account(call(request, &tenant, ROSA)?)
            .await?
            .into_inner();
        ids.insert(created.account.unwrap_or_default().id);
    }

    let mut events = EventServiceClient::new(channel.clone());
    let first = watch(&mut events, &tenant, None).await?.message().await?;
    let Some(Message::Heartbeat(heartbeat)) = first.and_then(|told| told.message) else {
        return Err("a watch from now on begins with a heartbeat".into());
    };
    let mut position = heartbeat.position;
    let messages = (0..ORDERS).map(order).collect();
    let outcomes = push(ActivityServiceClient::new(channel), &tenant, messages).await?;
    let recorded = outcomes.iter().filter(|outcome| **outcome == RecordOutcome::Recorded);
    println!(
        "told of {} activities in {ORDERS} messages: {} recorded",
        outcomes.len(),
        recorded.count()
    );

    // As if the consumer stopped after some events and came back: it goes on after the position that it noted.
    let (mut seen, mut watches) = (BTreeSet::new(), 0);
    while seen != ids {
        watches += 1;
        let enough = if watches == 1 { ORDERS / 3 } else { ORDERS };
        let mut told = watch(&mut events, &tenant, Some(position)).await?;
        while seen.len() < enough {
            let told = match told.message().await {
                Err(status) if passes(&status) => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    break;
                }
                told => told?,
            };
            match told.and_then(|told| told.message) {
                Some(Message::Event(event)) => {
                    assert!(event.position > position, "positions only rise");
                    position = event.position;
                    seen.extend(Some(event.account_id).filter(|id| ids.contains(id)));
                }
                // It says how far it is too, where no event fits the filter.
                Some(Message::Heartbeat(heartbeat)) => position = heartbeat.position,
                None => break,
            }
        }
    }
    println!("saw the events of {} accounts in {watches} watches", seen.len());
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
fn now() -> prost_types::Timestamp {
    SystemTime::now().into()
}
