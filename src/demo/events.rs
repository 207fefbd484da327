//! Other services tell what happened: orders and opportunities, some twice, in no order, a few of them wrong.

use super::{
    Act, say,
    stage::{ADMIN, Stage, list, reps},
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use tidepool::{
    client::{Client, Refused},
    rpc::proto::{
        Account, AccountFilter, AccountScope, Activity, BulkTransferAccountsRequest, GetAccountRequest,
        RecordActivitiesRequest, RecordOutcome, bulk_transfer_accounts_request as transfer,
    },
};

/// Activities of a call.
const BATCH: usize = 200;
/// How long the reps have had their accounts by then.
const DAYS: i64 = 2;

/// What came of what was told.
#[derive(Default)]
struct Told {
    recorded: usize,
    duplicates: usize,
    refused: Vec<Refused>,
}

pub(super) async fn tell(stage: &mut Stage) -> Act {
    say::act("Two days later, orders and opportunities come in as events");
    stage.clock.advance(TimeDelta::days(DAYS));
    let mut events = Vec::new();
    let mut first = None;
    for rep in reps() {
        let mine = list(&stage.user(rep)?, AccountScope::Mine, "", AccountFilter::default()).await?;
        if first.is_none() {
            first = mine.first().map(|account| (rep, account.clone()));
        }
        for (at, account) in mine.iter().enumerate() {
            events.extend(happened(account, rep, at, stage.clock.now()));
        }
    }
    // A seed, so that the demo is the same every time.
    events.shuffle(&mut StdRng::seed_from_u64(7));
    let source = stage.service("orders", "ingest")?;
    let mut told = Told::default();
    for batch in events.chunks(BATCH) {
        record(&source, batch.to_vec(), &mut told).await?;
    }
    // As after a restart of the source: a part of it once more, and two that cannot be right.
    let mut again: Vec<_> = events.iter().take(events.len() / 3).cloned().collect();
    again.extend(wrong(&events, stage.clock.now()));
    record(&source, again, &mut told).await?;
    say::line(format!(
        "{} recorded, {} told twice and kept once, {} refused:",
        told.recorded,
        told.duplicates,
        told.refused.len()
    ));
    for refused in &told.refused {
        stage.note(None, refused);
        say::line(format!("   {refused}"));
    }
    if let Some((rep, before)) = first {
        let request = GetAccountRequest {
            account_id: before.id.clone(),
        };
        let after = stage.user(rep)?.accounts().get_account(request).await;
        let after = after
            .map_err(|status| Refused::from(&status))?
            .into_inner()
            .account
            .unwrap_or_default();
        say::line(format!(
            "{rep} would have lost {} on {}; now it is {}",
            before.name,
            deadline(&before),
            deadline(&after)
        ));
    }
    promote(stage).await
}

/// What happened to the account at this place of the owner's list: nothing, an order, or a deal.
fn happened(account: &Account, rep: &str, at: usize, now: DateTime<Utc>) -> Vec<Activity> {
    let event = |kind: &str, object: &str, hours: i64| Activity {
        event_id: format!("{kind}/{object}"),
        account_id: account.id.clone(),
        kind: kind.into(),
        object_id: object.into(),
        occur_time: Some(timestamp(now - TimeDelta::hours(hours))),
        actor: rep.into(),
        summary: format!("{kind} with {}", account.name),
        ..Activity::default()
    };
    let object = |what: &str| format!("{what}-{}", account.id);
    match at % 6 {
        0 | 3 => vec![event("sales_order.created", &object("order"), 20)],
        1 => {
            let deal = object("deal");
            vec![
                event("opportunity.created", &deal, 30),
                event("opportunity.won", &deal, 3),
            ]
        }
        _ => Vec::new(),
    }
}

/// An event under the id of another one, and one from tomorrow.
fn wrong(events: &[Activity], now: DateTime<Utc>) -> Vec<Activity> {
    let Some(event) = events.last() else {
        return Vec::new();
    };
    let reused = Activity {
        summary: "something else".into(),
        ..event.clone()
    };
    let early = Activity {
        event_id: "tomorrow".into(),
        occur_time: Some(timestamp(now + TimeDelta::days(1))),
        ..event.clone()
    };
    vec![reused, early]
}

async fn record(source: &Client, activities: Vec<Activity>, told: &mut Told) -> Result<(), Refused> {
    let request = RecordActivitiesRequest {
        activities,
        ..RecordActivitiesRequest::default()
    };
    let answer = source.activities().record_activities(request).await;
    for result in answer.map_err(|status| Refused::from(&status))?.into_inner().results {
        match (Refused::of_item(result.status.as_ref()), result.outcome()) {
            (Some(refused), _) => told.refused.push(refused),
            (None, RecordOutcome::Duplicate) => told.duplicates += 1,
            (None, _) => told.recorded += 1,
        }
    }
    Ok(())
}

/// What was won by those who look after key accounts becomes one, and keeps its owner.
async fn promote(stage: &mut Stage) -> Act {
    let admin = stage.user(ADMIN)?;
    let all = list(&admin, AccountScope::All, "", AccountFilter::default()).await?;
    let won = all
        .into_iter()
        .filter(|account| account.deals.is_some_and(|deals| deals.won_count > 0));
    let items = won.take(12).map(|account| transfer::Item {
        account_id: account.id,
        target_pool_id: stage.pools.key.clone(),
        ..transfer::Item::default()
    });
    let request = BulkTransferAccountsRequest {
        items: items.collect(),
        ..BulkTransferAccountsRequest::default()
    };
    let answer = admin.circulation().bulk_transfer_accounts(request).await;
    let results = answer.map_err(|status| Refused::from(&status))?.into_inner().results;
    let refused: Vec<_> = results
        .iter()
        .filter_map(|result| Refused::of_item(result.status.as_ref()))
        .collect();
    say::line(format!(
        "{ADMIN} moves {} won accounts to Key accounts: {} moved, {} refused",
        results.len(),
        results.len() - refused.len(),
        refused.len()
    ));
    if let Some(refused) = refused.first() {
        say::line(format!("   {refused}"));
    }
    for refused in &refused {
        stage.note(None, refused);
    }
    Ok(())
}

fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: at.timestamp_subsec_nanos().cast_signed(),
    }
}

/// The day on which the account goes back.
fn deadline(account: &Account) -> String {
    let at = account.ownership.as_ref().and_then(|ownership| ownership.reclaim_time);
    let at = at.and_then(|at| DateTime::from_timestamp(at.seconds, 0));
    at.map_or_else(|| "never".into(), |at| at.date_naive().to_string())
}
