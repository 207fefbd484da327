//! `RelatedObjectService`.

use super::{
    Api,
    convert::{decode, id, related},
    open,
    proto::{self, related_object_service_server::RelatedObjectService},
};
use crate::domain::ids::AccountId;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RelatedObjectService for Api {
    async fn list_related_objects(
        &self,
        request: Request<proto::ListRelatedObjectsRequest>,
    ) -> Result<Response<proto::ListRelatedObjectsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = related::list(message)?;
        let (objects, next_page_token) = self.app.list_related(&call, &input).await?;
        Ok(Response::new(proto::ListRelatedObjectsResponse {
            related_objects: objects.into_iter().map(related::encode).collect(),
            next_page_token,
        }))
    }

    async fn get_account_summary(
        &self,
        request: Request<proto::GetAccountSummaryRequest>,
    ) -> Result<Response<proto::GetAccountSummaryResponse>, Status> {
        let (call, message) = open(request)?;
        let account = decode(|v| id(v, "account_id", &message.account_id, AccountId::parse))?;
        let summary = self.app.summarise(&call, account).await?;
        Ok(Response::new(proto::GetAccountSummaryResponse {
            account_summary: Some(related::encode_summary(account, &summary)),
        }))
    }
}
