//! `ImportAccounts`: rows in their order whatever comes of them, streams that break, peers that misbehave.

use crate::{
    harness::{Client, Refused, Server, run_sql},
    raw::Raw,
    world::{World, open_pool, user},
};
use bytes::Bytes;
use http::Uri;
use prost::Message;
use secrecy::ExposeSecret;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidepool::{
    app::{call::Call, import::Row},
    domain::{
        ids::{CallerId, PoolId, RequestId, TenantName},
        refusal::Reason,
    },
    rpc::{
        convert,
        proto::{self, Account, GetPoolCountersRequest, ImportAccountsRequest, ImportAccountsResponse, NewAccount},
    },
    store::request::RequestKey,
};
use tokio::{
    sync::mpsc::channel,
    time::{Instant, timeout},
};
use tokio_stream::{iter, wrappers::ReceiverStream};
use tonic::{Code, Request, Status, transport::Endpoint};

const LONG: Duration = Duration::from_mins(1);

fn row(name: &str, pool: &str, id: &str) -> ImportAccountsRequest {
    let account = Account {
        name: name.into(),
        ..Account::default()
    };
    ImportAccountsRequest {
        new_account: Some(NewAccount {
            account: Some(account),
            pool_id: pool.into(),
            owner: String::new(),
        }),
        request_id: id.into(),
    }
}

fn rows(pool: &str, count: usize) -> Vec<ImportAccountsRequest> {
    let row = |at| row(&format!("Card {at}"), pool, &format!("card-{at}"));
    (1..=count).map(row).collect()
}

fn code(answer: &ImportAccountsResponse) -> Code {
    Code::from(answer.status.as_ref().unwrap().code)
}

/// Sends all rows and reads all answers, and how it ended.
async fn import(
    client: &Client,
    rows: Vec<ImportAccountsRequest>,
) -> (Vec<ImportAccountsResponse>, Result<(), Status>) {
    let mut answers = match client.accounts().import_accounts(iter(rows)).await {
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

/// Sends rows that must all become accounts, and says their ids.
async fn created(client: &Client, rows: Vec<ImportAccountsRequest>) -> Vec<String> {
    let (answers, ended) = import(client, rows).await;
    ended.unwrap();
    let created = answers.into_iter().zip(1..).map(|(answer, at)| {
        assert_eq!((answer.row, code(&answer)), (at, Code::Ok));
        answer.account_id
    });
    created.collect()
}

async fn unclaimed(world: &World, pool: &str) -> i64 {
    let request = GetPoolCountersRequest { pool_id: pool.into() };
    let counters = world.server.admin().pools().get_pool_counters(request).await.unwrap();
    counters.into_inner().counters.unwrap().unclaimed
}

/// R014, R039, R040: every row is decided for itself on what the ones before it left, and answered in its place.
#[tokio::test]
async fn rows_are_answered_in_their_order() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let rows = vec![
        row("Moss", &pool, "a"),
        row("moss", &pool, "b"),
        row("", &pool, "c"),
        row("Reed", "not an id", "d"),
        row("Reed", &pool, "no blanks please"),
        row("Reed", &pool, ""),
        // The same request in the same stream, and another one under its id.
        row("Moss", &pool, "a"),
        row("Sedge", &pool, "a"),
        ImportAccountsRequest::default(),
        // A refused row leaves its id free.
        row("Rush", &pool, "b"),
    ];
    let (answers, ended) = import(&world.server.admin(), rows).await;
    ended.unwrap();
    let codes: Vec<_> = answers.iter().map(code).collect();
    assert_eq!(
        codes,
        [
            Code::Ok,
            Code::AlreadyExists,
            Code::InvalidArgument,
            Code::InvalidArgument,
            Code::InvalidArgument,
            Code::Ok,
            Code::Ok,
            Code::FailedPrecondition,
            Code::InvalidArgument,
            Code::Ok,
        ]
    );
    assert_eq!(answers[6].account_id, answers[0].account_id);
    let numbers: Vec<_> = answers.iter().map(|answer| answer.row).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    assert_eq!(unclaimed(&world, &pool).await, 3);
    world.stop().await;
}

/// A stream that is cut in the middle and sent again creates what was missing, and answers the rest as before.
#[tokio::test]
async fn a_stream_that_was_cut_is_repeated() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let admin = world.server.admin();
    let all = rows(&pool, 350);
    let stream = admin.accounts().import_accounts(iter(all.clone())).await;
    let mut stream = stream.unwrap().into_inner();
    let mut first = Vec::new();
    for _ in 0..120 {
        first.push(stream.message().await.unwrap().unwrap().account_id);
    }
    drop(stream);
    let again = created(&admin, all.clone()).await;
    assert_eq!(again[..120], first);
    assert_eq!(created(&admin, all).await, again);
    assert_eq!(unclaimed(&world, &pool).await, 350);
    world.stop().await;
}

