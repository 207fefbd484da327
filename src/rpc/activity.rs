//! `ActivityService`.

use super::{
    Api, all_wrong,
    convert::{self, decode, id, page_size},
    mutate, open,
    proto::{self, activity_service_server::ActivityService},
};
use crate::{app::activity::Outcomes, domain::ids::AccountId};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ActivityService for Api {
    async fn record_activities(
        &self,
        request: Request<proto::RecordActivitiesRequest>,
    ) -> Result<Response<proto::RecordActivitiesResponse>, Status> {
        let (call, message) = open(request)?;
        let told = all_wrong(
            &message.request_id,
            convert::activity::record(&message.activities, call.actor.as_ref()),
        )?;
        let encode = |outcomes: &Outcomes| proto::RecordActivitiesResponse {
            results: outcomes.iter().map(convert::activity::encode_outcome).collect(),
        };
        mutate!(call, "RecordActivities", message, encode, |once| self
            .app
            .record_activities(&call, &once, &told))
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
