//! The caller's tenant: read, update, and the history of its configuration. Creating tenants is for operators.

use super::{
    App,
    call::Call,
    flow::{Ask, Once, Reply},
    page::{self, List},
};
use crate::{
    domain::{
        config_change::{Action, ConfigChange, ConfigEvent, Write},
        error::Error,
        ids::{TenantKey, TenantName},
        organisation::Organisation,
        patch::merge,
        refusal::{Reason, Refusal, Violations},
        tenant::{Tenant, TenantSettings},
    },
    store::{self, config_event::StoredEvent},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;

/// Which change is wanted.
#[derive(Clone, Debug)]
pub struct UpdateTenant {
    /// The new values.
    pub settings: TenantSettings,
    /// Which of them to take.
    pub paths: Vec<String>,
    /// The state that the caller saw.
    pub etag: Option<i64>,
}

/// Which configuration events are wanted.
#[derive(Clone, Debug)]
pub struct ListConfigEvents {
    /// Rows at most.
    pub size: usize,
    /// Where to go on.
    pub token: String,
    /// Only this kind of thing.
    pub resource_type: Option<String>,
    /// Only this one.
    pub resource: Option<String>,
}

/// Refuses a change of something that moved on since the caller read it.
pub(crate) fn check_etag(etag: Option<i64>, version: i64) -> Result<(), Error> {
    if etag.is_none_or(|etag| etag == version) {
        return Ok(());
    }
    Err(Error::refused(
        Reason::EtagMismatch,
        "it was changed since it was read; read it again",
    ))
}

/// Refuses paths that name no field.
pub(crate) fn unknown_paths(paths: &[String]) -> Error {
    let mut violations = Violations::default();
    for path in paths {
        violations.add_as(
            Reason::FieldNotUpdatable,
            "update_mask",
            format!("{path:?} is no field that can be updated"),
        );
    }
    violations.into()
}

/// Refuses to remove a return reason that pools offer: they would offer nothing that can be chosen.
fn keep_listed_reasons(org: &Organisation, settings: &TenantSettings) -> Result<(), Error> {
    let kept: BTreeSet<_> = settings.return_reasons.iter().map(|reason| &reason.id).collect();
    let mut removed = BTreeMap::<_, Vec<_>>::new();
    for pool in org.pools.values() {
        for reason in pool.config.return_reasons.iter().filter(|id| !kept.contains(id)) {
            removed.entry(reason).or_default().push(pool.id.to_string());
        }
    }
    let refusals: Vec<_> = removed
        .into_iter()
        .map(|(reason, pools)| {
            let message = format!("pools list the return reason {reason}: take it out of them first, or disable it");
            Refusal::new(Reason::ReturnReasonReferenced, message)
                .with("return_reason", reason)
                .with("references", pools.join(" "))
        })
        .collect();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(Error::Refused(refusals))
    }
}

impl App {
    /// The tenant and its name.
    pub async fn get_tenant(&self, call: &Call) -> Result<(TenantName, Tenant), Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        Ok((org.name.clone(), org.tenant.clone()))
    }

    /// Changes the tenant's settings.
    pub async fn update_tenant(
        &self,
        call: &Call,
        once: &Once<'_, (TenantName, Tenant)>,
        input: &UpdateTenant,
    ) -> Result<Reply<(TenantName, Tenant)>, Error> {
        self.configure(call, "UpdateTenant", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            let old = &facts.org.tenant;
            check_etag(input.etag, old.version)?;
            let settings =
                merge(&old.settings, &input.settings, &input.paths).map_err(|unknown| unknown_paths(&unknown))?;
            let violations = settings.validate().within("tenant");
            if !violations.is_empty() {
                return Err(violations.into());
            }
            keep_listed_reasons(facts.org, &settings)?;
            let name = facts.org.name.clone();
            if settings == old.settings {
                return Ok((ConfigChange::default(), (name, old.clone())));
            }
            let new = Tenant {
                settings,
                version: old.version + 1,
                update_time: facts.now,
                ..old.clone()
            };
            let event = ConfigEvent::new(
                "tenant",
                &name,
                Action::Updated,
                Some(&old.settings),
                Some(&new.settings),
            );
            let change = ConfigChange {
                writes: vec![Write::Tenant(new.clone())],
                events: vec![event],
            };
            Ok((change, (name, new)))
        })
        .await
    }

    /// Who changed which configuration, newest first, and the token of the next page.
    pub async fn list_config_events(
        &self,
        call: &Call,
        input: &ListConfigEvents,
    ) -> Result<(Vec<StoredEvent>, String), Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?.require_crm_admin()?;
        let list = List::new(call, "ListConfigEvents", &(&input.resource_type, &input.resource));
        let before: Option<Uuid> = self.pages.open(&list, &input.token)?;
        let unit = self.db.unit("ListConfigEvents", call.deadline);
        let filter = store::config_event::Filter {
            resource_type: input.resource_type.as_deref(),
            resource: input.resource.as_deref(),
            before,
        };
        let rows = unit
            .retry(|| async {
                let reader = unit.reader().await?;
                Ok(store::config_event::list(&reader, org.key, &filter, input.size + 1).await?)
            })
            .await
            .map_err(|abort| unit.error(abort))?;
        let weigh = |event: &StoredEvent| page::weigh(&event.changes);
        Ok(page::cut_by_weight(
            &self.pages,
            &list,
            rows,
            input.size,
            |event| event.id,
            weigh,
        ))
    }

    /// Creates a tenant. For operators, from the command line: there is no rpc for it.
    pub async fn create_tenant(&self, name: &TenantName, settings: TenantSettings) -> Result<TenantKey, Error> {
        let violations = settings.validate();
        if !violations.is_empty() {
            return Err(violations.into());
        }
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        let unit = self.db.unit("create tenant", deadline);
        let now = self.clock.now();
        let tenant = Arc::new(Tenant {
            settings,
            version: 1,
            create_time: now,
            update_time: now,
        });
        unit.retry(|| {
            unit.tx(async |tx| {
                if store::organisation::revisions(tx, name).await?.is_some() {
                    let message = format!("the tenant {name} is there already");
                    return Err(Error::refused(Reason::AlreadyExists, message).into());
                }
                store::organisation::create(tx, name, &tenant).await
            })
        })
        .await
        .map_err(|abort| unit.error(abort))
    }
}
