//! Runs every call in a task of its own, until its deadline.
//!
//! A handler whose client goes away is dropped by the server in mid-statement. A connection that goes back to the pool
//! in that state can swallow the acknowledged write of another call, or never come back. So no handler is ever dropped:
//! the caller may go, the unit of work commits or rolls back.
//!
//! A call counts toward the limit of calls under way until its work ends, not until its caller leaves: otherwise a
//! storm of cancelled calls would pile up work that nobody counts.

use super::{methods, patience};
use crate::{
    domain::{error::Error, refusal::Reason},
    store::Deadline,
    telemetry::metrics,
};
use http::{HeaderMap, Request, Response};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_util::task::TaskTracker;
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument;

/// How long a call may take that names no deadline.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a call may take at most.
const LONGEST_DEADLINE: Duration = Duration::from_secs(30);

/// How long a call may take whose caller sends a stream.
const LONGEST_STREAM: Duration = Duration::from_mins(15);

/// A place among the calls that the server takes. Whoever works on after the first answer keeps it until the end.
pub(super) type Place = Arc<OwnedSemaphorePermit>;

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Shields calls; the tracker knows those that are under way, for a clean shutdown.
#[derive(Clone, Debug)]
pub struct ShieldLayer {
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

impl ShieldLayer {
    /// Tracks calls in `tasks`, and sheds those above `max_calls`.
    #[must_use]
    pub fn new(tasks: TaskTracker, max_calls: usize) -> Self {
        Self {
            tasks,
            places: Arc::new(Semaphore::new(max_calls.min(Semaphore::MAX_PERMITS))),
        }
    }
}

impl<S> Layer<S> for ShieldLayer {
    type Service = Shield<S>;

    fn layer(&self, inner: S) -> Shield<S> {
        Shield {
            inner,
            tasks: self.tasks.clone(),
            places: self.places.clone(),
        }
    }
}

/// See [`ShieldLayer`].
#[derive(Clone, Debug)]
pub struct Shield<S> {
    inner: S,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

impl<S> Service<Request<Body>> for Shield<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // Health must answer when nothing else does.
        if request.uri().path().starts_with("/grpc.health.") {
            return Box::pin(self.inner.call(request));
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            metrics::shed();
            let message = "the server has as many calls under way as it takes; try again in a moment";
            return refuse(Error::refused(Reason::ServerBusy, message));
        };
        let (usual, longest) = if methods::is_fed(request.uri().path()) {
            (LONGEST_STREAM, LONGEST_STREAM)
        } else {
            (DEFAULT_DEADLINE, LONGEST_DEADLINE)
        };
        let deadline: Deadline = match time_left(request.headers(), usual) {
            Ok(left) => Instant::now() + left.min(longest),
            Err(error) => return refuse(error),
        };
        let place: Place = Arc::new(place);
        request.extensions_mut().insert(deadline);
        request.extensions_mut().insert(place.clone());
        let request = request.map(|body| patience::until(deadline, body));
        // The service that was polled ready serves this call, its clone the next.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let span = tracing::Span::current();
        let work = async move {
            let answer = inner.call(request).await;
            drop(place);
            answer
        };
        let task = self.tasks.spawn(work.instrument(span));
        Box::pin(async move {
            Ok(match timeout_at(deadline, task).await {
                Ok(Ok(Ok(response))) => response,
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(panicked)) => {
                    metrics::panicked();
                    tracing::error!(error = %panicked, "a handler panicked");
                    Status::from(Error::internal()).into_http()
                }
                Err(_) => Status::from(Error::refused(Reason::DeadlineExceeded, "the deadline passed")).into_http(),
            })
        })
    }
}

fn refuse(error: Error) -> Answer {
    Box::pin(std::future::ready(Ok(Status::from(error).into_http())))
}

/// `grpc-timeout`: 1 to 8 digits and a unit; `usual` if there is none.
fn time_left(headers: &HeaderMap, usual: Duration) -> Result<Duration, Error> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(usual);
    };
    let parsed = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        // u64 would parse a sign.
        let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let count: u64 = plain.then(|| digits.parse().ok())??;
        Some(match unit {
            "H" => Duration::from_secs(count * 3600),
            "M" => Duration::from_secs(count * 60),
            "S" => Duration::from_secs(count),
            "m" => Duration::from_millis(count),
            "u" => Duration::from_micros(count),
            "n" => Duration::from_nanos(count),
            _ => return None,
        })
    });
    parsed.ok_or_else(|| {
        let mut violations = crate::domain::refusal::Violations::default();
        violations.add("grpc-timeout", "must be 1 to 8 digits and a unit of H, M, S, m, u or n");
        violations.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One call to a service that panics whenever it is called.
    async fn call_of_a_panicking_service() -> Status {
        let service = tower::service_fn(|_: Request<Body>| async { panic!("on purpose") });
        let answer: Response<Body> = ShieldLayer::new(TaskTracker::new(), 1)
            .layer(service)
            .call(Request::new(Body::empty()))
            .await
            .unwrap();
        Status::from_header_map(answer.headers()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let status = call_of_a_panicking_service().await;
        assert_eq!(status.code(), tonic::Code::Internal);
        assert!(!status.details().is_empty() && !status.message().contains("purpose"));
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            time_left(&headers, DEFAULT_DEADLINE).ok()
        };
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        assert_eq!(read("1m"), Some(Duration::from_millis(1)));
        for wrong in ["", "S", "5", "5s", "123456789S", "-1S", "1.5S", "+1S"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(
            time_left(&HeaderMap::new(), DEFAULT_DEADLINE).ok(),
            Some(DEFAULT_DEADLINE)
        );
    }
}
