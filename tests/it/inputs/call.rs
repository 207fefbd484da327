//! Calls any rpc with any message, and reads what comes of it, for the call or for its only item.

use super::{examples::Example, side::Side};
use crate::{harness::Server, raw::Raw};
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use std::collections::BTreeMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The fields that are wrong, and why.
    pub(crate) fields: Vec<(String, String)>,
    /// Whether an item was refused, not the call.
    pub(crate) of_item: bool,
    /// Everything as it was sent.
    pub(crate) bytes: Vec<u8>,
}

impl Said {
    fn new(status: &Status, of_item: bool) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        assert_eq!(
            info.map(|info| info.domain.as_str()),
            Some("tidepool"),
            "without details: {status:?}"
        );
        let violations = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            message: status.message().to_owned(),
            metadata: info.iter().flat_map(|info| info.metadata.clone()).collect(),
            fields: violations.map(|v| (v.field.clone(), v.description.clone())).collect(),
            of_item,
            bytes: [status.message().as_bytes(), status.details()].concat(),
        }
    }

    /// Whether it says that this is wrong, or a part of it.
    pub(crate) fn names(&self, path: &str) -> bool {
        let named = |field: &str, path: &str| {
            field == path || field.starts_with(&format!("{path}[")) || field.starts_with(&format!("{path}."))
        };
        // An item is told what is wrong with it in its own terms.
        let within = |field: &str| self.of_item && path.split_once("].").is_some_and(|(_, rest)| named(field, rest));
        self.fields.iter().any(|(field, _)| named(field, path) || within(field))
    }
}

/// What comes of a call: the answer, or why not.
pub(crate) type Outcome = Result<Vec<u8>, Said>;

/// Somebody who calls, as metadata.
pub(crate) struct Caller {
    raw: Raw,
}

impl Caller {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self {
            raw: Raw::connect(server.running.address()).await,
        }
    }

    pub(crate) async fn close(self) {
        self.raw.close().await;
    }

    /// Calls with these bytes and this further metadata.
    pub(crate) async fn send(
        &self,
        side: &Side,
        rpc: &MethodDescriptor,
        (actor, more): (&str, &[(&str, &[u8])]),
        bytes: &[u8],
    ) -> Outcome {
        let mut metadata: Vec<(&str, &[u8])> = vec![
            ("x-tidepool-tenant", side.admin.tenant.as_bytes()),
            ("x-tidepool-caller", b"console"),
            ("x-tidepool-scopes", b"admin"),
        ];
        if !actor.is_empty() {
            metadata.push(("x-tidepool-actor", actor.as_bytes()));
        }
        metadata.extend(more);
        let path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
        let answer = if rpc.name() == "WatchEvents" {
            self.raw.first(&path, &metadata, bytes).await
        } else {
            self.raw.call(&path, &metadata, bytes).await
        };
        match answer {
            Err(status) => Err(Said::new(&status, false)),
            Ok(answer) => match refused_item(rpc, &answer) {
                Some(said) => Err(said),
                None => Ok(answer),
            },
        }
    }

    /// Calls as the example does, with another message.
    pub(crate) async fn call(&self, side: &Side, example: &Example, message: &DynamicMessage) -> Outcome {
        self.send(side, &example.rpc, (&example.actor, &[]), &message.encode_to_vec())
            .await
    }
}

/// The refusal of the first item that was refused.
fn refused_item(rpc: &MethodDescriptor, answer: &[u8]) -> Option<Said> {
    let answer = DynamicMessage::decode(rpc.output(), answer).unwrap();
    let results = answer.get_field_by_name("results")?.into_owned();
    let Value::List(results) = results else { return None };
    results.iter().find_map(|result| {
        let status = result.as_message()?.get_field_by_name("status")?.into_owned();
        let status = tonic_types::Status::decode(status.as_message()?.encode_to_vec().as_slice()).unwrap();
        let code = Code::from(status.code);
        (code != Code::Ok).then(|| {
            let bytes = status.encode_to_vec();
            Said::new(&Status::with_details(code, status.message, bytes.into()), true)
        })
    })
}
