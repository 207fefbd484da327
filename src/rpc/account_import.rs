//! `AccountService.ImportAccounts`: reads what has arrived, brings it to the flow as one batch, answers row by row.
//!
//! A batch is what is there, up to a bound: who sends one row and waits is answered at once, who sends many gets them done
//! a hundred at a time. Nothing is read while answers wait to be taken, so what is kept of a stream is one batch and one
//! channel, whatever its length, and HTTP/2 tells the sender to wait.

use super::{
    Api,
    convert::{self, circulation::encode_error},
    malformed, open,
    proto::{ImportAccountsRequest, ImportAccountsResponse},
    request_key,
    shield::Place,
};
use crate::{
    app::{
        App,
        account::View,
        call::Call,
        flow::Reply,
        import::{Imported, Row},
    },
    domain::{error::Error, refusal::Reason},
    telemetry::metrics,
};
use futures::{FutureExt, Stream, StreamExt};
use prost::Message;
use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{Sender, channel},
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

/// Rows of a transaction at most.
const BATCH: usize = 100;
/// Bytes of a batch, about: it ends with the row that passes them.
const BATCH_BYTES: usize = 512 * 1024;
/// How long a batch may take, all attempts together.
const BATCH_TIME: Duration = Duration::from_secs(30);
/// How long a caller may neither send nor read.
const IDLE: Duration = Duration::from_secs(30);

/// The answers to a stream.
pub type Answers = ReceiverStream<Result<ImportAccountsResponse, Status>>;

impl Api {
    pub(super) fn import(
        &self,
        request: Request<Streaming<ImportAccountsRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let place = request.extensions().get::<Place>().cloned();
        let (call, messages) = open(request)?;
        let import = Import {
            app: self.app.clone(),
            call,
            messages,
        };
        let (sender, receiver) = channel(BATCH + 1);
        let stop = self.streams.stop.clone();
        let work = async move {
            import.run(sender, stop).await;
            drop(place);
        };
        // A task of its own, so that a caller who leaves drops no batch in mid-statement.
        self.streams.tasks.spawn(work.instrument(tracing::Span::current()));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// The next rows of a stream, and whether they are the last ones: because it ended, or why it cannot go on.
#[derive(Debug, Default)]
struct Batch {
    messages: Vec<ImportAccountsRequest>,
    end: Option<Result<(), Status>>,
}

struct Import<M> {
    app: Arc<App>,
    call: Call,
    messages: M,
}

impl<M: Stream<Item = Result<ImportAccountsRequest, Status>> + Unpin> Import<M> {
    async fn run(mut self, sender: Sender<Result<ImportAccountsResponse, Status>>, stop: CancellationToken) {
        // Kept for the end: a caller who does not read must not keep it from being told.
        let Ok(last) = sender.clone().reserve_owned().await else {
            return;
        };
        let ended = AssertUnwindSafe(self.rows(&sender, &stop)).catch_unwind().await;
        // A stream that just ended would say that every row was answered.
        let ended = ended.unwrap_or_else(|_| {
            metrics::panicked();
            tracing::error!("an import panicked");
            Err(Some(Error::internal().into()))
        });
        if let Err(Some(status)) = ended {
            last.send(Err(status));
        }
    }

    /// Goes through all rows. An error is why it ended before, if anybody is there to be told.
    async fn rows(
        &mut self,
        sender: &Sender<Result<ImportAccountsResponse, Status>>,
        stop: &CancellationToken,
    ) -> Result<(), Option<Status>> {
        let (mut row, mut ahead) = (0, None);
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Some(stopping())),
                () = sender.closed() => return Err(None),
                batch = within(IDLE, "no row came", next(&mut self.messages, &mut ahead)) => batch.map_err(Some)?,
            };
            for answer in self.work(batch.messages).await.map_err(Some)? {
                row += 1;
                let answer = Ok(ImportAccountsResponse { row, ..answer });
                tokio::select! {
                    biased;
                    sent = within(IDLE, "no answer was read", sender.send(answer)) => {
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

    async fn work(&self, messages: Vec<ImportAccountsRequest>) -> Result<Vec<ImportAccountsResponse>, Status> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<_> = messages.into_iter().map(|message| read(&self.call, message)).collect();
        let call = Call {
            deadline: self.call.deadline.min(Instant::now() + BATCH_TIME),
            ..self.call.clone()
        };
        let imported = self
            .app
            .import_accounts(&call, &rows, &|view| encode(view).encode_to_vec());
        imported.await?.into_iter().map(answer).collect()
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

/// Waits for a row and takes what has come after it. A row that would not fit is the first of the next batch, through
/// `ahead`: two rows of one request id are never in one batch, so that the second finds the answer to the first.
async fn next(
    messages: &mut (impl Stream<Item = Result<ImportAccountsRequest, Status>> + Unpin),
    ahead: &mut Option<ImportAccountsRequest>,
) -> Batch {
    let (mut batch, mut ids, mut bytes) = (Batch::default(), HashSet::new(), 0);
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
        if !message.request_id.is_empty() && !ids.insert(message.request_id.clone()) {
            *ahead = Some(message);
            return batch;
        }
        bytes += message.encoded_len();
        batch.messages.push(message);
        if batch.messages.len() == BATCH || bytes >= BATCH_BYTES {
            return batch;
        }
    }
}

fn read(call: &Call, message: ImportAccountsRequest) -> Row {
    match request_key(call, "ImportAccounts", &message.request_id, &message) {
        Err(error) => Row {
            key: None,
            account: Err(error),
        },
        Ok(key) => Row {
            key,
            account: convert::account::create(message.new_account)
                .and_then(|created| created.accounts.into_iter().next().ok_or_else(Error::internal)),
        },
    }
}

fn encode(view: &View) -> ImportAccountsResponse {
    ImportAccountsResponse {
        row: 0,
        status: Some(tonic_types::Status::default()),
        account_id: view.account.id.to_string(),
    }
}

fn answer(imported: Imported) -> Result<ImportAccountsResponse, Status> {
    match imported {
        Ok(Reply::Done(view)) => Ok(encode(&view)),
        Ok(Reply::Replayed(bytes)) => ImportAccountsResponse::decode(bytes.as_slice()).map_err(|error| {
            tracing::error!(error = %error, "a stored response cannot be read");
            Error::internal().into()
        }),
        Err(error) => Ok(ImportAccountsResponse {
            status: Some(encode_error(&error)),
            ..ImportAccountsResponse::default()
        }),
    }
}

#[cfg(test)]
mod tests;
