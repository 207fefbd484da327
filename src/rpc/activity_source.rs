//! `ActivitySourceService`.

use super::{
    Api, all_wrong,
    convert::{activity_source as convert, decode, page_size},
    mutate, open,
    proto::{self, activity_source_service_server::ActivitySourceService},
};
use crate::domain::activity_source::StoredSource;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ActivitySourceService for Api {
    async fn register_activity_source(
        &self,
        request: Request<proto::RegisterActivitySourceRequest>,
    ) -> Result<Response<proto::RegisterActivitySourceResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::register(message.activity_source.clone()))?;
        let encode = |source: &StoredSource| proto::RegisterActivitySourceResponse {
            activity_source: Some(convert::encode(source)),
        };
        mutate!(call, "RegisterActivitySource", message, encode, |once| self
            .app
            .register_activity_source(&call, &once, &input))
    }

    async fn get_activity_source(
        &self,
        request: Request<proto::GetActivitySourceRequest>,
    ) -> Result<Response<proto::GetActivitySourceResponse>, Status> {
        let (call, message) = open(request)?;
        let (name, _) = convert::target(&message.activity_source_name, "")?;
        let source = self.app.get_activity_source(&call, &name).await?;
        Ok(Response::new(proto::GetActivitySourceResponse {
            activity_source: Some(convert::encode(&source)),
        }))
    }

    async fn list_activity_sources(
        &self,
        request: Request<proto::ListActivitySourcesRequest>,
    ) -> Result<Response<proto::ListActivitySourcesResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let list = self.app.list_activity_sources(&call, size, &message.page_token);
        let (sources, next_page_token) = list.await?;
        let activity_sources = sources.iter().map(|source| convert::encode(source)).collect();
        Ok(Response::new(proto::ListActivitySourcesResponse {
            activity_sources,
            next_page_token,
        }))
    }

    async fn enable_activity_source(
        &self,
        request: Request<proto::EnableActivitySourceRequest>,
    ) -> Result<Response<proto::EnableActivitySourceResponse>, Status> {
        let (call, message) = open(request)?;
        let (name, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.activity_source_name, &message.etag),
        )?;
        let encode = |source: &StoredSource| proto::EnableActivitySourceResponse {
            activity_source: Some(convert::encode(source)),
        };
        mutate!(call, "EnableActivitySource", message, encode, |once| self
            .app
            .switch_activity_source(&call, &once, &name, etag, true))
    }

    async fn disable_activity_source(
        &self,
        request: Request<proto::DisableActivitySourceRequest>,
    ) -> Result<Response<proto::DisableActivitySourceResponse>, Status> {
        let (call, message) = open(request)?;
        let (name, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.activity_source_name, &message.etag),
        )?;
        let encode = |source: &StoredSource| proto::DisableActivitySourceResponse {
            activity_source: Some(convert::encode(source)),
        };
        mutate!(call, "DisableActivitySource", message, encode, |once| self
            .app
            .switch_activity_source(&call, &once, &name, etag, false))
    }

    async fn delete_activity_source(
        &self,
        request: Request<proto::DeleteActivitySourceRequest>,
    ) -> Result<Response<proto::DeleteActivitySourceResponse>, Status> {
        let (call, message) = open(request)?;
        let (name, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.activity_source_name, &message.etag),
        )?;
        let encode = |(): &()| proto::DeleteActivitySourceResponse {};
        mutate!(call, "DeleteActivitySource", message, encode, |once| self
            .app
            .delete_activity_source(&call, &once, &name, etag))
    }
}
