//! Asks a server whether it is ready, as its container's health check does.

use std::{net::SocketAddr, time::Duration};
use tonic::{
    Status,
    transport::{Endpoint, Error},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

/// Why a server counts as not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Nobody listens there.
    #[error("cannot connect: {0}")]
    Unreachable(#[from] Error),
    /// It does not answer, or is no server of ours.
    #[error("the server answers {:?}", .0.code())]
    Failed(#[from] Status),
    /// It says so itself.
    #[error("the server says {0}")]
    Says(&'static str),
}

/// Asks for the health of `service` and waits no longer than `limit`.
pub async fn ask(address: SocketAddr, service: &str, limit: Duration) -> Result<(), NotReady> {
    let endpoint = Endpoint::try_from(format!("http://{address}"))?
        .connect_timeout(limit)
        .timeout(limit);
    let mut client = HealthClient::new(endpoint.connect().await?);
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = client.check(request).await?.into_inner();
    match answer.status() {
        ServingStatus::Serving => Ok(()),
        other => Err(NotReady::Says(other.as_str_name())),
    }
}
