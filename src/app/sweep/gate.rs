//! What holds a sweep back before it looks at an account: reclaims of a pool that are stopped, and sources that were not
//! heard of. What is held is neither read nor written: it stays due, and is passed over in every round until nothing
//! holds it any more. Whether an account is really taken is decided again in the transaction that takes it.

use super::{BATCH_TIME, Done, Stopped, Swept};
use crate::{
    app::App,
    domain::{
        ids::{AccountId, CallerId, PoolId, TenantKey, TenantName},
        sweep::{Hold, Terms},
        tenant::TenantSettings,
    },
    store::{
        breaker,
        due::{self, Due},
        watermark,
    },
    telemetry::metrics,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// A tenant in a round.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) key: TenantKey,
    pub(super) name: TenantName,
    /// Until when all required sources have told everything.
    watermark: Option<DateTime<Utc>>,
}

/// Where reclaims are stopped, and how many accounts waited there and wait now.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    before: i64,
    now: i64,
}

/// What is known in a round.
#[derive(Debug)]
pub(super) struct Round {
    now: DateTime<Utc>,
    gates: HashMap<TenantKey, Option<Arc<Gate>>>,
    open: BTreeMap<(TenantKey, Option<PoolId>), Waiting>,
    unheard: usize,
}

/// Until when all required sources have told everything; `None` where none is required. A source that was never heard of
/// has told nothing.
#[must_use]
pub(super) fn watermark(settings: &TenantSettings, heard: &BTreeMap<CallerId, DateTime<Utc>>) -> Option<DateTime<Utc>> {
    let times = settings.required_sources.iter();
    times.map(|source| heard.get(source).copied().unwrap_or_default()).min()
}

impl Round {
    /// Which of these are looked at, and how many are not.
    pub(super) fn pass(&mut self, gate: &Gate, due: &[Due]) -> (Swept, Vec<AccountId>) {
        let mut swept = Swept::default();
        let mut accounts = Vec::with_capacity(due.len());
        for due in due {
            let deadline = due.reclaim_time.filter(|deadline| *deadline <= self.now);
            let hold = deadline.and_then(|deadline| {
                let stopped = self.open.contains_key(&(gate.key, due.pool));
                Terms {
                    grace: TimeDelta::zero(),
                    watermark: gate.watermark,
                    stopped,
                }
                .hold(deadline)
            });
            match hold {
                Some(Hold::Source) => swept.unheard += 1,
                Some(_) => {
                    swept.stopped += 1;
                    self.open.entry((gate.key, due.pool)).or_default().now += 1;
                }
                None => accounts.push(due.account),
            }
        }
        self.unheard += swept.unheard;
        (swept, accounts)
    }

    /// Takes in what a batch did.
    pub(super) fn note(&mut self, gate: &Gate, done: Done) -> Swept {
        for (pool, breaker) in &done.opened {
            let pool_id = pool.map(|pool| pool.to_string()).unwrap_or_default();
            tracing::warn!(
                tenant = %gate.name,
                pool_id,
                reclaimed = breaker.taken,
                "so many accounts were reclaimed that no more are before somebody confirms it (ConfirmReclaims)"
            );
            metrics::breaker_opened();
            self.open.entry((gate.key, *pool)).or_default();
        }
        for (pool, accounts) in done.stopped {
            self.open.entry((gate.key, pool)).or_default().now += accounts;
        }
        self.unheard += done.swept.unheard;
        done.swept
    }
}

impl App {
    /// Begins a round.
    pub(super) async fn round(&self) -> Result<Round, Stopped> {
        let unit = self.db.unit("find stopped reclaims", Instant::now() + BATCH_TIME);
        let open = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(breaker::open(&reader).await?)
        });
        let open = open.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        let open = open.into_iter().map(|(at, before)| (at, Waiting { before, now: 0 }));
        Ok(Round {
            now: self.clock.now(),
            gates: HashMap::new(),
            open: open.collect(),
            unheard: 0,
        })
    }

    /// What holds the tenant in this round; `None` if there is no such tenant any more.
    pub(super) async fn gate(&self, round: &mut Round, tenant: TenantKey) -> Result<Option<Arc<Gate>>, Stopped> {
        if let Some(gate) = round.gates.get(&tenant) {
            return Ok(gate.clone());
        }
        let deadline = Instant::now() + BATCH_TIME;
        let unit = self.db.unit("find tenant", deadline);
        let failed = |abort| Stopped::Failed(unit.error(abort));
        let name = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(due::tenant_name(&reader, tenant).await?)
        });
        let name = name.await.map_err(failed)?;
        let org = match &name {
            // What is at hand may require sources that nobody does any more, and then nothing would ever tell.
            Some(name) => self.snapshots.current(name, deadline).await.map_err(failed)?,
            None => None,
        };
        let gate = match org {
            None => None,
            Some(org) => {
                let settings = &org.tenant.settings;
                let mut heard = BTreeMap::new();
                if !settings.required_sources.is_empty() {
                    let all = unit.retry(|| async {
                        let reader = unit.reader().await?;
                        Ok(watermark::all(&reader, tenant).await?)
                    });
                    heard = all.await.map_err(failed)?;
                }
                Some(Arc::new(Gate {
                    key: tenant,
                    name: org.name.clone(),
                    watermark: watermark(settings, &heard),
                }))
            }
        };
        round.gates.insert(tenant, gate.clone());
        Ok(gate)
    }

    /// Tells those who look what was held in the round.
    pub(super) async fn end_round(&self, round: &Round) -> Result<(), Stopped> {
        let moved = round.open.iter().filter(|(_, waiting)| waiting.now != waiting.before);
        for ((tenant, pool), waiting) in moved {
            let unit = self.db.unit("note what waits", Instant::now() + BATCH_TIME);
            let noted =
                unit.retry(|| unit.tx(async |tx| Ok(breaker::note_due(tx, *tenant, *pool, waiting.now).await?)));
            noted.await.map_err(|abort| Stopped::Failed(unit.error(abort)))?;
        }
        let stopped: i64 = round.open.values().map(|waiting| waiting.now).sum();
        let gates = round.gates.values().flatten();
        let behind = gates
            .filter_map(|gate| (round.now - gate.watermark?).to_std().ok())
            .max();
        metrics::held(
            u64::try_from(stopped).unwrap_or(0),
            round.unheard as u64,
            round.open.len() as u64,
            behind.unwrap_or(Duration::ZERO),
        );
        Ok(())
    }
}
