//! Pools: create, read, update, take into and out of use, delete. Each change is one decision on the snapshot.

use super::{
    App,
    call::Call,
    exception_pause,
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    reminder_rule, retention_rule,
    tenant::{check_etag, unknown_paths},
};
use crate::{
    domain::{
        config_change::{Action, ConfigChange, ConfigEvent, Occupancy, Write},
        error::Error,
        ids::PoolId,
        organisation::Organisation,
        patch::merge,
        pool::{Pool, PoolConfig, PoolState},
        refusal::{Reason, Refusal},
        retention::rule::RuleHome,
    },
    store::{self, pool::PoolCounters},
};
use chrono::TimeDelta;
use std::{collections::BTreeMap, sync::Arc};

/// How near a reclaim deadline counts as soon.
const DUE_SOON: TimeDelta = TimeDelta::days(7);

/// Which change is wanted.
#[derive(Clone, Debug)]
pub struct UpdatePool {
    /// Of which pool.
    pub id: PoolId,
    /// The new values.
    pub config: PoolConfig,
    /// Which of them to take.
    pub paths: Vec<String>,
    /// The state that the caller saw.
    pub etag: Option<i64>,
}

/// The pool, if the principal may know of it.
fn find<'a>(facts: &Facts<'a>, id: PoolId) -> Result<&'a Pool, Error> {
    let pool = facts
        .org
        .pool(id)
        .filter(|pool| facts.principal.sees_pool(facts.org, pool));
    pool.ok_or_else(|| Error::not_found("pool", id))
}

/// The pool, for a change of it by a CRM admin who saw the state `etag`.
fn find_to_change<'a>(facts: &Facts<'a>, id: PoolId, etag: Option<i64>) -> Result<&'a Pool, Error> {
    let pool = find(facts, id)?;
    facts.principal.require_crm_admin()?;
    check_etag(etag, pool.version)?;
    Ok(pool)
}

fn check(org: &Organisation, id: Option<PoolId>, config: &PoolConfig) -> Result<(), Error> {
    let violations = config.validate(org).within("pool");
    if !violations.is_empty() {
        return Err(violations.into());
    }
    let same_name = |pool: &&Arc<Pool>| Some(pool.id) != id && pool.config.display_name == config.display_name;
    match org.pools.values().find(same_name) {
        Some(pool) => {
            let message = format!("a pool named {:?} is there already", config.display_name);
            Err(Refusal::new(Reason::AlreadyExists, message)
                .with("pool_id", pool.id)
                .into())
        }
        None => Ok(()),
    }
}

