//! What the service tells about itself: traces and metrics arrive, and what must not be told is in none of them.

use crate::{
    collector::{Collector, attribute},
    harness::{Storage, run_sql},
    process::{Process, run},
    raw::{ADMIN, Raw},
};
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};
use std::collections::HashMap;
use tidepool::rpc::{
    methods::METHODS,
    proto::{self, Account, DESCRIPTORS, NewAccount, Pool, PoolMembers, User},
};
use tonic::Status;

const PASSWORD: &str = "pw-canary-5d1c";
const PHONE: &str = "138-canary-77315";
const NOTE: &str = "note-canary-c4f1";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0c1902b7";

/// A service in a process of its own that tells everything it can to a collector.
struct Observed {
    process: Process,
    collector: Collector,
    storage: Storage,
    raw: Raw,
    user: Option<String>,
}

impl Observed {
    async fn start(filter: &str) -> Self {
        let (storage, mut url) = Storage::create().await;
        let mut user = None;
        if let Storage::Database { server, name } = &storage {
            // A user of its own, so that there is a password to look for.
            let account = format!("u{}", &name[name.len() - 12..]);
            let create = format!("CREATE USER '{account}'@'%' IDENTIFIED BY '{PASSWORD}'");
            run_sql(server, create).await;
            run_sql(server, format!("GRANT ALL ON {name}.* TO '{account}'@'%'")).await;
            let (scheme, rest) = url.split_once("://").unwrap();
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            url = format!("{scheme}://{account}:{PASSWORD}@{host}");
            user = Some(account);
        }
        let collector = Collector::start().await;
        let endpoint = format!("http://{}", collector.address);
        let settings = [
            ("TIDEPOOL__DATABASE__URL", url.as_str()),
            ("TIDEPOOL__DATABASE__AUTO_MIGRATE", "true"),
            ("TIDEPOOL__DATABASE__MAX_CONNECTIONS", "4"),
            ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
            ("TIDEPOOL__SWEEP__INTERVAL_SECONDS", "1"),
            ("TIDEPOOL__LOG__FORMAT", "json"),
            ("TIDEPOOL__LOG__FILTER", filter),
            ("TIDEPOOL__TELEMETRY__OTLP_ENDPOINT", endpoint.as_str()),
            ("TIDEPOOL__TELEMETRY__METRICS_INTERVAL_SECONDS", "1"),
        ];
        let created = run(&settings, &["tenant", "create", "acme"]);
        assert!(created.status.success(), "{created:?}");
        let process = Process::serve(&settings).await;
        let raw = process.raw().await;
        Self {
            process,
            collector,
            storage,
            raw,
            user,
        }
    }

    async fn call<T: Message + Default>(&self, method: &str, request: impl Message) -> Result<T, Status> {
        self.call_with(method, request, &[]).await
    }

    async fn call_with<T: Message + Default>(
        &self,
        method: &str,
        request: impl Message,
        more: &[(&str, &[u8])],
    ) -> Result<T, Status> {
        let path = format!("/tidepool.v1.{method}");
        let metadata = [&ADMIN, more].concat();
        let answer = self.raw.call(&path, &metadata, &request.encode_to_vec()).await?;
        Ok(T::decode(answer.as_slice()).unwrap())
    }

    /// A pool with everybody in it, and the user `ann`.
    async fn pool(&self) -> String {
        let ann = User {
            id: "ann".into(),
            display_name: "Ann".into(),
            active: true,
            ..User::default()
        };
        let push = proto::BatchUpsertUsersRequest {
            users: vec![ann],
            ..Default::default()
        };
        let pushed: Result<proto::BatchUpsertUsersResponse, _> =
            self.call("DirectoryService/BatchUpsertUsers", push).await;
        pushed.unwrap();
        let pool = Pool {
            display_name: "North".into(),
            administrators: vec!["ann".into()],
            members: Some(PoolMembers {
                everyone: true,
                ..PoolMembers::default()
            }),
            ..Pool::default()
        };
        let create = proto::CreatePoolRequest {
            pool: Some(pool),
            ..Default::default()
        };
        let created: Result<proto::CreatePoolResponse, _> = self.call("PoolService/CreatePool", create).await;
        created.unwrap().pool.unwrap().id
    }

