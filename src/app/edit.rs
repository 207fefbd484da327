//! What people know of an account changes.
//!
//! Statement budget: 1 read of revisions, request, account and the actor's place in its team; 1 of the team where the
//! actor supervises anybody; 2 of tags and fields; 1 of twins where it takes a name or an external id; then the account,
//! what changes of tags and fields (2 to 4), the event and the request row. An edit that changes nothing writes no more
//! than the request row.

use super::{
    App,
    account::{View, seen},
    call::Call,
    flow::{self, Once, Reply},
};
use crate::{
    domain::{
        account::Profile,
        circulation::{Decision, Scene},
        creation::Twins,
        edit::{Edit, decide},
        error::Error,
        organisation::Organisation,
    },
    store::{Abort, Tx, apply, config::By, request, subject, twin},
};
use std::collections::HashMap;

impl App {
    /// Changes an account.
    pub async fn update_account(&self, call: &Call, once: &Once<'_, View>, edit: &Edit) -> Result<Reply<View>, Error> {
        let unit = self
            .db
            .unit("UpdateAccount", call.deadline)
            .replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.edit_once(tx, &org, call, once, edit).await))
                .await
        })
        .await
    }

    async fn edit_once(
        &self,
        tx: &Tx,
        org: &Organisation,
        call: &Call,
        once: &Once<'_, View>,
        edit: &Edit,
    ) -> Result<Reply<View>, Abort> {
        let key = once.key.as_ref();
        let loaded = subject::load(tx, org, key, call.actor.as_ref(), &[edit.account]).await?;
        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if let Some(response) = flow::current(org, loaded.revisions, loaded.found)? {
            return Ok(Reply::Replayed(response));
        }
        edit.check(org)?;
        let mut subjects = loaded.subjects;
        subject::join_teams(tx, org, call.actor.as_ref(), subjects.values_mut()).await?;
        let subject = subjects.get(&edit.account);
        let has = subject::extras(tx, org, &subjects, &[edit.account]).await?;
        let has = has.into_values().next().unwrap_or_default();
        let twins = match subject {
            Some(subject) => find_twins(tx, org, edit, &subject.account.profile).await?,
            None => Twins::default(),
        };
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let (decision, extras) = decide(&scene, subject, &has, edit, &twins)?;
        let view = seen(org, decision.account().clone(), extras, scene.now);
        if let Decision::Change(change) = decision {
            let by = By {
                caller: &principal.caller,
                actor: principal.actor.as_ref(),
                now: scene.now,
            };
            apply::apply(tx, org.key, &[*change], &HashMap::new(), &by).await?;
        }
        if let Some(key) = key {
            request::remember(tx, org.key, key, (once.encode)(&view), scene.now).await?;
        }
        Ok(Reply::Done(view))
    }
}

/// Who has what the account would take.
async fn find_twins(tx: &Tx, org: &Organisation, edit: &Edit, current: &Profile) -> Result<Twins, Abort> {
    let (name, external_id) = edit.takes(current);
    let names: Vec<_> = name.into_iter().collect();
    let ids: Vec<_> = external_id.into_iter().collect();
    let mut found = twin::find(tx, org.key, &names, &ids).await?;
    Ok(Twins {
        name: names.first().and_then(|name| found.names.remove(name)),
        external_id: ids.first().and_then(|id| found.external_ids.remove(id)),
    })
}
