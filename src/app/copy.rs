//! A new account with what the actor may see of another one. Whatever holds for new accounts holds for this one.
//!
//! Statement budget: 1 read of revisions, request, source and the actor's place in its team; 1 of the team where the
//! actor supervises anybody; 2 of tags and fields; then as `app::create` says for one account.

use super::{
    App,
    account::{View, view},
    call::Call,
    create::{CreateAccounts, Created},
    flow::{self, Once, Reply},
};
use crate::{
    domain::{
        account::{Extras, Profile},
        circulation::Scene,
        creation::NewAccount,
        custom_values::{self, Values},
        error::Error,
        ids::{AccountId, PoolId, UserId},
        organisation::Organisation,
    },
    store::{Abort, Tx, request, subject},
};

/// Which copy is wanted.
#[derive(Clone, Debug)]
pub struct CopyAccount {
    /// Of which account.
    pub source: AccountId,
    /// The name of the new one.
    pub name: String,
    /// The pool that it belongs to.
    pub pool: Option<PoolId>,
    /// Who owns it.
    pub owner: Option<UserId>,
}

impl CopyAccount {
    /// What the principal sees is copied, so that a copy tells nothing that is hidden.
    fn of(&self, view: View, fields: Values) -> NewAccount {
        let hidden = view.hidden.iter().any(|field| field == "custom_fields");
        NewAccount {
            profile: Profile {
                name: self.name.clone(),
                external_id: None,
                ..view.account.profile
            },
            extras: Extras {
                tags: view.tags,
                fields: if hidden { Values::new() } else { fields },
            },
            given: Vec::new(),
            pool: self.pool,
            owner: self.owner.clone(),
            at: String::new(),
        }
    }
}

impl App {
    /// Copies an account.
    pub async fn copy_account(
        &self,
        call: &Call,
        once: &Once<'_, Vec<Created>>,
        input: &CopyAccount,
    ) -> Result<Reply<Vec<Created>>, Error> {
        let unit = self
            .db
            .unit("CopyAccount", call.deadline)
            .replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.copy_once(tx, &org, call, once, input).await))
                .await
        })
        .await
    }

    async fn copy_once(
        &self,
        tx: &Tx,
        org: &Organisation,
        call: &Call,
        once: &Once<'_, Vec<Created>>,
        input: &CopyAccount,
    ) -> Result<Reply<Vec<Created>>, Abort> {
        let key = once.key.as_ref();
        let loaded = subject::load(tx, org, key, call.actor.as_ref(), &[input.source]).await?;
        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if let Some(response) = flow::current(org, loaded.revisions, loaded.found)? {
            return Ok(Reply::Replayed(response));
        }
        let mut subjects = loaded.subjects;
        subject::join_teams(tx, org, call.actor.as_ref(), subjects.values_mut()).await?;
        let has = subject::extras(tx, org, &subjects, &[input.source]).await?;
        let has = has.into_values().next().unwrap_or_default();
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let fields = custom_values::in_use(org, &has.fields);
        let source = subjects
            .remove(&input.source)
            .and_then(|subject| view(&scene, subject, has));
        let source = source.ok_or_else(|| Error::not_found("account", input.source))?;
        let new = CreateAccounts {
            accounts: vec![input.of(source, fields)],
            single: true,
        };
        let created = self.create_for(tx, &scene, key, &new).await?;
        if let Some(key) = key {
            request::remember(tx, org.key, key, (once.encode)(&created), scene.now).await?;
        }
        Ok(Reply::Done(created))
    }
}
