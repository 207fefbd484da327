//! The gRPC server: services, the layers around them, and the limits of HTTP/2.

use crate::{
    app::App,
    config::Server as Config,
    domain::error::Error,
    rpc::{
        Api, Streams,
        identity::IdentityLayer,
        malformed::MalformedLayer,
        observe::ObserveLayer,
        proto::{self, DESCRIPTORS},
        shield::ShieldLayer,
    },
    telemetry::metrics,
};
use rand::Rng;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    Status,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::Builder as Reflection;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

/// Streams per connection; without a number here tonic sets none at all.
const STREAMS: u32 = 200;
/// Reset streams that are kept in mind per connection; likewise.
const RESET_STREAMS: usize = 1024;
const PENDING_RESET_STREAMS: usize = 20;
/// Metadata of a call at most, in bytes.
const HEADER_LIST: u32 = 16 * 1024;
/// Connections are asked to come again now and then, so that new replicas get their share. Without any grace: with one,
/// the server would cut calls off instead of asking.
const CONNECTION_AGE: Duration = Duration::from_mins(5);
/// So that replicas that started together do not send all clients away together.
const CONNECTION_AGE_SPREAD: f64 = 0.2;

fn connection_age() -> Duration {
    CONNECTION_AGE.mul_f64(rand::rng().random_range(1.0..1.0 + CONNECTION_AGE_SPREAD))
}

/// Adds services, one a line; without a size limit of its own none would have any.
macro_rules! serve {
    ($router:expr, $api:expr, $limit:expr; $($module:ident::$service:ident,)*) => {
        $router$(.add_service(proto::$module::$service::new($api.clone()).max_decoding_message_size($limit)))*
    };
}

/// A server that has its port but serves nothing yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Takes the port.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address with the real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then finishes the calls that are under way. `tasks` knows them.
    pub async fn serve(
        self,
        app: Arc<App>,
        config: &Config,
        health: HealthReporter,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Result<(), tonic::transport::Error> {
        let streams = Streams {
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let api = Api::new(app, streams);
        let limit = config.max_request_bytes;
        let layers = ServiceBuilder::new()
            .layer(ObserveLayer)
            .layer(CatchPanicLayer::custom(|_| {
                metrics::panicked();
                tracing::error!("a layer panicked");
                Status::from(Error::internal()).into_http::<tonic::body::Body>()
            }))
            .layer(ShieldLayer::new(tasks, config.max_concurrent_calls))
            .layer(IdentityLayer)
            .layer(MalformedLayer);
        let describe = || {
            config
                .reflection
                .then(|| Reflection::configure().register_encoded_file_descriptor_set(DESCRIPTORS))
        };
        // The descriptors were encoded by the build of this very binary; without them there is no reflection.
        let v1 = describe().and_then(|builder| builder.build_v1().ok());
        let v1alpha = describe().and_then(|builder| builder.build_v1alpha().ok());
        let router = Server::builder()
            .max_concurrent_streams(STREAMS)
            .http2_max_local_error_reset_streams(Some(RESET_STREAMS))
            .http2_max_pending_accept_reset_streams(Some(PENDING_RESET_STREAMS))
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .http2_max_header_list_size(Some(HEADER_LIST))
            .max_connection_age(connection_age())
            .layer(layers)
            .add_service(HealthServer::new(HealthService::from_health_reporter(health)))
            .add_optional_service(v1)
            .add_optional_service(v1alpha);
        serve!(router, api, limit;
            tenant_service_server::TenantServiceServer,
            directory_service_server::DirectoryServiceServer,
            pool_service_server::PoolServiceServer,
            retention_rule_service_server::RetentionRuleServiceServer,
            retention_exception_service_server::RetentionExceptionServiceServer,
            reminder_rule_service_server::ReminderRuleServiceServer,
            retention_limit_service_server::RetentionLimitServiceServer,
            retention_service_server::RetentionServiceServer,
            custom_field_service_server::CustomFieldServiceServer,
            account_service_server::AccountServiceServer,
            circulation_service_server::CirculationServiceServer,
            activity_service_server::ActivityServiceServer,
            activity_source_service_server::ActivitySourceServiceServer,
            activity_rule_service_server::ActivityRuleServiceServer,
            team_service_server::TeamServiceServer,
            history_service_server::HistoryServiceServer,
            related_object_service_server::RelatedObjectServiceServer,
            job_service_server::JobServiceServer,
            sweep_service_server::SweepServiceServer,
            event_service_server::EventServiceServer,
            webhook_service_server::WebhookServiceServer,
        )
        .serve_with_incoming_shutdown(
            TcpIncoming::from(self.listener).with_nodelay(Some(true)),
            stop.cancelled_owned(),
        )
        .await
    }
}
