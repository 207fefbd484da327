//! Sources say that they live, and until when they have told everything. Where a tenant requires sources, nothing is
//! reclaimed whose deadline is later than that: what a source has not told yet may have happened before it.
//!
//! Statement budget of a heartbeat: 1 read of the revisions, 1 or 2 writes, 1 read. Of the status: 2 reads.

use super::gate;
use crate::{
    app::{App, call::Call, flow},
    domain::{
        activity::check_time,
        activity_source::Voice,
        error::Error,
        ids::CallerId,
        refusal::{Reason, Violations},
    },
    store::watermark,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Which one.
    pub source: CallerId,
    /// Whether nothing is reclaimed without it.
    pub required: bool,
    /// Until when it has told everything; `None` if it was never heard of.
    pub heard_time: Option<DateTime<Utc>>,
    /// How long ago that is.
    pub lag: Option<TimeDelta>,
}

/// What holds reclaims of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepStatus {
    /// The sources that are required or were heard of, by name.
    pub sources: Vec<SourceState>,
    /// Accounts whose deadline is later than this are not reclaimed; `None` where no source is required.
    pub watermark: Option<DateTime<Utc>>,
}

impl App {
    /// The calling service has told everything that happened up to then, or up to now.
    pub async fn heartbeat(&self, call: &Call, complete_until: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, Error> {
        let now = self.clock.now();
        let until = complete_until.unwrap_or(now);
        if let Err(ahead) = check_time(until, now) {
            let mut violations = Violations::default();
            let message = format!("lies {} seconds ahead of the service's clock", ahead.num_seconds());
            violations.add_as(Reason::OccurredInFuture, "complete_until", message);
            return Err(violations.into());
        }
        // Clocks differ by a little; what has not happened yet cannot have been told.
        let until = until.min(now);
        let unit = self.db.unit("Heartbeat", call.deadline).replayable(true);
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| {
                unit.tx(async |tx| {
                    flow::enter(tx, &org, None).await?;
                    let must_register = org.tenant.settings.sources_must_register;
                    Voice::of(&org.activity_sources, must_register, &call.caller)?;
                    watermark::raise(tx, self.db.engine(), org.key, &call.caller, until).await?;
                    let heard = watermark::all(tx, org.key).await?;
                    Ok(heard.get(&call.caller).copied().unwrap_or(until))
                })
            })
            .await
        })
        .await
    }

    /// Which sources there are, when they were heard of, and until when reclaims go. For CRM admins.
    pub async fn sweep_status(&self, call: &Call) -> Result<SweepStatus, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?.require_crm_admin()?;
        let unit = self.db.unit("GetSweepStatus", call.deadline);
        let heard = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(watermark::all(&reader, org.key).await?)
        });
        let heard = heard.await.map_err(|abort| unit.error(abort))?;
        let now = self.clock.now();
        let settings = &org.tenant.settings;
        let all: BTreeSet<_> = settings.required_sources.iter().chain(heard.keys()).collect();
        let sources = all.into_iter().map(|source| {
            let heard_time = heard.get(source).copied();
            SourceState {
                source: source.clone(),
                required: settings.required_sources.contains(source),
                heard_time,
                lag: heard_time.map(|heard| (now - heard).max(TimeDelta::zero())),
            }
        });
        Ok(SweepStatus {
            sources: sources.collect(),
            watermark: gate::watermark(settings, &heard),
        })
    }
}
