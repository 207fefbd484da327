//! Breakers, sources, previews of the sweep, and the computation of deadlines.

use super::{etag, etag_opt, id_opt, timestamp};
use crate::{
    app::sweep::{ConfirmReclaims, Foreseen, PoolBreaker, SourceState, WhatComes},
    domain::{breaker::MAX_CONFIRMED, ids::PoolId, refusal::Violations, sweep::Hold},
    rpc::proto,
    store::replan::Replan,
};

/// Reads what is confirmed.
pub fn confirm(v: &mut Violations, message: &proto::ConfirmReclaimsRequest) -> Option<ConfirmReclaims> {
    let pool = id_opt(v, "pool_id", &message.pool_id, PoolId::parse);
    let accounts = Some(message.account_count).filter(|count| (1..=MAX_CONFIRMED).contains(count));
    let accounts = v.check(
        "account_count",
        accounts.ok_or_else(|| format!("must be 1 to {MAX_CONFIRMED}")),
    );
    let etag = etag_opt(v, "etag", &message.etag);
    Some(ConfirmReclaims {
        pool: pool?,
        accounts: accounts?.into(),
        etag: etag?,
    })
}

/// A breaker as a message.
#[must_use]
pub fn encode_breaker((pool, breaker): &PoolBreaker) -> proto::ReclaimBreaker {
    proto::ReclaimBreaker {
        pool_id: pool.map(|pool| pool.to_string()).unwrap_or_default(),
        open: breaker.is_open(),
        open_time: breaker.open_time.and_then(timestamp),
        window_time: timestamp(breaker.window_time),
        reclaimed_count: breaker.taken,
        allowed_count: breaker.allowed,
        waiting_count: if breaker.is_open() { breaker.due } else { 0 },
        etag: etag(breaker.version),
    }
}

/// A source as a message.
#[must_use]
pub fn encode_source(state: SourceState) -> proto::SourceStatus {
    proto::SourceStatus {
        source: state.source.to_string(),
        required: state.required,
        heard_time: state.heard_time.and_then(timestamp),
        lag: state.lag.map(|lag| prost_types::Duration {
            seconds: lag.num_seconds(),
            nanos: lag.subsec_nanos(),
        }),
    }
}

/// What would come of an account, as a message.
#[must_use]
pub fn encode_forecast(foreseen: Foreseen) -> proto::SweepForecast {
    use proto::{SweepHold, SweepOutcome};
    let mut forecast = proto::SweepForecast {
        account_id: foreseen.account.to_string(),
        account_etag: etag(foreseen.version),
        pool_id: foreseen.pool.map(|pool| pool.to_string()).unwrap_or_default(),
        owner: foreseen.owner.map(|owner| owner.to_string()).unwrap_or_default(),
        reclaim_time: foreseen.deadline.and_then(timestamp),
        reclaim_rule_id: foreseen.rule_id.map(|id| id.to_string()).unwrap_or_default(),
        ..proto::SweepForecast::default()
    };
    match foreseen.what {
        WhatComes::Reclaim { target } => {
            forecast.set_outcome(SweepOutcome::Reclaim);
            forecast.target_pool_id = target.map(|pool| pool.to_string()).unwrap_or_default();
        }
        WhatComes::Remind { recipients } => {
            forecast.set_outcome(SweepOutcome::Remind);
            forecast.recipients = super::texts(&recipients);
        }
        WhatComes::Replan => forecast.set_outcome(SweepOutcome::Replan),
        WhatComes::Held(hold) => {
            forecast.set_outcome(SweepOutcome::Hold);
            forecast.set_hold(match hold {
                Hold::Grace(_) => SweepHold::Grace,
                Hold::Source => SweepHold::Source,
                Hold::Breaker => SweepHold::Breaker,
                Hold::Hours(_) => SweepHold::DayOff,
            });
            forecast.hold_until_time = hold.until().and_then(timestamp);
        }
    }
    forecast
}

/// A computation of deadlines as a message; nothing at all if rules never changed.
#[must_use]
pub fn encode_replan(replan: Option<(Replan, bool)>) -> proto::Replan {
    let Some((replan, over)) = replan else {
        return proto::Replan::default();
    };
    let state = if over {
        proto::ReplanState::Done
    } else {
        proto::ReplanState::Running
    };
    proto::Replan {
        revision: replan.revision,
        state: state.into(),
        done_count: replan.done,
        // Accounts that got an owner meanwhile, under the rules as they were, come on top of those that were counted.
        total_count: replan.total.max(replan.done),
        start_time: timestamp(replan.start_time),
        update_time: timestamp(replan.update_time),
    }
}
