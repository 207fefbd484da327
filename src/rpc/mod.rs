//! tonic, nowhere else. Each method decodes, calls the flow, encodes; layers around all of them see to identity,
//! deadlines and cancellation.

pub mod account;
pub mod account_import;
pub mod account_lifecycle;
pub mod activity;
pub mod activity_rule;
pub mod activity_source;
pub mod circulation;
pub mod convert;
pub mod custom_field;
pub mod directory;
pub mod event;
pub mod healthcheck;
pub mod history;
pub mod identity;
pub mod ingest;
pub mod job;
pub mod malformed;
pub mod methods;
pub mod observe;
mod patience;
pub mod pool;
mod pump;
pub mod related;
pub mod reminder_rule;
pub mod retention;
pub mod retention_exception;
pub mod retention_limit;
pub mod retention_rule;
pub mod shield;
pub mod status;
pub mod sweep;
pub mod team;
pub mod tenant;
pub mod webhook;

use crate::{
    app::{App, call::Call, flow::Reply},
    domain::{error::Error, ids::RequestId, refusal::Violations},
    store::request::RequestKey,
};
use prost::Message;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status};

/// The protocol, generated from `proto/`.
#[expect(
    unused_qualifications,
    clippy::pedantic,
    clippy::large_enum_variant,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod proto {
    tonic::include_proto!("tidepool.v1");

    /// The descriptors of the protocol, for reflection and the method table.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
}

/// The services. One value, cheap to clone, serves all of them.
#[derive(Clone, Debug)]
pub struct Api {
    app: Arc<App>,
    streams: Streams,
}

/// What answers that go on after their call need to end with the server.
#[derive(Clone, Debug)]
pub struct Streams {
    /// Knows what is under way.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

impl Api {
    /// Serves the flows of `app`.
    #[must_use]
    pub const fn new(app: Arc<App>, streams: Streams) -> Self {
        Self { app, streams }
    }
}

/// The verified call, which the identity layer put there, and the message.
fn open<M>(request: Request<M>) -> Result<(Call, M), Status> {
    let (_, extensions, message) = request.into_parts();
    // Without the layer in front nobody is known to have called.
    let call = extensions
        .get::<Call>()
        .cloned()
        .ok_or_else(|| Status::unauthenticated("no verified identity"))?;
    Ok((call, message))
}

/// What was read of a mutation, or everything that is wrong with it, its request id included.
fn all_wrong<T>(request_id: &str, read: Result<T, Error>) -> Result<T, Error> {
    let mut violations = Violations::default();
    if request_id.is_empty() || violations.check("request_id", RequestId::parse(request_id)).is_some() {
        return read;
    }
    match read {
        Ok(_) => Err(violations.into()),
        Err(Error::Invalid(mut wrong)) => {
            wrong.extend(violations.into_vec());
            Err(Error::Invalid(wrong))
        }
        Err(other) => Err(other),
    }
}

/// Reads the request id and digests what was asked by whom.
fn request_key(
    call: &Call,
    method: &str,
    request_id: &str,
    message: &impl Message,
) -> Result<Option<RequestKey>, Error> {
    if request_id.is_empty() {
        return Ok(None);
    }
    digested(call, method, request_id, &message.encode_to_vec()).map(Some)
}

/// The same of any message, built once.
fn digested(call: &Call, method: &str, request_id: &str, message: &[u8]) -> Result<RequestKey, Error> {
    let mut violations = Violations::default();
    let Some(request_id) = violations.check("request_id", RequestId::parse(request_id)) else {
        return Err(violations.into());
    };
    let mut hash = Sha256::new();
    let actor = call.actor.as_ref().map_or("", |actor| actor.as_str());
    for part in [method.as_bytes(), actor.as_bytes(), message] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    Ok(RequestKey {
        caller: call.caller.clone(),
        request_id,
        payload_hash: hash.finalize().into(),
    })
}

/// The response of a mutation: encoded now, or decoded from what was answered before.
fn answer<T, R: Message + Default>(reply: Reply<T>, encode: impl FnOnce(&T) -> R) -> Result<Response<R>, Error> {
    match reply {
        Reply::Done(done) => Ok(Response::new(encode(&done))),
        Reply::Replayed(bytes) => R::decode(bytes.as_slice()).map(Response::new).map_err(|error| {
            tracing::error!(error = %error, "a stored response cannot be read");
            Error::internal()
        }),
    }
}

/// Runs a mutation once per request id and answers it: `$flow` gets the [`Once`] and returns the reply.
macro_rules! mutate {
    ($call:expr, $method:literal, $message:expr, $encode:expr, |$once:ident| $flow:expr) => {{
        let encode = $encode;
        let key = $crate::rpc::request_key(&$call, $method, &$message.request_id, &$message)?;
        let bytes = |done: &_| prost::Message::encode_to_vec(&encode(done));
        let $once = $crate::app::flow::Once { key, encode: &bytes };
        let reply = $flow.await?;
        Ok($crate::rpc::answer(reply, encode)?)
    }};
}
use mutate;
