//! `JobService`.

use super::{
    Api, all_wrong,
    convert::{
        decode, etag_opt, id,
        job::{self as jobs, encode, encode_item, encode_started},
        page_size,
    },
    mutate, open,
    proto::{self, job_service_server::JobService},
};
use crate::{
    app::{
        App,
        call::Call,
        job::{Started, Wish},
    },
    domain::{
        ids::JobId,
        job::{Job, Work},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{Sender, channel},
    time::{Instant, sleep},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// How often a watched job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a look may take.
const LOOK_TIME: Duration = Duration::from_secs(10);
/// What waits for a slow watcher at most.
const WAITING: usize = 4;

const fn wish(work: Work, validate_only: bool) -> Wish {
    Wish {
        work,
        deactivate: false,
        validate_only,
    }
}

#[tonic::async_trait]
impl JobService for Api {
    async fn start_assign_matching(
        &self,
        request: Request<proto::StartAssignMatchingRequest>,
    ) -> Result<Response<proto::StartAssignMatchingResponse>, Status> {
        let (call, message) = open(request)?;
        let work = all_wrong(&message.request_id, decode(|v| jobs::assign(v, message.clone())))?;
        let wish = wish(work, message.validate_only);
        let encode = |started: &Started| {
            let (job, preview) = encode_started(started);
            proto::StartAssignMatchingResponse { job, preview }
        };
        mutate!(call, "StartAssignMatching", message, encode, |once| self.app.start_job(
            &call,
            "StartAssignMatching",
            &once,
            &wish
        ))
    }

    async fn start_transfer_matching(
        &self,
        request: Request<proto::StartTransferMatchingRequest>,
    ) -> Result<Response<proto::StartTransferMatchingResponse>, Status> {
        let (call, message) = open(request)?;
        let work = all_wrong(&message.request_id, decode(|v| jobs::transfer(v, message.clone())))?;
        let wish = wish(work, message.validate_only);
        let encode = |started: &Started| {
            let (job, preview) = encode_started(started);
            proto::StartTransferMatchingResponse { job, preview }
        };
        mutate!(call, "StartTransferMatching", message, encode, |once| self
            .app
            .start_job(&call, "StartTransferMatching", &once, &wish))
    }

    async fn start_release_owner(
        &self,
        request: Request<proto::StartReleaseOwnerRequest>,
    ) -> Result<Response<proto::StartReleaseOwnerResponse>, Status> {
        let (call, message) = open(request)?;
        let work = all_wrong(&message.request_id, decode(|v| jobs::release(v, &message)))?;
        let wish = Wish {
            deactivate: message.deactivate,
            ..wish(work, message.validate_only)
        };
        let encode = |started: &Started| {
            let (job, preview) = encode_started(started);
            proto::StartReleaseOwnerResponse { job, preview }
        };
        mutate!(call, "StartReleaseOwner", message, encode, |once| self.app.start_job(
            &call,
            "StartReleaseOwner",
            &once,
            &wish
        ))
    }

    async fn start_transfer_pool(
        &self,
        request: Request<proto::StartTransferPoolRequest>,
    ) -> Result<Response<proto::StartTransferPoolResponse>, Status> {
        let (call, message) = open(request)?;
        let work = all_wrong(&message.request_id, decode(|v| jobs::transfer_pool(v, &message)))?;
        let wish = wish(work, message.validate_only);
        let encode = |started: &Started| {
            let (job, preview) = encode_started(started);
            proto::StartTransferPoolResponse { job, preview }
        };
        mutate!(call, "StartTransferPool", message, encode, |once| self.app.start_job(
            &call,
            "StartTransferPool",
            &once,
            &wish
        ))
    }

    async fn get_job(&self, request: Request<proto::GetJobRequest>) -> Result<Response<proto::GetJobResponse>, Status> {
        let (call, message) = open(request)?;
        let id = decode(|v| id(v, "job_id", &message.job_id, JobId::parse))?;
        let job = Some(encode(&self.app.get_job(&call, id).await?));
        Ok(Response::new(proto::GetJobResponse { job }))
    }

    async fn list_jobs(
        &self,
        request: Request<proto::ListJobsRequest>,
    ) -> Result<Response<proto::ListJobsResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let (jobs, next_page_token) = self.app.list_jobs(&call, size, &message.page_token).await?;
        Ok(Response::new(proto::ListJobsResponse {
            jobs: jobs.iter().map(encode).collect(),
            next_page_token,
        }))
    }

    async fn list_job_items(
        &self,
        request: Request<proto::ListJobItemsRequest>,
    ) -> Result<Response<proto::ListJobItemsResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, size) = decode(|v| {
            let id = id(v, "job_id", &message.job_id, JobId::parse);
            let size = page_size(v, message.page_size);
            Some((id?, size?))
        })?;
        let (items, next_page_token) = self.app.list_job_items(&call, id, size, &message.page_token).await?;
        Ok(Response::new(proto::ListJobItemsResponse {
            items: items.iter().map(encode_item).collect(),
            next_page_token,
        }))
    }

    async fn cancel_job(
        &self,
        request: Request<proto::CancelJobRequest>,
    ) -> Result<Response<proto::CancelJobResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            decode(|v| {
                let id = id(v, "job_id", &message.job_id, JobId::parse);
                let etag = etag_opt(v, "etag", &message.etag);
                Some((id?, etag?))
            }),
        )?;
        let encode = |job: &Job| proto::CancelJobResponse { job: Some(encode(job)) };
        mutate!(call, "CancelJob", message, encode, |once| self
            .app
            .cancel_job(&call, &once, id, etag))
    }

    type WatchJobStream = ReceiverStream<Result<proto::WatchJobResponse, Status>>;

    async fn watch_job(
        &self,
        request: Request<proto::WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let (call, message) = open(request)?;
        let id = decode(|v| id(v, "job_id", &message.job_id, JobId::parse))?;
        let job = self.app.get_job(&call, id).await?;
        let (sender, receiver) = channel(WAITING);
        let (app, stop) = (self.app.clone(), self.streams.stop.clone());
        // A task of its own, so that a watcher who leaves drops no look in mid-statement.
        self.streams.tasks.spawn(async move {
            let ended = stop.cancelled();
            tokio::pin!(ended);
            let mut told = job;
            loop {
                let look = async {
                    tell(&sender, &told).await?;
                    told.state.is_open().then_some(())
                };
                tokio::select! {
                    () = &mut ended => return,
                    more = look => if more.is_none() { return },
                }
                loop {
                    tokio::select! {
                        () = &mut ended => return,
                        () = sender.closed() => return,
                        () = sleep(LOOK_EVERY) => {}
                    }
                    match look_again(&app, &call, id).await {
                        Ok(job) if job.version == told.version => {}
                        Ok(job) => {
                            told = job;
                            break;
                        }
                        Err(status) => {
                            // Whoever does not listen any more need not know.
                            let _ = sender.try_send(Err(status));
                            return;
                        }
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

async fn look_again(app: &Arc<App>, call: &Call, id: JobId) -> Result<Job, Status> {
    let call = Call {
        deadline: Instant::now() + LOOK_TIME,
        ..call.clone()
    };
    Ok(app.get_job(&call, id).await?)
}

/// Nothing if nobody listens any more.
async fn tell(sender: &Sender<Result<proto::WatchJobResponse, Status>>, job: &Job) -> Option<()> {
    let message = proto::WatchJobResponse { job: Some(encode(job)) };
    sender.send(Ok(message)).await.ok()
}
