//! Bad input for every rpc, swept from the protocol: each field of each request is left out, too long, malformed, out of
//! range, of nothing. A new rpc or field that nobody thought about fails here.

mod at_once;
mod call;
mod crossing;
pub(crate) mod examples;
mod examples_accounts;
mod examples_activity;
mod examples_config;
mod examples_events;
mod examples_exceptions;
mod examples_moves;
mod examples_retention;
mod examples_sources;
mod examples_sweep;
mod examples_webhooks;
pub(crate) mod fields;
mod repeats;
mod rows;
pub(crate) mod side;
mod side_exceptions;
mod sites;
mod wire;
mod wrong;

use crate::harness::{ACME, Server};
use call::{Caller, Outcome};
use examples::{example_of, examples_of};
use prost_reflect::MethodDescriptor;
use rows::Store;
use side::Side;
use tonic::Code;
use wrong::{Expect, Wrong, wrongs};

/// A server with one tenant of everything.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) ours: Side,
    pub(crate) caller: Caller,
    store: Store,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let server = Server::start_with(examples_webhooks::configure).await;
        let ours = Side::furnish(&server, ACME, "ours").await;
        Self {
            caller: Caller::connect(&server).await,
            store: Store::open(&server).await,
            ours,
            server,
        }
    }

    pub(crate) async fn strike(self) {
        self.caller.close().await;
        self.store.close().await;
        self.server.stop().await;
    }
}

/// What is not as it has to be, if anything.
fn judge(wrong: &Wrong, outcome: &Outcome) -> Option<String> {
    let Err(said) = outcome else {
        return (!matches!(wrong.expect, Expect::Answered | Expect::Either)).then(|| "was answered".to_owned());
    };
    let told = format!("{:?} {} {} {:?}", said.code, said.reason, said.message, said.fields);
    if matches!(said.code, Code::Internal | Code::Unknown | Code::Unavailable) || said.reason.is_empty() {
        return Some(told);
    }
    let fits = match wrong.expect {
        Expect::Named => said.code == Code::InvalidArgument && said.names(&wrong.path),
        Expect::Stale => said.code == Code::Aborted && said.reason == "ETAG_MISMATCH",
        Expect::Either => said.code != Code::InvalidArgument || !said.fields.is_empty(),
        Expect::Answered => false,
    };
    (!fits).then_some(told)
}

fn finding(rpc: &MethodDescriptor, wrong: &Wrong, said: &str) -> String {
    let said: String = said.chars().take(400).collect();
    let Wrong { path, what, expect, .. } = wrong;
    format!("{} {path} = {what} ({expect:?}): {said}", rpc.name())
}

/// Each service on a stage of its own: what examples leave behind is read again after every change of configuration.
async fn sweep(services: &[&str]) {
    let mut found = Vec::new();
    for service in services {
        found.extend(sweep_service(service).await);
    }
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

async fn sweep_service(service: &str) -> Vec<String> {
    let stage = Stage::set().await;
    let mut found = Vec::new();
    for (rpc, variant) in examples_of(&[service]) {
        let good = example_of(&stage.ours, &rpc, variant).await;
        if let Err(said) = stage.caller.call(&stage.ours, &good, &good.message).await {
            found.push(format!("{}: the example: {said:?}", rpc.name()));
            continue;
        }
        let mut good = example_of(&stage.ours, &rpc, variant).await;
        // First those that are refused, on one example: none of them may change anything.
        let (refused, others): (Vec<_>, Vec<_>) = wrongs(&good).into_iter().partition(Wrong::is_refused);
        let mut before = stage.store.all().await;
        for wrong in refused {
            let outcome = stage.caller.call(&stage.ours, &good, &wrong.of(&good.message)).await;
            found.extend(judge(&wrong, &outcome).map(|said| finding(&rpc, &wrong, &said)));
            if outcome.is_ok() {
                good = example_of(&stage.ours, &rpc, variant).await;
                before = stage.store.all().await;
            }
        }
        stage.store.all().await.assert_same(&before, rpc.name());
        for wrong in others {
            let outcome = stage.caller.call(&stage.ours, &good, &wrong.of(&good.message)).await;
            found.extend(judge(&wrong, &outcome).map(|said| finding(&rpc, &wrong, &said)));
            // Used up by an answer, and perhaps by another item of the call than the one that was refused.
            if outcome.as_ref().err().is_none_or(|said| said.of_item) {
                good = example_of(&stage.ours, &rpc, variant).await;
            }
        }
    }
    stage.strike().await;
    found
}

#[tokio::test]
async fn bad_input_to_configuration_is_refused_by_name() {
    sweep(&CONFIGURATION).await;
}

#[tokio::test]
async fn bad_input_about_accounts_is_refused_by_name() {
    sweep(&ACCOUNTS).await;
}

#[tokio::test]
async fn bad_input_to_moves_is_refused_by_name() {
    sweep(&MOVES).await;
}

const CONFIGURATION: [&str; 10] = [
    "TenantService",
    "DirectoryService",
    "PoolService",
    "RetentionRuleService",
    "ReminderRuleService",
    "RetentionService",
    "RetentionLimitService",
    "CustomFieldService",
    "ActivityRuleService",
    "ActivitySourceService",
];
const ACCOUNTS: [&str; 7] = [
    "AccountService",
    "TeamService",
    "HistoryService",
    "ActivityService",
    "EventService",
    "WebhookService",
    "RelatedObjectService",
];
const MOVES: [&str; 4] = [
    "CirculationService",
    "RetentionExceptionService",
    "JobService",
    "SweepService",
];

/// No service is left out of the sweeps.
#[test]
fn every_service_is_swept() {
    let mut swept = [&CONFIGURATION[..], &ACCOUNTS, &MOVES].concat();
    let mut all: Vec<_> = fields::rpcs()
        .iter()
        .map(|rpc| rpc.parent_service().name().to_owned())
        .collect();
    all.dedup();
    all.sort();
    swept.sort_unstable();
    assert_eq!(swept, all);
}
