//! `SweepService`.

use super::{
    Api, all_wrong,
    convert::{decode, id_opt, page_size, read_time, sweep as convert, timestamp},
    mutate, open,
    proto::{self, sweep_service_server::SweepService},
};
use crate::{
    app::sweep::{PoolBreaker, PreviewReclaim},
    domain::ids::PoolId,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl SweepService for Api {
    async fn heartbeat(
        &self,
        request: Request<proto::HeartbeatRequest>,
    ) -> Result<Response<proto::HeartbeatResponse>, Status> {
        let (call, message) = open(request)?;
        let complete_until = decode(|v| match message.complete_until {
            None => Some(None),
            Some(time) => read_time(v, "complete_until", time).map(Some),
        })?;
        let heard = self.app.heartbeat(&call, complete_until).await?;
        Ok(Response::new(proto::HeartbeatResponse {
            heard_time: timestamp(heard),
        }))
    }

    async fn get_sweep_status(
        &self,
        request: Request<proto::GetSweepStatusRequest>,
    ) -> Result<Response<proto::GetSweepStatusResponse>, Status> {
        let (call, _) = open(request)?;
        let status = self.app.sweep_status(&call).await?;
        Ok(Response::new(proto::GetSweepStatusResponse {
            sources: status.sources.into_iter().map(convert::encode_source).collect(),
            watermark_time: status.watermark.and_then(timestamp),
        }))
    }

    async fn list_reclaim_breakers(
        &self,
        request: Request<proto::ListReclaimBreakersRequest>,
    ) -> Result<Response<proto::ListReclaimBreakersResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let list = self
            .app
            .list_reclaim_breakers(&call, message.open_only, size, &message.page_token);
        let (breakers, next_page_token) = list.await?;
        Ok(Response::new(proto::ListReclaimBreakersResponse {
            reclaim_breakers: breakers.iter().map(convert::encode_breaker).collect(),
            next_page_token,
        }))
    }

    async fn confirm_reclaims(
        &self,
        request: Request<proto::ConfirmReclaimsRequest>,
    ) -> Result<Response<proto::ConfirmReclaimsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, decode(|v| convert::confirm(v, &message)))?;
        let encode = |breaker: &PoolBreaker| proto::ConfirmReclaimsResponse {
            reclaim_breaker: Some(convert::encode_breaker(breaker)),
        };
        mutate!(call, "ConfirmReclaims", message, encode, |once| self
            .app
            .confirm_reclaims(&call, &once, &input))
    }

    async fn preview_reclaim(
        &self,
        request: Request<proto::PreviewReclaimRequest>,
    ) -> Result<Response<proto::PreviewReclaimResponse>, Status> {
        let (call, message) = open(request)?;
        let input = decode(|v| {
            let time = match message.time {
                None => Some(None),
                Some(time) => read_time(v, "time", time).map(Some),
            };
            let pool = id_opt(v, "pool_id", &message.pool_id, PoolId::parse);
            let size = page_size(v, message.page_size);
            Some(PreviewReclaim {
                time: time?,
                pool: pool?,
                size: size?,
                token: message.page_token,
            })
        })?;
        let (foreseen, next_page_token) = self.app.preview_reclaim(&call, &input).await?;
        Ok(Response::new(proto::PreviewReclaimResponse {
            forecasts: foreseen.into_iter().map(convert::encode_forecast).collect(),
            next_page_token,
        }))
    }

    async fn get_replan(
        &self,
        request: Request<proto::GetReplanRequest>,
    ) -> Result<Response<proto::GetReplanResponse>, Status> {
        let (call, _) = open(request)?;
        let replan = self.app.get_replan(&call).await?;
        Ok(Response::new(proto::GetReplanResponse {
            replan: Some(convert::encode_replan(replan)),
        }))
    }
}
