//! Checks every invariant of the stored data, and that stored deadlines are those that the rules give. Read-only.

use super::App;
use crate::{
    domain::{
        error::Error,
        ids::TenantName,
        retention::check::{Fault, faults},
    },
    store::{
        due, extras, organisation, owned,
        verify::{self, CHECKS, Finding},
    },
};
use std::time::Duration;
use tokio::time::Instant;

/// How long one query may take.
const QUERY_TIME: Duration = Duration::from_mins(10);
/// Accounts that are read at a time.
const PAGE: u64 = 500;
/// Clocks are computed in code, so these are no queries.
const CLOCKS: [(Fault, &str, &str); 2] = [
    (
        Fault::Deadline,
        "deadline",
        "the stored deadline, anchor and rule are those that the rules give",
    ),
    (
        Fault::Wake,
        "wake",
        "the worker looks at an account when something is to come, and no later",
    ),
];
/// Rows that are shown.
const SAMPLES: usize = 5;

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The invariant's name.
    pub name: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// What breaks it.
    pub finding: Option<Finding>,
}

impl App {
    /// Runs all checks, telling of each as it ends.
    pub async fn verify(&self, mut told: impl FnMut(&Verified)) -> Result<Vec<Verified>, Error> {
        let mut all = Vec::with_capacity(CHECKS.len() + CLOCKS.len());
        for check in CHECKS {
            let unit = self.db.unit("verify", Instant::now() + QUERY_TIME);
            let finding = unit.retry(|| async {
                let reader = unit.reader().await?;
                Ok(verify::run(&reader, check).await?)
            });
            let finding = finding.await.map_err(|abort| unit.error(abort))?;
            let verified = Verified {
                name: check.name,
                rule: check.rule,
                finding,
            };
            told(&verified);
            all.push(verified);
        }
        let wrong = self.wrong_clocks().await?;
        for (fault, name, rule) in CLOCKS {
            let of_fault = wrong
                .iter()
                .filter(|(found, _)| *found == fault)
                .map(|(_, row)| row.clone());
            let samples: Vec<_> = of_fault.collect();
            let finding = (!samples.is_empty()).then(|| Finding {
                name,
                rule,
                count: samples.len(),
                samples: samples.into_iter().take(SAMPLES).collect(),
            });
            let verified = Verified { name, rule, finding };
            told(&verified);
            all.push(verified);
        }
        Ok(all)
    }

    async fn wrong_clocks(&self) -> Result<Vec<(Fault, String)>, Error> {
        let unit = self.db.unit("verify", Instant::now() + QUERY_TIME);
        let tenants = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(organisation::names(&reader).await?)
        });
        let mut wrong = Vec::new();
        for tenant in tenants.await.map_err(|abort| unit.error(abort))? {
            wrong.extend(self.wrong_clocks_of(&tenant).await?);
        }
        Ok(wrong)
    }

    /// Accounts whose clock was computed under the rules of today and is another one all the same. The others wait for
    /// the replan.
    async fn wrong_clocks_of(&self, tenant: &TenantName) -> Result<Vec<(Fault, String)>, Error> {
        let deadline = Instant::now() + QUERY_TIME;
        let unit = self.db.unit("verify", deadline);
        let org = self
            .snapshots
            .current(tenant, deadline)
            .await
            .map_err(|abort| unit.error(abort))?;
        let Some(org) = org else { return Ok(Vec::new()) };
        let mut wrong = Vec::new();
        let mut after = None;
        loop {
            let page = unit.retry(|| async {
                let reader = unit.reader().await?;
                let since = due::retention_revision(&reader, org.key).await?;
                let mut page = owned::page(&reader, org.key, after, PAGE).await?;
                if org.retention.uses_extras() {
                    let ids: Vec<_> = page.iter().map(|account| account.id).collect();
                    let mut all = extras::read(&reader, org.key, &ids).await?;
                    for account in &mut page {
                        account.extras = all.remove(&account.id).unwrap_or_default();
                    }
                }
                Ok((since, page))
            });
            let (since, page) = page.await.map_err(|abort| unit.error(abort))?;
            let Some(last) = page.last() else { return Ok(wrong) };
            after = Some(last.id);
            let now = self.clock.now();
            for account in page.iter().filter(|account| account.clock.planned_revision >= since) {
                let faults = faults(&org, account, now).into_iter();
                wrong.extend(faults.map(|fault| (fault, format!("{}/{}", org.key.0, account.id))));
            }
        }
    }
}
