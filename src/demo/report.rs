//! What it came to, as the server says, and whether the stored data is in order.

use super::{
    Act, say,
    stage::{ADMIN, Stage, list},
};
use tidepool::{
    client::Refused,
    rpc::proto::{Account, AccountFilter, AccountScope, GetPoolCountersRequest, PoolEntryCause},
};

pub(super) async fn tables(stage: &Stage) -> Act {
    say::act("What it came to");
    let all = list(&stage.user(ADMIN)?, AccountScope::All, "", AccountFilter::default()).await?;
    by_rep(stage, &all);
    by_reason(stage);
    by_pool(stage).await
}

fn by_rep(stage: &Stage, all: &[Account]) {
    let head = [
        "rep",
        "assigned",
        "claimed",
        "refused",
        "held",
        "won",
        "reclaimed",
        "released",
    ];
    let mut totals = [0; 7];
    let mut rows = Vec::new();
    for (rep, deeds) in &stage.deeds {
        let count = |fits: &dyn Fn(&Account) -> bool| all.iter().filter(|account| fits(account)).count();
        let owned = |account: &Account| {
            account
                .ownership
                .as_ref()
                .is_some_and(|ownership| ownership.owner == *rep)
        };
        let won = |account: &Account| owned(account) && account.deals.is_some_and(|deals| deals.won_count > 0);
        let lost = |account: &Account, cause: PoolEntryCause| {
            account
                .ownership
                .as_ref()
                .is_some_and(|ownership| ownership.last_owner == *rep && ownership.pool_entry_cause() == cause)
        };
        let numbers = [
            deeds.assigned,
            deeds.claimed,
            deeds.refused,
            count(&owned),
            count(&won),
            count(&|account| lost(account, PoolEntryCause::AutoReclaimed)),
            count(&|account| lost(account, PoolEntryCause::OwnerLeft)),
        ];
        for (total, number) in totals.iter_mut().zip(numbers) {
            *total += number;
        }
        rows.push(row(rep, &numbers));
    }
    rows.push(row("all", &totals));
    say::table(&head, &rows);
}

fn by_reason(stage: &Stage) {
    let rows: Vec<_> = stage
        .refused
        .iter()
        .map(|(reason, count)| row(reason, &[*count]))
        .collect();
    say::table(&["refused because of", "times"], &rows);
}

async fn by_pool(stage: &Stage) -> Act {
    let mut client = stage.user(ADMIN)?.pools();
    let mut rows = Vec::new();
    let pools = &stage.pools;
    for (name, id) in [
        ("Exhibition", &pools.exhibition),
        ("North", &pools.north),
        ("Key accounts", &pools.key),
    ] {
        let answer = client
            .get_pool_counters(GetPoolCountersRequest { pool_id: id.clone() })
            .await;
        let counters = answer
            .map_err(|status| Refused::from(&status))?
            .into_inner()
            .counters
            .unwrap_or_default();
        let numbers = [counters.unclaimed, counters.owned, counters.due_soon];
        rows.push(row(name, &numbers));
    }
    say::table(&["pool", "unclaimed", "held", "due within 7 days"], &rows);
    Ok(())
}

fn row(name: &str, numbers: &[impl ToString]) -> Vec<String> {
    let numbers = numbers.iter().map(ToString::to_string);
    std::iter::once(name.to_owned()).chain(numbers).collect()
}

/// Checks all invariants of the stored data, as `tidepool verify` does.
pub(super) async fn verify(stage: &Stage) -> Act<bool> {
    let checks = stage.app.verify(|_| {}).await?;
    let broken: Vec<_> = checks.iter().filter(|check| check.finding.is_some()).collect();
    say::act(&format!(
        "verify: {} invariants of the stored data, {} broken",
        checks.len(),
        broken.len()
    ));
    for check in &broken {
        say::line(format!("BROKEN {}: {}", check.name, check.rule));
    }
    Ok(broken.is_empty())
}
