//! `EventService`.

use super::{
    Api,
    convert::{decode, event},
    open,
    proto::{self, event_service_server::EventService},
};
use crate::app::events::Watch;
use futures::{Stream, StreamExt};
use std::pin::Pin;
use tonic::{Request, Response, Status};
use tracing::Instrument;

#[tonic::async_trait]
impl EventService for Api {
    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<proto::WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<proto::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let (call, message) = open(request)?;
        let wish = decode(|v| event::watch(v, message))?;
        let (watch, told) = Watch::open(self.app.clone(), call, wish, self.streams.stop.clone()).await?;
        // A task of its own, so that a watcher who leaves drops no read in mid-statement.
        self.streams
            .tasks
            .spawn(watch.run().instrument(tracing::Span::current()));
        let told = told.map(|told| told.map(event::encode_told).map_err(Status::from));
        Ok(Response::new(Box::pin(told)))
    }

    async fn list_events(
        &self,
        request: Request<proto::ListEventsRequest>,
    ) -> Result<Response<proto::ListEventsResponse>, Status> {
        let (call, message) = open(request)?;
        let input = decode(|v| event::list(v, message))?;
        let listed = self.app.list_events(&call, &input).await?;
        Ok(Response::new(event::encode_listed(listed)))
    }
}
