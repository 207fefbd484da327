//! Sends requests to webhooks: over TLS, to addresses that were checked after their names were resolved, without following
//! redirects, without proxies, for a bounded time.
//!
//! The address that was checked is the one that is connected to, so a name that means something else a moment later
//! changes nothing. Nothing of the environment is read.

mod dial;

use crate::domain::webhook::{
    delivery::{Failure, is_taken},
    target::{Policy, Target},
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

/// Bytes of an answer that are read, so that the connection can be used again. Nobody looks at them.
const READ_MAX: usize = 64 * 1024;
/// A time to come again that is read from an answer, in seconds at most.
const RETRY_AFTER_MAX: u64 = 7 * 24 * 3600;

/// Finds the addresses of a name. Another one than the system's is for tests.
pub type Resolve = Arc<dyn Fn(&str) -> Vec<IpAddr> + Send + Sync>;

/// Sends requests under the rules of the operator.
pub struct Courier {
    policy: Policy,
    tls: Arc<ClientConfig>,
    timeout: Duration,
    resolve: Option<Resolve>,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Courier {
    /// Sends where `policy` allows it. `ca` are certificates, in PEM, of those who may vouch for targets beside the public
    /// authorities. An attempt takes `timeout` at most, from the name to the end of the answer.
    pub fn new(policy: Policy, ca: Option<&str>, timeout: Duration) -> Result<Self, String> {
        Ok(Self {
            policy,
            tls: dial::tls(ca)?,
            timeout,
            resolve: None,
        })
    }

    /// The same with another way to find addresses.
    #[must_use]
    pub fn resolving(mut self, resolve: Resolve) -> Self {
        self.resolve = Some(resolve);
        self
    }

    /// What is allowed.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A line to a target, over which requests go one after the other.
    #[must_use]
    pub const fn line(&self, target: Target) -> Line<'_> {
        Line {
            courier: self,
            target,
            open: None,
        }
    }
}

type Sender = SendRequest<Full<Bytes>>;

/// See [`Courier::line`].
#[derive(Debug)]
pub struct Line<'a> {
    courier: &'a Courier,
    target: Target,
    open: Option<Sender>,
}

impl Line<'_> {
    /// Sends a request, and says whether the target took it.
    pub async fn post(&mut self, headers: &HeaderMap, body: &Bytes) -> Result<(), Failure> {
        // What is under way over a connection when the time is up is not known to be over: it is not used again.
        let mut open = self.open.take();
        let answered = timeout(self.courier.timeout, self.exchange(&mut open, headers, body)).await;
        let answered = answered.unwrap_or_else(|_| {
            open = None;
            Err(Failure::Timeout)
        });
        self.open = open;
        answered
    }

    async fn exchange(&self, open: &mut Option<Sender>, headers: &HeaderMap, body: &Bytes) -> Result<(), Failure> {
        // A connection that has been used may have been closed by the target since: that says nothing of the request.
        if let Some(mut sender) = open.take()
            && sender.ready().await.is_ok()
            && let Ok(response) = sender.send_request(self.request(headers, body)?).await
        {
            return finish(response, sender, open).await;
        }
        let mut sender = dial::dial(self.courier, &self.target).await?;
        let response = sender.send_request(self.request(headers, body)?).await;
        finish(response.map_err(|_| Failure::Broken)?, sender, open).await
    }

    fn request(&self, headers: &HeaderMap, body: &Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::post(self.target.path.as_str())
            .version(Version::HTTP_11)
            .header(header::HOST, self.target.authority())
            .header(header::USER_AGENT, concat!("tidepool/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body.clone()))
            .map_err(|_| Failure::Broken)?;
        request
            .headers_mut()
            .extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        Ok(request)
    }
}

/// Reads the rest of the answer, so that the connection can be used again, unless it is too long.
async fn finish(response: http::Response<Incoming>, sender: Sender, open: &mut Option<Sender>) -> Result<(), Failure> {
    let (head, mut body) = response.into_parts();
    let mut read = 0;
    let whole = loop {
        match body.frame().await {
            None => break true,
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
            // What it said of the request it has said.
            Some(Err(_)) => break false,
        }
        if read > READ_MAX {
            break false;
        }
    };
    if whole {
        *open = Some(sender);
    }
    if is_taken(head.status.as_u16()) {
        return Ok(());
    }
    Err(Failure::Status(
        head.status.as_u16(),
        retry_after(head.status, &head.headers),
    ))
}

/// The time after which to come again, where the target says one in seconds. Dates are not read.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_MAX)))
}

#[cfg(test)]
mod tests;
