//! One span and one measurement per call, around everything else. Health checks have neither: they come every few
//! seconds and would drown the rest.
//!
//! Names and attributes follow OpenTelemetry's semantic conventions for RPC. A method that is not ours is `_OTHER`, so
//! that nobody can fill the collector with names. A call ends with the last of its answer, so a stream with its end: with
//! the status in its trailers, or canceled if nobody waits for them.

use super::methods;
use crate::telemetry::{metrics, traces};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field::Empty};

/// Observes calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObserveLayer;

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner }
    }
}

/// See [`ObserveLayer`].
#[derive(Clone, Debug)]
pub struct Observe<S> {
    inner: S,
}

impl<S, B> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: 'static,
{
    type Response = Response<Watched<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        if path.starts_with("/grpc.health.") {
            let answer = self.inner.call(request);
            return Box::pin(async move { Ok(answer.await?.map(|body| Watched { body, observed: None })) });
        }
        let method = methods::known(path).unwrap_or("_OTHER");
        let span = tracing::info_span!(
            "rpc",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
            "error.type" = Empty,
        );
        traces::continue_from(&span, request.headers());
        let mut observed = Observed::new(method, span.clone());
        let answer = span.in_scope(|| self.inner.call(request));
        let observe = async move {
            let answer = answer.await?;
            // An error that is known before there is any body; everything else says in its trailers how it went.
            let observed = match Status::from_header_map(answer.headers()) {
                Some(status) => {
                    observed.end(status.code());
                    None
                }
                None => Some(observed),
            };
            Ok(answer.map(|body| Watched { body, observed }))
        };
        Box::pin(observe.instrument(span))
    }
}

/// The body of an answer: with its end the call ends.
#[derive(Debug)]
pub struct Watched<B> {
    body: B,
    /// Nothing if the call ended before, or is not observed.
    observed: Option<Observed>,
}

impl<B: HttpBody + Unpin> HttpBody for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(context));
        let code = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().map(ended),
            Some(Err(_)) => Some(Code::Unknown),
            None => Some(Code::Ok),
        };
        if let (Some(code), Some(mut observed)) = (code, code.and_then(|_| this.observed.take())) {
            observed.end(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn ended(trailers: &http::HeaderMap) -> Code {
    Status::from_header_map(trailers).map_or(Code::Ok, |status| status.code())
}

/// A call under way. Dropped before its end, its caller has left.
#[derive(Debug)]
struct Observed {
    method: &'static str,
    span: Span,
    began: Instant,
    took: Option<Duration>,
}

impl Observed {
    fn new(method: &'static str, span: Span) -> Self {
        Self {
            method,
            span,
            began: Instant::now(),
            took: None,
        }
    }

    fn end(&mut self, code: Code) {
        if self.took.is_some() {
            return;
        }
        let took = self.began.elapsed();
        self.took = Some(took);
        let (name, failed) = (name(code), ours(code));
        self.span.record("rpc.response.status_code", name);
        if failed {
            self.span.record("error.type", name);
            self.span.record("otel.status_code", "ERROR");
        }
        metrics::call(self.method, name, failed, took);
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// Whether the server is to blame. That a caller asked for what he may not have is no failure.
const fn ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