/// Two streams with the same rows at once: every account comes once, and both are told of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_rows_twice_at_once_come_once() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let admin = world.server.admin();
    let (one, two) = tokio::join!(created(&admin, rows(&pool, 150)), created(&admin, rows(&pool, 150)));
    assert_eq!(one, two);
    assert_eq!(unclaimed(&world, &pool).await, 150);
    world.stop().await;
}

/// The rows of a long stream are taken as they are answered: what is under way stays bounded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rows_stay_bounded() {
    const ROWS: usize = 10_000;
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let (counter, into) = (sent.clone(), pool.clone());
    // So large that few of them fit into what HTTP/2 takes ahead.
    let remark = "x".repeat(1900);
    let rows = (1..=ROWS).map(move |at| {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut row = row(&format!("Card {at}"), &into, &format!("card-{at}"));
        row.new_account.as_mut().unwrap().account.as_mut().unwrap().remark = remark.clone();
        row
    });
    let answers = world.server.admin().accounts().import_accounts(iter(rows)).await;
    let mut answers = answers.unwrap().into_inner();
    let (mut read, mut most) = (0, 0);
    while let Some(answer) = answers.message().await.unwrap() {
        most = most.max(sent.load(Ordering::Relaxed) - read);
        read += 1;
        assert_eq!((usize::try_from(answer.row), code(&answer)), (Ok(read), Code::Ok));
    }
    assert_eq!(read, ROWS);
    assert!(most < 1500, "{most} rows were under way at once");
    assert_eq!(usize::try_from(unclaimed(&world, &pool).await), Ok(ROWS));
    world.stop().await;
}

/// A client that stops reading is sent no more, and no more is taken from it; nobody else notices, and once it reads on
/// all is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_not_served() {
    const ROWS: usize = 2500;
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let address = format!("http://{}", world.server.running.address());
    let narrow = Endpoint::from(address.parse::<Uri>().unwrap()).initial_stream_window_size(16 * 1024);
    let client = Client {
        channel: narrow.connect().await.unwrap(),
        ..world.server.admin()
    };
    let sent = Arc::new(AtomicUsize::new(0));
    let (counter, into) = (sent.clone(), pool.clone());
    let remark = "x".repeat(1900);
    let rows = (1..=ROWS).map(move |at| {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut row = row(&format!("Card {at}"), &into, "");
        row.new_account.as_mut().unwrap().account.as_mut().unwrap().remark = remark.clone();
        row
    });
    let mut answers = client
        .accounts()
        .import_accounts(iter(rows))
        .await
        .unwrap()
        .into_inner();
    let (mut count, mut same) = (0, 0);
    while same < 50 {
        let now = unclaimed(&world, &pool).await;
        same = if now == count { same + 1 } else { 0 };
        count = now;
    }
    let taken = sent.load(Ordering::Relaxed);
    assert!(taken < 1800, "{taken} rows were taken from somebody who does not read");
    let mut read = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        read += 1;
        assert_eq!((usize::try_from(answer.row), code(&answer)), (Ok(read), Code::Ok));
    }
    assert_eq!(read, ROWS);
    world.stop().await;
}

/// A message that is none ends the stream as the caller's fault; what came before it is answered first.
#[tokio::test]
async fn a_message_that_cannot_be_read_ends_the_stream() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let raw = Raw::connect(world.server.running.address()).await;
    let framed = |message: &[u8]| {
        let mut frame = vec![0];
        frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend(message);
        frame
    };
    let long = vec![0; world.server.config.server.max_request_bytes + 1];
    for (at, broken) in [&b"\xff\xff"[..], &long].into_iter().enumerate() {
        let good = row(&format!("Moss {at}"), &pool, "").encode_to_vec();
        let mut bytes = framed(&good);
        bytes.extend(framed(broken));
        bytes.extend(framed(&row("Reed", &pool, "").encode_to_vec()));
        let (response, mut stream) = raw.open("/tidepool.v1.AccountService/ImportAccounts", &bytes).await;
        drop(stream.send_data(Bytes::new(), true));
        let mut body = response.await.unwrap().into_body();
        let mut read = Vec::new();
        while let Some(chunk) = body.data().await {
            read.extend(chunk.unwrap());
        }
        let answer = ImportAccountsResponse::decode(&read[5..]).unwrap();
        assert_eq!((answer.row, code(&answer)), (1, Code::Ok));
        let trailers = body.trailers().await.unwrap().unwrap();
        let status = Status::from_header_map(&trailers).unwrap();
        Err::<(), _>(status).refused(Code::InvalidArgument, Reason::InvalidArgument);
    }
    assert_eq!(unclaimed(&world, &pool).await, 2);
    raw.close().await;
    world.stop().await;
}

