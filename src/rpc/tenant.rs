//! `TenantService`.

use super::{
    Api, all_wrong, convert, mutate, open,
    proto::{self, tenant_service_server::TenantService},
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TenantService for Api {
    async fn get_tenant(
        &self,
        request: Request<proto::GetTenantRequest>,
    ) -> Result<Response<proto::GetTenantResponse>, Status> {
        let (call, _) = open(request)?;
        let tenant = self.app.get_tenant(&call).await?;
        Ok(Response::new(proto::GetTenantResponse {
            tenant: Some(convert::tenant::encode(&tenant)),
        }))
    }

    async fn update_tenant(
        &self,
        request: Request<proto::UpdateTenantRequest>,
    ) -> Result<Response<proto::UpdateTenantResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::tenant::update(message.clone()))?;
        let encode = |tenant: &_| proto::UpdateTenantResponse {
            tenant: Some(convert::tenant::encode(tenant)),
        };
        mutate!(call, "UpdateTenant", message, encode, |once| self
            .app
            .update_tenant(&call, &once, &input))
    }

    async fn list_config_events(
        &self,
        request: Request<proto::ListConfigEventsRequest>,
    ) -> Result<Response<proto::ListConfigEventsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = convert::config_event::list(message)?;
        let (events, next_page_token) = self.app.list_config_events(&call, &input).await?;
        let config_events = events.into_iter().map(convert::config_event::encode).collect();
        Ok(Response::new(proto::ListConfigEventsResponse {
            config_events,
            next_page_token,
        }))
    }
}
