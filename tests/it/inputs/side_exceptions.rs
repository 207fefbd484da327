//! What a tenant has of exceptions: accounts that a rule took back, leaves and pauses, reclaims that are stopped.

use super::side::Side;
use crate::{
    activities::{time, told},
    harness::{Server, start},
};
use chrono::TimeDelta;
use std::{sync::atomic::Ordering, time::Duration};
use tidepool::{
    domain::{
        breaker::Breaker,
        ids::{PoolId, TenantName},
    },
    rpc::proto::{self, NewAccount, RetentionPause, UserAbsence},
    store::breaker,
};
use tokio::time::Instant;

/// As many as examples use up.
const RECLAIMED: usize = 60;

impl Side {
    /// Lets a rule take accounts back, two of them in error.
    pub(crate) async fn lose(&mut self, server: &Server) {
        let pool_id = self.new_pool().await;
        let rule = proto::ReclaimRule {
            pool_id: pool_id.clone(),
            follow_up_days: Some(1),
            cutoff: "NONE".into(),
            ..proto::ReclaimRule::default()
        };
        let request = proto::CreateReclaimRuleRequest {
            reclaim_rule: Some(rule),
            ..Default::default()
        };
        self.admin.retention_rules().create_reclaim_rule(request).await.unwrap();
        let new = |_| NewAccount {
            account: Some(self.account()),
            pool_id: pool_id.clone(),
            owner: self.name("bob"),
        };
        let request = proto::BulkCreateAccountsRequest {
            new_accounts: (0..RECLAIMED).map(new).collect(),
            ..Default::default()
        };
        let made = self.admin.accounts().bulk_create_accounts(request).await.unwrap();
        let results = made.into_inner().results.into_iter();
        self.reclaimed = results.map(|result| result.account_id).collect();
        server.clock.advance(TimeDelta::days(1));
        let grace = TimeDelta::zero();
        tidepool::worker::sweep::once(&self.app, grace).await.unwrap();
        let late = server.clock.now() - TimeDelta::hours(1);
        let told = |id: &String| told(id, id, "sales_record.created", late);
        let request = proto::RecordActivitiesRequest {
            activities: self.reclaimed[..2].iter().map(told).collect(),
            ..Default::default()
        };
        self.admin.activities().record_activities(request).await.unwrap();
        self.disputed_pool = pool_id;
        // Those that are disputed stay so.
        self.undone.store(2, Ordering::Relaxed);
    }

    /// Somebody of whose accounts none is locked.
    pub(crate) async fn new_owner(&self) -> String {
        let id = self.fresh("owner");
        let user = proto::User {
            groups: vec![self.name("g")],
            ..crate::build::user(&id)
        };
        let request = proto::BatchUpsertUsersRequest {
            users: vec![user],
            ..Default::default()
        };
        self.admin.directory().batch_upsert_users(request).await.unwrap();
        id
    }

    /// An account that a rule took back.
    pub(crate) fn reclaimed(&self) -> String {
        self.reclaimed[self.undone.fetch_add(1, Ordering::Relaxed)].clone()
    }

    /// A leave as a request has it, of somebody who owns nothing.
    pub(crate) fn absence(&self) -> UserAbsence {
        UserAbsence {
            user_id: self.name("cid"),
            start_time: time(start()),
            end_time: time(start() + TimeDelta::days(10)),
            reason: self.fresh("holidays"),
            ..UserAbsence::default()
        }
    }

    pub(crate) async fn new_absence(&self) -> String {
        let request = proto::CreateUserAbsenceRequest {
            user_absence: Some(self.absence()),
            ..Default::default()
        };
        let made = self.admin.exceptions().create_user_absence(request).await.unwrap();
        made.into_inner().user_absence.unwrap().id
    }

    /// A pause as a request has it, in which nothing is due.
    pub(crate) fn pause(pool_id: &str) -> RetentionPause {
        RetentionPause {
            pool_id: pool_id.into(),
            start_time: time(start()),
            end_time: time(start() + TimeDelta::days(10)),
            reason: "migration".into(),
            ..RetentionPause::default()
        }
    }

    pub(crate) async fn new_pause(&self, pool_id: &str) -> String {
        let request = proto::CreateRetentionPauseRequest {
            retention_pause: Some(Self::pause(pool_id)),
            ..Default::default()
        };
        let made = self.admin.exceptions().create_retention_pause(request).await.unwrap();
        made.into_inner().retention_pause.unwrap().id
    }

    /// Stops reclaims of a pool, or outside all of them, as a sweep does that finds too many.
    pub(crate) async fn stop_reclaims(&self, pool: Option<PoolId>) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let tenant = TenantName::parse(&self.admin.tenant).unwrap();
        let org = self.app.snapshots.current(&tenant, deadline).await.unwrap().unwrap();
        let unit = self.app.db.unit("stop reclaims", deadline);
        let now = self.app.clock.now();
        let stopped = unit.retry(|| {
            unit.tx(async |tx| {
                let version = breaker::one(tx, org.key, pool).await?.map_or(0, |old| old.version);
                let open = Breaker {
                    open_time: Some(now),
                    ..Breaker::begin(now, 20, version)
                };
                breaker::put(tx, org.key, &[(pool, open)].into()).await
            })
        });
        stopped.await.unwrap();
    }
}
