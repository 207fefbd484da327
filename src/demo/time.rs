//! Time passes: the sweep takes back what nobody looked after, and a rep leaves.

use super::{
    Act, say,
    stage::{LEAVER, Stage, list},
};
use chrono::TimeDelta;
use tidepool::{
    app::sweep::Stopped,
    client::Refused,
    rpc::proto::{AccountFilter, AccountScope, DeactivateUserRequest, StartReleaseOwnerRequest, WatchJobRequest},
    worker,
};

pub(super) async fn pass(stage: &mut Stage) -> Act {
    say::act("The clock is moved 35 days ahead, and the sweep runs");
    stage.clock.advance(TimeDelta::days(35));
    let swept = worker::sweep::once(&stage.app, stage.config.sweep.grace()).await;
    let swept = swept.map_err(|stopped| match stopped {
        Stopped::LeaseLost => "the sweep lost its lease".to_owned(),
        Stopped::Failed(error) => error.to_string(),
    })?;
    say::line(format!("{} accounts went back to their pools", swept.reclaimed));
    Ok(())
}

pub(super) async fn leave(stage: &mut Stage) -> Act {
    say::act("A rep leaves");
    let request = DeactivateUserRequest {
        user_id: LEAVER.into(),
        ..DeactivateUserRequest::default()
    };
    let mut directory = stage.service("identity", "directory")?.directory();
    directory
        .deactivate_user(request)
        .await
        .map_err(|status| Refused::from(&status))?;
    say::line(format!("the identity system says that {LEAVER} is gone"));
    if let Err(refused) = list(&stage.user(LEAVER)?, AccountScope::Mine, "", AccountFilter::default()).await {
        stage.note(Some(LEAVER), &refused);
        say::refused(LEAVER, "lists his accounts", &refused);
    }
    let request = StartReleaseOwnerRequest {
        user_id: LEAVER.into(),
        target_pool_id: stage.pools.exhibition.clone(),
        ..StartReleaseOwnerRequest::default()
    };
    let mut jobs = stage.service("identity", "directory")?.jobs();
    let started = jobs
        .start_release_owner(request)
        .await
        .map_err(|status| Refused::from(&status))?;
    let job_id = started.into_inner().job.map(|job| job.id).unwrap_or_default();
    let watched = jobs.watch_job(WatchJobRequest { job_id }).await;
    let mut progress = watched.map_err(|status| Refused::from(&status))?.into_inner();
    let mut moved = 0;
    while let Some(told) = progress.message().await.map_err(|status| Refused::from(&status))? {
        moved = told.job.map_or(moved, |job| job.moved);
    }
    say::line(format!(
        "a job releases his {moved} accounts into their pools, for others to claim"
    ));
    Ok(())
}
