//! A tenant's configuration and directory at one revision each: what every decision is made on.

use super::{
    configured::Configured,
    custom_field::CustomField,
    directory::Directory,
    ids::{PoolId, TenantKey, TenantName, UserId},
    limits::LimitRules,
    pool::Pool,
    tenant::Tenant,
};
use chrono_tz::Tz;
use std::{collections::BTreeMap, sync::Arc};

/// Which state of the configuration and of the directory something was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revisions {
    /// Raised by every change of the configuration.
    pub config: i64,
    /// Raised by every change of the directory.
    pub directory: i64,
}

/// Everything that is configured for a tenant. Immutable; a change makes a new one.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// The tenant's small key.
    pub key: TenantKey,
    /// The tenant's name.
    pub name: TenantName,
    /// Of which state this is.
    pub revisions: Revisions,
    /// The tenant's settings.
    pub tenant: Tenant,
    /// Users, departments, groups.
    pub directory: Arc<Directory>,
    /// Pools by id, which is by creation.
    pub pools: BTreeMap<PoolId, Arc<Pool>>,
    /// Retention limits.
    pub limit_rules: LimitRules,
    /// Definitions of custom fields, disabled ones too, by id.
    pub custom_fields: Vec<Arc<Configured<CustomField>>>,
}

impl Organisation {
    /// The pool, if there is one.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> Option<&Pool> {
        self.pools.get(&id).map(AsRef::as_ref)
    }

    /// The zone of the pool's day boundaries and calendar days.
    #[must_use]
    pub fn zone(&self, pool: &Pool) -> Tz {
        pool.config.time_zone.unwrap_or(self.tenant.settings.time_zone)
    }

    /// What refers to the user and would be left dangling without him, in words.
    #[must_use]
    pub fn pools_administered_by(&self, user: &UserId) -> Vec<PoolId> {
        self.pools
            .values()
            .filter(|pool| pool.config.administrators.contains(user))
            .map(|pool| pool.id)
            .collect()
    }
}
