//! A client of Tidepool in Rust, on generated code: create, claim, tell of an order, read the deadline, be refused.
//!
//! ```text
//! cargo run --example claim -- http://127.0.0.1:7400 TENANT
//! ```
//!
//! The generated code is taken from this crate. Another program generates its own from `proto/` with
//! `tonic-prost-build`, and needs `tonic`, `tonic-prost`, `prost`, `tonic-types` and `tokio`.
#![expect(clippy::print_stdout, reason = "an example")]

use std::{
    env,
    error::Error,
    time::{Duration, SystemTime},
};
use tidepool::rpc::proto::{
    Account, Activity, BatchUpsertUsersRequest, ClaimAccountRequest, CreateAccountRequest, CreatePoolRequest,
    CreateReclaimRuleRequest, GetAccountRequest, NewAccount, Ownership, Pool, PoolMembers, ReclaimRule,
    RecordActivitiesRequest, User, account_service_client::AccountServiceClient,
    activity_service_client::ActivityServiceClient, circulation_service_client::CirculationServiceClient,
    directory_service_client::DirectoryServiceClient, pool_service_client::PoolServiceClient,
    retention_rule_service_client::RetentionRuleServiceClient,
};
use tonic::{Code, Request, Response, Status, transport::Endpoint};
use tonic_types::StatusExt;

/// Who calls: put into the metadata of every call. Whoever acts for nobody leaves the actor out.
fn identity(
    tenant: &str,
    caller: &str,
    scopes: &str,
    actor: &str,
) -> impl FnMut(Request<()>) -> Result<Request<()>, Status> + Clone {
    let said = [
        ("x-tidepool-tenant", tenant),
        ("x-tidepool-caller", caller),
        ("x-tidepool-scopes", scopes),
        ("x-tidepool-actor", actor),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    move |mut request| {
        for (name, value) in said.iter().filter(|(_, value)| !value.is_empty()) {
            let value = value.parse().map_err(|_| Status::invalid_argument(*name))?;
            request.metadata_mut().insert(*name, value);
        }
        Ok(request)
    }
}

/// Sends it again while the server is not available, and only then: nothing was decided yet, and with a request id a
/// change has one effect however often it is sent.
async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut pause = Duration::from_millis(200);
    loop {
        match call().await {
            Err(status) if status.code() == Code::Unavailable && pause < Duration::from_secs(3) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            answer => return answer.map(Response::into_inner),
        }
    }
}

/// Prints what a program decides by: the reason and its facts, and the fields that are wrong.
fn explain(status: &Status) {
    println!("refused: {:?}: {}", status.code(), status.message());
    let details = status.get_error_details();
    if let Some(info) = details.error_info() {
        println!("  reason {}, {:?}", info.reason, info.metadata);
    }
    for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
        println!("  field {}: {}", violation.field, violation.description);
    }
}

fn deadline(ownership: Option<&Ownership>) -> String {
    let at = ownership.and_then(|ownership| ownership.reclaim_time);
    at.map_or_else(|| "never".to_owned(), |at| at.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(address), Some(tenant)) = (arguments.next(), arguments.next()) else {
        return Err("usage: claim http://HOST:PORT TENANT".into());
    };
    let channel = Endpoint::try_from(address)?
        .timeout(Duration::from_secs(10))
        .connect_lazy();
    let admin = identity(&tenant, "crm", "act-as", "maria");
    let ben = identity(&tenant, "crm", "act-as", "ben");

    let user = |id: &str, roles: &[&str]| User {
        id: id.into(),
        display_name: id.into(),
        active: true,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..User::default()
    };
    let push = identity(&tenant, "identity", "directory", "");
    let mut directory = DirectoryServiceClient::with_interceptor(channel.clone(), push);
    let users = vec![user("maria", &["crm-admin"]), user("ben", &[])];
    let request = BatchUpsertUsersRequest {
        users,
        ..BatchUpsertUsersRequest::default()
    };
    directory.batch_upsert_users(request).await?;

    let mut pools = PoolServiceClient::with_interceptor(channel.clone(), admin.clone());
    let pool = Pool {
        display_name: "Fair".into(),
        administrators: vec!["maria".into()],
        members: Some(PoolMembers {
            everyone: true,
            ..PoolMembers::default()
        }),
        claim_limit: Some(1),
        ..Pool::default()
    };
    let request = CreatePoolRequest {
        pool: Some(pool),
        request_id: "create-fair".into(),
    };
    let pool = pools.create_pool(request).await?.into_inner().pool.unwrap_or_default();
    let mut rules = RetentionRuleServiceClient::with_interceptor(channel.clone(), admin.clone());
    let rule = ReclaimRule {
        pool_id: pool.id.clone(),
        follow_up_days: Some(30),
        ..ReclaimRule::default()
    };
    let request = CreateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        request_id: "create-rule".into(),
        ..CreateReclaimRuleRequest::default()
    };
    rules.create_reclaim_rule(request).await?;

    let as_admin = AccountServiceClient::with_interceptor(channel.clone(), admin);
    let create = async |name: &str, request_id: &str| -> Result<Account, Status> {
        let account = Account {
            name: name.into(),
            ..Account::default()
        };
        let request = CreateAccountRequest {
            new_account: Some(NewAccount {
                account: Some(account),
                pool_id: pool.id.clone(),
                ..NewAccount::default()
            }),
            request_id: request_id.into(),
        };
        let answer = patiently(|| {
            let (mut accounts, request) = (as_admin.clone(), request.clone());
            async move { accounts.create_account(request).await }
        });
        Ok(answer.await?.account.unwrap_or_default())
    };
    let (first, second) = (
        create("Mossbrook Pumps", "create-first").await?,
        create("Reedham Solar", "create-second").await?,
    );
    println!("created {} and {} in {}", first.name, second.name, pool.display_name);

    let mut circulation = CirculationServiceClient::with_interceptor(channel.clone(), ben.clone());
    let claim = |account: &Account, request_id: &str| ClaimAccountRequest {
        account_id: account.id.clone(),
        request_id: request_id.into(),
        ..ClaimAccountRequest::default()
    };
    let claimed = circulation
        .claim_account(claim(&first, "claim-first"))
        .await?
        .into_inner();
    println!(
        "ben claimed {}, until {}",
        first.name,
        deadline(claimed.ownership.as_ref())
    );

    let told = identity(&tenant, "orders", "ingest", "");
    let mut activities = ActivityServiceClient::with_interceptor(channel.clone(), told);
    let order = Activity {
        event_id: "order-1/created".into(),
        account_id: first.id.clone(),
        kind: "sales_order.created".into(),
        object_id: "order-1".into(),
        occur_time: Some(now()),
        actor: "ben".into(),
        ..Activity::default()
    };
    let request = RecordActivitiesRequest {
        activities: vec![order],
        ..RecordActivitiesRequest::default()
    };
    for result in activities.record_activities(request).await?.into_inner().results {
        println!("told of an order: {}", result.outcome().as_str_name());
    }
    let mut accounts = AccountServiceClient::with_interceptor(channel, ben);
    let request = GetAccountRequest {
        account_id: first.id.clone(),
    };
    let after = accounts
        .get_account(request)
        .await?
        .into_inner()
        .account
        .unwrap_or_default();
    println!("the deadline is now {}", deadline(after.ownership.as_ref()));

    if let Err(status) = circulation.claim_account(claim(&second, "claim-second")).await {
        explain(&status);
    }
    if let Err(status) = create("", "create-nothing").await {
        explain(&status);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a client has no clock but the machine's")]
fn now() -> prost_types::Timestamp {
    SystemTime::now().into()
}
