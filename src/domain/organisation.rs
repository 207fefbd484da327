//! A tenant's configuration and directory at one revision each: what every decision is made on.

use super::{
    activity::rules::ActivityRules,
    activity_source::StoredSource,
    configured::Configured,
    custom_field::CustomField,
    directory::Directory,
    ids::{PoolId, TenantKey, TenantName, UserId},
    limits::LimitRules,
    pool::Pool,
    retention::{config::Retention, matching::StoredRule, rule::RuleHome},
    tenant::Tenant,
    webhook::StoredWebhook,
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
    /// Whether any of the pools keeps those who gave an account up from claiming it for a while.
    pub cooldowns: bool,
    /// Retention limits.
    pub limit_rules: LimitRules,
    /// Reclaim and reminder rules, and what else clocks run on.
    pub retention: Retention,
    /// Definitions of custom fields, disabled ones too, by id.
    pub custom_fields: Vec<Arc<Configured<CustomField>>>,
    /// Registered sources of activities, disabled ones too, by registration.
    pub activity_sources: Vec<Arc<StoredSource>>,
    /// Where events are sent, by id, which is by creation.
    pub webhooks: Vec<Arc<StoredWebhook>>,
    /// What activities mean.
    pub activity_rules: ActivityRules,
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

    /// The reclaim rules of a pool or a department, in the order in which they are asked.
    #[must_use]
    pub fn reclaim_rules(&self, home: &RuleHome) -> &[Arc<StoredRule>] {
        self.retention.reclaim_rules(home)
    }

    /// Rules of other pools and of departments that reclaim into this one, in use or not.
    #[must_use]
    pub fn reclaim_rules_into(&self, pool: PoolId) -> Vec<&Arc<StoredRule>> {
        let rules = self.retention.all_reclaim_rules();
        rules
            .filter(|rule| rule.config.terms.target_pool_id == Some(pool))
            .collect()
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

#[cfg(test)]
impl Organisation {
    /// A tenant in Shanghai in which nothing is configured yet.
    pub(crate) fn bare() -> Self {
        use super::tenant::TenantSettings;
        let epoch = chrono::DateTime::UNIX_EPOCH;
        Self {
            key: TenantKey(1),
            name: TenantName::parse("acme").unwrap(),
            revisions: Revisions {
                config: 1,
                directory: 1,
            },
            tenant: Tenant {
                settings: TenantSettings::new("Acme".into(), chrono_tz::Asia::Shanghai),
                version: 1,
                create_time: epoch,
                update_time: epoch,
            },
            directory: Arc::new(Directory::compile(BTreeMap::new(), BTreeMap::new(), BTreeMap::new())),
            pools: BTreeMap::new(),
            cooldowns: false,
            limit_rules: LimitRules::default(),
            retention: Retention::default(),
            custom_fields: Vec::new(),
            activity_sources: Vec::new(),
            webhooks: Vec::new(),
            activity_rules: ActivityRules::default(),
        }
    }
}
