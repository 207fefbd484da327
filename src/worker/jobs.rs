//! Drives jobs: as long as there is work it goes on, otherwise it looks again after a while.

use super::holding::{patiently, release, take};
use crate::app::{App, jobs::Worked, sweep::Stopped};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name of the lease that all replicas share.
const LEASE: &str = "jobs";

/// Works until `stop`. A round that is under way ends after its current batch.
pub async fn run(app: Arc<App>, interval: Duration, stop: CancellationToken) {
    let owner = Uuid::now_v7().to_string();
    loop {
        match round(&app, &owner, &stop).await {
            Ok(Some(worked)) if worked != Worked::default() => {
                tracing::info!(batches = worked.batches, failed = worked.failed, "worked on jobs");
            }
            Ok(_) => {}
            Err(Stopped::LeaseLost) => tracing::warn!("another replica took over the jobs"),
            Err(Stopped::Failed(error)) => tracing::error!(error = %error, "jobs failed; they are tried again"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(interval) => {}
        }
    }
}

/// One round; nothing if another replica is at it.
async fn round(app: &App, owner: &str, stop: &CancellationToken) -> Result<Option<Worked>, Stopped> {
    let Some(lease) = take(app, LEASE, owner).await? else {
        return Ok(None);
    };
    let worked = app.work(&lease, || !stop.is_cancelled()).await;
    release(app, &lease).await;
    worked.map(Some)
}

/// All open jobs now, whoever else is at them: waits for the lease for as long as a dead holder keeps it.
pub async fn once(app: &App) -> Result<Worked, Stopped> {
    let owner = Uuid::now_v7().to_string();
    let never = CancellationToken::new();
    patiently(|| round(app, &owner, &never)).await
}
