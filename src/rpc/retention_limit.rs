//! `RetentionLimitService`.

use super::{
    Api, all_wrong,
    convert::{self, decode, id, page_size},
    mutate, open,
    proto::{self, retention_limit_service_server::RetentionLimitService},
};
use crate::{app::retention_limit::Saved, domain::ids::UserId};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RetentionLimitService for Api {
    async fn create_retention_limit(
        &self,
        request: Request<proto::CreateRetentionLimitRequest>,
    ) -> Result<Response<proto::CreateRetentionLimitResponse>, Status> {
        let (call, message) = open(request)?;
        let config = all_wrong(
            &message.request_id,
            convert::retention_limit::create(message.retention_limit.clone()),
        )?;
        let encode = |saved: &Saved| proto::CreateRetentionLimitResponse {
            retention_limit: Some(convert::retention_limit::encode(&saved.rule)),
            warnings: convert::retention_limit::warnings(saved),
        };
        mutate!(call, "CreateRetentionLimit", message, encode, |once| self
            .app
            .create_retention_limit(&call, &once, &config))
    }

    async fn get_retention_limit(
        &self,
        request: Request<proto::GetRetentionLimitRequest>,
    ) -> Result<Response<proto::GetRetentionLimitResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::retention_limit::target(&message.retention_limit_id, "")?;
        let rule = self.app.get_retention_limit(&call, id).await?;
        Ok(Response::new(proto::GetRetentionLimitResponse {
            retention_limit: Some(convert::retention_limit::encode(&rule)),
        }))
    }

    async fn list_retention_limits(
        &self,
        request: Request<proto::ListRetentionLimitsRequest>,
    ) -> Result<Response<proto::ListRetentionLimitsResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let listed = self.app.list_retention_limits(&call, size, &message.page_token).await?;
        let (rules, next_page_token) = listed;
        let rules = rules.iter().map(|rule| convert::retention_limit::encode(rule));
        Ok(Response::new(proto::ListRetentionLimitsResponse {
            retention_limits: rules.collect(),
            next_page_token,
        }))
    }

    async fn update_retention_limit(
        &self,
        request: Request<proto::UpdateRetentionLimitRequest>,
    ) -> Result<Response<proto::UpdateRetentionLimitResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::retention_limit::update(message.clone()))?;
        let encode = |saved: &Saved| proto::UpdateRetentionLimitResponse {
            retention_limit: Some(convert::retention_limit::encode(&saved.rule)),
            warnings: convert::retention_limit::warnings(saved),
        };
        mutate!(call, "UpdateRetentionLimit", message, encode, |once| self
            .app
            .update_retention_limit(&call, &once, &input))
    }

    async fn delete_retention_limit(
        &self,
        request: Request<proto::DeleteRetentionLimitRequest>,
    ) -> Result<Response<proto::DeleteRetentionLimitResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::retention_limit::target(&message.retention_limit_id, &message.etag),
        )?;
        let encode = |(): &()| proto::DeleteRetentionLimitResponse {};
        mutate!(call, "DeleteRetentionLimit", message, encode, |once| self
            .app
            .delete_retention_limit(&call, &once, id, etag))
    }

    async fn explain_retention_limit(
        &self,
        request: Request<proto::ExplainRetentionLimitRequest>,
    ) -> Result<Response<proto::ExplainRetentionLimitResponse>, Status> {
        let (call, message) = open(request)?;
        let user = decode(|v| id(v, "user_id", &message.user_id, UserId::parse))?;
        let explanation = self.app.explain_retention_limit(&call, &user).await?;
        Ok(Response::new(proto::ExplainRetentionLimitResponse {
            explanation: Some(convert::retention_limit::encode_explanation(&explanation)),
        }))
    }
}
