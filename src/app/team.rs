//! Reads the related team of an account. It is changed by `account_change`.
//!
//! Statement budget: 2 reads, 3 for who supervises anybody.

use super::{App, call::Call, flow};
use crate::{
    domain::{
        account::Account,
        circulation::Scene,
        error::Error,
        ids::AccountId,
        team::{self, TeamMember},
    },
    store::{self, Abort, subject},
};

impl App {
    /// The account and the members of its team, by user id.
    pub async fn list_team(&self, call: &Call, id: AccountId) -> Result<(Account, Vec<TeamMember>), Error> {
        let unit = self.db.unit("ListTeamMembers", call.deadline);
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| async {
                let reader = unit.reader().await?;
                let loaded = subject::show(&reader, &org, subject::Viewers::One(call.actor.as_ref()), &[id]).await?;
                let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
                if loaded.revisions != org.revisions {
                    return Err(Abort::Stale);
                }
                let mut subjects = loaded.subjects;
                subject::join_teams(&reader, &org, call.actor.as_ref(), subjects.values_mut()).await?;
                let principal = Self::principal(&org, call)?;
                let scene = Scene {
                    org: &org,
                    principal: &principal,
                    now: self.clock.now(),
                };
                let subject = team::may_list(&scene, subjects.get(&id), id)?;
                let members = store::team::list(&reader, org.key, id).await?;
                Ok((subject.account.clone(), members))
            })
            .await
        })
        .await
    }
}
