//! A client of the service, as another program would write it: generated stubs, the identity in the metadata of every
//! call, refusals decoded from the details of the status. The import and the demo go through it; it knows the server by
//! its port only.

mod refused;

pub use refused::Refused;

use crate::rpc::{
    identity,
    proto::{
        account_service_client::AccountServiceClient, activity_rule_service_client::ActivityRuleServiceClient,
        activity_service_client::ActivityServiceClient, circulation_service_client::CirculationServiceClient,
        custom_field_service_client::CustomFieldServiceClient, directory_service_client::DirectoryServiceClient,
        event_service_client::EventServiceClient, job_service_client::JobServiceClient,
        pool_service_client::PoolServiceClient, retention_limit_service_client::RetentionLimitServiceClient,
        retention_rule_service_client::RetentionRuleServiceClient, retention_service_client::RetentionServiceClient,
        sweep_service_client::SweepServiceClient, tenant_service_client::TenantServiceClient,
    },
};
use rand::Rng;
use std::time::Duration;
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

/// How long the answer to a call may take.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
/// How often a call is made at most while the server is not available.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("{0} is no address of a server: it looks like http://127.0.0.1:7400")]
    Address(String),
    /// The identity cannot be sent.
    #[error("{0} must be printable ASCII")]
    Identity(&'static str),
}

/// Who calls, as the metadata of each call says it.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// Name of the tenant.
    pub tenant: String,
    /// Name of the calling service.
    pub caller: String,
    /// Its scopes, separated by commas.
    pub scopes: String,
    /// Id of the user that it acts for; empty if it acts for nobody.
    pub actor: String,
}

/// Puts the identity into calls.
#[derive(Clone, Debug)]
pub struct Identity {
    headers: Vec<(&'static str, MetadataValue<Ascii>)>,
}

impl Identity {
    fn new(who: &Who) -> Result<Self, ClientError> {
        let said = [
            (identity::TENANT, &who.tenant),
            (identity::CALLER, &who.caller),
            (identity::SCOPES, &who.scopes),
            (identity::ACTOR, &who.actor),
        ];
        // An empty actor is not no actor: what is not said is left out.
        let said = said.into_iter().filter(|(_, value)| !value.is_empty());
        let headers = said.map(|(name, value)| match value.parse() {
            Ok(parsed) if value.is_ascii() => Ok((name, parsed)),
            _ => Err(ClientError::Identity(name)),
        });
        Ok(Self {
            headers: headers.collect::<Result<_, _>>()?,
        })
    }
}

impl Interceptor for Identity {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.clone());
        }
        Ok(request)
    }
}

/// What the generated clients call through.
pub type Stub = InterceptedService<Channel, Identity>;

/// A connection to a server, and who calls on it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    identity: Identity,
}

impl Client {
    /// A client of the server at `address`, for example `http://127.0.0.1:7400`. It connects at the first call.
    pub fn new(address: &str, who: &Who) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address(address.to_owned());
        let endpoint: Endpoint = address.parse().map_err(|_| wrong())?;
        if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().authority().is_none() {
            return Err(wrong());
        }
        let channel = endpoint.timeout(PATIENCE).connect_timeout(CONNECT).connect_lazy();
        Self::on(channel, who)
    }

    /// A client on a channel that was made otherwise: with other timeouts, or on an executor of its own.
    pub fn on(channel: Channel, who: &Who) -> Result<Self, ClientError> {
        Ok(Self {
            channel,
            identity: Identity::new(who)?,
        })
    }

    /// The same connection for somebody else.
    pub fn as_who(&self, who: &Who) -> Result<Self, ClientError> {
        Self::on(self.channel.clone(), who)
    }
}

/// The clients of the services, one a line.
macro_rules! stubs {
    ($($(#[$doc:meta])* $name:ident = $client:ident;)*) => {
        impl Client {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> $client<Stub> {
                $client::with_interceptor(self.channel.clone(), self.identity.clone())
            })*
        }
    };
}

stubs! {
    /// `TenantService`.
    tenants = TenantServiceClient;
    /// `DirectoryService`.
    directory = DirectoryServiceClient;
    /// `PoolService`.
    pools = PoolServiceClient;
    /// `RetentionRuleService`.
    rules = RetentionRuleServiceClient;
    /// `RetentionLimitService`.
    limits = RetentionLimitServiceClient;
    /// `RetentionService`.
    retention = RetentionServiceClient;
    /// `CustomFieldService`.
    custom_fields = CustomFieldServiceClient;
    /// `SweepService`.
    sweeps = SweepServiceClient;
    /// `AccountService`.
    accounts = AccountServiceClient;
    /// `CirculationService`.
    circulation = CirculationServiceClient;
    /// `ActivityService`.
    activities = ActivityServiceClient;
    /// `ActivityRuleService`.
    activity_rules = ActivityRuleServiceClient;
    /// `EventService`.
    events = EventServiceClient;
    /// `JobService`.
    jobs = JobServiceClient;
}

/// Makes a call, again and again while the server is not available. For reads, and for changes with a request id, which
/// have one effect however often they are sent.
pub async fn patiently<T, F>(call: impl FnMut() -> F) -> Result<T, Refused>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    with_pauses(FIRST_PAUSE, call).await
}

/// Waits before the attempt after `failures` failed ones, as long as the last of them asks for.
pub async fn pause(failures: u32, refused: &Refused) {
    rest(FIRST_PAUSE, failures, refused).await;
}

async fn rest(first: Duration, failures: u32, refused: &Refused) {
    let pause = first * 2_u32.saturating_pow(failures.saturating_sub(1));
    // Clients that were refused together must not come back together.
    let jitter = rand::rng().random_range(0.5..1.5);
    tokio::time::sleep(refused.retry_after.unwrap_or_default().max(pause).mul_f64(jitter)).await;
}

async fn with_pauses<T, F>(first: Duration, mut call: impl FnMut() -> F) -> Result<T, Refused>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    for failures in 1..ATTEMPTS {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if status.code() == Code::Unavailable => {
                rest(first, failures, &Refused::from(&status)).await;
            }
            Err(status) => return Err(Refused::from(&status)),
        }
    }
    Ok(call().await.map_err(|status| Refused::from(&status))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn only_http_addresses_and_printable_names_are_taken() {
        for address in [
            "",
            "127.0.0.1:7400",
            "https://127.0.0.1:7400",
            "http://",
            "not an address",
        ] {
            assert!(Client::new(address, &Who::default()).is_err(), "{address:?}");
        }
        let client = Client::new("http://127.0.0.1:7400", &Who::default()).unwrap();
        let who = Who {
            actor: "\u{e9}".into(),
            ..Who::default()
        };
        assert!(client.as_who(&who).is_err());
    }

    #[tokio::test]
    async fn only_what_is_not_available_is_tried_again() {
        for (code, times) in [(Code::Unavailable, ATTEMPTS), (Code::Aborted, 1), (Code::NotFound, 1)] {
            let calls = Cell::new(0);
            let refused = with_pauses(Duration::ZERO, async || -> Result<Response<()>, Status> {
                calls.set(calls.get() + 1);
                Err(Status::new(code, "no"))
            });
            assert_eq!((refused.await.unwrap_err().code, calls.get()), (code, times));
        }
    }
}
