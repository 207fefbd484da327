//! Names what is wrong with a message that could not even be decoded.
//!
//! tonic answers such calls itself, before any handler: `INTERNAL` for bytes that are not the message, `OUT_OF_RANGE`
//! for too many of them, neither with details. Both are the caller's fault and are told so, in the one shape of all
//! refusals. Our own answers always have details, so they pass.

use crate::{domain::error::Error, domain::refusal::Reason};
use futures::{FutureExt, future::Map};
use http::{Request, Response};
use std::task::{Context, Poll};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

/// Rewrites the answers to messages that cannot be decoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct MalformedLayer;

impl<S> Layer<S> for MalformedLayer {
    type Service = Malformed<S>;

    fn layer(&self, inner: S) -> Malformed<S> {
        Malformed { inner }
    }
}

/// See [`MalformedLayer`].
#[derive(Clone, Debug)]
pub struct Malformed<S> {
    inner: S,
}

type Answer<E> = Result<Response<Body>, E>;

impl<S> Service<Request<Body>> for Malformed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Map<S::Future, fn(Answer<S::Error>) -> Answer<S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.inner.call(request).map(|answer| answer.map(name))
    }
}

fn name(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if is_unreadable(&status) => unreadable(&status).into_http(),
        _ => response,
    }
}

fn is_unreadable(status: &Status) -> bool {
    status.details().is_empty() && matches!(status.code(), Code::Internal | Code::OutOfRange)
}

fn unreadable(status: &Status) -> Status {
    let message = format!("the request message cannot be read: {}", status.message());
    Error::refused(Reason::InvalidArgument, message).into()
}

/// What a message of a stream that cannot be read is answered with.
pub(super) fn told(status: Status) -> Status {
    if is_unreadable(&status) {
        unreadable(&status)
    } else {
        status
    }
}
