//! The tenants' configuration and directory in memory, one immutable snapshot each.
//!
//! A snapshot is never trusted for its age: flows read the tenant's revisions together with what they decide on and
//! come back for a newer snapshot when they differ. So every replica obeys a changed rule at the next call, and no
//! cache has a time-out.

use crate::{
    domain::{ids::TenantName, organisation::Organisation},
    store::{Abort, Db, Deadline, organisation},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, PoisonError, RwLock},
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout_at,
};

/// How many tenants can load, or change, at once.
const LOADERS: usize = 64;

/// The snapshots.
#[derive(Debug)]
pub struct Snapshots {
    db: Db,
    current: RwLock<HashMap<TenantName, Arc<Organisation>>>,
    // One load per tenant at a time: a stampede after a change would read the same thing many times over.
    loading: Vec<Mutex<()>>,
    // And one change of configuration per tenant at a time: of several at once all but one would find their snapshot
    // stale, again and again. This saves work; what keeps two changes apart is the compare-and-set on the revisions.
    changing: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Snapshots {
    /// Empty; tenants are loaded when they are first asked for.
    #[must_use]
    pub fn new(db: Db) -> Self {
        let locks = || (0..LOADERS).map(|_| Mutex::new(())).collect();
        Self {
            db,
            current: RwLock::default(),
            loading: locks(),
            changing: locks(),
            hasher: RandomState::new(),
        }
    }

    fn cached(&self, tenant: &TenantName) -> Option<Arc<Organisation>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tenant)
            .cloned()
    }

    fn slot(&self, tenant: &TenantName) -> usize {
        usize::try_from(self.hasher.hash_one(tenant)).unwrap_or(0) % LOADERS
    }

    /// Waits for its turn to change the tenant's configuration, first come, first served.
    pub async fn turn(&self, tenant: &TenantName, deadline: Deadline) -> Result<MutexGuard<'_, ()>, Abort> {
        timeout_at(deadline, self.changing[self.slot(tenant)].lock())
            .await
            .map_err(|_| Abort::Late)
    }

    /// The snapshot at hand, however old; `None` if there is no such tenant.
    pub async fn at_hand(&self, tenant: &TenantName, deadline: Deadline) -> Result<Option<Arc<Organisation>>, Abort> {
        match self.cached(tenant) {
            Some(org) => Ok(Some(org)),
            None => self.load(tenant, None, deadline).await,
        }
    }

    /// A snapshot other than `stale`.
    pub async fn newer_than(
        &self,
        stale: &Arc<Organisation>,
        deadline: Deadline,
    ) -> Result<Option<Arc<Organisation>>, Abort> {
        self.load(&stale.name, Some(stale), deadline).await
    }

    /// A snapshot of what is committed now. One statement if nothing changed.
    pub async fn current(&self, tenant: &TenantName, deadline: Deadline) -> Result<Option<Arc<Organisation>>, Abort> {
        let Some(org) = self.cached(tenant) else {
            return self.load(tenant, None, deadline).await;
        };
        let unit = self.db.unit("read revisions", deadline);
        let now = unit
            .retry(|| async {
                let reader = unit.reader().await?;
                Ok(organisation::revisions(&reader, tenant).await?)
            })
            .await?;
        match now {
            Some((_, revisions)) if revisions == org.revisions => Ok(Some(org)),
            Some(_) => self.newer_than(&org, deadline).await,
            None => Ok(None),
        }
    }

    async fn load(
        &self,
        tenant: &TenantName,
        stale: Option<&Arc<Organisation>>,
        deadline: Deadline,
    ) -> Result<Option<Arc<Organisation>>, Abort> {
        let _loading = self.loading[self.slot(tenant)].lock().await;
        // Somebody else may have loaded it while this one waited.
        let cached = self.cached(tenant);
        if let Some(org) = cached
            .as_ref()
            .filter(|org| stale.is_none_or(|stale| org.revisions > stale.revisions))
        {
            return Ok(Some(org.clone()));
        }
        let unit = self.db.unit("load snapshot", deadline);
        let loaded = unit
            .retry(|| async {
                let reader = unit.reader().await?;
                Ok(organisation::load(&reader, tenant, cached.as_deref()).await?)
            })
            .await?;
        let Some(loaded) = loaded.map(Arc::new) else {
            return Ok(None);
        };
        self.current
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(tenant.clone(), loaded.clone());
        Ok(Some(loaded))
    }
}
