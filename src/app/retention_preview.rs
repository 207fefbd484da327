//! What a change of reclaim rules would do: decided as the call itself decides, applied to the configuration in memory,
//! and counted over the accounts that are owned now. Writes nothing.
//!
//! Statement budget: 1 read of the revisions, then per page of 500 accounts 1 read, 2 more where rules look at tags or
//! custom fields.

use super::{
    App,
    call::Call,
    flow::Facts,
    retention_rule::{self, CreateReclaimRule, ReorderReclaimRules, UpdateReclaimRule},
};
use crate::{
    domain::{
        account::Account,
        config_change::ConfigChange,
        error::Error,
        ids::{AccountId, PoolId, ReclaimRuleId},
        organisation::Organisation,
        retention::{
            preview::{self, Effect},
            rule::RuleHome,
        },
    },
    store::{extras, owned},
};
use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// Accounts that are looked at, at most.
const ACCOUNTS: usize = 100_000;
/// Accounts per page.
const PAGE: u64 = 500;

/// A change of rules that is not made: what it would come to is asked for.
#[derive(Clone, Debug)]
pub enum RuleChange {
    /// A new rule.
    Create(CreateReclaimRule),
    /// Other terms.
    Update(UpdateReclaimRule),
    /// Another order.
    Reorder(ReorderReclaimRules),
    /// A rule comes into use, provided that it is in this state.
    Enable(ReclaimRuleId, Option<i64>),
    /// A rule goes out of use, likewise.
    Disable(ReclaimRuleId, Option<i64>),
    /// A rule goes, likewise.
    Delete(ReclaimRuleId, Option<i64>),
}

impl RuleChange {
    /// Decides as the call itself would.
    fn decide(&self, facts: &Facts<'_>, include_past_days: bool) -> Result<ConfigChange, Error> {
        Ok(match self {
            Self::Create(input) => {
                let input = CreateReclaimRule {
                    include_past_days,
                    ..input.clone()
                };
                retention_rule::create(facts, &input)?.0
            }
            Self::Update(input) => {
                let input = UpdateReclaimRule {
                    include_past_days: Some(include_past_days),
                    ..input.clone()
                };
                retention_rule::update(facts, &input)?.0
            }
            Self::Reorder(input) => retention_rule::reorder(facts, input)?.0,
            Self::Enable(id, etag) => retention_rule::enable(facts, *id, *etag, Some(include_past_days))?.0,
            Self::Disable(id, etag) => retention_rule::disable(facts, *id, *etag)?.0,
            Self::Delete(id, etag) => retention_rule::delete(facts, *id, *etag)?.0,
        })
    }

    /// Whose accounts it concerns.
    fn home(&self, org: &Organisation) -> Option<RuleHome> {
        let id = match self {
            Self::Create(input) => return Some(input.home.clone()),
            Self::Reorder(input) => return Some(input.home.clone()),
            Self::Update(input) => input.id,
            Self::Enable(id, _) | Self::Disable(id, _) | Self::Delete(id, _) => *id,
        };
        org.retention.reclaim_rule(id.0).map(|rule| rule.config.home.clone())
    }
}

/// What it would come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePreview {
    /// Accounts that were looked at.
    pub accounts: usize,
    /// Whether these are all.
    pub complete: bool,
    /// If days before the change count.
    pub with_past_days: Effect,
    /// If they do not.
    pub without_past_days: Effect,
}

impl App {
    /// Says what the change would do. For CRM admins, as the change.
    pub async fn preview_rule_change(&self, call: &Call, input: &RuleChange) -> Result<RulePreview, Error> {
        let org = self.organisation(call).await?;
        let principal = Self::principal(&org, call)?;
        let now = self.clock.now();
        let facts = Facts {
            org: &org,
            principal: &principal,
            now,
            ids: &self.ids,
            occupancy: None,
        };
        let with = afterwards(&org, &input.decide(&facts, true)?)?;
        let without = afterwards(&org, &input.decide(&facts, false)?)?;
        let pool = input.home(&org).as_ref().and_then(RuleHome::pool);
        // What comes after the accounts needs time too.
        let until = Instant::now() + call.deadline.saturating_duration_since(Instant::now()).mul_f64(0.75);
        let mut preview = RulePreview::default();
        let mut after = None;
        let extras = [&*org, &with, &without].iter().any(|org| org.retention.uses_extras());
        while preview.accounts < ACCOUNTS && Instant::now() < until {
            let page = self.owned_page(call, &org, pool, after, extras).await?;
            after = page.last().map(|account| account.id);
            for account in page {
                preview.accounts += 1;
                count(&mut preview, [&org, &with, &without], account, now);
            }
            if after.is_none() {
                preview.complete = true;
                break;
            }
        }
        preview.with_past_days.cut();
        preview.without_past_days.cut();
        Ok(preview)
    }

    async fn owned_page(
        &self,
        call: &Call,
        org: &Organisation,
        pool: Option<PoolId>,
        after: Option<AccountId>,
        with_extras: bool,
    ) -> Result<Vec<Account>, Error> {
        let unit = self.db.unit("PreviewReclaimRuleChange", call.deadline);
        let page = unit.retry(|| async {
            let reader = unit.reader().await?;
            let mut page = owned::page_of_pool(&reader, org.key, pool, after, PAGE).await?;
            if with_extras {
                let ids: Vec<_> = page.iter().map(|account| account.id).collect();
                let mut all = extras::read(&reader, org.key, &ids).await?;
                for account in &mut page {
                    account.extras = all.remove(&account.id).unwrap_or_default();
                }
            }
            Ok(page)
        });
        page.await.map_err(|abort| unit.error(abort))
    }
}

/// Only what was written by this very version is read here, so it can be.
fn afterwards(org: &Organisation, change: &ConfigChange) -> Result<Organisation, Error> {
    preview::after(org, change).map_err(|error| {
        tracing::error!(error = %error, "a rule that is to be saved cannot be read");
        Error::internal()
    })
}

fn count(preview: &mut RulePreview, [org, with, without]: [&Organisation; 3], account: Account, now: DateTime<Utc>) {
    let before = preview::before(org, account, now);
    preview.with_past_days.count(with, &before, now);
    preview.without_past_days.count(without, &before, now);
}