/// A stream ends with its deadline, and says so.
#[tokio::test]
async fn a_stream_ends_with_its_deadline() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let (sender, receiver) = channel(1);
    sender.send(row("Moss", &pool, "")).await.unwrap();
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.set_timeout(Duration::from_secs(1));
    let answers = world.server.admin().accounts().import_accounts(request).await;
    let mut answers = answers.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!((answer.row, code(&answer)), (1, Code::Ok));
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
    let stream = admin.accounts().import_accounts(ReceiverStream::new(receiver)).await;
    let mut answers = stream.unwrap().into_inner();
    let tenant = async || admin.tenants().get_tenant(proto::GetTenantRequest {}).await;
    tenant().await.refused(Code::Unavailable, Reason::ServerBusy);
    drop(sender);
    assert!(answers.message().await.unwrap().is_none());
    // The place is free a moment after the end was told.
    timeout(LONG, async { while tenant().await.is_err() {} }).await.unwrap();

    let (sender, receiver) = channel(1);
    let stream = admin.accounts().import_accounts(ReceiverStream::new(receiver)).await;
    let mut answers = stream.unwrap().into_inner();
    timeout(LONG, server.discard()).await.unwrap();
    answers.message().await.refused(Code::Unavailable, Reason::ServerBusy);
    drop(sender);
}

/// An actor who leaves in the middle ends the stream: nothing more is done for him.
#[tokio::test]
async fn who_leaves_imports_no_more() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let (sender, receiver) = channel(1);
    sender.send(row("Moss", &pool, "")).await.unwrap();
    let ann = world.user("ann");
    let stream = ann.accounts().import_accounts(ReceiverStream::new(receiver)).await;
    let mut answers = stream.unwrap().into_inner();
    assert_eq!(code(&answers.message().await.unwrap().unwrap()), Code::Ok);
    let gone = proto::User {
        active: false,
        ..user("ann")
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![gone],
        ..Default::default()
    };
    let mut directory = world.server.admin().directory();
    directory.batch_upsert_users(request).await.unwrap();
    sender.send(row("Reed", &pool, "")).await.unwrap();
    let ended = answers.message().await;
    ended.refused(Code::PermissionDenied, Reason::ActorUnknown);
    assert_eq!(unclaimed(&world, &pool).await, 1);
    world.stop().await;
}

/// A row that cannot be decided, for a fault of ours, stops nobody else.
#[tokio::test]
async fn a_row_that_cannot_be_decided_ends_nothing() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    world.lying("Moss", &pool).await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    let break_it = "UPDATE account SET external_id = 'no id at all' WHERE name = 'Moss'";
    run_sql(&url, break_it.to_owned()).await;
    let rows = ["Reed", "Moss", "Sedge"].map(|name| row(name, &pool, name));
    let (answers, ended) = import(&world.server.admin(), rows.to_vec()).await;
    ended.unwrap();
    let codes: Vec<_> = answers.iter().map(code).collect();
    assert_eq!(codes, [Code::Ok, Code::Internal, Code::Ok]);
    world.server.discard().await;
}

/// The budget of a batch: it does not grow with its rows.
#[tokio::test]
async fn a_batch_has_a_budget() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let pool = PoolId::parse(&pool).unwrap().to_string();
    let call = Call {
        tenant: TenantName::parse("acme").unwrap(),
        caller: CallerId::parse("console").unwrap(),
        scopes: vec![tidepool::app::call::Scope::Admin],
        actor: None,
        deadline: Instant::now() + LONG,
    };
    let app = &world.server.running.app;
    let read = |message: ImportAccountsRequest| Row {
        key: Some(RequestKey {
            caller: call.caller.clone(),
            request_id: RequestId::parse(&message.request_id).unwrap(),
            payload_hash: [7; 32],
        }),
        account: convert::account::create(message.new_account).map(|mut read| read.accounts.remove(0)),
    };
    // Brings the tenant's snapshot up to date.
    app.import_accounts(&call, &[read(row("First", &pool, "first"))], &|_| vec![])
        .await
        .unwrap();
    for (count, prefix) in [(1, "One"), (100, "Hundred")] {
        let rows: Vec<_> = (0..count)
            .map(|at| format!("{prefix}-{at}"))
            .map(|name| read(row(&name, &pool, &name)))
            .collect();
        let before = world.server.db().statements();
        let imported = app.import_accounts(&call, &rows, &|_| vec![]).await.unwrap();
        assert!(imported.iter().all(Result::is_ok));
        // Revisions, answers, twins; entries of the pool, accounts, events, answers.
        assert_eq!(world.server.db().statements() - before, 7, "{count}");
    }
    world.stop().await;
}
