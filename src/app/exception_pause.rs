//! Pauses of reclaims: create, list, end. They are configuration: clocks follow in the background, with notice where a
//! deadline comes nearer.

use super::{
    App,
    call::Call,
    configured,
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    retention_rule::{administered, no_home},
    tenant::check_etag,
};
use crate::domain::{
    config_change::ConfigChange,
    configured::{ConfigTable, Configured},
    error::Error,
    exception::pause::{self, PAUSES_MAX},
    ids::PoolId,
    retention::{config::RetentionPause, hold::Span, rule::RuleHome},
};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use uuid::Uuid;

const TABLE: ConfigTable = ConfigTable::RetentionPause;

/// A pause as stored.
pub type StoredPause = Configured<RetentionPause>;

/// A new pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePause {
    /// In which pool; in none means everywhere.
    pub pool_id: Option<PoolId>,
    /// From when on; `None` means now.
    pub from: Option<DateTime<Utc>>,
    /// Until when; `None` means until somebody ends it.
    pub until: Option<DateTime<Utc>>,
    /// Why.
    pub reason: String,
}

fn find<'a>(facts: &Facts<'a>, id: Uuid) -> Result<&'a StoredPause, Error> {
    let pause = facts.org.retention.stored_pauses.iter().find(|pause| pause.id == id);
    let pause = pause.ok_or_else(|| Error::not_found("retention_pause", id))?;
    Ok(pause)
}

/// Adds the end of a pool's pauses to the change that deletes it.
pub(super) fn remove_of(change: &mut ConfigChange, facts: &Facts<'_>, pool: PoolId) {
    let pauses = facts.org.retention.stored_pauses.iter();
    for pause in pauses.filter(|pause| pause.config.pool_id == Some(pool)) {
        let gone = configured::delete(TABLE, pause);
        change.writes.extend(gone.writes);
        change.events.extend(gone.events);
    }
}

impl App {
    /// Enters a pause.
    pub async fn create_retention_pause(
        &self,
        call: &Call,
        once: &Once<'_, StoredPause>,
        input: &CreatePause,
    ) -> Result<Reply<StoredPause>, Error> {
        self.configure(call, "CreateRetentionPause", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            let pause = RetentionPause {
                pool_id: input.pool_id,
                span: Span {
                    from: input.from.unwrap_or(facts.now),
                    until: input.until,
                },
                reason: input.reason.clone(),
            };
            let violations = pause::check(facts.org, &pause);
            if !violations.is_empty() {
                return Err(violations.into());
            }
            configured::check_number("pauses", facts.org.retention.stored_pauses.len(), PAUSES_MAX)?;
            Ok(configured::create(facts, TABLE, &pause))
        })
        .await
    }

    /// The pauses that hold in a pool, or all, by id, and the token of the next page.
    pub async fn list_retention_pauses(
        &self,
        call: &Call,
        pool: Option<PoolId>,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<StoredPause>>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        match pool.map(RuleHome::Pool) {
            Some(home) => administered(&org, &principal, &home, || no_home(&home))?,
            None => principal.require_crm_admin()?,
        }
        let list = List::new(call, "ListRetentionPauses", &pool);
        let after: Option<Uuid> = self.pages.open(&list, token)?;
        let all = org.retention.stored_pauses.iter();
        let rest = all.filter(|pause| pool.is_none() || pause.config.pool_id.is_none() || pause.config.pool_id == pool);
        let rest = rest.filter(|pause| after.is_none_or(|after| pause.id > after));
        let rows = rest.take(size + 1).cloned().collect();
        Ok(page::cut(&self.pages, &list, rows, size, |pause| pause.id))
    }

    /// Ends a pause.
    pub async fn end_retention_pause(
        &self,
        call: &Call,
        once: &Once<'_, StoredPause>,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<Reply<StoredPause>, Error> {
        self.configure(call, "EndRetentionPause", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            let old = find(facts, id)?;
            check_etag(etag, old.version)?;
            if old.config.span.until.is_some_and(|until| until <= facts.now) {
                return Ok((ConfigChange::default(), old.clone()));
            }
            let mut pause = old.config.clone();
            pause.span.until = Some(facts.now.max(pause.span.from));
            Ok(configured::update(facts, TABLE, old, pause))
        })
        .await
    }
}
