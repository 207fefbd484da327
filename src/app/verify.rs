//! Checks every invariant of the stored data, and that stored deadlines are those that the rules give. Read-only.

use super::App;
use crate::{
    domain::{error::Error, ids::TenantName, retention_plan},
    store::{
        due, organisation, owned,
        verify::{self, CHECKS, Finding},
    },
};
use std::time::Duration;
use tokio::time::Instant;

/// How long one query may take.
const QUERY_TIME: Duration = Duration::from_mins(10);
/// Accounts that are read at a time.
const PAGE: u64 = 500;
/// Deadlines are computed in code, so this one is no query.
const DEADLINE: (&str, &str) = ("deadline", "the stored deadline is the one that the rules give");

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
        let mut all = Vec::with_capacity(CHECKS.len() + 1);
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
        let (name, rule) = DEADLINE;
        let verified = Verified {
            name,
            rule,
            finding: self.verify_deadlines().await?,
        };
        told(&verified);
        all.push(verified);
        Ok(all)
    }

    async fn verify_deadlines(&self) -> Result<Option<Finding>, Error> {
        let unit = self.db.unit("verify", Instant::now() + QUERY_TIME);
        let tenants = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(organisation::names(&reader).await?)
        });
        let mut samples = Vec::new();
        for tenant in tenants.await.map_err(|abort| unit.error(abort))? {
            samples.extend(self.wrong_deadlines(&tenant).await?);
        }
        let (name, rule) = DEADLINE;
        let count = samples.len();
        samples.truncate(5);
        Ok((count > 0).then_some(Finding {
            name,
            rule,
            count,
            samples,
        }))
    }

    /// Accounts whose clock was computed under the rules of today and is another one all the same. The others wait for
    /// the replan.
    async fn wrong_deadlines(&self, tenant: &TenantName) -> Result<Vec<String>, Error> {
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
                Ok((since, owned::page(&reader, org.key, after, PAGE).await?))
            });
            let (since, page) = page.await.map_err(|abort| unit.error(abort))?;
            let Some(last) = page.last() else { return Ok(wrong) };
            after = Some(last.id);
            for account in page.iter().filter(|account| account.clock.planned_revision >= since) {
                let mut again = account.clone();
                retention_plan::plan(&org, &mut again);
                if again.clock.reclaim_time != account.clock.reclaim_time {
                    wrong.push(format!("{}/{}", org.key.0, account.id));
                }
            }
        }
    }
}
