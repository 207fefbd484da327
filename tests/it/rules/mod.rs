//! Reclaim rules at work: what each of their fields does to deadlines, through the API and on a manual clock.

mod calendar;
mod conditions;
mod departments;
mod departments_chosen;
mod fields;
mod past_days;

use crate::{
    build::{mask, update_tenant},
    harness::Client,
    world::{World, claim, open_pool},
};
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Asia::Shanghai;
use tidepool::rpc::proto::{self, Account, Activity, Ownership, ReclaimRule, Tenant, TenantSettings};
use tonic::Status;

/// An instant by what clocks in Shanghai show: `2026-03-01 10:00`.
pub(crate) fn local(text: &str) -> DateTime<Utc> {
    let read = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Shanghai.from_local_datetime(&read).unwrap().to_utc()
}

/// What clocks in Shanghai show then; `-` for no time.
pub(crate) fn shown(time: Option<prost_types::Timestamp>) -> String {
    let Some(time) = time else { return "-".into() };
    let nanos = u32::try_from(time.nanos).unwrap();
    let time = DateTime::from_timestamp(time.seconds, nanos).unwrap();
    let time = time.with_timezone(&Shanghai);
    // Seconds only where there are some.
    let format = if time.timestamp() % 60 == 0 {
        "%Y-%m-%d %H:%M"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    time.format(format).to_string()
}

/// A rule of the pool that reclaims after so many days without a follow-up, at once and not at the next cutoff.
pub(crate) fn exact(pool: &str, days: i32) -> ReclaimRule {
    ReclaimRule {
        pool_id: pool.into(),
        follow_up_days: Some(days),
        cutoff: "NONE".into(),
        ..ReclaimRule::default()
    }
}

/// Creates a rule, and says whether days before it count.
pub(crate) async fn create(client: &Client, rule: ReclaimRule, past: Option<bool>) -> Result<ReclaimRule, Status> {
    let request = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        include_past_days: past,
        ..Default::default()
    };
    let made = client.retention_rules().create_reclaim_rule(request).await?;
    Ok(made.into_inner().reclaim_rule.unwrap())
}

/// Changes these fields of a rule, and says whether days before the change count.
pub(crate) async fn update(
    client: &Client,
    rule: ReclaimRule,
    paths: &[&str],
    past: Option<bool>,
) -> Result<ReclaimRule, Status> {
    let request = proto::UpdateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        update_mask: mask(paths),
        include_past_days: past,
        ..Default::default()
    };
    let updated = client.retention_rules().update_reclaim_rule(request).await?;
    Ok(updated.into_inner().reclaim_rule.unwrap())
}

impl World {
    /// Moves the clock to what those in Shanghai show, forwards or backwards.
    pub(crate) fn go_to(&self, text: &str) {
        self.server.clock.advance(local(text) - self.server.clock.now());
    }

    /// When the account is reclaimed, as clocks in Shanghai show it; `-` for never.
    pub(crate) async fn deadline(&self, account: &str) -> String {
        shown(self.ownership(account).await.reclaim_time)
    }

    /// An account of a pool of its own that `bob` claimed now; both ids.
    pub(crate) async fn claimed(&self, name: &str) -> (String, String) {
        let pool = self.pool(open_pool(name)).await;
        let account = self.lying(name, &pool).await;
        self.claim(&account).await;
        (account, pool)
    }

    /// `bob` claims the account.
    pub(crate) async fn claim(&self, account: &str) -> Ownership {
        let claimed = self.user("bob").circulation().claim_account(claim(account)).await;
        claimed.unwrap().into_inner().ownership.unwrap()
    }

    /// Changes these fields of the account as a CRM admin.
    pub(crate) async fn change(&self, account: Account, paths: &[&str]) {
        let request = proto::UpdateAccountRequest {
            account: Some(account),
            update_mask: mask(paths),
            ..Default::default()
        };
        self.server.admin().accounts().update_account(request).await.unwrap();
    }

    /// A follow-up, or whatever `kind` stands for, now.
    pub(crate) async fn hear(&self, account: &str, kind: &str) {
        let now = self.server.clock.now();
        let told = crate::activities::told(&format!("{account}/{kind}/{}", now.timestamp()), account, kind, now);
        let event = Activity {
            object_id: format!("of-{account}"),
            ..told
        };
        let said = self.tell("crm", vec![event]).await;
        assert!(said[0].is_ok(), "{said:?}");
    }

    /// Changes these settings of the tenant.
    pub(crate) async fn settings(&self, settings: TenantSettings, paths: &[&str]) {
        let tenant = Tenant {
            settings: Some(settings),
            ..Tenant::default()
        };
        update_tenant(&self.server.admin(), tenant, paths).await.unwrap();
    }
}