    async fn create(&self, name: &str, pool: &str) -> Result<String, Status> {
        let account = Account {
            name: name.into(),
            phone: PHONE.into(),
            remark: NOTE.into(),
            ..Account::default()
        };
        let create = proto::CreateAccountRequest {
            new_account: Some(NewAccount {
                account: Some(account),
                pool_id: pool.into(),
                owner: String::new(),
            }),
            ..Default::default()
        };
        let created: proto::CreateAccountResponse = self.call("AccountService/CreateAccount", create).await?;
        Ok(created.account.unwrap().id)
    }

    /// Stops everything and returns what the process said, and what the collector has.
    async fn stop(self) -> (String, Collector) {
        let Self {
            process,
            collector,
            storage,
            raw,
            user,
        } = self;
        raw.close().await;
        let (status, said) = process.stop().await;
        assert!(status.success(), "{said}");
        if let (Some(user), Storage::Database { server, .. }) = (user, &storage) {
            run_sql(server, format!("DROP USER '{user}'@'%'")).await;
        }
        storage.remove().await;
        (said, collector)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[tokio::test]
async fn calls_continue_their_callers_trace_and_are_counted() {
    let observed = Observed::start("info").await;
    let pool = observed.pool().await;
    let account = observed.create("Blue Ltd", &pool).await.unwrap();
    let claim = || proto::ClaimAccountRequest {
        account_id: account.clone(),
        ..Default::default()
    };
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let as_ann: [(&str, &[u8]); 2] = [("traceparent", traceparent.as_bytes()), ("x-tidepool-actor", b"ann")];
    let claimed: Result<proto::ClaimAccountResponse, _> = observed
        .call_with("CirculationService/ClaimAccount", claim(), &as_ann)
        .await;
    claimed.unwrap();
    let again: Result<proto::ClaimAccountResponse, _> = observed
        .call_with("CirculationService/ClaimAccount", claim(), &as_ann[1..])
        .await;
    again.unwrap_err();
    let unknown = observed.raw.call("/elsewhere.v1.Other/Thing", &ADMIN, b"").await;
    unknown.unwrap_err();
    // What is left is sent at the end: no need to wait for any interval.
    let (_, collector) = observed.stop().await;

    let spans = collector.spans();
    let method = "tidepool.v1.CirculationService/ClaimAccount";
    let call = spans
        .iter()
        .find(|span| span.name == method && hex(&span.trace_id) == TRACE)
        .unwrap();
    assert_eq!((hex(&call.parent_span_id).as_str(), call.kind), (PARENT, 2));
    let said = |key: &str| attribute(&call.attributes, key);
    assert_eq!(said("rpc.system.name").as_deref(), Some("grpc"));
    assert_eq!(said("rpc.method").as_deref(), Some(method));
    assert_eq!(said("rpc.response.status_code").as_deref(), Some("OK"));
    let below: Vec<_> = spans
        .iter()
        .filter(|span| span.parent_span_id == call.span_id)
        .collect();
    let attempt = below.iter().find(|span| span.name == "ClaimAccount").unwrap();
    assert_eq!(attribute(&attempt.attributes, "attempt").as_deref(), Some("1"));
    assert!(spans.iter().any(|span| span.name == "sweep round"));
    for span in &spans {
        assert!(span.events.is_empty(), "{span:?}");
        for attribute in &span.attributes {
            assert!(
                !attribute.key.starts_with("code.") && !attribute.key.starts_with("thread."),
                "{span:?}"
            );
        }
    }

    let calls = |code: &str| {
        let labels = [("rpc.method", method), ("rpc.response.status_code", code)];
        collector.total("rpc.server.call.duration", &labels)
    };
    assert_eq!((calls("OK"), calls("FAILED_PRECONDITION")), (Some(1.0), Some(1.0)));
    assert_eq!(
        collector.total("rpc.server.call.duration", &[("rpc.method", "_OTHER")]),
        Some(1.0)
    );
    let moves = |labels: &[(&str, &str)]| collector.total("tidepool.moves", labels);
    let claims = ("operation", "ClaimAccount");
    assert_eq!(moves(&[claims, ("outcome", "moved")]), Some(1.0));
    assert_eq!(moves(&[claims, ("reason", "ALREADY_CLAIMED")]), Some(1.0));
    assert_eq!(collector.total("tidepool.sweep.due", &[]), Some(0.0));
    assert!(
        collector
            .total("tidepool.sweep.rounds", &[("outcome", "done")])
            .unwrap()
            >= 1.0
    );
    for pool in ["write", "read"] {
        let pool = ("db.client.connection.pool.name", pool);
        assert!(collector.total("db.client.connection.max", &[pool]).unwrap() >= 1.0);
        let stuck = [pool, ("db.client.connection.state", "stuck")];
        assert_eq!(collector.total("db.client.connection.count", &stuck), Some(0.0));
    }
    collector.stop().await;
}

/// A stream is under way until its end, and ends as its trailers say, or canceled when its caller leaves.
#[tokio::test]
async fn streams_are_observed_to_their_end() {
    let observed = Observed::start("info").await;
    let pool = observed.pool().await;
    let row = proto::ImportAccountsRequest {
        new_account: Some(NewAccount {
            account: Some(Account {
                name: "Blue Ltd".into(),
                ..Account::default()
            }),
            pool_id: pool,
            owner: String::new(),
        }),
        request_id: String::new(),
    };
    let row = row.encode_to_vec();
    let mut frame = vec![0, 0, 0, 0, u8::try_from(row.len()).unwrap()];
    frame.extend(row);
    let method = "tidepool.v1.AccountService/ImportAccounts";
    let path = format!("/{method}");
    for broken in [true, false] {
        let (response, mut stream) = observed.raw.open(&path, &frame).await;
        let mut body = response.await.unwrap().into_body();
        // The answer to the row: the stream has begun to be answered, and goes on.
        body.data().await.unwrap().unwrap();
        if broken {
            // A message of one byte that is none.
            stream.send_data(vec![0, 0, 0, 0, 1, 0xff].into(), true).unwrap();
            while body.data().await.is_some() {}
            body.trailers().await.unwrap().unwrap();
        } else {
            stream.send_reset(h2::Reason::CANCEL);
        }
    }
    let (_, collector) = observed.stop().await;
    let spans = collector.spans();
    let calls: Vec<_> = spans.iter().filter(|span| span.name == method).collect();
    let mut codes: Vec<_> = calls
        .iter()
        .map(|call| attribute(&call.attributes, "rpc.response.status_code").unwrap())
        .collect();
    codes.sort();
    assert_eq!(codes, ["CANCELLED", "INVALID_ARGUMENT"]);
    for call in calls {
        // What was done for it lies below it and within its time.
        let attempt = spans.iter().find(|span| span.parent_span_id == call.span_id).unwrap();
        assert_eq!(attempt.name, "ImportAccounts");
        assert!(attempt.end_time_unix_nano <= call.end_time_unix_nano);
    }
    for code in ["CANCELLED", "INVALID_ARGUMENT"] {
        let labels = [("rpc.method", method), ("rpc.response.status_code", code)];
        assert_eq!(
            collector.total("rpc.server.call.duration", &labels),
            Some(1.0),
            "{code}"
        );
    }
    collector.stop().await;
}

/// The messages of the protocol by their full names.
fn messages() -> HashMap<String, DescriptorProto> {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut open: Vec<_> = set
        .file
        .into_iter()
        .flat_map(|file| {
            let package = format!(".{}", file.package());
            file.message_type
                .into_iter()
                .map(move |message| (format!("{package}.{}", message.name()), message))
        })
        .collect();
    let mut all = HashMap::new();
    while let Some((name, message)) = open.pop() {
        for nested in &message.nested_type {
            open.push((format!("{name}.{}", nested.name()), nested.clone()));
        }
        all.insert(name, message);
    }
    all
}

/// A message with this text in every field that can hold one.
fn filled(all: &HashMap<String, DescriptorProto>, name: &str, text: &str, depth: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in &all[name].field {
        let value = match field.r#type() {
            Type::String => text.as_bytes().to_vec(),
            Type::Message if depth > 0 && all.contains_key(field.type_name()) => {
                filled(all, field.type_name(), text, depth - 1)
            }
            _ => continue,
        };
        prost::encoding::bytes::encode(u32::try_from(field.number()).unwrap(), &value, &mut bytes);
    }
    bytes
}

/// A telephone number, a note, or the database's password must never be where others than the caller can read it,
/// however much is logged: not when calls go well, not when they are refused, not for any method.
#[tokio::test]
async fn what_is_confidential_is_never_told() {
    // Directives for modules of a capped library must not lift the cap.
    let observed = Observed::start("trace,sqlx::query=trace,sea_orm::driver=trace,h2::codec=trace").await;
    let pool = observed.pool().await;
    let account = observed.create("Blue Ltd", &pool).await.unwrap();
    observed.create("Blue Ltd", &pool).await.unwrap_err();
    let as_ann: [(&str, &[u8]); 1] = [("x-tidepool-actor", b"ann")];
    let claim = proto::ClaimAccountRequest {
        account_id: account.clone(),
        ..Default::default()
    };
    let claimed: Result<proto::ClaimAccountResponse, _> = observed
        .call_with("CirculationService/ClaimAccount", claim, &as_ann)
        .await;
    claimed.unwrap();
    let activity = proto::Activity {
        source: "crm".into(),
        event_id: NOTE.into(),
        account_id: account.clone(),
        kind: "call.done".into(),
        summary: format!("{NOTE} {PHONE}"),
        ..Default::default()
    };
    let record = proto::RecordActivitiesRequest {
        activities: vec![activity.clone(), activity],
        ..Default::default()
    };
    let recorded: Result<proto::RecordActivitiesResponse, _> =
        observed.call("ActivityService/RecordActivities", record).await;
    recorded.unwrap();
    let back = proto::ReturnAccountRequest {
        account_id: account,
        note: NOTE.into(),
        ..Default::default()
    };
    let returned: Result<proto::ReturnAccountResponse, _> = observed
        .call_with("CirculationService/ReturnAccount", back, &as_ann)
        .await;
    returned.unwrap();

    let all = messages();
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut called = 0;
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                for text in [PHONE, NOTE] {
                    let message = filled(&all, method.input_type(), text, 4);
                    drop(observed.raw.call(&path, &ADMIN, &message).await);
                    // Cut off in the middle, it cannot be read.
                    drop(observed.raw.call(&path, &ADMIN, &message[..message.len() / 2]).await);
                }
                called += 1;
            }
        }
    }
    let ours = METHODS
        .iter()
        .filter(|(path, _)| path.starts_with("/tidepool."))
        .count();
    assert_eq!(called, ours);

    let (said, collector) = observed.stop().await;
    assert!(said.contains("TRACE"), "the filter has no effect");
    let told = collector.text();
    assert!(told.contains("ReturnAccount"), "nothing was collected");
    for canary in [PHONE, NOTE, PASSWORD] {
        for text in [&said, &told] {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None);
        }
    }
    collector.stop().await;
}

/// The password is not told either when the database cannot be reached.
#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let url = format!("mysql://tide:{PASSWORD}@127.0.0.1:1/tidepool");
    let settings = [
        ("TIDEPOOL__DATABASE__URL", url.as_str()),
        ("TIDEPOOL__LOG__FILTER", "trace,sqlx=trace"),
    ];
    for arguments in [&["serve"] as &[&str], &["migrate", "up"], &["config"]] {
        let ended = run(&settings, arguments);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        );
        assert!(said.contains("MySQL") || said.contains("tide:***@127.0.0.1"), "{said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
}