impl App {
    /// Creates a pool, in use at once.
    pub async fn create_pool(
        &self,
        call: &Call,
        once: &Once<'_, Pool>,
        config: &PoolConfig,
    ) -> Result<Reply<Pool>, Error> {
        self.configure(call, "CreatePool", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            check(facts.org, None, config)?;
            let pool = Pool {
                id: PoolId(facts.ids.next()),
                version: 1,
                state: PoolState::Active,
                config: config.clone(),
                create_time: facts.now,
                update_time: facts.now,
            };
            let event = ConfigEvent::new("pool", pool.id, Action::Created, None, Some(config));
            Ok((
                ConfigChange {
                    writes: vec![Write::PoolInsert(pool.clone())],
                    events: vec![event],
                },
                pool,
            ))
        })
        .await
    }

    /// Reads a pool.
    pub async fn get_pool(&self, call: &Call, id: PoolId) -> Result<Arc<Pool>, Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let pool = org.pools.get(&id).filter(|pool| principal.sees_pool(&org, pool));
        pool.cloned().ok_or_else(|| Error::not_found("pool", id))
    }

    /// The pools that the principal may know of, by id, and the token of the next page.
    pub async fn list_pools(&self, call: &Call, size: usize, token: &str) -> Result<(Vec<Arc<Pool>>, String), Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let list = List::new(call, "ListPools", &());
        let after: Option<PoolId> = self.pages.open(&list, token)?;
        let rest = org
            .pools
            .values()
            .skip_while(|pool| after.is_some_and(|after| pool.id <= after));
        let rows = rest
            .filter(|pool| principal.sees_pool(&org, pool))
            .take(size + 1)
            .cloned()
            .collect();
        let weigh = |pool: &Arc<Pool>| page::weigh(&pool.config);
        Ok(page::cut_by_weight(
            &self.pages,
            &list,
            rows,
            size,
            |pool| pool.id,
            weigh,
        ))
    }

    /// Changes a pool.
    pub async fn update_pool(
        &self,
        call: &Call,
        once: &Once<'_, Pool>,
        input: &UpdatePool,
    ) -> Result<Reply<Pool>, Error> {
        self.configure(call, "UpdatePool", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, input.id, input.etag)?;
            let config = merge(&old.config, &input.config, &input.paths).map_err(|unknown| unknown_paths(&unknown))?;
            check(facts.org, Some(old.id), &config)?;
            if config == old.config {
                return Ok((ConfigChange::default(), old.clone()));
            }
            let event = ConfigEvent::new("pool", old.id, Action::Updated, Some(&old.config), Some(&config));
            let new = Pool {
                config,
                version: old.version + 1,
                update_time: facts.now,
                ..old.clone()
            };
            Ok((
                ConfigChange {
                    writes: vec![Write::PoolUpdate(new.clone())],
                    events: vec![event],
                },
                new,
            ))
        })
        .await
    }

    /// Takes a pool into or out of use.
    pub async fn set_pool_state(
        &self,
        call: &Call,
        once: &Once<'_, Pool>,
        id: PoolId,
        etag: Option<i64>,
        state: PoolState,
    ) -> Result<Reply<Pool>, Error> {
        let (name, action) = match state {
            PoolState::Active => ("EnablePool", Action::Enabled),
            PoolState::Disabled => ("DisablePool", Action::Disabled),
        };
        self.configure(call, name, once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            if old.state == state {
                return Ok((ConfigChange::default(), old.clone()));
            }
            if state == PoolState::Disabled {
                refuse_if_referenced(facts.org, id)?;
            }
            let states = [old.state, state].map(|state| BTreeMap::from([("state", state)]));
            let event = ConfigEvent::new("pool", id, action, Some(&states[0]), Some(&states[1]));
            let new = Pool {
                state,
                version: old.version + 1,
                update_time: facts.now,
                ..old.clone()
            };
            Ok((
                ConfigChange {
                    writes: vec![Write::PoolUpdate(new.clone())],
                    events: vec![event],
                },
                new,
            ))
        })
        .await
    }

    /// How many accounts lie in the pool. For its admins.
    pub async fn pool_counters(&self, call: &Call, id: PoolId) -> Result<PoolCounters, Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let pool = org.pool(id).filter(|pool| principal.sees_pool(&org, pool));
        let pool = pool.ok_or_else(|| Error::not_found("pool", id))?;
        if !principal.administers(&org, pool) {
            return Err(Error::refused(
                Reason::NotAuthorized,
                "only admins of the pool and CRM admins may do this",
            ));
        }
        let soon = self.clock.now() + DUE_SOON;
        let unit = self.db.unit("GetPoolCounters", call.deadline);
        unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(store::pool::counters(&reader, org.key, id, soon).await?)
        })
        .await
        .map_err(|abort| unit.error(abort))
    }

    /// Deletes a pool in which nothing lies.
    pub async fn delete_pool(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        id: PoolId,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeletePool", once, Ask::Occupancy(id), |facts| {
            let old = find_to_change(facts, id, etag)?;
            let occupancy = facts.occupancy.ok_or_else(|| Error::not_found("pool", id))?;
            if occupancy.accounts > 0 {
                return Err(not_empty(occupancy).into());
            }
            refuse_if_referenced(facts.org, id)?;
            let event = ConfigEvent::new("pool", id, Action::Deleted, Some(&old.config), None);
            let mut change = ConfigChange {
                writes: vec![Write::PoolDelete(id, occupancy)],
                events: vec![event],
            };
            // Its own rules go with it.
            for rule in facts.org.reclaim_rules(&RuleHome::Pool(id)) {
                retention_rule::remove(&mut change, rule);
            }
            exception_pause::remove_of(&mut change, facts, id);
            reminder_rule::remove_all(facts.org, &RuleHome::Pool(id), &mut change);
            Ok((change, ()))
        })
        .await
    }
}

/// Refuses to take away a pool into which rules of other pools or of departments reclaim, in use or not: what was valid when it was saved
/// stays valid.
fn refuse_if_referenced(org: &Organisation, id: PoolId) -> Result<(), Refusal> {
    let rules = org.reclaim_rules_into(id);
    if rules.is_empty() {
        return Ok(());
    }
    // As many as fit into the details.
    let named: Vec<_> = rules.iter().take(10).map(|rule| rule.id.to_string()).collect();
    let message = format!(
        "{} reclaim rule(s) of other pools or of departments reclaim into this pool; change them first: {}",
        rules.len(),
        named.join(", ")
    );
    Err(Refusal::new(Reason::PoolReferenced, message)
        .with("references", named.join(","))
        .with("reference_count", rules.len()))
}

fn not_empty(occupancy: Occupancy) -> Refusal {
    let accounts = match occupancy.accounts {
        Occupancy::COUNTED.. => format!("more than {}", Occupancy::COUNTED - 1),
        some => some.to_string(),
    };
    let message =
        format!("the pool contains {accounts} account(s), canceled ones included; move them to another pool first");
    Refusal::new(Reason::PoolNotEmpty, message).with("accounts", accounts)
}
