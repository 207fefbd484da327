//! Opens a connection: resolve, check, connect to what was checked, prove who it is.

use super::{Courier, Sender};
use crate::domain::webhook::{delivery::Failure, target::Target};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// Addresses of a name that are tried.
const TRIED: usize = 3;
/// How long one of several may take.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// TLS with the public authorities, and those in `ca`.
pub(super) fn tls(ca: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in CertificateDer::pem_slice_iter(ca.unwrap_or_default().as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The addresses of the target, if all of them may be connected to: a name that means an address inside and one outside
/// is not to be trusted with either.
async fn addresses(courier: &Courier, target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    let found: Vec<IpAddr> = match (target.host.parse(), &courier.resolve) {
        (Ok(address), _) => vec![address],
        (Err(_), Some(resolve)) => resolve(&target.host),
        (Err(_), None) => {
            let found = lookup_host((target.host.as_str(), target.port)).await;
            found
                .map_err(|_| Failure::Unresolved)?
                .map(|address| address.ip())
                .collect()
        }
    };
    if found.is_empty() {
        return Err(Failure::Unresolved);
    }
    for address in &found {
        courier.policy.reaches(*address).map_err(Failure::Address)?;
    }
    Ok(found
        .into_iter()
        .map(|address| SocketAddr::new(address, target.port))
        .collect())
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection to the target.
pub(super) async fn dial(courier: &Courier, target: &Target) -> Result<Sender, Failure> {
    courier.policy.admits(target).map_err(|_| Failure::NotAllowed)?;
    let mut connected = None;
    for address in addresses(courier, target).await?.into_iter().take(TRIED) {
        if let Ok(Ok(stream)) = timeout(CONNECT_TIME, TcpStream::connect(address)).await {
            connected = Some(stream);
            break;
        }
    }
    let stream = connected.ok_or(Failure::Unreachable)?;
    // Without it small requests are only later; that is no reason to fail.
    drop(stream.set_nodelay(true));
    let wire: Box<dyn Wire> = if target.tls {
        let name = ServerName::try_from(target.host.clone()).map_err(|_| Failure::Tls)?;
        let connector = TlsConnector::from(courier.tls.clone());
        Box::new(connector.connect(name, stream).await.map_err(|_| Failure::Tls)?)
    } else {
        Box::new(stream)
    };
    let (sender, connection) = http1::handshake(TokioIo::new(wire))
        .await
        .map_err(|_| Failure::Broken)?;
    // It ends with the sender, or with the other side.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}
