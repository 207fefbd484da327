//! A server that sweeps, and the accounts that fall due on it.

use crate::{
    Plan,
    common::{
        Outcome,
        load::{Deadlines, Loader},
        site::{self, RULE_DAYS, Setup},
    },
};
use chrono::TimeDelta;
use std::time::Instant;
use tidepool::{rpc::proto, worker};

/// A server, and the rule by which it reclaims.
pub(crate) struct Site {
    pub(crate) base: site::Site,
    rule: String,
}

impl Site {
    /// Makes the database `name`, and the organisation in it.
    pub(crate) async fn found(plan: &Plan, name: &str) -> Outcome<Self> {
        let setup = Setup {
            // Everything that is due is taken: what stops that is not what is measured. The same number at every size.
            breaker: plan.few(),
            ..Setup::on(&plan.common.server)
        };
        let (base, rule) = site::Site::found(setup, name).await?;
        Ok(Self { base, rule })
    }

    /// Sweeps once; says how many accounts were taken and looked at again, and how many seconds that took.
    pub(crate) async fn sweep(&self) -> Outcome<(usize, usize, f64)> {
        let began = Instant::now();
        let swept = worker::sweep::once(&self.base.running.app, TimeDelta::zero()).await;
        let swept = swept.map_err(|stopped| format!("the sweep ended early: {stopped:?}"))?;
        if swept.failed + swept.stopped + swept.unheard > 0 {
            return Err(format!("not everything was swept: {swept:?}").into());
        }
        Ok((swept.reclaimed, swept.replanned, began.elapsed().as_secs_f64()))
    }

    /// Changes the rule, so that every deadline moves.
    pub(crate) async fn change_rule(&self, days: i32) -> Outcome {
        let request = proto::UpdateReclaimRuleRequest {
            reclaim_rule: Some(proto::ReclaimRule {
                id: self.rule.clone(),
                pool_id: self.base.pool.clone(),
                follow_up_days: Some(days),
                ..proto::ReclaimRule::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["follow_up_days".into()],
            }),
            include_past_days: Some(true),
            ..Default::default()
        };
        self.base.admin.rules().update_reclaim_rule(request).await?;
        Ok(())
    }
}

/// Accounts that are not due for long.
pub(crate) async fn idle(loader: &mut Loader, site: &Site, count: u64) -> Outcome {
    let due = Deadlines {
        last: site.base.clock.now() + TimeDelta::days(RULE_DAYS.into()),
        number: 100_000,
    };
    loader.owned("idle", count, due).await.map(drop)
}

/// Accounts that fall due in the hour that ends so many hours from now.
pub(crate) async fn due(loader: &mut Loader, site: &Site, count: u64, hours: i64) -> Outcome {
    let due = Deadlines {
        last: site.base.clock.now() + TimeDelta::hours(hours),
        number: 3000,
    };
    loader.owned("due later", count, due).await.map(drop)
}
