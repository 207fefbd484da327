//! Reads a request message until the call's deadline and no longer.
//!
//! A handler is never dropped, so a message that never ends would keep its call under way for as long as the peer likes:
//! it would hold a place among the calls that the server takes, and hold up the server's end. Only reading is cut off;
//! by then no unit of work has begun.

use crate::domain::{error::Error, refusal::Reason};
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Status, body::Body};

/// The body that ends at `deadline`.
pub(super) fn until(deadline: Instant, body: Body) -> Body {
    Body::new(Patience {
        body,
        deadline,
        end: None,
    })
}

struct Patience {
    body: Body,
    deadline: Instant,
    /// A timer only for those who make us wait.
    end: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Patience {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let deadline = this.deadline;
        let end = this.end.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        end.as_mut().poll(context).map(|()| {
            let message = "the request message did not end before the deadline; nothing was changed";
            Some(Err(Error::refused(Reason::DeadlineExceeded, message).into()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;
    use std::future::poll_fn;

    /// A message of which nothing ever comes.
    struct Endless;

    impl http_body::Body for Endless {
        type Data = bytes::Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_message_that_never_ends_ends_at_the_deadline() {
        let deadline = Instant::now() + std::time::Duration::from_millis(5);
        let mut body = until(deadline, Body::new(Endless));
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let status = frame.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert!(Instant::now() >= deadline);
    }
}
