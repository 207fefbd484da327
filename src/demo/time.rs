//! Time passes: the sweep takes back what nobody looked after, and a rep leaves.

use super::{
    Act, rules, say,
    stage::{ADMIN, LEAVER, SOUTH, Stage, list},
};
use chrono::TimeDelta;
use tidepool::{
    app::sweep::{Stopped, Swept},
    client::Refused,
    rpc::proto::{
        AccountFilter, AccountScope, ConfirmReclaimsRequest, DeactivateUserRequest, ListReclaimBreakersRequest,
        StartReleaseOwnerRequest, WatchJobRequest,
    },
    worker,
};

/// Days until owners are reminded, and until most accounts are lost.
const REMINDED: i64 = 4;
const DAYS: i64 = 35;

pub(super) async fn pass(stage: &mut Stage) -> Act {
    let days = DAYS - REMINDED;
    say::act(&format!("{days} more days later the sweep runs again"));
    stage.clock.advance(TimeDelta::days(days));
    let swept = sweep(stage).await?;
    let confirmed = confirm(stage, swept.reclaimed).await?;
    let mut reclaimed = swept.reclaimed;
    if confirmed > 0 {
        // Where reclaims are stopped the sweep looks again now and then.
        stage.clock.advance(TimeDelta::minutes(10));
        reclaimed += sweep(stage).await?.reclaimed;
    }
    say::line(format!("{reclaimed} accounts went back to their pools"));
    Ok(())
}

/// So many at once are stopped until an admin has looked. Says how many he lets go.
async fn confirm(stage: &Stage, reclaimed: usize) -> Act<i64> {
    let mut sweeps = stage.user(ADMIN)?.sweeps();
    let request = ListReclaimBreakersRequest {
        open_only: true,
        ..ListReclaimBreakersRequest::default()
    };
    let open = sweeps.list_reclaim_breakers(request).await;
    let open = open
        .map_err(|status| Refused::from(&status))?
        .into_inner()
        .reclaim_breakers;
    let mut confirmed = 0;
    for breaker in open {
        let request = ConfirmReclaimsRequest {
            pool_id: breaker.pool_id,
            account_count: i32::try_from(breaker.waiting_count).unwrap_or(i32::MAX),
            etag: breaker.etag,
            ..ConfirmReclaimsRequest::default()
        };
        let answer = sweeps.confirm_reclaims(request).await;
        answer.map_err(|status| Refused::from(&status))?;
        confirmed += breaker.waiting_count;
    }
    if confirmed > 0 {
        say::line(format!(
            "{reclaimed} accounts go back, then the breaker stops it; {ADMIN} looks, and lets the other {confirmed} go"
        ));
    }
    Ok(confirmed)
}

/// The sweep reminds, before it takes anything.
pub(super) async fn remind(stage: &mut Stage, account: &str) -> Act {
    say::act(&format!(
        "{REMINDED} days later the sweep reminds owners of what they are about to lose"
    ));
    let before = rules::explain(stage, SOUTH[0], account).await?.reminders;
    stage.clock.advance(TimeDelta::days(REMINDED));
    let swept = sweep(stage).await?;
    say::line(format!(
        "accounts reminded of: {}, taken back: {}",
        swept.reminded, swept.reclaimed
    ));
    let left = rules::explain(stage, SOUTH[0], account).await?.reminders;
    let sent = before.iter().filter(|reminder| !left.contains(reminder));
    for reminder in sent {
        say::line(format!(
            "   of the account with the grade A, {} day(s) before: {}",
            reminder.days_before,
            reminder.user_ids.join(" and ")
        ));
    }
    Ok(())
}

pub(super) async fn sweep(stage: &Stage) -> Act<Swept> {
    let swept = worker::sweep::once(&stage.app, stage.config.sweep.grace()).await;
    Ok(swept.map_err(|stopped| match stopped {
        Stopped::LeaseLost => "the sweep lost its lease".to_owned(),
        Stopped::Failed(error) => error.to_string(),
    })?)
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
