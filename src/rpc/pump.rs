//! Streams of which every message is answered: reads what has arrived, brings it to the flow as one batch, answers
//! message by message, in their order.
//!
//! A batch is what is there, up to a bound: who sends one message and waits is answered at once, who sends many gets them
//! done together. Nothing is read while answers wait to be taken, so what is kept of a stream is one batch and one
//! channel, whatever its length, and HTTP/2 tells the sender to wait.

use super::{Streams, malformed, shield::Place};
use crate::{
    app::call::Call,
    domain::{error::Error, refusal::Reason},
    telemetry::metrics,
};
use futures::{FutureExt, Stream, StreamExt};
use prost::Message;
use std::{collections::HashSet, panic::AssertUnwindSafe, time::Duration};
use tokio::{
    sync::mpsc::{Sender, channel},
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::Instrument;

/// Bytes of a batch, about: it ends with the message that passes them.
pub(super) const BATCH_BYTES: usize = 512 * 1024;
/// How long a batch may take, all attempts together.
const BATCH_TIME: Duration = Duration::from_secs(30);
/// How long a caller may neither send nor read.
const IDLE: Duration = Duration::from_secs(30);

/// The answers to a stream.
pub(super) type Answers<A> = ReceiverStream<Result<A, Status>>;

/// What is done with the messages of a stream.
pub(super) trait Feed: Send + 'static {
    /// What is sent.
    type Message: Message + 'static;
    /// What is answered, one per message.
    type Answer: Send + 'static;

    /// What the stream is, in logs.
    const NAME: &'static str;
    /// Items of a batch at most.
    const BATCH: usize;
    /// Answers that wait to be taken at most.
    const WAITING: usize;

    /// How many items the message is.
    fn items(message: &Self::Message) -> usize;

    /// What no two messages of a batch have in common, if anything: the second is to find what became of the first.
    fn identity(message: &Self::Message) -> Option<&str>;

    /// Answers these messages. An error ends the stream: what was not answered is sent again.
    fn work(&mut self, messages: Vec<Self::Message>) -> impl Future<Output = Result<Vec<Self::Answer>, Status>> + Send;
}

/// The call, as long as a batch of its stream may take.
pub(super) fn for_a_batch(call: &Call) -> Call {
    Call {
        deadline: call.deadline.min(Instant::now() + BATCH_TIME),
        ..call.clone()
    }
}

/// Answers the stream in a task of its own, so that a caller who leaves drops no batch in mid-statement.
pub(super) fn start<F: Feed>(
    streams: &Streams,
    feed: F,
    messages: impl Stream<Item = Result<F::Message, Status>> + Send + Unpin + 'static,
    place: Option<Place>,
) -> Answers<F::Answer> {
    let (sender, receiver) = channel(F::WAITING + 1);
    let stop = streams.stop.clone();
    let work = async move {
        Pump { feed, messages }.run(sender, stop).await;
        drop(place);
    };
    streams.tasks.spawn(work.instrument(tracing::Span::current()));
    ReceiverStream::new(receiver)
}

/// The next messages of a stream, and whether they are the last ones: because it ended, or why it cannot go on.
#[derive(Debug)]
struct Batch<M> {
    messages: Vec<M>,
    end: Option<Result<(), Status>>,
}

struct Pump<F, S> {
    feed: F,
    messages: S,
}

impl<F: Feed, S: Stream<Item = Result<F::Message, Status>> + Unpin> Pump<F, S> {
    async fn run(mut self, sender: Sender<Result<F::Answer, Status>>, stop: CancellationToken) {
        // Kept for the end: a caller who does not read must not keep it from being told.
        let Ok(last) = sender.clone().reserve_owned().await else {
            return;
        };
        let ended = AssertUnwindSafe(self.batches(&sender, &stop)).catch_unwind().await;
        // A stream that just ended would say that every message was answered.
        let ended = ended.unwrap_or_else(|_| {
            metrics::panicked();
            tracing::error!(stream = F::NAME, "a stream panicked");
            Err(Some(Error::internal().into()))
        });
        if let Err(Some(status)) = ended {
            last.send(Err(status));
        }
    }

    /// Goes through all messages. An error is why it ended before, if anybody is there to be told.
    async fn batches(
        &mut self,
        sender: &Sender<Result<F::Answer, Status>>,
        stop: &CancellationToken,
    ) -> Result<(), Option<Status>> {
        let mut ahead = None;
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Some(stopping())),
                () = sender.closed() => return Err(None),
                batch = within(IDLE, "nothing came", next::<F>(&mut self.messages, &mut ahead)) => batch.map_err(Some)?,
            };
            let answers = if batch.messages.is_empty() {
                Vec::new()
            } else {
                self.feed.work(batch.messages).await.map_err(Some)?
            };
            for answer in answers {
                tokio::select! {
                    biased;
                    sent = within(IDLE, "no answer was read", sender.send(Ok(answer))) => {
                        sent.map_err(Some)?.map_err(|_| None)?;
                    }
                    () = stop.cancelled() => return Err(Some(stopping())),
                }
            }
            match batch.end {
                None => {}
                Some(end) => return end.map_err(|status| Some(malformed::told(status))),
            }
        }
    }
}

fn stopping() -> Status {
    let message = "the server is about to stop; send again what was not answered";
    Error::refused(Reason::ServerBusy, message).into()
}

/// What becomes of it, for as long as the caller may let us wait.
async fn within<T>(patience: Duration, otherwise: &str, what: impl Future<Output = T>) -> Result<T, Status> {
    timeout(patience, what).await.map_err(|_| {
        let message = format!(
            "{otherwise} for {} seconds; send again what was not answered",
            patience.as_secs()
        );
        Error::refused(Reason::DeadlineExceeded, message).into()
    })
}

/// Waits for a message and takes what has come after it. One that would not fit is the first of the next batch, through
/// `ahead`.
async fn next<F: Feed>(
    messages: &mut (impl Stream<Item = Result<F::Message, Status>> + Unpin),
    ahead: &mut Option<F::Message>,
) -> Batch<F::Message> {
    let mut batch = Batch {
        messages: Vec::new(),
        end: None,
    };
    let (mut identities, mut items, mut bytes) = (HashSet::new(), 0, 0);
    loop {
        let message = if let Some(message) = ahead.take() {
            message
        } else {
            let coming = if batch.messages.is_empty() {
                Some(messages.next().await)
            } else {
                messages.next().now_or_never()
            };
            match coming {
                None => return batch,
                Some(Some(Ok(message))) => message,
                Some(end) => {
                    batch.end = Some(end.map_or(Ok(()), |end| end.map(drop)));
                    return batch;
                }
            }
        };
        // A message without items is still something to do.
        let more = F::items(&message).max(1);
        let seen = F::identity(&message).is_some_and(|identity| !identities.insert(identity.to_owned()));
        if seen || !batch.messages.is_empty() && items + more > F::BATCH {
            *ahead = Some(message);
            return batch;
        }
        items += more;
        bytes += message.encoded_len();
        batch.messages.push(message);
        if items >= F::BATCH || bytes >= BATCH_BYTES {
            return batch;
        }
    }
}

#[cfg(test)]
mod tests;
