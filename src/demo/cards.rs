//! The cards of a trade show: imported, and distributed by region in two calls.

use super::{
    Act, say,
    stage::{NORA, SAM, Stage, list, reps},
};
use crate::cli::import::progress;
use tidepool::{
    client::Refused,
    import::send,
    rpc::proto::{
        AccountFilter, AccountScope, BulkAssignAccountsRequest, BulkTransferAccountsRequest, MoveResult,
        bulk_assign_accounts_request as assign, bulk_transfer_accounts_request as transfer,
    },
};

const CARDS: &str = include_str!("../../examples/cards.csv");
/// How many refused rows are shown.
const SHOWN: usize = 5;

pub(super) async fn import(stage: &mut Stage) -> Act {
    say::act("The cards of a trade show are imported into Exhibition");
    let client = stage.user(NORA)?;
    let bar = progress(u64::try_from(CARDS.len())?);
    let (mut created, mut refused) = (0_usize, Vec::new());
    send::run(
        &client,
        &stage.pools.exhibition,
        None,
        CARDS.as_bytes(),
        |outcome, done| {
            match outcome.refusal() {
                None => created += 1,
                Some(line) => refused.push(line),
            }
            bar.set_position(done);
            bar.set_message(format!("{created} created, {} refused", refused.len()));
        },
    )
    .await?;
    bar.finish_and_clear();
    say::line(format!(
        "{} rows: {created} created, {} refused, such as",
        created + refused.len(),
        refused.len()
    ));
    for row in refused.iter().take(SHOWN) {
        say::line(format!("   {row}"));
    }
    Ok(())
}

pub(super) async fn distribute(stage: &mut Stage) -> Act {
    say::act("The heads of the departments distribute by region, in two calls");
    let nora = stage.user(NORA)?;
    let found = unclaimed(stage, NORA, "north").await?;
    let items = found.iter().map(|id| transfer::Item {
        account_id: id.clone(),
        target_pool_id: stage.pools.north.clone(),
        ..transfer::Item::default()
    });
    let request = BulkTransferAccountsRequest {
        items: items.collect(),
        request_id: "north-to-north".into(),
        ..BulkTransferAccountsRequest::default()
    };
    let answer = nora.circulation().bulk_transfer_accounts(request).await;
    let results = answer.map_err(|status| Refused::from(&status))?.into_inner().results;
    say::line(format!(
        "{NORA} moves the region north to the pool North: {}",
        count(stage, &results)
    ));

    let sam = stage.user(SAM)?;
    let found = unclaimed(stage, SAM, "west").await?;
    let assignees: Vec<_> = reps().cycle().take(found.len()).collect();
    let items = found.iter().zip(&assignees).map(|(id, rep)| assign::Item {
        account_id: id.clone(),
        assignee: (*rep).into(),
        ..assign::Item::default()
    });
    let request = BulkAssignAccountsRequest {
        items: items.collect(),
        request_id: "west-to-all".into(),
        ..BulkAssignAccountsRequest::default()
    };
    let answer = sam.circulation().bulk_assign_accounts(request).await;
    let results = answer.map_err(|status| Refused::from(&status))?.into_inner().results;
    for (rep, result) in assignees.iter().zip(&results) {
        if let (Some(deeds), true) = (stage.deeds.get_mut(rep), result.ownership.is_some()) {
            deeds.assigned += 1;
        }
    }
    say::line(format!(
        "{SAM} deals the region west out to all reps: {}",
        count(stage, &results)
    ));
    Ok(())
}

async fn unclaimed(stage: &Stage, user: &str, region: &str) -> Act<Vec<String>> {
    let filter = AccountFilter {
        regions: vec![region.into()],
        ..AccountFilter::default()
    };
    let pool = &stage.pools.exhibition;
    let found = list(&stage.user(user)?, AccountScope::PoolUnclaimed, pool, filter).await?;
    Ok(found.into_iter().map(|account| account.id).collect())
}

/// Says how many moved, and counts the others by reason.
fn count(stage: &mut Stage, results: &[MoveResult]) -> String {
    let refused: Vec<_> = results
        .iter()
        .filter_map(|result| Refused::of_item(result.status.as_ref()))
        .collect();
    for refused in &refused {
        stage.note(None, refused);
    }
    format!("{} moved, {} refused", results.len() - refused.len(), refused.len())
}
