//! `RetentionService`.

use super::{
    Api,
    convert::{self, decode, id},
    open,
    proto::{self, retention_service_server::RetentionService},
};
use crate::domain::ids::AccountId;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RetentionService for Api {
    async fn explain_retention(
        &self,
        request: Request<proto::ExplainRetentionRequest>,
    ) -> Result<Response<proto::ExplainRetentionResponse>, Status> {
        let (call, message) = open(request)?;
        let account = decode(|v| id(v, "account_id", &message.account_id, AccountId::parse))?;
        let explained = self.app.explain_retention(&call, account).await?;
        Ok(Response::new(proto::ExplainRetentionResponse {
            explanation: Some(convert::retention::encode_explanation(&explained)),
        }))
    }

    async fn preview_reclaim_rule_change(
        &self,
        request: Request<proto::PreviewReclaimRuleChangeRequest>,
    ) -> Result<Response<proto::PreviewReclaimRuleChangeResponse>, Status> {
        let (call, message) = open(request)?;
        let (name, change) = convert::retention_preview::change(message.change)?;
        let preview = self.app.preview_rule_change(&call, &change).await;
        let preview = preview.map_err(|error| error.within(name))?;
        Ok(Response::new(proto::PreviewReclaimRuleChangeResponse {
            preview: Some(convert::retention_preview::encode(preview)),
        }))
    }
}
