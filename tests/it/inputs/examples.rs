//! A request of every rpc that is answered, with nearly every field set, and which of its fields have to be.

use super::{
    examples_accounts, examples_activity, examples_config, examples_events, examples_exceptions, examples_retention,
    examples_sources, examples_sweep, examples_webhooks, fields::rpcs, side::Side,
};
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor};

/// A request that is answered.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) rpc: MethodDescriptor,
    /// For whom; nobody if empty.
    pub(crate) actor: String,
    pub(crate) message: DynamicMessage,
    /// The fields without which it is refused, by their paths.
    pub(crate) required: &'static [&'static str],
}

/// What an example is made of: the actor, the required fields, and the request.
pub(crate) type Made = (String, &'static [&'static str], Vec<u8>);

/// An example that the service, acting for nobody, sends.
pub(crate) fn by_service(required: &'static [&'static str], request: impl Message) -> Made {
    (String::new(), required, request.encode_to_vec())
}

/// Rpcs of which one request cannot show everything, with the number of further examples.
const VARIANTS: &[(&str, usize)] = &[
    // Of a pool.
    ("ListAccounts", 1),
    // Of named accounts.
    ("StartAssignMatching", 1),
    ("StartTransferMatching", 1),
];

/// The examples of these services.
pub(crate) fn examples_of(services: &[&str]) -> Vec<(MethodDescriptor, usize)> {
    let rpcs = rpcs()
        .into_iter()
        .filter(|rpc| services.contains(&rpc.parent_service().name()));
    rpcs.flat_map(|rpc| {
        let more = VARIANTS
            .iter()
            .find(|(name, _)| *name == rpc.name())
            .map_or(0, |(_, more)| *more);
        (0..=more).map(move |variant| (rpc.clone(), variant))
    })
    .collect()
}

/// Makes an example of the rpc on things that no other example changes.
pub(crate) async fn example(side: &Side, rpc: &MethodDescriptor) -> Example {
    example_of(side, rpc, 0).await
}

/// Makes one of the examples of the rpc. An rpc that has none fails here.
pub(crate) async fn example_of(side: &Side, rpc: &MethodDescriptor, variant: usize) -> Example {
    let name = match variant {
        0 => rpc.name().to_owned(),
        more => format!("{}/{more}", rpc.name()),
    };
    let made = match rpc.parent_service().name() {
        "TenantService"
        | "DirectoryService"
        | "PoolService"
        | "RetentionRuleService"
        | "RetentionLimitService"
        | "ReminderRuleService"
        | "CustomFieldService" => Box::pin(examples_config::make(side, &name)).await,
        "ActivityRuleService" => Box::pin(examples_activity::make(side, &name)).await,
        "RetentionExceptionService" => Box::pin(examples_exceptions::make(side, &name)).await,
        "RetentionService" => Box::pin(examples_retention::make(side, &name)).await,
        "EventService" => examples_events::make(side, &name),
        "ActivitySourceService" => Box::pin(examples_sources::make(side, &name)).await,
        "WebhookService" => Box::pin(examples_webhooks::make(side, &name)).await,
        "SweepService" => Box::pin(examples_sweep::make(side, &name)).await,
        _ => Box::pin(examples_accounts::make(side, &name)).await,
    };
    let (actor, required, bytes) = made.unwrap_or_else(|| panic!("{} has no example", rpc.full_name()));
    Example {
        rpc: rpc.clone(),
        actor,
        message: DynamicMessage::decode(rpc.input(), bytes.as_slice()).unwrap(),
        required,
    }
}
