//! `ActivityService`.

use super::{
    Api, all_wrong, answer,
    convert::{self, decode, id, page_size},
    ingest::Answers,
    open,
    proto::{self, activity_service_server::ActivityService},
    request_key,
};
use crate::{
    app::{activity::Outcomes, ingest::Part},
    domain::ids::AccountId,
};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

/// What came of activities, as messages.
pub(super) fn encode_outcomes(outcomes: &Outcomes) -> Vec<proto::record_activities_response::Result> {
    outcomes.iter().map(convert::activity::encode_outcome).collect()
}

fn encode(outcomes: &Outcomes) -> proto::RecordActivitiesResponse {
    proto::RecordActivitiesResponse {
        results: encode_outcomes(outcomes),
    }
}

#[tonic::async_trait]
impl ActivityService for Api {
    async fn record_activities(
        &self,
        request: Request<proto::RecordActivitiesRequest>,
    ) -> Result<Response<proto::RecordActivitiesResponse>, Status> {
        let (call, message) = open(request)?;
        let told = convert::activity::record(&message.activities, call.actor.as_ref(), message.buffer_unknown);
        let told = all_wrong(&message.request_id, told)?;
        let part = Part {
            key: request_key(&call, "RecordActivities", &message.request_id, &message)?,
            told,
            buffer_unknown: message.buffer_unknown,
            encode: |outcomes| encode(outcomes).encode_to_vec(),
        };
        let reply = self.app.record_activities(&call, part).await?;
        Ok(answer(reply, encode)?)
    }

    type IngestActivitiesStream = Answers;

    async fn ingest_activities(
        &self,
        request: Request<Streaming<proto::IngestActivitiesRequest>>,
    ) -> Result<Response<Answers>, Status> {
        self.ingest(request)
    }

    async fn list_activities(
        &self,
        request: Request<proto::ListActivitiesRequest>,
    ) -> Result<Response<proto::ListActivitiesResponse>, Status> {
        let (call, message) = open(request)?;
        let (account, size) = decode(|v| {
            let account = id(v, "account_id", &message.account_id, AccountId::parse);
            let size = page_size(v, message.page_size);
            Some((account?, size?))
        })?;
        let (rows, next_page_token) = self
            .app
            .list_activities(&call, account, size, &message.page_token)
            .await?;
        let activities = rows.into_iter().map(convert::activity::encode).collect();
        Ok(Response::new(proto::ListActivitiesResponse {
            activities,
            next_page_token,
        }))
    }
}
