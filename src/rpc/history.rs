//! `HistoryService`.

use super::{
    Api,
    convert::{history, timeline},
    open,
    proto::{self, history_service_server::HistoryService},
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl HistoryService for Api {
    async fn list_tenures(
        &self,
        request: Request<proto::ListTenuresRequest>,
    ) -> Result<Response<proto::ListTenuresResponse>, Status> {
        let (call, message) = open(request)?;
        let input = history::list(&message.account_id, message.page_size, message.page_token)?;
        let (tenures, next_page_token) = self.app.list_tenures(&call, &input).await?;
        let tenures = tenures.into_iter().map(history::encode_tenure).collect();
        Ok(Response::new(proto::ListTenuresResponse {
            tenures,
            next_page_token,
        }))
    }

    async fn list_account_events(
        &self,
        request: Request<proto::ListAccountEventsRequest>,
    ) -> Result<Response<proto::ListAccountEventsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = history::list(&message.account_id, message.page_size, message.page_token)?;
        let (events, next_page_token) = self.app.list_account_events(&call, &input).await?;
        let account_events = events.into_iter().map(history::encode_event).collect();
        Ok(Response::new(proto::ListAccountEventsResponse {
            account_events,
            next_page_token,
        }))
    }

    async fn list_timeline(
        &self,
        request: Request<proto::ListTimelineRequest>,
    ) -> Result<Response<proto::ListTimelineResponse>, Status> {
        let (call, message) = open(request)?;
        let input = timeline::list(message)?;
        let (entries, next_page_token) = self.app.list_timeline(&call, &input).await?;
        Ok(Response::new(proto::ListTimelineResponse {
            entries: entries.into_iter().map(timeline::encode).collect(),
            next_page_token,
        }))
    }
}
