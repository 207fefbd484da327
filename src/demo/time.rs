//! Time passes: the sweep takes back what nobody looked after, and a rep leaves.

use super::{
    Act, say,
    stage::{LEAVER, SAM, Stage, list},
};
use chrono::TimeDelta;
use tidepool::{
    app::sweep::Stopped,
    client::Refused,
    rpc::proto::{
        AccountFilter, AccountScope, BulkReclaimAccountsRequest, DeactivateUserRequest,
        bulk_reclaim_accounts_request::Item,
    },
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
    let sam = stage.user(SAM)?;
    let filter = AccountFilter {
        owners: vec![LEAVER.into()],
        ..AccountFilter::default()
    };
    let his = list(&sam, AccountScope::PoolAll, &stage.pools.exhibition, filter).await?;
    let items = his.into_iter().map(|account| Item {
        account_id: account.id,
        note: format!("{LEAVER} left"),
        ..Item::default()
    });
    let request = BulkReclaimAccountsRequest {
        items: items.collect(),
        ..BulkReclaimAccountsRequest::default()
    };
    let answer = sam.circulation().bulk_reclaim_accounts(request).await;
    let results = answer.map_err(|status| Refused::from(&status))?.into_inner().results;
    let moved = results.iter().filter(|result| result.ownership.is_some()).count();
    say::line(format!(
        "{SAM} takes his {moved} accounts back into Exhibition, for others to claim"
    ));
    Ok(())
}
