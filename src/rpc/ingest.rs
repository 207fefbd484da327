//! `ActivityService.IngestActivities`: messages of a stream to the flow, up to 500 activities at a time; see `pump`.

use super::{
    Api,
    activity::encode_outcomes,
    convert::{self, circulation::encode_error},
    open,
    proto::{IngestActivitiesRequest, IngestActivitiesResponse},
    pump::{self, Feed},
    shield::Place,
};
use crate::{
    app::{
        App,
        call::Call,
        flow::Reply,
        ingest::{Part, PartReply},
    },
    domain::error::Error,
};
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

/// The answers to a stream.
pub type Answers = pump::Answers<IngestActivitiesResponse>;

impl Api {
    pub(super) fn ingest(
        &self,
        request: Request<Streaming<IngestActivitiesRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let place = request.extensions().get::<Place>().cloned();
        let (call, messages) = open(request)?;
        let ingest = Ingest {
            app: self.app.clone(),
            call,
        };
        Ok(Response::new(pump::start(&self.streams, ingest, messages, place)))
    }
}

struct Ingest {
    app: Arc<App>,
    call: Call,
}

impl Feed for Ingest {
    type Message = IngestActivitiesRequest;
    type Answer = IngestActivitiesResponse;

    const NAME: &'static str = "activities";
    const BATCH: usize = 500;
    // An answer says something of each activity, at length where they are refused.
    const WAITING: usize = 32;

    fn items(message: &IngestActivitiesRequest) -> usize {
        message.activities.len()
    }

    fn identity(_: &IngestActivitiesRequest) -> Option<&str> {
        None
    }

    async fn work(&mut self, messages: Vec<IngestActivitiesRequest>) -> Result<Vec<IngestActivitiesResponse>, Status> {
        let (mut parts, mut answers) = (Vec::new(), Vec::with_capacity(messages.len()));
        for message in messages {
            let sequence = message.sequence;
            let read = read(&self.call, &message);
            answers.push((sequence, read.as_ref().err().cloned()));
            parts.extend(read);
        }
        let mut replies = if parts.is_empty() {
            Vec::new()
        } else {
            self.app.ingest(&pump::for_a_batch(&self.call), parts).await?
        }
        .into_iter();
        let mut answer = |(sequence, wrong)| match wrong {
            Some(error) => refused(sequence, &error),
            None => answered(sequence, replies.next()),
        };
        Ok(answers.into_iter().map(&mut answer).collect())
    }
}

fn read(call: &Call, message: &IngestActivitiesRequest) -> Result<Part, Error> {
    let told = convert::activity::record(&message.activities, call.actor.as_ref(), message.buffer_unknown)?;
    Ok(Part {
        key: None,
        told,
        buffer_unknown: message.buffer_unknown,
        // Nothing is kept of a message that is no request.
        encode: |_| Vec::new(),
    })
}

fn refused(sequence: i64, error: &Error) -> IngestActivitiesResponse {
    IngestActivitiesResponse {
        sequence,
        status: Some(encode_error(error)),
        results: Vec::new(),
    }
}

fn answered(sequence: i64, reply: Option<PartReply>) -> IngestActivitiesResponse {
    match reply {
        Some(Ok(Reply::Done(outcomes))) => IngestActivitiesResponse {
            sequence,
            status: Some(tonic_types::Status::default()),
            results: encode_outcomes(&outcomes),
        },
        Some(Err(error)) => refused(sequence, &error),
        // As many as there were parts, none of them a request.
        Some(Ok(Reply::Replayed(_))) | None => refused(sequence, &Error::internal()),
    }
}
