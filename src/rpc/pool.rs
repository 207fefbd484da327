//! `PoolService`.

use super::{
    Api, all_wrong,
    convert::{self, decode, page_size},
    mutate, open,
    proto::{self, pool_service_server::PoolService},
};
use crate::domain::pool::{Pool, PoolState};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PoolService for Api {
    async fn create_pool(
        &self,
        request: Request<proto::CreatePoolRequest>,
    ) -> Result<Response<proto::CreatePoolResponse>, Status> {
        let (call, message) = open(request)?;
        let config = all_wrong(&message.request_id, convert::pool::create(message.pool.clone()))?;
        let encode = |pool: &Pool| proto::CreatePoolResponse {
            pool: Some(convert::pool::encode(pool)),
        };
        mutate!(call, "CreatePool", message, encode, |once| self
            .app
            .create_pool(&call, &once, &config))
    }

    async fn get_pool(
        &self,
        request: Request<proto::GetPoolRequest>,
    ) -> Result<Response<proto::GetPoolResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::pool::target(&message.pool_id, "")?;
        let pool = self.app.get_pool(&call, id).await?;
        Ok(Response::new(proto::GetPoolResponse {
            pool: Some(convert::pool::encode(&pool)),
        }))
    }

    async fn list_pools(
        &self,
        request: Request<proto::ListPoolsRequest>,
    ) -> Result<Response<proto::ListPoolsResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let (pools, next_page_token) = self.app.list_pools(&call, size, &message.page_token).await?;
        let pools = pools.iter().map(|pool| convert::pool::encode(pool)).collect();
        Ok(Response::new(proto::ListPoolsResponse { pools, next_page_token }))
    }

    async fn update_pool(
        &self,
        request: Request<proto::UpdatePoolRequest>,
    ) -> Result<Response<proto::UpdatePoolResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::pool::update(message.clone()))?;
        let encode = |pool: &Pool| proto::UpdatePoolResponse {
            pool: Some(convert::pool::encode(pool)),
        };
        mutate!(call, "UpdatePool", message, encode, |once| self
            .app
            .update_pool(&call, &once, &input))
    }

    async fn enable_pool(
        &self,
        request: Request<proto::EnablePoolRequest>,
    ) -> Result<Response<proto::EnablePoolResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::pool::target(&message.pool_id, &message.etag),
        )?;
        let encode = |pool: &Pool| proto::EnablePoolResponse {
            pool: Some(convert::pool::encode(pool)),
        };
        let active = PoolState::Active;
        mutate!(call, "EnablePool", message, encode, |once| self
            .app
            .set_pool_state(&call, &once, id, etag, active))
    }

    async fn disable_pool(
        &self,
        request: Request<proto::DisablePoolRequest>,
    ) -> Result<Response<proto::DisablePoolResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::pool::target(&message.pool_id, &message.etag),
        )?;
        let encode = |pool: &Pool| proto::DisablePoolResponse {
            pool: Some(convert::pool::encode(pool)),
        };
        let disabled = PoolState::Disabled;
        mutate!(call, "DisablePool", message, encode, |once| self
            .app
            .set_pool_state(&call, &once, id, etag, disabled))
    }

    async fn delete_pool(
        &self,
        request: Request<proto::DeletePoolRequest>,
    ) -> Result<Response<proto::DeletePoolResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::pool::target(&message.pool_id, &message.etag),
        )?;
        let encode = |(): &()| proto::DeletePoolResponse {};
        mutate!(call, "DeletePool", message, encode, |once| self
            .app
            .delete_pool(&call, &once, id, etag))
    }

    async fn get_pool_counters(
        &self,
        request: Request<proto::GetPoolCountersRequest>,
    ) -> Result<Response<proto::GetPoolCountersResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::pool::target(&message.pool_id, "")?;
        let counters = self.app.pool_counters(&call, id).await?;
        let counters = proto::PoolCounters {
            unclaimed: counters.unclaimed,
            owned: counters.owned,
            due_soon: counters.due_soon,
        };
        Ok(Response::new(proto::GetPoolCountersResponse {
            counters: Some(counters),
        }))
    }
}
