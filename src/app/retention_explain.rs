//! Explains when an account is reclaimed and why then, by what computes its deadline.
//!
//! Statement budget: as for reading the account, then 1 read of its team where rules remind teams, and 1 of the activity
//! that set the deadline.

use super::{App, account, call::Call, flow};
use crate::{
    domain::{
        account::{Account, Extras},
        circulation::{Scene, reads},
        error::Error,
        ids::{AccountId, UserId},
        organisation::Organisation,
        refusal::Reason,
        retention::{
            explain::{self, Explanation},
            reminders,
            terms::Recipient,
        },
        retention_plan,
        sweep::people,
    },
    store::{
        Abort,
        activity::{self, StoredActivity},
        extras, subject,
        unit::Reader,
    },
};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What an explanation is made from.
#[derive(Debug)]
pub struct Explained {
    /// The organisation that it was made in.
    pub org: Arc<Organisation>,
    /// The account, with the clock that it has or is about to get.
    pub account: Account,
    /// The members of its team, where somebody reminds them.
    pub team: Vec<UserId>,
    /// The activity that the deadline counts from.
    pub activity: Option<StoredActivity>,
    /// Whether the stored clock is about to become another one.
    pub recomputing: bool,
    /// When.
    pub now: DateTime<Utc>,
}

impl Explained {
    /// The explanation; `None` where nobody owns the account.
    #[must_use]
    pub fn explanation(&self) -> Option<Explanation<'_>> {
        explain::explain(&self.org, &self.account, self.now)
    }

    /// Whom the deciding rule's reminder reaches, so many days before.
    #[must_use]
    pub fn recipients(&self, explanation: &Explanation<'_>, days_before: u32) -> Vec<Recipient> {
        let rule = explanation.look.matched.rule;
        rule.map_or_else(Vec::new, |rule| reminders::recipients(&rule.config.terms, days_before))
    }

    /// Who these are.
    #[must_use]
    pub fn people(&self, recipients: &[Recipient]) -> Vec<UserId> {
        people(&self.org, &self.account, recipients, &self.team)
    }
}

impl App {
    /// Explains the clock of an account, to whoever reads all of it.
    pub async fn explain_retention(&self, call: &Call, id: AccountId) -> Result<Explained, Error> {
        let unit = self.db.unit("ExplainRetention", call.deadline);
        let unit = &unit;
        self.on_snapshot(call, unit, |org| async move {
            unit.retry(|| async {
                let reader = unit.reader().await?;
                self.explained(&reader, &org, call, id).await
            })
            .await
        })
        .await
    }

    async fn explained(
        &self,
        reader: &Reader<'_>,
        org: &Arc<Organisation>,
        call: &Call,
        id: AccountId,
    ) -> Result<Explained, Abort> {
        let loaded = subject::show(reader, org, subject::Viewers::One(call.actor.as_ref()), &[id]).await?;
        let mut loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if loaded.revisions != org.revisions {
            return Err(Abort::Stale);
        }
        subject::join_teams(reader, org, call.actor.as_ref(), loaded.subjects.values_mut()).await?;
        let principal = Self::principal(org, call)?;
        let now = self.clock.now();
        let scene = Scene {
            org,
            principal: &principal,
            now,
        };
        let missing = || Error::not_found("account", id);
        let subject = loaded.subjects.remove(&id).ok_or_else(missing)?;
        if !reads(&scene, &subject) {
            account::view(&scene, subject, Extras::default()).ok_or_else(missing)?;
            let message = "only those who read the whole account may know when and why it is reclaimed";
            return Err(Error::refused(Reason::NotAuthorized, message).into());
        }
        let stored = subject.account;
        let now = now.max(stored.update_time);
        let mut planned = Account {
            update_time: now,
            ..stored.clone()
        };
        retention_plan::replan(org, &mut planned, now);
        let clock = |account: &Account| {
            let clock = &account.clock;
            (clock.anchor_time, clock.reclaim_time, clock.rule_id, clock.notice_floor)
        };
        let mut explained = Explained {
            recomputing: clock(&stored) != clock(&planned),
            org: org.clone(),
            account: planned,
            team: Vec::new(),
            activity: None,
            now,
        };
        if org.retention.reminds_teams() {
            let team = extras::teams(reader, org.key, &[id]).await?.remove(&id);
            explained.team = team.unwrap_or_default().into_iter().map(|(member, _)| member).collect();
        }
        let sought = explained.explanation().and_then(|explanation| explanation.activity);
        if let Some(sought) = sought {
            let happened = activity::of_instant(reader, org.key, id, sought.at).await?;
            let found = happened
                .into_iter()
                .find(|stored| sought.fits(&org.activity_rules, &stored.activity.kind));
            explained.activity = found;
        }
        Ok(explained)
    }
}
